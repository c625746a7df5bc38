"""Glow, RealNVP and Flow++ of images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import FlowModel, bijectors, flows
from tfp_flows.distributions import Dequantized, Family, Flow, StandardNormal
from tfp_flows.networks import OneHot
from tfp_flows.testing import FLOW_EXAMPLES, assert_bijector_conforms

ATTENTION = {"filters": 4, "num_blocks": 1, "num_heads": 2, "num_components": 2}
MULTI_SCALE = ("glow", "real_nvp_image", "flow_plus_plus_image")
ALL = pytest.mark.parametrize("name", MULTI_SCALE)


def make(name, image_shape=(4, 4, 1), **options):
    return FLOW_EXAMPLES[name].make(image_shape, **options)


def images(*batch, shape=(4, 4, 1), dtype="float32"):
    return np.random.default_rng(1).normal(size=[*batch, *shape]).astype(dtype)


def moved(flow, scale=0.1):
    rng = np.random.default_rng(0)
    for v in flow.trainable_variables:
        v.assign_add(rng.normal(scale=scale, size=v.shape))
    return flow


@ALL
def test_it_starts_at_or_near_its_base(name):
    flow = make(name)
    assert isinstance(flow, Flow)
    assert flow.event_shape == [4, 4, 1] and flow.batch_shape == []
    x = images(5)
    # Rotations keep the density of the normal.
    expected = StandardNormal(16).log_prob(x.reshape(5, 16))
    error = np.abs(flow.log_prob(x) - expected)
    assert (error <= 1e-4 + 16 * FLOW_EXAMPLES[name].start).all()


CASES = [
    ((4, 4, 3), "float64", None),
    ((2, 6, 1), "float64", 2),
    ((2, 2, 1), "float32", None),
]


@ALL
@pytest.mark.parametrize(("image_shape", "dtype", "context_size"), CASES)
def test_it_conforms(name, image_shape, dtype, context_size):
    size = int(np.prod(image_shape))
    options = {"num_levels": 1} if image_shape[0] == 2 else {}
    if name != "glow" and "num_levels" in options and size > 4:
        image_shape = (3, 5, 1)  # Only Glow squeezes its first level.
        size = 15
    flow = moved(
        make(name, image_shape, dtype=dtype, context_size=context_size, **options)
    )
    rng = np.random.default_rng(0)
    if context_size is not None:
        flow = flow(rng.normal(size=[3, context_size]))
    exactly = {"float32": 1e-4, "float64": 1e-7}[dtype]
    z = tf.constant(rng.normal(size=[3, size]), dtype)
    with tf.GradientTape() as tape:
        tape.watch(z)
        x = tf.reshape(flow.bijector.forward(z), [3, size])
    jacobian = tape.batch_jacobian(x, z)
    fldj = flow.bijector.forward_log_det_jacobian(tf.identity(z), event_ndims=1)
    log_det = np.linalg.slogdet(jacobian.numpy().astype("float64"))[1]
    np.testing.assert_allclose(fldj, log_det, atol=exactly)
    x = tf.reshape(x, [3, *image_shape])
    back = flow.bijector.inverse(tf.identity(x))
    np.testing.assert_allclose(back, z, atol=exactly)
    expected = StandardNormal(size, dtype).log_prob(z) - fldj
    np.testing.assert_allclose(flow.log_prob(tf.identity(x)), expected, atol=exactly)


@ALL
def test_it_is_saved_and_loaded(name, tmp_path):
    model = FlowModel(moved(make(name, (2, 2, 1), num_levels=1)))
    model.save(tmp_path / "flow.keras")
    loaded = keras.models.load_model(tmp_path / "flow.keras")
    x = images(3, shape=(2, 2, 1))
    np.testing.assert_array_equal(
        loaded.distribution.log_prob(x), model.distribution.log_prob(x)
    )


def test_glow_passes_every_check():
    flow = make("glow", (2, 2, 2), num_levels=1, dtype="float64")
    x = np.random.default_rng(0).normal(size=[4, 8])
    (scales,) = flow.bijector.bijectors  # A chain does not say its dtype.
    assert_bijector_conforms(scales, x, extreme=None, spread=0.1)


@ALL
def test_fit_gives_every_variable_a_gradient(name):
    # The data side's own scale: ActNorm is started from them.
    x = 3.0 + 2.0 * images(64)
    flow = make(name)
    model = FlowModel(flow)
    # XLA takes long for attention; the test of its noise has a smaller one.
    model.compile(jit_compile=name != "flow_plus_plus_image")
    model.fit(x, batch_size=32, epochs=1, verbose=0)
    before = [v.numpy() for v in flow.trainable_variables]
    history = model.fit(x, batch_size=32, epochs=4, verbose=0)
    for old, new in zip(before, flow.trainable_variables, strict=True):
        assert (old != new.numpy()).any()
    assert history.history["loss"][-1] < history.history["loss"][0]
    back = flow.bijector.forward(flow.bijector.inverse(x) + 0.0)
    assert np.abs(back - x).max() <= 1e-4


def test_glow_of_an_image_of_classes():
    """`fit(labels, images)`, and a sample of each class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, size=128)
    x = (4.0 * labels[:, None, None, None] + rng.normal(size=[128, 2, 2, 1])).astype(
        "float32"
    )
    flow = make("glow", (2, 2, 1), num_levels=1, num_steps=2, context_size=3)
    assert isinstance(flow, Family)
    model = FlowModel(flow, encoder=OneHot(3))
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(labels, x, batch_size=64, epochs=40, verbose=0)
    samples = model.given(np.arange(3)).sample(200, seed=[0, 1])
    assert samples.shape == [200, 3, 2, 2, 1]
    means = samples.numpy().mean(axis=(0, 2, 3, 4))
    np.testing.assert_allclose(means, [0.0, 4.0, 8.0], atol=1.0)


def test_dequantization_is_a_noise_for_dequantized():
    noise = flows.dequantization((2, 2, 1), num_steps=1, seed=0, **ATTENTION)
    assert noise.context_size == 4 and noise.event_shape == [2, 2, 1]
    u = moved(noise)(images(3, shape=(4,))).sample(5, seed=[0, 1])
    assert u.shape == [5, 3, 2, 2, 1]
    flow = flows.flow_plus_plus_image(
        (2, 2, 1), num_levels=1, num_steps=1, seed=0, **ATTENTION
    )
    model = FlowModel(Dequantized(flow, high=3, noise=noise))
    before = [v.numpy() for v in noise.trainable_variables]
    x = np.random.default_rng(0).integers(0, 4, size=[32, 2, 2, 1])
    model.fit(x, epochs=2, verbose=0)
    for old, new in zip(before, noise.trainable_variables, strict=True):
        assert (old != new.numpy()).any()


@ALL
def test_seeds(name):
    one, same, other = (make(name, seed=seed) for seed in (1, 1, 2))
    x = images(3)
    for flow in (one, same, other):
        moved(flow)
    np.testing.assert_array_equal(one.log_prob(x), same.log_prob(x))
    assert np.abs(one.log_prob(x) - other.log_prob(x)).max() > 0


@ALL
def test_in_double_and_in_mixed_precision(name):
    assert make(name, dtype="float64").dtype == "float64"
    flow = moved(make(name, dtype="mixed_bfloat16"))
    assert flow.dtype == "float32"
    x = images(4)
    exact = moved(make(name)).log_prob(x)
    np.testing.assert_allclose(flow.log_prob(x), exact, rtol=0.05, atol=0.5)


TOO_MANY = r"halve the image's sides.*multiples of.*image_shape is \[6, 4, 1\]"


@ALL
@pytest.mark.parametrize(
    ("image_shape", "options", "message"),
    [
        ((6, 4, 1), {"num_levels": 3}, TOO_MANY),
        ((4, 4), {}, "three numbers"),
        ((4, 4, 0), {}, "1 or more"),
        (8, {}, r"must be integers, such as \[8, 8, 1\], but got 8"),
        ((4, 4, 1), {"num_levels": 0}, "num_levels must be 1 or more"),
        ((4, 4, 1), {"num_steps": 0}, "num_steps must be 1 or more"),
        ((4, 4, 1), {"base": StandardNormal(3)}, r"event shape \[16\].*\(3,\)"),
    ],
)
def test_bad_input(name, image_shape, options, message):
    with pytest.raises((TypeError, ValueError), match=f"{name}.*{message}"):
        make(name, image_shape, **options)


@pytest.mark.parametrize(
    ("name", "image_shape", "options"),
    [
        ("real_nvp_image", (4, 4, 1), {"num_levels": 3}),
        ("flow_plus_plus_image", (4, 4, 1), {"num_levels": 3}),
        ("real_nvp_image", (1, 1, 3), {"num_levels": 1}),
    ],
)
def test_levels_that_leave_one_pixel(name, image_shape, options):
    with pytest.raises(ValueError, match=rf"{name}.*2 pixels.*num_levels.*\[\d, "):
        make(name, image_shape, **options)
    with pytest.raises(ValueError, match=r"2 pixels.*\[1, 1, 3\]"):
        flows.dequantization((1, 1, 3))


def test_activations_with_weights_are_refused():
    with pytest.raises(ValueError, match=r"activation must have no weights.*PReLU"):
        make("glow", activation=keras.layers.PReLU(shared_axes=[1, 2]))
    make("glow", activation=keras.layers.LeakyReLU())


@pytest.mark.parametrize("sides", [[None, None], [4, None], None])
def test_streams_that_do_not_tell_the_sides(sides):
    def stream(*columns):
        def batches():
            for number in columns:
                yield images(8, shape=(4, number, 1))

        shape = None if sides is None else [None, *sides, 1]
        signature = tf.TensorSpec(shape, "float32")
        found = tf.data.Dataset.from_generator(batches, output_signature=signature)
        return found.apply(tf.data.experimental.assert_cardinality(len(columns)))

    model = FlowModel(make("glow"))
    model.compile(run_eagerly=True)
    history = model.fit(stream(4, 4), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    with pytest.raises(ValueError, match=r"shape \[N,4,4,1\].*shape \[8,4,6,1\]"):
        model.fit(stream(4, 6), verbose=0)


def test_the_summary_shows_the_levels():
    lines = []
    FlowModel(make("glow")).summary(print_fn=lines.append)
    text = "".join(lines)
    assert text.index("level 1: act_norm") < text.index("level 0: coupling")


def test_what_is_no_transformer():
    with pytest.raises(TypeError, match="TransformerSpec"):
        make("glow", transformer=bijectors.Affine)
