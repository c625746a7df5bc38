"""The pictures show what they claim, and refuse what they cannot show."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from PIL import Image

from tfp_flows import visualization
from tfp_flows.visualization import _points
from tfp_flows.visualization._hues import hues

tfb, tfd = tfp.bijectors, tfp.distributions
BASE = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
STEPS = [tfb.Scale([3.0, 1.0]), tfb.Permute([1, 0]), tfb.Shift([5.0, -2.0])]
DATA = np.random.default_rng(0).normal(2.0, 1.0, (200, 2))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def dots(axes):
    """The points drawn in a panel, one array for each scatter."""
    return [np.asarray(c.get_offsets()) for c in axes.collections]


def image(axes):
    return np.asarray(axes.images[0].get_array())


# plot_stages and stages


def test_stages_push_the_same_points_forward():
    figure = visualization.plot_stages(BASE, STEPS, num_samples=50)
    assert isinstance(figure, matplotlib.figure.Figure)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["base", "1 · Scale", "2 · Permute", "3 · Shift"]
    (z,), (scaled,), (swapped,), (x,) = (dots(axes) for axes in figure.axes)
    assert z.shape == (50, 2)
    np.testing.assert_allclose(scaled, z * [3.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(swapped, scaled[:, ::-1], rtol=1e-5)
    np.testing.assert_allclose(x - swapped, [[5.0, -2.0]] * 50, atol=1e-5)
    colors = [axes.collections[0].get_facecolors() for axes in figure.axes]
    np.testing.assert_array_equal(colors[0], colors[-1])
    assert len(np.unique(colors[0], axis=0)) == 50


def test_stages_densities():
    bounds = ((-9.0, 9.0), (-9.0, 9.0))
    figure = visualization.plot_stages(
        BASE, STEPS, density=True, bounds=bounds, resolution=90
    )
    for axes in figure.axes:
        np.testing.assert_allclose(image(axes).sum() * 0.2**2, 1.0, atol=0.01)
        assert axes.get_xlim() == bounds[0]
    # The last stage is N((5, -2), diag(1, 9)): the row is y, the column x.
    row, column = np.unravel_index(image(figure.axes[-1]).argmax(), (90, 90))
    np.testing.assert_allclose([column * 0.2 - 8.9, row * 0.2 - 8.9], [5, -2], atol=0.2)


def test_many_stages_wrap_and_can_be_skipped():
    figure = visualization.plot_stages(BASE, STEPS * 3, num_samples=5)
    assert len(figure.axes) == 10
    assert figure.axes[0].get_gridspec().ncols == 5
    figure = visualization.plot_stages(BASE, STEPS * 3, num_samples=5, every=4)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["base", "4 · Scale", "8 · Permute", "9 · Shift"]


def test_stages_of_a_flow():
    inner = tfb.Chain([STEPS[1], STEPS[0]])
    flow = tfd.TransformedDistribution(BASE, tfb.Chain([STEPS[2], inner]))
    base, bijectors = visualization.stages(flow)
    assert base is BASE and bijectors == STEPS
    titles = ["z", "a", "b", "x"]
    figure = visualization.plot_stages(base, bijectors, titles=titles, seed=7)
    assert [axes.get_title() for axes in figure.axes] == titles
    x = flow.bijector.forward(dots(figure.axes[0])[0].astype("float32"))
    np.testing.assert_allclose(dots(figure.axes[-1])[0], x, rtol=1e-5)


def test_stages_of_a_flow_on_a_flow():
    """A base that is a flow is taken apart; TFP's normals are not."""
    inner = tfd.TransformedDistribution(BASE, tfb.Chain([STEPS[1], STEPS[0]]))
    base, bijectors = visualization.stages(tfd.TransformedDistribution(inner, STEPS[2]))
    assert base is BASE and bijectors == STEPS
    normal = tfd.MultivariateNormalDiag([0.0, 1.0])
    base, bijectors = visualization.stages(
        tfd.TransformedDistribution(normal, STEPS[0])
    )
    assert base is normal and bijectors == STEPS[:1]


def test_stages_of_an_inverse():
    chain = tfb.Chain([STEPS[2], tfb.Invert(STEPS[0]), STEPS[1]])
    flow = tfd.TransformedDistribution(BASE, tfb.Invert(chain))
    _, bijectors = visualization.stages(flow)
    assert bijectors[1] is STEPS[0]
    x = z = tf.constant([[1.0, 2.0]])
    for bijector in bijectors:
        x = bijector.forward(x)
    np.testing.assert_allclose(x, chain.inverse(z), rtol=1e-5)
    figure = visualization.plot_stages(BASE, bijectors, num_samples=5)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["base", "1 · Shift⁻¹", "2 · Scale", "3 · Permute⁻¹"]


def test_stages_of_bijectors_that_are_no_composite_tensors():
    class Twice(tfb.Bijector):
        def __init__(self):
            super().__init__(forward_min_event_ndims=0)

        def _forward(self, x):
            return 2.0 * x

        def _inverse(self, y):
            return y / 2.0

    # TFP then makes a _TransformedDistribution of a _Chain of an _Invert.
    chain = tfb.Chain([Twice(), tfb.Invert(tfb.Chain([Twice(), STEPS[0]]))])
    base, steps = visualization.stages(tfd.TransformedDistribution(BASE, chain))
    figure = visualization.plot_stages(base, steps, num_samples=5)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["base", "1 · Twice⁻¹", "2 · Scale⁻¹", "3 · Twice"]


def test_stages_refuse():
    with pytest.raises(ValueError, match="There are 4 panels but 2 titles"):
        visualization.plot_stages(BASE, STEPS, titles=["a", "b"])
    with pytest.raises(TypeError, match=r"got Chain\. For a flow: plot_stages\(\*st"):
        visualization.plot_stages(BASE, tfb.Chain(STEPS))
    with pytest.raises(TypeError, match=r"must hold tfb\.Bijectors, but got int"):
        visualization.plot_stages(BASE, [1])
    with pytest.raises(ValueError, match="empty"):
        visualization.plot_stages(BASE, [])
    with pytest.raises(ValueError, match="every must be at least 1, but got 0"):
        visualization.plot_stages(BASE, STEPS, every=0)
    with pytest.raises(ValueError, match="after 1 bijectors: 2000 of 2000 points are"):
        visualization.plot_stages(BASE, [tfb.Shift(np.nan)])
    with pytest.raises(TypeError, match=r"must be a tfd\.TransformedDistribution"):
        visualization.stages(tfd.Normal(0.0, 1.0))


# plot_density


def test_density_is_that_of_the_distribution():
    normal = tfd.MultivariateNormalDiag([1.0, 0.0], [0.5, 1.0])
    bounds = ((-4.0, 4.0), (-5.0, 5.0))
    figure = visualization.plot_density(normal, bounds=bounds, resolution=50)
    panel, bar = figure.axes
    assert panel.get_title() == "model" and "density" in bar.get_ylabel()
    assert (panel.get_xlim(), panel.get_ylim()) == bounds
    # Row 10, from the bottom, is y = -2.9; column 30 is x = 0.88.
    expected = normal.prob([0.88, -2.9])
    np.testing.assert_allclose(image(panel)[10, 30], expected, rtol=1e-4)


def test_density_beside_few_data():
    figure = visualization.plot_density(BASE, data=tf.constant(DATA), resolution=20)
    model, data, _ = figure.axes
    np.testing.assert_allclose(dots(data)[0], DATA)
    assert model.get_xlim() == data.get_xlim() and model.get_ylim() == data.get_ylim()
    assert model.get_xlim()[0] < np.quantile(DATA[:, 0], 0.01)


def test_density_beside_many_data_is_a_histogram():
    x = BASE.sample(10_000, seed=[0, 1]).numpy()
    figure = visualization.plot_density(BASE, data=x, resolution=20)
    model, data, _ = figure.axes
    (left, right), (bottom, top) = data.get_xlim(), data.get_ylim()
    counted = image(data).sum() * (right - left) * (top - bottom) / image(data).size
    np.testing.assert_allclose(counted, 1.0, atol=0.02)
    assert model.images[0].get_clim() == data.images[0].get_clim()


def test_limits_without_data():
    class Bounded(tfd.MultivariateNormalDiag):
        bounds = ((-1.0, 2.0), (-3.0, 4.0))

    figure = visualization.plot_density(Bounded([0.0, 0.0]), resolution=8)
    assert figure.axes[0].get_ylim() == (-3.0, 4.0)
    figure = visualization.plot_density(BASE, resolution=8)
    assert -6.0 < figure.axes[0].get_xlim()[0] < -2.0


def test_density_in_blocks_and_in_float64(monkeypatch):
    normal = tfd.MultivariateNormalDiag(tf.zeros([2], tf.float64))
    bounds = ((-1.0, 1.0), (-1.0, 1.0))
    whole = _points.density_on_grid(normal, bounds, 11)
    monkeypatch.setattr(_points, "GRID_BLOCK", 7)
    np.testing.assert_array_equal(_points.density_on_grid(normal, bounds, 11), whole)
    assert whole.dtype == np.float64


# plot_samples


def test_samples_of_a_distribution_over_the_data():
    figure = visualization.plot_samples(BASE, data=DATA, num_samples=100)
    left, right = figure.axes
    assert [left.get_title(), right.get_title()] == ["data", "samples"]
    (shown,), (behind, samples) = dots(left), dots(right)
    assert len(shown) == 100 and {*map(tuple, shown)} <= {*map(tuple, DATA)}
    np.testing.assert_array_equal(behind, shown)
    expected = BASE.sample(100, seed=tf.constant([0, 0]))
    np.testing.assert_allclose(samples, expected)
    assert left.get_xlim() == right.get_xlim()


def test_samples_given_as_points():
    figure = visualization.plot_samples(DATA)
    assert len(figure.axes) == 1
    np.testing.assert_allclose(dots(figure.axes[0])[0], DATA)


# plot_history


def test_history():
    losses = {"loss": [3.0, 2.0, 1.5], "val_loss": [3.1, 2.2, 1.8]}
    (axes,) = visualization.plot_history(losses, entropy=1.008).axes
    training, validation, entropy = axes.get_lines()
    np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(training.get_ydata(), losses["loss"])
    np.testing.assert_array_equal(validation.get_ydata(), losses["val_loss"])
    assert set(entropy.get_ydata()) == {1.008}
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["training", "validation", "entropy (1.008)"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "NLL (nats)")


def test_history_without_validation():
    class History:
        history = {"loss": [1.0]}  # noqa: RUF012

    (axes,) = visualization.plot_history(History()).axes
    assert [line.get_marker() for line in axes.get_lines()] == ["o"]
    with pytest.raises(ValueError, match=r'under "loss", but got \{\}'):
        visualization.plot_history({})


# all of them

OF_DATA = [visualization.plot_density, visualization.plot_samples]


PLOTS = [
    lambda **k: visualization.plot_stages(BASE, STEPS, **k),
    lambda **k: visualization.plot_density(BASE, **k),
    lambda **k: visualization.plot_samples(BASE, **k),
    lambda **k: visualization.plot_history({"loss": [2.0, 1.0]}, **k),
]


@pytest.mark.parametrize("plot", PLOTS)
def test_saved_where_asked(plot, tmp_path):
    path = tmp_path / "new" / "folder" / "picture.png"
    figure = plot(path=path)
    with Image.open(path) as saved:
        assert saved.size == tuple(np.round(figure.get_size_inches() * 150).astype(int))
    assert plt.fignum_exists(figure.number)


@pytest.mark.parametrize("plot", OF_DATA)
def test_data_must_be_points_of_the_plane(plot):
    with pytest.raises(ValueError, match=r"shape \[N, 2\], but got \[4, 3\]"):
        plot(BASE, data=np.zeros([4, 3]))
    with pytest.raises(ValueError, match="data: 1 of 3 points are not finite"):
        plot(BASE, data=[[0.0, 0.0], [np.inf, 0.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="bounds must be"):
        plot(BASE, bounds=((1.0, 0.0), (0.0, 1.0)))


@pytest.mark.parametrize(
    "plot", [*OF_DATA, lambda d: visualization.plot_stages(d, STEPS)]
)
def test_distribution_must_be_one_of_the_plane(plot):
    with pytest.raises(ValueError, match=r"event shape \(3,\) and batch shape \(\)"):
        plot(tfd.MultivariateNormalDiag(tf.zeros([3])))
    with pytest.raises(ValueError, match=r"event shape \(2,\) and batch shape \(5,\)"):
        plot(tfd.MultivariateNormalDiag(tf.zeros([5, 2])))


def test_a_distribution_is_needed():
    with pytest.raises(TypeError, match=r"must be a tfd\.Distribution, but got int"):
        visualization.plot_density(3)


def test_hues_are_even_and_cyclic():
    colors = hues(np.linspace(-np.pi, np.pi, 73))
    assert colors.shape == (73, 3) and np.all((colors >= 0.0) & (colors <= 1.0))
    np.testing.assert_allclose(colors[0], colors[-1], atol=1e-9)
    luminance = colors**2.2 @ [0.2126, 0.7152, 0.0722]
    assert luminance.max() - luminance.min() < 0.12
