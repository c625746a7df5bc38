"""The arithmetic of the benchmarks, and one worker; no time is judged."""

import math

import numpy as np
import pytest
from tensorflow_probability import distributions as tfd

from benchmarks.alone import _fit_row
from benchmarks.cases import CASES, GLOW, GOALS, MONOTONE, OPERATIONS, Case
from benchmarks.compare import by_operation, measure, started
from benchmarks.digits import CENTER, SCALE, bits_per_dim, dequantized, of_pixels
from benchmarks.frameworks import FRAMEWORKS, OURS, PEERS
from benchmarks.measured import Effort, Measured
from benchmarks.ratios import milliseconds, ratio, spread, table
from benchmarks.robust import relations, standardised
from benchmarks.scaling import slope
from benchmarks.speed import against_goals

TINY = Case(
    "tiny", "coupling", "affine", 2, 2, hidden_units=(4,), train_batch=8, batch=8
)


def test_drift_cancels_in_the_pairs():
    theirs = [1.0, 2.0, 4.0, 8.0]
    assert ratio([t / 2 for t in theirs], theirs) == (0.5, 0.5, 0.5)


def test_spread():
    assert spread([5.0, 1.0, 3.0, 2.0, 4.0]) == (3.0, 2.0, 4.0)
    assert str(spread([0.7])) == "0.70 (0.70–0.70)"
    with pytest.raises(ValueError, match="no pair"):
        spread([])


def test_the_longer_series_is_cut():
    assert ratio([1.0, 1.0, 100.0], [2.0, 2.0]).high == 0.5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.00123456, "1.23"),
        (0.0123456, "12.3"),
        (0.123456, "123"),
        (1.23456, "1,235"),
        (0.0000123456, "0.0123"),
    ],
)
def test_milliseconds(seconds, text):
    assert milliseconds(seconds) == text


def test_table():
    assert table(["", "a"], [["x", "1"]]) == [
        "|  | a |",
        "| --- | ---: |",
        "| x | 1 |",
        "",
    ]


def test_slope():
    assert slope([(x, 3.0 * x**2) for x in (1, 2, 4, 8)]) == "2.00"
    assert slope([(1, 1.0)]) == "–"


def test_effort():
    effort = Effort(turns=10, seconds=0.1)
    assert effort.plan(0.01) == (10, 10)
    assert effort.plan(0.1) == (10, 1)
    assert effort.plan(0.2) == (5, 1)
    assert effort.plan(100.0) == (3, 1)


def test_goals_are_judged_against_the_fastest_peer():
    def took(seconds):
        return Measured(1, turns={operation: [seconds] * 3 for operation in OPERATIONS})

    results = {
        "maf-43": {OURS: took(0.001), "zuko": took(0.004), "flowjax": took(0.002)}
    }
    rows = against_goals(results)[2:-1]
    assert [row.split(" | ")[3] for row in rows] == ["flowjax"] * 3
    assert all("0.50 (0.50–0.50)" in row for row in rows)
    reached = [row.rstrip(" |").rsplit(" | ")[-1] for row in rows]
    assert reached == [
        "yes" if GOALS["maf-43"][operation] >= 0.5 else "no" for operation in OPERATIONS
    ]


def test_what_fit_adds_is_free_of_what_it_does_once():
    once, in_fit, step = 5.0, 0.0021, 0.002
    result = Measured(
        turns={
            "fit_short": [once + 50 * in_fit],
            "fit_long": [once + 450 * in_fit],
            "steps": [400 * step],
        }
    )
    assert _fit_row(result)[:2] == ["2.00", "2.10"]
    assert _fit_row(result)[2].startswith("0.10")


def test_a_uniform_density_takes_the_logarithm_of_the_levels():
    pictures = np.tile([[0.0], [16.0]], 64)
    noisy = dequantized(pictures, 3, seed=0)
    np.testing.assert_array_equal(np.floor(noisy), np.tile(pictures, (3, 1)))
    limit = CENTER / SCALE
    scaled = tfd.Sample(tfd.Uniform(-limit, limit), 64)
    bits = bits_per_dim(of_pixels(scaled).log_prob(noisy).numpy())
    np.testing.assert_allclose(bits, [math.log2(17)] * 6, rtol=1e-5)


def test_names():
    assert set(GOALS) == {*CASES, *MONOTONE, GLOW.name}
    assert set(PEERS) < set(FRAMEWORKS)
    assert CASES["nsf-c-16"].network_sizes == [8, 128, 128, 8 * 23]
    assert CASES["maf-43"].network_sizes == [43, 128, 128, 86]


def test_a_worker_of_this_package():
    broken = Case("broken", "coupling", "affine", 1, 1)
    with started([OURS]) as clients:
        (client,) = clients
        failed = measure(broken, clients, Effort(1, 0.001), by_operation([OURS]))
        assert "event_size" in failed[OURS].failures[0]
        result = measure(TINY, clients, Effort(2, 0.001), by_operation([OURS]))[OURS]
        assert client.ask("round_trip")["error"] < 1e-5
    assert not result.failures
    # Two networks: 1 → 4 → 2.
    assert result.num_parameters == 2 * (4 + 4 + 8 + 2)
    for operation in OPERATIONS:
        assert all(math.isfinite(t) and t > 0 for t in result.turns[operation])
        assert result.first[operation] > 0
    assert client.idle_memory > 0


def test_the_table_of_relations_holds_them():
    table = relations(500)
    a, b, c, _, e = table.T
    assert table.shape == (500, 5)
    np.testing.assert_array_equal(table, relations(500))
    # What the formula leaves of the last column is its noise, 1 %.
    rest = e - (np.abs(a) * np.cos(b) - c)
    assert 0.005 < rest.std() / e.std() < 0.02
    rows = standardised(table[:400], table[400:])
    np.testing.assert_allclose(rows.train.std(axis=0), 1.0, rtol=1e-5)
    assert rows.test.shape == (100, 5) and not np.allclose(rows.test.mean(axis=0), 0.0)
