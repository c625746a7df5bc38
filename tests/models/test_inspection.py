"""What `fit` says of data before its first step."""

import warnings

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import DataWarning, FlowModel, flows
from tfp_flows import bijectors as B

ROWS = np.random.default_rng(0).normal(size=[100, 3]).astype("float32")


def small(**options):
    return flows.real_nvp(3, num_layers=1, hidden_units=[4], seed=0, **options)


def under(*outer):
    """A flow with bijectors nearest to the data, those first."""
    return tfd.TransformedDistribution(small(), tfb.Chain(list(outer)))


def with_value(value, row=7, column=1, start=ROWS):
    x = start.copy()
    x[row, column] = value
    return x


def uniform(low, high):
    return tfd.Independent(tfd.Uniform(np.full(3, low, "float32"), high), 1)


REFUSED = {
    "a 0 under Exp": (
        lambda: under(tfb.Exp()),
        with_value(0.0, start=np.exp(ROWS)),
        r"1 of 100 rows \(row 7\) are outside the support: Exp",
    ),
    "negative under Softplus and a permutation": (
        lambda: under(B.Permutation([2, 0, 1]), tfb.Softplus()),
        with_value(-1.0, start=np.exp(ROWS)),
        "outside the support: Softplus",
    ),
    "beyond a bound": (
        lambda: under(B.Bound(-9.0, 9.0)),
        with_value(9.5),
        r"1 of 100 rows \(row 7\).*Bound",
    ),
    "a uniform base": (
        lambda: tfd.TransformedDistribution(
            uniform(-9.0, 9.0), tfb.Scale(tf.Variable(tf.ones(3)))
        ),
        with_value(9.5),
        r"1 of 100 rows.*probability 0",
    ),
    "squares that overflow": (small, with_value(1e30), "column 1.*overflow"),
    "all outside the splines": (
        lambda: flows.nsf(3, num_layers=1, hidden_units=[4], seed=0),
        100.0 + ROWS,
        "100 of 100 rows.*Standardize",
    ),
    "one row for batch normalization": (
        lambda: under(B.BatchNormalization.trainable(3)),
        ROWS[:97],
        "the last of 97 rows is alone",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_right_is_refused(case):
    make, x, message = REFUSED[case]
    model = FlowModel(make())
    before = [v.numpy() for v in model.trainable_variables]
    with pytest.raises(ValueError, match=message):
        model.fit(x, verbose=0)
    for variable, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_layers_are_not_adapted_to_data_that_are_refused():
    """The next data would else be standardized by those that were not taken."""
    standardize = B.Standardize(3)
    model = FlowModel(under(B.Bound(-9.0, 9.0), standardize))
    with pytest.raises(ValueError, match="outside the support"):
        model.fit(with_value(9.5), verbose=0)
    assert not standardize.adapted
    model.fit(ROWS, verbose=0)
    assert standardize.adapted


@pytest.mark.parametrize("num_rows, batch_size", [(1, 32), (2, 1), (5, 1), (33, 32)])
def test_a_row_alone_is_told_what_fits(num_rows, batch_size):
    model = FlowModel(under(B.BatchNormalization.trainable(3)))
    with pytest.raises(ValueError, match="two rows in each batch") as error:
        model.fit(ROWS[:num_rows], batch_size=batch_size, verbose=0)
    if num_rows > 1:
        size = int(str(error.value).split("Give batch_size=")[1].rstrip("."))
        assert num_rows % size != 1 and size > 1
        model.fit(ROWS[:num_rows], batch_size=size, verbose=0)


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(ValueError, match="0 for all 100 rows"):
        FlowModel(small()).fit(ROWS, sample_weight=np.zeros(100), verbose=0)


DOUBTFUL = {
    "a constant column": (with_value(2.0, row=slice(None)), "column 'b' is constant"),
    "rounded values": (
        with_value(np.round(ROWS[:, 1]), row=slice(None)),
        "column 'b' repeat other values.*uniform",
    ),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_may_be_meant_is_a_warning(case):
    x, message = DOUBTFUL[case]
    model = FlowModel(small())
    with pytest.warns(DataWarning, match=message) as caught:
        model.fit(pd.DataFrame(x, columns=["a", "b", "c"]), verbose=0)
    assert len(caught) == 1 and caught[0].filename == __file__


def test_some_rows_outside_the_splines_are_a_warning():
    x = with_value(50.0, row=slice(0, 20))
    model = FlowModel(flows.nsf(3, num_layers=1, hidden_units=[4], seed=0))
    with pytest.warns(DataWarning, match="20 of 100 rows"):
        model.fit(x, verbose=0)


def test_ordinary_data_are_nothing_to_speak_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FlowModel(under(B.Bound(-9.0, 9.0))).fit(ROWS, verbose=0)
        normalized = under(B.BatchNormalization.trainable(3))
        FlowModel(normalized).fit(ROWS[:98], verbose=0)
