"""Models as .keras files: read in another process, to the last bit; tampered ones."""

import json
import shutil
import subprocess
import sys
import textwrap
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import bijectors as b
from tfp_flows import flows, saving
from tfp_flows.conditioners import (
    MADE,
    MLP,
    masked_autoregressive_template,
    real_nvp_template,
)
from tfp_flows.distributions import Family, StandardNormal
from tfp_flows.saving.document import CODECS, digest

SMALL = {"num_layers": 2, "hidden_units": [4], "seed": 0}
X = np.random.default_rng(0).normal(size=[24, 3]).astype("float32")
C = np.random.default_rng(1).normal(size=[24, 2]).astype("float32")


def on_normal(*bijectors, dtype="float32"):
    return tfd.TransformedDistribution(
        StandardNormal(3, dtype), tfb.Chain(list(bijectors))
    )


def by_hand():
    """Chains in chains, shared and constant parts, TFP's and ours."""
    shift = tf.Variable([1.0, 2.0, 3.0])
    shared = MLP([4], seed=0)
    mask = [True, False, False]
    layers = [
        b.Coupling(shared, b.Affine.spec(log_scale_bound=2.0), mask, name=name)
        for name in ("first", "second")
    ]
    scale = tfp.util.TransformedVariable([1.0, 1.0, 2.0], tfb.Softplus())
    return tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros(3), scale_diag=tf.Variable(tf.ones(3))),
        tfb.Chain(
            [
                b.Standardize(3),
                layers[0],
                b.Permutation.random(3, seed=3),
                tfb.Invert(tfb.Chain([tfb.Scale(scale), tfb.Shift(shift)])),
                tfb.Permute(np.array([2, 0, 1])),
                layers[1],
                tfb.Shift(shift),
                b.LULinear.trainable(3, seed=0, permute=True),
            ]
        ),
    )


def linear_layers():
    return on_normal(
        b.QRLinear.trainable(3, seed=0),
        b.Householder.trainable(3, seed=0),
        b.OrthogonalExponential.trainable(3, seed=0),
        tfb.ScaleMatvecTriL(tf.Variable(tf.eye(3))),
    )


def elementwise():
    return on_normal(
        b.Bound([-20.0] * 3, [20.0] * 3),
        b.GaussianMixtureCDF.trainable(3, num_components=2, seed=0),
        tfb.Invert(b.GaussianMixtureCDF.trainable(3, num_components=2, seed=0)),
        b.CubicSpline.trainable(3, num_bins=3, seed=0),
        tfb.SinhArcsinh(tf.Variable(0.1), tailweight=tf.Variable(1.1)),
    )


def templates():
    return on_normal(
        tfb.MaskedAutoregressiveFlow(
            masked_autoregressive_template(3, hidden_units=[4], seed=0)
        ),
        tfb.RealNVP(
            num_masked=1,
            shift_and_log_scale_fn=real_nvp_template(3, 1, hidden_units=[4], seed=0),
        ),
    )


def as_vectors(flow):
    return tfd.TransformedDistribution(
        flow, tfb.Reshape(event_shape_out=[3], event_shape_in=[1, 1, 3])
    )


def mixture():
    return tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.Variable([0.0, 1.0])),
        tfd.MultivariateNormalDiag(tf.Variable(np.array([[0.0] * 3, [1.0] * 3], "f"))),
    )


FLOWS = {
    "maf": lambda: flows.maf(3, permutation=b.Permutation.random, **SMALL),
    "iaf": lambda: flows.iaf(3, permutation=b.LULinear.trainable, **SMALL),
    "made": lambda: flows.made(
        3,
        transformer=b.GaussianMixtureCDF.spec(num_components=2),
        hidden_units=[4],
        seed=0,
    ),
    "nsf": lambda: flows.nsf(3, num_bins=3, **SMALL),
    "autoregressive nsf": lambda: flows.nsf(3, autoregressive=True, **SMALL),
    "linear_spline": lambda: flows.linear_spline(3, num_bins=3, **SMALL),
    "quadratic_spline": lambda: flows.quadratic_spline(3, num_bins=3, **SMALL),
    "cubic_spline": lambda: flows.cubic_spline(3, num_bins=3, **SMALL),
    "real_nvp": lambda: flows.real_nvp(3, activation="tanh", **SMALL),
    "nice": lambda: flows.nice(3, dtype="float64", **SMALL),
    "planar": lambda: flows.planar(3, num_layers=2, seed=0),
    "radial": lambda: flows.radial(3, num_layers=2, fast="sample", seed=0),
    "sylvester": lambda: flows.sylvester(3, num_layers=2, num_units=2, seed=0),
    "triangular sylvester": lambda: on_normal(
        b.Sylvester.trainable(3, num_units=2, seed=0)
    ),
    "bnaf": lambda: flows.bnaf(3, num_layers=2, hidden_factor=4, seed=0),
    "naf": lambda: flows.naf(3, num_transformer_layers=2, num_units=2, **SMALL),
    "umnn": lambda: flows.umnn(3, num_units=2, low=-2.0, **SMALL),
    "sos": lambda: flows.sos(3, **SMALL),
    "bernstein": lambda: flows.bernstein(3, degree=3, **SMALL),
    "flow_plus_plus": lambda: flows.flow_plus_plus(3, num_components=2, **SMALL),
    "gaussianization": lambda: flows.gaussianization(3, num_layers=2, seed=0),
    "linear": lambda: flows.linear(3, base=mixture()),
    "by hand": by_hand,
    "linear layers": linear_layers,
    "elementwise": elementwise,
    "templates": templates,
    "nade": lambda: flows.nade(3, units=4, seed=0),
    "wavenet": lambda: flows.wavenet(3, filters=4, kernel_size=3, seed=0),
    "recurrent": lambda: flows.recurrent(
        3, num_layers=2, units=4, cell=keras.layers.GRUCell, row_size=3, seed=0
    ),
    "pixel_cnn": lambda: as_vectors(
        flows.pixel_cnn((1, 1, 3), filters=4, num_layers=2, seed=0)
    ),
    "conditional gaussianization": lambda: flows.gaussianization(
        3, context_size=2, hidden_units=[4], num_layers=2, seed=0
    ),
    "conditional maf": lambda: flows.maf(3, context_size=2, **SMALL),
    "conditional planar": lambda: flows.planar(3, context_size=2, **SMALL),
    "conditional sylvester": lambda: flows.sylvester(3, context_size=2, **SMALL),
    "conditional bnaf": lambda: flows.bnaf(
        3, context_size=2, num_layers=2, hidden_factor=4, activation="elu", seed=0
    ),
}


def make_model(name):
    flow = FLOWS[name]()
    encoder = None
    if isinstance(flow, Family):
        keras.utils.set_random_seed(0)
        encoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model = tfp_flows.FlowModel(flow, encoder=encoder, seed=3)
    model.compile(keras.optimizers.Adam(0.01), metrics=["nats"], run_eagerly=True)
    return model


def data_of(model):
    return (C, X) if model.family.is_conditional else (X,)


def results(model):
    data = data_of(model)
    model.compile(run_eagerly=True)
    inputs = data if len(data) == 2 else data[0]
    context = {"context": C[:2]} if len(data) == 2 else {}
    return model.predict(inputs, verbose=0), model.sample(4, seed=5, **context).numpy()


LOAD = """
    import sys, keras, numpy as np, tfp_flows
    sys.path.insert(0, sys.argv[2])
    from pathlib import Path
    from test_saving import results
    for path in sorted(Path(sys.argv[1]).glob("*.keras")):
        log_prob, samples = results(keras.models.load_model(path))
        np.savez(path.with_suffix(".npz"), log_prob=log_prob, samples=samples)
"""


def saved(name, folder):
    """A model, trained a little, and its file."""
    model = make_model(name)
    model.fit(*data_of(model), epochs=1, verbose=0)
    model.save(folder / f"{name}.keras")
    return model, folder / f"{name}.keras"


@pytest.fixture(scope="module")
def maf_file(tmp_path_factory):
    return saved("maf", tmp_path_factory.mktemp("saved"))[1]


def test_another_process_reads_all_to_the_last_bit(tmp_path):
    expected = {name: results(saved(name, tmp_path)[0]) for name in FLOWS}
    here = __file__.rsplit("/", 1)[0]
    command = [sys.executable, "-c", textwrap.dedent(LOAD), str(tmp_path), here]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    for name, values in expected.items():
        found = np.load(tmp_path / f"{name}.npz")
        for key, value in zip(("log_prob", "samples"), values, strict=True):
            assert np.all(np.isfinite(value)), name
            np.testing.assert_array_equal(found[key], value, err_msg=name)


@pytest.mark.parametrize("name", ["by hand", "conditional maf", "nice"])
def test_training_goes_on_as_if_it_had_not_stopped(name, tmp_path):
    model = make_model(name)
    model.fit(*data_of(model), epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras")
    assert copy.run_eagerly and copy.metrics_names == model.metrics_names
    assert copy.optimizer.iterations == model.optimizer.iterations
    for part in (model, copy):
        part.fit(*data_of(part), epochs=4, initial_epoch=2, verbose=0)
    for old, new in zip(model.weights, copy.weights, strict=True):
        assert old.name == new.name and old.trainable == new.trainable
        np.testing.assert_array_equal(old, new)
    for old, new in zip(
        model.optimizer.variables, copy.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(old, new)


def test_what_is_shared_stays_shared():
    encoded = json.loads(json.dumps(saving.encode(by_hand())))
    flow = saving.decode(encoded)
    layers = flow.bijector.bijectors
    assert layers[1].conditioner.layer is layers[5].conditioner.layer
    assert layers[6].shift is layers[3].bijector.bijectors[1].shift
    assert len(flow.trainable_variables) == len(by_hand().trainable_variables)


def test_a_layer_that_waits_for_data_still_does():
    model = tfp_flows.FlowModel(on_normal(b.Standardize(3), b.Affine.trainable(3)))
    flow = saving.decode(saving.encode(model.distribution))
    copy = tfp_flows.FlowModel(flow)
    copy.set_weights(model.get_weights())
    assert not copy.distribution.bijector.bijectors[0].adapted
    copy.fit(X, verbose=0)
    assert copy.distribution.bijector.bijectors[0].adapted


def test_dtype_seed_and_options_survive():
    spec = b.RationalQuadraticSpline.spec(num_bins=3, low=-5.0).invert()
    layer = b.Autoregressive(
        MADE(
            3, [4], order=[2, 0, 1], residual=True, activation="relu", dtype="float64"
        ),
        spec,
        name="mine",
    )
    copy = saving.decode(json.loads(json.dumps(saving.encode(layer))))
    assert copy.name == "mine" and copy.dtype == tf.float64
    network = copy.conditioner.layer
    assert network.order == [2, 0, 1] and network.residual
    assert copy.transformer == spec


@saving.register("tests")
class Doubled(b.Bijector):
    def __init__(self, validate_args=False, name="doubled"):
        super().__init__(dict(locals()), event_size=3, is_constant_jacobian=True)

    def _forward_and_log_det(self, x):
        return 2.0 * x, tf.constant(3.0 * np.log(2.0), x.dtype)

    def _inverse_and_log_det(self, y):
        return y / 2.0, tf.constant(-3.0 * np.log(2.0), y.dtype)


@saving.register("tests")
def shift_and_scale(x, output_units, **kwargs):
    return tf.zeros([output_units]), tf.zeros([output_units])


def test_registered_classes_and_functions():
    flow = on_normal(
        Doubled(),
        tfb.RealNVP(1, shift_and_log_scale_fn=shift_and_scale),
    )
    copy = saving.decode(json.loads(json.dumps(saving.encode(flow))))
    np.testing.assert_array_equal(copy.log_prob(X), flow.log_prob(X))


def there_and_back(value):
    return saving.decode(json.loads(json.dumps(saving.encode(value))))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        0.1,
        float("inf"),
        "text",
        [1, [2.5, None]],
        (1, (2, "a")),
        range(1, 9, 3),
        {"a": 1, 3: (2,), None: {"b": []}},
        tf.TensorShape([None, 2]),
        tf.TensorShape(None),
        tf.bfloat16,
        tfb.Softplus,
        shift_and_scale,
        b.Affine.spec(log_scale_bound=2.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_values(value):
    copy = there_and_back(value)
    assert type(copy) is type(value)
    assert copy == value or repr(copy) == repr(value)  # Unknown shapes are unlike.


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float64"])
@pytest.mark.parametrize("shape", [(), (2, 3), (0, 2)])
def test_arrays(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    for value in (array, array[()], tf.constant(array)):
        copy = there_and_back(value)
        assert isinstance(copy, tf.Tensor) == isinstance(value, tf.Tensor)
        assert copy.dtype == value.dtype
        np.testing.assert_array_equal(copy, value)


def test_each_kind_of_value_has_a_tag_of_its_own():
    tags = [codec.tag for codec in CODECS]
    assert len(set(tags)) == len(tags) and "ref" not in tags


@pytest.mark.parametrize("value", [3, int, lambda: None])
def test_what_cannot_be_registered(value):
    with pytest.raises(TypeError, match=r"saving\.register takes a class"):
        saving.register("tests")(value)


def test_a_name_that_is_taken():
    def shift_and_scale():
        return None

    with pytest.raises(ValueError, match="'tests>shift_and_scale' is taken by"):
        saving.register("tests")(shift_and_scale)


class Foreign(tfb.Bijector):
    def __init__(self, name="foreign"):
        super().__init__(parameters={"name": name}, forward_min_event_ndims=0)


@saving.register("tests")
class Hidden(b.Bijector):
    """It does not tell TFP what it was made with."""

    def __init__(self, scale, validate_args=False, name="hidden"):
        self._scale = scale
        super().__init__({"name": name, "validate_args": validate_args}, event_size=3)

    def _forward_and_log_det(self, x):
        return self._scale * x, 3.0 * tf.math.log(self._scale)

    def _inverse_and_log_det(self, y):
        return y / self._scale, -3.0 * tf.math.log(self._scale)


UNSAVABLE = {
    "a lambda": (
        lambda: tfb.Inline(lambda x: x, forward_min_event_ndims=0, name="mine"),
        r"bijectors\[0\] = Inline 'mine': forward_fn cannot be saved.*lambda",
    ),
    "a function": (
        lambda: b.Coupling(
            lambda x: tf.tile(x, [1, 4]), b.Affine.spec(), [True, False, False]
        ),
        r"Coupling 'coupling': conditioner cannot be saved.*function",
    ),
    "hidden arguments": (
        lambda: Hidden(3.0),
        r"Hidden 'hidden' cannot be saved.*\['scale'\]",
    ),
    "a variable that TFP froze": (
        lambda: tfd.MultivariateNormalFullCovariance(
            tf.Variable([5.0] * 3, trainable=False), tf.eye(3)
        ),
        "loc cannot be saved: it is a tf.Variable",
    ),
    "a class of the user's": (Foreign, "Foreign.*saving.register"),
}


@pytest.mark.parametrize("name", UNSAVABLE)
def test_what_cannot_be_saved(name, tmp_path):
    make, message = UNSAVABLE[name]
    part = make()
    if isinstance(part, tfd.Distribution):
        flow = tfd.TransformedDistribution(part, b.Affine.trainable(3))
    else:
        flow = on_normal(part, b.Affine.trainable(3))
    model = tfp_flows.FlowModel(flow)
    path = tmp_path / "m.keras"
    path.write_text("an earlier file")
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.save(path)
    assert path.read_text() == "an earlier file"


def lambda_encoder():
    return keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda c: 2 * c)])


UNLOADABLE = {
    "a lambda in a network": lambda: tfp_flows.FlowModel(
        on_normal(
            b.Coupling(
                MLP([4], activation=lambda x: x**2),
                b.Affine.spec(),
                [True, False, False],
            )
        )
    ),
    "a lambda in an encoder": lambda: tfp_flows.FlowModel(
        flows.maf(3, context_size=2, **SMALL), encoder=lambda_encoder()
    ),
    "variables made at a call": lambda: normalised(),
}


def normalised():
    layer = tfb.BatchNormalization()
    layer.inverse(X)
    return tfp_flows.FlowModel(on_normal(layer, b.Affine.trainable(3)))


@pytest.mark.parametrize("name", UNLOADABLE)
def test_what_could_not_be_loaded_again(name, tmp_path):
    """Keras itself would write it, and fail when the model is lost."""
    with pytest.raises(ValueError, match="cannot be saved, for it"):
        UNLOADABLE[name]().save(tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


def test_another_kind_of_file(tmp_path):
    with pytest.raises(ValueError, match=r"\.keras file, but the path is"):
        make_model("linear").save(str(tmp_path / "m.h5"))


def test_frozen_layers_stay_frozen(tmp_path):
    flow = flows.maf(3, **SMALL)
    flow.bijector.bijectors[0].conditioner.layer.trainable = False
    model = tfp_flows.FlowModel(flow)
    model.save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras")
    assert len(copy.trainable_weights) == len(model.trainable_weights) == 4


def test_dtypes_of_numbers_and_limits_that_are_variables():
    flow = on_normal(
        tfb.Scale(np.float64(2.0)),
        b.Bound(tf.Variable([-9.0] * 3, dtype="float64"), np.array([9.0] * 3)),
        b.Affine(keras.Variable([1.0] * 3, dtype="float64"), np.zeros(3)),
        dtype=np.float64,
    )
    copy = saving.decode(json.loads(json.dumps(saving.encode(flow))))
    for old, new in zip(flow.variables, copy.variables, strict=True):
        new.assign(old)
    x = X.astype("float64")
    np.testing.assert_array_equal(copy.log_prob(x), flow.log_prob(x))


def rewritten(source, target, change):
    """A copy of a .keras file with another configuration."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config["config"])
                content = json.dumps(config)
            new.writestr(name, content)
    return target


def forged(change):
    """A change of the flow by someone who knows of the checksum."""

    def change_both(config):
        flow = config["family"]
        change(flow["root"])
        flow["sha256"] = digest(flow["root"])

    return change_both


def class_named(name):
    return forged(lambda root: root["object"].update({"class": name}))


def another_format(config):
    config["family"]["format"] = 99


def an_option(config):
    config["family"]["root"]["object"]["arguments"]["name"] = "another"


def no_flow(config):
    del config["family"]


@forged
def no_such_part(root):
    root.clear()
    root["pickle"] = "gASVIAAAAAAAAACM"


@forged
def a_missing_argument(root):
    del root["object"]["arguments"]["distribution"]


@forged
def a_reference_to_nothing(root):
    root["object"]["arguments"]["distribution"] = {"ref": 1234}


@forged
def a_reference_backwards(root):
    root["object"]["arguments"]["distribution"] = {"ref": -1}


TAMPERED = {
    "a class that runs code": (class_named("os.system"), "'os.system'.*not trust"),
    "a class of TFP that is no bijector": (class_named("tfd.kl_divergence"), "trust"),
    "an option": (an_option, "checksum"),
    "no flow": (no_flow, r"no FlowModel.*\['family'\]"),
    "a reference backwards": (a_reference_backwards, "file was changed"),
    "another version": (another_format, "format 99, but .* reads format 1"),
    "a part of another kind": (no_such_part, "unknown kind: 'pickle'"),
    "a missing argument": (a_missing_argument, "file was changed"),
    "a reference to nothing": (a_reference_to_nothing, "file was changed"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_file_is_refused(name, maf_file, tmp_path):
    change, message = TAMPERED[name]
    path = rewritten(maf_file, tmp_path / "m.keras", change)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        keras.models.load_model(path)


def test_a_lambda_layer_in_a_file_is_not_run(tmp_path):
    marker = tmp_path / "ran"
    code = f"lambda x: __import__('pathlib').Path({str(marker)!r}).touch()"
    layer = keras.layers.Lambda(eval(code), output_shape=(2,))
    config = keras.saving.serialize_keras_object(layer)

    def change(config_of_model):
        config_of_model["encoder"] = config

    path = rewritten(
        saved("conditional maf", tmp_path)[1], tmp_path / "m.keras", change
    )
    with pytest.raises(ValueError, match=r"(?s)[Ll]ambda.*unsafe|unsafe.*[Ll]ambda"):
        keras.models.load_model(path)
    assert not marker.exists()


def test_truncated_files_are_refused(maf_file, tmp_path):
    content = maf_file.read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "m.keras"
    for length in rng.integers(0, len(content) - 1, size=100):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError):
            keras.models.load_model(path)


def test_flipped_bytes_never_give_another_model(maf_file, tmp_path):
    """Refused, or read as it was: what Keras does not read may be changed."""
    shutil.copy(maf_file, tmp_path / "good.keras")
    content = (tmp_path / "good.keras").read_bytes()
    expected = keras.models.load_model(tmp_path / "good.keras").get_weights()
    rng = np.random.default_rng(1)
    path = tmp_path / "m.keras"
    for place in rng.integers(0, len(content), size=12):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        path.write_bytes(bytes(changed))
        try:
            found = keras.models.load_model(path).get_weights()
        except Exception:  # By zip's check of each member, mostly.
            continue
        for old, new in zip(expected, found, strict=True):
            np.testing.assert_array_equal(old, new)
