"""The pictures of tables show what they claim, and refuse what they cannot show."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.stats
from PIL import Image

from tfp_flows.visualization import plot_calibration, plot_marginals, plot_pairs

GENERATOR = np.random.default_rng(0)
DATA = GENERATOR.normal([1.0, -50.0, 0.0], [1.0, 20.0, 1e-3], size=(900, 3))
SAMPLES = GENERATOR.normal([1.5, -50.0, 0.0], [2.0, 20.0, 1e-3], size=(700, 3))
NAMES = ["age", "dose", "weight"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def stairs(axes):
    """Edges and heights of each histogram in a panel."""
    return [(p.get_data().edges, p.get_data().values) for p in axes.patches]


def dots(axes):
    return np.asarray(axes.collections[0].get_offsets())


def title(figure):
    return " ".join(figure.get_suptitle().split())


def test_marginals_are_densities_on_one_scale():
    figure = plot_marginals(SAMPLES, DATA, names=NAMES)
    assert [axes.get_title() for axes in figure.axes] == NAMES
    for i, axes in enumerate(figure.axes):
        drawn = [p for p in stairs(axes) if len(p[1]) > 2]
        for (edges, heights), x in zip(drawn, (DATA[:, i], SAMPLES[:, i]), strict=True):
            counts = np.histogram(x, edges)[0]
            np.testing.assert_allclose(heights, counts / (len(x) * np.diff(edges)))
        low, high = axes.get_xlim()
        inside = (DATA[:, i] > low) & (DATA[:, i] < high)
        assert inside.mean() > 0.99
    # The wider samples reach beyond the panel, and their area is less for it.
    (_, data), (edges, model) = stairs(figure.axes[0])
    assert np.sum(model * np.diff(edges)) < np.sum(data * np.diff(edges)) - 0.01


def test_pairs_show_data_below_and_the_model_above():
    figure = plot_pairs(SAMPLES, DATA, names=NAMES)
    grid = np.array(figure.axes).reshape(3, 3)
    for row, column in np.ndindex(3, 3):
        axes = grid[row, column]
        if row == column:
            assert len(stairs(axes)) == 2
            continue
        shown = dots(axes)
        source = DATA if row > column else SAMPLES
        np.testing.assert_array_equal(shown, source[:, [column, row]])
        # In the limits of its mirror image.
        mirror = grid[column, row]
        assert axes.get_xlim() == mirror.get_ylim()
    assert [axes.get_xlabel() for axes in grid[-1]] == NAMES
    assert [axes.get_ylabel() for axes in grid[:, 0]] == NAMES
    assert "first" not in title(figure)


def test_many_columns_and_points():
    many = GENERATOR.normal(size=(3000, 30))
    figure = plot_marginals(many, many)
    assert len(figure.axes) == 24
    assert title(figure) == "the first 24 of 30 columns"
    figure = plot_pairs(many, many, seed=1)
    assert len(figure.axes) == 36
    assert "the first 6 of 30 columns" in title(figure)
    shown = dots(figure.axes[1])
    assert len(shown) == 1000
    figure = plot_calibration(many)
    assert len(figure.axes) == 24
    assert "the first 24 of 30" in title(figure)


def out_of_band(axes):
    """The share of bars outside the band."""
    (band,) = [p for p in axes.patches if hasattr(p, "get_height")]
    low, high = band.get_y(), band.get_y() + band.get_height()
    (heights,) = [p.get_data().values for p in axes.patches if hasattr(p, "get_data")]
    return np.mean((heights < low) | (heights > high))


def test_calibration():
    z = GENERATOR.normal(size=(4000, 3))
    z[:, 1] *= 0.7
    z[:, 2] += 0.3
    figure = plot_calibration(z)
    (histogram,) = [p for p in figure.axes[1].patches if hasattr(p, "get_data")]
    edges, heights = histogram.get_data().edges, histogram.get_data().values
    counts = np.histogram(scipy.stats.norm.cdf(z[:, 1]), edges)[0]
    np.testing.assert_allclose(heights, counts / (4000 * np.diff(edges)))
    assert out_of_band(figure.axes[0]) < 0.2
    assert out_of_band(figure.axes[1]) > 0.5 and out_of_band(figure.axes[2]) > 0.5


def test_nineteen_of_twenty_bars_of_a_perfect_model_are_in_the_band():
    for num_points in (30, 200, 5000):
        figure = plot_calibration(GENERATOR.normal(size=(num_points, 24)))
        share = np.mean([out_of_band(axes) for axes in figure.axes])
        assert 0.01 < share < 0.12


def test_one_column_few_rows_and_equal_numbers(tmp_path):
    plot_marginals(DATA[:1, :1], DATA[:1, :1], path=tmp_path / "a.png")
    plot_marginals(np.ones([5, 2]), np.ones([5, 2]))
    plot_pairs(np.ones([5, 2]), np.ones([5, 2]))
    plot_calibration(np.zeros([1, 1]), path=tmp_path / "b.png")
    for name in "ab":
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.width > 200


def test_names_fit_and_are_no_formulas(tmp_path):
    names = ["$x_", "a\nb", "n" * 100]
    figure = plot_marginals(SAMPLES, DATA, names=names, path=tmp_path / "a.png")
    shown = [axes.get_title() for axes in figure.axes]
    assert shown[:2] == [r"\$x_", "a b"] and len(shown[2]) < 30
    plot_pairs(SAMPLES, DATA, names=names, path=tmp_path / "b.png")


@pytest.mark.parametrize("num_columns", [1, 2, 3, 30])
def test_titles_are_within_the_figure(num_columns):
    x = GENERATOR.normal(size=(50, num_columns)) * 1e7
    figures = [plot_marginals(x, x), plot_calibration(x / 1e7)]
    if num_columns > 1:
        figures.append(plot_pairs(x, x))
    for figure in figures:
        figure.canvas.draw()
        for text in figure.texts:
            extent = text.get_window_extent()
            assert extent.x0 >= 0 and extent.x1 <= figure.bbox.x1


@pytest.mark.parametrize("plot", [plot_marginals, plot_pairs])
def test_bad_tables(plot):
    with pytest.raises(ValueError, match=r"samples must have shape \[N, 3\]"):
        plot(SAMPLES[:, :2], DATA)
    with pytest.raises(ValueError, match=r"data must have shape \[N, D\]"):
        plot(SAMPLES, DATA[:, 0])
    with pytest.raises(ValueError, match="3 columns but 2 names"):
        plot(SAMPLES, DATA, names=NAMES[:2])
    with pytest.raises(ValueError, match="data: 1 of 2 rows are not finite"):
        plot(SAMPLES, np.array([[1.0, np.nan, 2.0], [1.0, 2.0, 3.0]]))


def test_bad_input():
    with pytest.raises(ValueError, match="2 columns or more"):
        plot_pairs(SAMPLES[:, :1], DATA[:, :1])
    with pytest.raises(ValueError, match="not finite"):
        plot_calibration([[np.inf]])
    with pytest.raises(ValueError, match="shape"):
        plot_calibration(np.zeros([0, 2]))
