"""Couplings of images, the multi-scale architecture, and layers of channels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import bijectors as b
from tfp_flows.distributions import StandardNormal
from tfp_flows.testing import assert_bijector_conforms


def convolution(filters, dtype, kernel_size=3):
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        dtype=dtype,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.1, seed=0),
    )


def coupling(mask, dtype="float64", transformer=None):
    """By a convolution that gives what the mask asks for."""
    transformer = b.Affine.spec() if transformer is None else transformer
    by_channel = (mask == mask[:1, :1]).all()
    num_changed = (~mask[0, 0]).sum() if by_channel else mask.shape[2]
    network = convolution(num_changed * transformer.num_params, dtype)
    return b.Coupling(network, transformer, mask)


MASKS = {
    "a checkerboard of odd sides, 1 channel": b.checkerboard_mask((3, 5, 1)),
    "its opposite, 3 channels": b.checkerboard_mask((2, 3, 3), parity=1),
    "channels": b.channel_mask((2, 2, 3)),
    "the others, odd sides": b.channel_mask((3, 1, 2), parity=1),
    "two of four channels, by their numbers": np.broadcast_to(
        [False, True, False, True], (2, 1, 4)
    ),
}


@pytest.mark.parametrize("name", MASKS)
def test_couplings_conform(name):
    mask = MASKS[name]
    x = np.random.default_rng(0).normal(size=[4, *mask.shape])
    assert_bijector_conforms(lambda dtype: coupling(mask, dtype), x, extreme=None)


@pytest.mark.parametrize("name", MASKS)
def test_what_the_mask_keeps_passes_through(name):
    mask = MASKS[name]
    layer = coupling(mask, transformer=b.MixtureCDF.spec(num_components=2))
    x = tf.constant(np.random.default_rng(0).normal(size=[2, 3, *mask.shape]))
    y = layer.forward(x)
    moved = np.abs(y - x)
    assert (moved[..., mask] == 0).all() and (moved[..., ~mask] > 1e-9).all()
    np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, atol=1e-9)
    # What is kept may depend on all, what is changed on itself and on what is kept.
    with tf.GradientTape() as tape:
        tape.watch(x)
        changed = tf.boolean_mask(layer.forward(tf.identity(x))[0, 0], ~mask)[0]
    by_x = tape.gradient(changed, x)[0, 0].numpy()
    assert (by_x[~mask] != 0).sum() == 1 and (by_x[mask] != 0).any()


def level(channels, seed, squeeze=True):
    parts = [
        b.ActNorm.trainable(channels, dtype="float64"),
        b.InvertibleConvolution1x1.trainable(channels, seed=seed, dtype="float64"),
    ]
    return tfb.Chain([tfb.Invert(b.Squeeze()), *parts] if squeeze else parts)


def test_multi_scale_of_couplings_conforms():
    """On 4 × 4 × 2, its log-determinant against autodiff."""
    levels = [
        tfb.Chain([level(8, 0), coupling(b.channel_mask((2, 2, 8)))]),
        level(16, 1),
    ]
    scales = b.MultiScale(levels, image_shape=(4, 4, 2))
    x = np.random.default_rng(0).normal(size=[4, 32])
    assert_bijector_conforms(scales, x, extreme=None)


def test_half_of_the_numbers_are_done_at_each_level():
    scales = b.MultiScale([level(4, 0), level(8, 1), level(4, 2, False)], (4, 4, 1))
    image = tf.constant(np.random.default_rng(0).normal(size=[4, 4, 1]))
    z = scales.inverse(image)
    first = level(4, 0).inverse(image)
    # What is done first comes last.
    np.testing.assert_allclose(z[8:], tf.reshape(first[..., 2:], [-1]))
    # 4 of the other 8 are done after two levels.
    second = level(8, 1).inverse(first[..., :2])
    np.testing.assert_allclose(z[4:8], tf.reshape(second[..., 4:], [-1]))


def test_squeeze_is_the_inverse_of_what_it_undoes():
    x = tf.reshape(tf.range(2.0 * 4 * 6 * 3), [2, 4, 6, 3])
    y = b.Squeeze().forward(x)
    assert y.shape == [2, 2, 3, 12]
    np.testing.assert_array_equal(y[0, 0, 0], tf.reshape(x[0, :2, :2], [-1]))
    np.testing.assert_array_equal(b.Squeeze().inverse(tf.identity(y)), x)
    assert b.Squeeze(2).forward_event_shape([None, 4, 3]) == [None, 2, 12]
    assert b.Squeeze(3).forward(tf.zeros([6, 3, 1])).shape == [2, 1, 9]


@pytest.mark.parametrize(
    "make",
    [
        b.LULinear.random_rotation,
        b.LULinear.trainable,
        b.Linear.trainable,
        b.QRLinear.trainable,
        b.Householder.trainable,
    ],
)
def test_a_1x1_convolution_is_its_linear_map_at_each_pixel(make):
    linear = make(3, seed=0, dtype="float64")
    rng = np.random.default_rng(0)
    for variable in linear.trainable_variables:
        variable.assign_add(rng.normal(scale=0.1, size=variable.shape))
    layer = b.InvertibleConvolution1x1(linear)
    image = tf.constant(rng.normal(size=[2, 4, 5, 3]))
    y = layer.forward(image)
    np.testing.assert_allclose(y, linear.forward(image), atol=1e-12)
    np.testing.assert_allclose(layer.inverse(tf.identity(y)), image, atol=1e-12)
    np.testing.assert_allclose(
        layer.forward_log_det_jacobian(image, event_ndims=3),
        20 * linear.forward_log_det_jacobian(image[0, 0, 0], event_ndims=1),
    )


@pytest.mark.parametrize("size", [1, 2, 7])
def test_lu_starts_at_a_random_rotation(size):
    made = [b.LULinear.random_rotation(size, seed=s, dtype="float64") for s in (0, 1)]
    matrices = [
        linear.forward(tf.eye(size, dtype="float64")).numpy() for linear in made
    ]
    for matrix, linear in zip(matrices, made, strict=True):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(matrix), 1.0)
        y = linear.forward(tf.ones([size], "float64"))
        np.testing.assert_allclose(linear.inverse(tf.identity(y)), np.ones(size))
    assert size == 1 or np.abs(matrices[0] - matrices[1]).max() > 0.1


IMAGES = np.random.default_rng(0).gamma(2.0, 3.0, size=[96, 4, 4, 1])


def image_flow():
    levels = [
        tfb.Chain(
            [
                tfb.Invert(b.Squeeze()),
                b.ActNorm.trainable(4 * channels, name=f"norm{channels}"),
                b.InvertibleConvolution1x1.trainable(4 * channels, seed=channels),
                b.ActNorm.trainable(4 * channels, name=f"last{channels}"),
            ]
        )
        for channels in (1, 2)
    ]
    scales = b.MultiScale(levels, image_shape=(4, 4, 1))
    return tfd.TransformedDistribution(StandardNormal(16), scales)


@pytest.mark.parametrize("stream", [False, True])
def test_fit_starts_act_norm_within_levels_from_data(stream):
    model = tfp_flows.FlowModel(image_flow())
    model.compile(keras.optimizers.Adam(0.0))
    x = IMAGES.astype("float32")
    data = tf.data.Dataset.from_tensor_slices(x).batch(32) if stream else x
    model.fit(data, epochs=1, verbose=0)
    # Each channel that leaves the last layer of a level is normal.
    z = model.distribution.bijector.inverse(x).numpy()
    for part in (z[:, 8:].reshape(-1, 2), z[:, :8].reshape(-1, 8)):
        np.testing.assert_allclose(part.mean(axis=0), 0.0, atol=1e-3)
        np.testing.assert_allclose(part.std(axis=0), 1.0, atol=1e-3)


def test_a_loaded_act_norm_does_not_start_again(tmp_path):
    model = tfp_flows.FlowModel(image_flow())
    model.fit(IMAGES, epochs=1, verbose=0)
    model.save(tmp_path / "flow.keras")
    loaded = keras.models.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(
        loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )
    before = [weight.numpy() for weight in loaded.weights]
    loaded.compile(keras.optimizers.Adam(0.0))
    loaded.fit(5.0 * IMAGES, epochs=1, verbose=0)
    for old, new in zip(before, loaded.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_act_norm_in_a_coupling_does_not_wait_for_data():
    assert b.ActNorm.spec()(tf.zeros([3, 2])).adapted
    assert not b.ActNorm.trainable(3).adapted


def batch_normalized():
    normalize = b.BatchNormalization.trainable(2, momentum=0.5)
    return tfd.TransformedDistribution(StandardNormal(2), normalize), normalize


def test_batch_normalization_in_training_and_out_of_it():
    rng = np.random.default_rng(0)
    x = rng.normal([3.0, -5.0], [2.0, 0.1], size=[512, 2]).astype("float32")
    flow, normalize = batch_normalized()
    model = tfp_flows.FlowModel(flow)
    model.compile(keras.optimizers.Adam(1e-6))
    before = flow.log_prob(x).numpy()
    history = model.fit(x, batch_size=512, epochs=12, verbose=0)
    # In training by the batch's own moments, from the first step on.
    expected = 1.0 + np.log(2 * np.pi) + np.log(0.2)
    # (ε is a tenth of the second variance.)
    np.testing.assert_allclose(history.history["loss"], expected, atol=0.1)
    moments = normalize.parameters["moments"].layer
    np.testing.assert_allclose(moments.mean, x.mean(axis=0), rtol=1e-2)
    # Out of it by the running ones: one density, whatever else is in the batch.
    after = flow.log_prob(x)
    assert np.mean(after) > np.mean(before) + 1
    np.testing.assert_allclose(flow.log_prob(x[:3]), after[:3], rtol=1e-5)
    np.testing.assert_allclose(-model.evaluate(x, verbose=0), np.mean(after), rtol=1e-4)
    y = flow.sample(4, seed=[0, 1])
    z = normalize.inverse(tf.identity(y))
    np.testing.assert_allclose(
        flow.log_prob(y),
        flow.distribution.log_prob(z)
        - normalize.forward_log_det_jacobian(z, event_ndims=1),
        rtol=1e-4,
    )


def test_gradients_pass_through_the_moments_of_the_batch():
    _, normalize = batch_normalized()
    x = tf.constant([[1.0, 2.0], [3.0, -1.0], [0.0, 0.5]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        with keras.src.backend.StatelessScope():
            mean, _ = normalize.parameters["moments"].layer(x, training=True)
    np.testing.assert_allclose(tape.gradient(mean, x), np.full([3, 2], 1 / 3))


def test_batch_normalization_is_saved_with_its_statistics(tmp_path):
    flow, _ = batch_normalized()
    model = tfp_flows.FlowModel(flow)
    x = np.random.default_rng(0).normal(3.0, size=[64, 2])
    model.fit(x, epochs=2, verbose=0)
    model.save(tmp_path / "flow.keras")
    loaded = keras.models.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )


def scales(image_shape, *levels):
    return b.MultiScale(levels, image_shape=image_shape)


UNSQUEEZE = tfb.Invert(b.Squeeze())


@pytest.mark.parametrize("layer", [b.ActNorm, b.BatchNormalization])
def test_levels_of_layers_of_channels(layer):
    several = scales((2, 2, 4), layer.trainable(4), layer.trainable(2))
    assert several.experimental_batch_shape() == []
    assert several.experimental_batch_shape_tensor().shape == [0]
    z = tf.constant(np.random.default_rng(0).normal(size=[3, 16]), "float32")
    x = several.forward(z)
    assert x.shape == [3, 2, 2, 4]
    np.testing.assert_allclose(several.inverse(tf.identity(x)), z, rtol=1e-5)


def test_images_of_unknown_sides():
    squeeze = b.Squeeze()
    x = np.random.default_rng(0).normal(size=[3, 4, 4, 1]).astype("float32")
    level = tfb.Chain([UNSQUEEZE, coupling(b.channel_mask((2, 2, 4)), "float32")])
    several = scales((4, 4, 1), level)
    expected = several.inverse(x)
    for shape in ([None, None, None, 1], [None] * 4):
        unknown = tf.TensorSpec(shape)
        inverse = tf.function(several.inverse, input_signature=[unknown])
        np.testing.assert_allclose(inverse(x), expected, rtol=1e-6)
        forward = tf.function(squeeze.forward, input_signature=[unknown])
        np.testing.assert_array_equal(forward(x), squeeze.forward(x))
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected shape"):
            inverse(np.zeros([3, 4, 6, 1], "float32"))
    inverse = tf.function(squeeze.inverse, input_signature=[tf.TensorSpec(None)])
    np.testing.assert_array_equal(inverse(squeeze.forward(x)), x)
    assert squeeze.forward_event_shape([4, None, None]) == [2, None, None]
    assert squeeze.inverse_event_shape([4, None, None]) == [8, None, None]


def test_masks_take_turns():
    for mask in (b.checkerboard_mask, b.channel_mask):
        first, second, third = (mask((2, 2, 4), parity) for parity in range(3))
        np.testing.assert_array_equal(first, ~second)
        np.testing.assert_array_equal(first, third)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b.Squeeze().forward_event_shape([4, 4]), r"\[H, W, C\].*\(4, 4\)"),
        (
            lambda: scales((4, 4, 1), tfb.Reshape([4, 4, 1], event_shape_in=[16])),
            r"level 0, which gives the shape \[16\]",
        ),
        (
            lambda: b.Coupling(lambda x: x, b.Affine.spec(), np.ones([4, 4, 3])),
            r"at least one.*\(4, 4, 3\) that is true everywhere",
        ),
        (lambda: b.Squeeze().forward(tf.zeros([3, 4, 1])), r"multiples of 2.*\[3, 4"),
        (lambda: b.Squeeze().inverse(tf.zeros([2, 2, 3])), r"multiple of 4.*\[2, 2, 3"),
        (lambda: b.Squeeze(1), "2 or more"),
        (lambda: b.channel_mask((4, 4, 1)), "one channel does not split"),
        (lambda: b.checkerboard_mask((1, 1, 3)), "2 pixels or more"),
        (lambda: b.checkerboard_mask((4, 4)), "three numbers"),
        (lambda: scales((4, 4, 1), *[UNSQUEEZE] * 3), r"level 2 .*\[1, 1, 4\].*3 such"),
        (lambda: scales((5, 4, 1), UNSQUEEZE), r"level 0 .*\[5, 4, 1\]"),
        (
            lambda: scales((4, 4, 3), tfb.Identity(), UNSQUEEZE),
            r"level 0 .*\[4, 4, 3\].*halves",
        ),
        (lambda: scales((4, 4, 3)), "1 bijector or more"),
        (lambda: scales((4, 4, 1), UNSQUEEZE).inverse(tf.zeros([4, 4, 2])), "4, 4, 1"),
        (lambda: scales((4, 4, 1), UNSQUEEZE).forward(tf.zeros([8])), "size 16"),
        (
            lambda: coupling(MASKS["channels"]).forward(tf.zeros([3, 2, 3], "float64")),
            r"points of shape \[2, 2, 3\].*\(3, 2, 3\)",
        ),
        (
            lambda: b.Coupling(
                convolution(3, "float32"), b.Affine.spec(), MASKS["channels"]
            ),
            "must give 2 × 2 × 2 numbers.*got 2 × 2 × 3",
        ),
        (
            lambda: b.Coupling(
                convolution(2, "float32"), b.Affine.spec(), np.ones([2, 2])
            ),
            r"vector of booleans, or of the shape \[H, W, C\]",
        ),
        (
            lambda: b.InvertibleConvolution1x1(b.Planar.trainable(2, seed=0)),
            "linear bijector of vectors.*Planar",
        ),
        (
            lambda: b.InvertibleConvolution1x1(
                b.Linear(tf.eye(2, batch_shape=[3]), tf.zeros([2]))
            ),
            r"without a batch shape.*\(3,\)",
        ),
        (lambda: b.LULinear(tf.zeros([2, 2]), tf.zeros([2]), signs=[1, 2]), "1 or -1"),
        (
            lambda: b.ActNorm.trainable(2).adapt([[1.0, 2.0], [3.0, 2.0]]),
            "channel 1 is constant",
        ),
        (lambda: b.ActNorm.trainable(2).adapt(tf.zeros([2, 4, 4, 3])), r"\[N, 2\]"),
        (
            lambda: b.ActNorm(tf.zeros([2]), tf.zeros([2])).adapt([[0.0, 1.0]]),
            "sets variables",
        ),
        (
            lambda: b.BatchNormalization.trainable(2, momentum=1.0),
            r"momentum must be in \[0, 1\)",
        ),
        (
            lambda: b.BatchNormalization.trainable(2, epsilon=0.0),
            "epsilon must be positive",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: scales((4, 4, 1), "squeeze"), "levels must be bijectors.*'squeeze'"),
        (
            lambda: scales(
                (4, 4, 2),
                b.ActNorm.trainable(2, dtype="float64"),
                b.ActNorm.trainable(1),
            ),
            r"share a dtype, but got \['float32', 'float64'\]",
        ),
        (lambda: b.MultiScale(UNSQUEEZE, (4, 4, 1)), "a list of bijectors.*squeeze"),
        (lambda: b.channel_mask((2, 2, 4), 0.5), "parity must be an integer.*0.5"),
        (lambda: b.checkerboard_mask((2, 2, 4), "x"), "parity must be an integer.*'x'"),
        (lambda: b.InvertibleConvolution1x1(3), "linear bijector.*3"),
        (lambda: b.BatchNormalization(3, [0.0], [0.0]), "RunningMoments.*3"),
    ],
)
def test_what_is_of_another_kind(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
