"""Layers of equal structure share a program, which gives what they would by themselves.

Within a plain ``tf.function`` there is no program, but within `apart`: a layer's own
operations are the reference.
"""

import contextlib
import copy
import gc
import pickle
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend.common.variables import AutocastScope

from tfp_flows import flows
from tfp_flows.bijectors import (
    Affine,
    Autoregressive,
    BlockAutoregressive,
    Coupling,
    CubicSpline,
    RationalQuadraticSpline,
    TransformerSpec,
    shared_programs,
)
from tfp_flows.bijectors.evaluation import forward_and_log_det, inverse_and_log_det
from tfp_flows.conditioners import MADE, MLP, NADE, PixelCNN, WaveNet
from tfp_flows.networks import BlockNetwork, ConvolutionalNetwork, Network
from tfp_flows.variables import KerasModule

SPLINE = RationalQuadraticSpline.spec(num_bins=3)
CHANNELS = np.broadcast_to([True, False], [2, 2, 2])
CHECKERBOARD = np.array([[[1, 1], [0, 0]], [[0, 0], [1, 1]]])
CONTEXT = tf.constant(np.random.default_rng(2).normal(size=[4, 2]))


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """The programs that there are: none, when a test starts; traced at once."""
    monkeypatch.setattr(shared_programs, "USES_BEFORE_A_TRACE", 0)
    shared_programs._programs.clear()
    return shared_programs._programs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "make",
    [flows.nsf, flows.maf, flows.naf, flows.real_nvp, flows.bnaf, flows.bernstein],
)
def test_no_bit_of_a_value_changes_when_programs_are_traced(
    make, dtype, programs, monkeypatch
):
    monkeypatch.setattr(shared_programs, "USES_BEFORE_A_TRACE", 4)
    small = {} if make is flows.bnaf else {"hidden_units": [8]}
    flow = drawn(make(3, num_layers=2, seed=0, dtype=dtype, **small))
    x = tf.constant(np.random.default_rng(0).normal(size=[70, 3]), dtype)
    found = [flow.log_prob(x) for _ in range(5)]
    assert any(not isinstance(program, int) for program in programs.values())
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
    if make in (flows.nsf, flows.maf, flows.real_nvp):
        samples = [flow.sample(70, seed=[0, 1]) for _ in range(5)]
        for other in samples[1:]:
            np.testing.assert_array_equal(other, samples[0])


def drawn(layer, seed=0):
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_variables:
        weight.assign(rng.normal(scale=0.4, size=weight.shape))
    return layer


def coupling(net=None, spec=None, mask=(1, 0, 1), seed=0, **options):
    net = net or MLP([4], dtype="float64")
    return drawn(Coupling(net, spec or Affine.spec(), mask, **options), seed)


def autoregressive(net=None, spec=None, seed=0, **options):
    net = net or MADE(3, [4], dtype="float64")
    return drawn(Autoregressive(net, spec or Affine.spec(), **options), seed)


def points(layer, num=4, dtype="float64"):
    shape = [num, *layer._event_shape]
    return tf.constant(np.random.default_rng(5).normal(size=shape), dtype)


def evaluated(layer, direction, x):
    evaluate = inverse_and_log_det if direction == "inverse" else forward_and_log_det
    return evaluate(layer, x)


def with_gradients(layer, direction, x, function=evaluated):
    """Image, log-determinant, and gradients by the points and each weight."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        image, log_det = function(layer, direction, x)
        total = tf.reduce_sum(image**2) + tf.reduce_sum(log_det**2)
    return [image, log_det, *tape.gradient(total, [x, *layer.trainable_variables])]


def in_graph(function=with_gradients):
    """A function within a ``tf.function``: by the layer's own operations."""
    return lambda *args: tf.function(lambda: function(*args), autograph=False)()


def assert_equal(found, expected, **tolerance):
    tolerance = {"rtol": 1e-11, "atol": 1e-12} | tolerance
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


LAYERS = {
    "Coupling": coupling,
    "contiguous": lambda seed: coupling(mask=[0, 0, 1, 1], spec=SPLINE, seed=seed),
    "scattered": lambda seed: coupling(
        MLP([4, 3], context_size=2, activation="relu", dtype="float64"),
        SPLINE.invert(),
        mask=[0, 1, 0, 1, 1],
        context=CONTEXT,
        seed=seed,
    ),
    "channels": lambda seed: coupling(
        ConvolutionalNetwork([4], kernel_size=3, dtype="float64"),
        mask=CHANNELS,
        seed=seed,
    ),
    "checkerboard": lambda seed: coupling(
        ConvolutionalNetwork([4], kernel_size=3, context_size=2, dtype="float64"),
        mask=np.broadcast_to(CHECKERBOARD, [2, 2, 2]),
        context=CONTEXT,
        seed=seed,
    ),
    "MADE": autoregressive,
    "MADE, in an order": lambda seed: autoregressive(
        MADE(4, [6, 6], order=[2, 0, 3, 1], residual=True, dtype="float64"),
        seed=seed,
    ),
    "MADE, backwards": lambda seed: autoregressive(
        MADE(3, [4], order=[2, 1, 0], context_size=2, dtype="float64"),
        Affine.spec().invert(),
        seed,
        context=CONTEXT,
    ),
    "NADE": lambda seed: autoregressive(NADE(3, 4, dtype="float64"), seed=seed),
    "WaveNet": lambda seed: autoregressive(WaveNet(3, 4, dtype="float64"), seed=seed),
    "PixelCNN": lambda seed: autoregressive(
        PixelCNN((2, 1, 1), 4, num_layers=1, first_kernel_size=3, dtype="float64"),
        seed=seed,
    ),
    "BlockAutoregressive": lambda seed: drawn(
        BlockAutoregressive(BlockNetwork(3, 2, 1, dtype="float64")), seed
    ),
}


# Of others the forward direction is a search, or as long as that of WaveNet.
FORWARD = [
    *("Coupling", "contiguous", "channels", "checkerboard"),
    *("MADE, in an order", "MADE, backwards", "NADE", "WaveNet"),
]


@pytest.mark.parametrize(
    ("name", "direction"),
    [(name, "inverse") for name in LAYERS] + [(name, "forward") for name in FORWARD],
)
def test_values_and_gradients_are_a_layers_own(name, direction, programs):
    first, layer = LAYERS[name](seed=0), LAYERS[name](seed=1)
    x = points(layer)
    with_gradients(first, direction, x)  # With it the program is traced.
    expected = in_graph()(layer, direction, x)
    assert_equal(with_gradients(layer, direction, x), expected)
    assert len(programs) == 1


# XLA takes seconds for PixelCNN and the splines.
APART = ["Coupling", "channels", "MADE, backwards", "BlockAutoregressive"]


@pytest.mark.parametrize("name", APART)
def test_values_and_gradients_apart(name, programs):
    directions = ["inverse"] + ["forward"] * (name == "Coupling")
    for direction in directions:
        first, layer = LAYERS[name](seed=0), LAYERS[name](seed=1)
        x = points(layer)
        expected = in_graph()(layer, direction, x)
        with shared_programs.apart():
            with_gradients(first, direction, x, in_graph(evaluated))
            within = in_graph()(layer, direction, x)
            around = with_gradients(layer, direction, x, in_graph(evaluated))
        assert_equal(within, expected)
        assert_equal(around, expected)
    assert len(programs) == len(directions)


def test_the_sequential_direction_has_no_program_apart(programs):
    layer = autoregressive()
    with shared_programs.apart():
        found = in_graph()(layer, "forward", points(layer))
    assert not programs
    assert_equal(found, in_graph()(layer, "forward", points(layer)))


# How many programs there are.


class Sub(MLP):
    """A class of a user's that says nothing."""


class SubCoupling(Coupling):
    """A class of a user's that says nothing."""


class SubSpec(TransformerSpec):
    """A class of a user's that says nothing."""


class SubModule(KerasModule):
    """A class of a user's that says nothing."""


class Linear(Network):
    """A network of a user's that says that it shares programs."""

    shares_programs = True

    def __init__(self, scale=1.0, output_size=None, **options):
        super().__init__(**options)
        self._set_sizes(output_size=output_size)
        self.scale = scale

    def build(self, x_shape, context_shape=None):
        self._check_built_for(x_shape)
        self.kernel = self.add_weight(shape=(x_shape[-1], self.output_size))

    def call(self, x, context=None):
        return self.scale * tf.matmul(x, self.kernel)


class SubLinear(Linear):
    """A class that does not say so itself."""


class Scaled(MLP):
    """A network of a user's that passes arguments on."""

    shares_programs = True

    def __init__(self, scale, **options):
        super().__init__(**options)
        self.scale = scale

    def call(self, x, context=None):
        return self.scale * super().call(x, context)


class Doubled(MLP):
    """A network of a user's with the constructor of another."""

    shares_programs = True

    def call(self, x, context=None):
        return 2.0 * super().call(x, context)


def mlp(units=(4,), **options):
    return MLP(units, **{"dtype": "float64"} | options)


def module(net):
    net.build((None, 2))
    return SubModule(net)


def with_dtype(dtype):
    return coupling(mlp(dtype=dtype))


def affine(names=("shift", "log_scale"), cls=TransformerSpec, **options):
    return cls(Affine, dict.fromkeys(names, ()), options)


def checkered(mask):
    net = ConvolutionalNetwork([2], dtype="float64")
    return coupling(net, mask=np.broadcast_to(mask, [2, 2, 2]))


SHARED = {
    "of other dimensions": lambda: coupling(mask=(0, 1, 1)),
    "names and seeds": lambda: coupling(mlp(seed=3, name="other"), name="other"),
    "not trained": lambda: coupling(mlp(trainable=False)),
    "an equal transformer": lambda: coupling(spec=affine(log_scale_bound=3.0)),
}
OWN = {
    "relu": lambda: coupling(mlp(activation="relu")),
    "gelu": lambda: coupling(mlp(activation="gelu")),
    "an approximate gelu": lambda: coupling(mlp(activation=keras.ops.gelu)),
    "float32": lambda: with_dtype("float32"),
    "mixed": lambda: with_dtype("mixed_bfloat16"),
    "no autocast": lambda: coupling(mlp(dtype="mixed_bfloat16", autocast=False)),
    "hidden units": lambda: coupling(mlp([5])),
    "options": lambda: coupling(spec=affine(log_scale_bound=0.1)),
    "order of parameters": lambda: coupling(spec=affine(["log_scale", "shift"])),
    "inverted": lambda: coupling(spec=Affine.spec().invert()),
    "a context": lambda: coupling(mlp(context_size=2), context=CONTEXT),
    "sizes": lambda: coupling(mask=(1, 0, 0)),
    "a user's network": lambda: coupling(Linear(dtype="float64")),
    "a user's argument": lambda: coupling(Linear(2.0, dtype="float64")),
    "an argument passed on": lambda: coupling(
        Scaled(2.0, hidden_units=[4], activation="relu", dtype="float64")
    ),
    "another passed on": lambda: coupling(
        Scaled(2.0, hidden_units=[4], activation="tanh", dtype="float64")
    ),
    "an inherited constructor": lambda: coupling(Doubled([4], dtype="float64")),
    "another layer": autoregressive,
    "its transformer": lambda: autoregressive(spec=Affine.spec().invert()),
    "a checkerboard": lambda: checkered(CHECKERBOARD),
    "the opposite one": lambda: checkered(1 - CHECKERBOARD),
}
NONE = {
    "a lambda": lambda: coupling(mlp(activation=lambda x: 0.5 * x)),
    "a user's class": lambda: coupling(Sub([4], dtype="float64")),
    "a class of a user's that shares": lambda: coupling(SubLinear(dtype="float64")),
    "a user's coupling": lambda: drawn(SubCoupling(mlp(), Affine.spec(), [1, 0, 1])),
    "a user's specification": lambda: coupling(spec=affine(cls=SubSpec)),
    "a user's module": lambda: coupling(module(mlp(output_size=2))),
    "Dense": lambda: coupling(keras.layers.Dense(2, dtype="float64")),
    "Sequential": lambda: coupling(
        keras.Sequential([keras.layers.Dense(2, dtype="float64")])
    ),
    "a function": lambda: coupling(lambda x: tf.concat([x, x], axis=-1)[..., :2]),
    "a regularizer": lambda: coupling(mlp(activity_regularizer="l2")),
    "assertions": lambda: coupling(validate_args=True),
    "a transformer's assertions": lambda: coupling(spec=affine(validate_args=True)),
    "a search": lambda: coupling(spec=CubicSpline.spec(num_bins=3).invert()),
}


def num_added(layer, programs):
    """How many programs it adds, and that its value is its own."""
    before = len(programs)
    is_double = layer.dtype != tf.float32
    x = points(layer, dtype="float64" if is_double else "float32")
    found = evaluated(layer, "inverse", x)
    is_mixed = layer.dtype == tf.float32
    assert_equal(
        found,
        in_graph(evaluated)(layer, "inverse", x),
        **({"rtol": 0.1, "atol": 0.03} if is_mixed else {}),
    )
    return len(programs) - before


def test_what_has_an_equal_structure_shares(programs):
    assert num_added(coupling(), programs) == 1
    for name, make in SHARED.items():
        assert num_added(make(), programs) == 0, name


def test_any_number_of_points_shares_but_apart(programs):
    layer, x = coupling(), tf.ones([4, 3], tf.float64)
    for part in (x, x[:0], x[:1], x[0], tf.stack([x, x])):
        evaluated(layer, "inverse", part)
    assert len(programs) == 1
    with pytest.raises(KeyError), shared_programs.apart():
        for num in (2, 3):
            in_graph(evaluated)(layer, "inverse", x[:num])
        raise KeyError
    assert len(programs) == 3
    in_graph(evaluated)(layer, "inverse", x[:1])
    assert len(programs) == 3
    with shared_programs.apart():
        of_unknown_size(layer, x)
    attributes = [part.function_def.attr for part in programs.values()]
    is_compiled = [part["_XlaMustCompile"].b for part in attributes]
    assert is_compiled == [False, True, True, True]


def test_what_differs_has_a_program_of_its_own(programs):
    num_added(coupling(), programs)
    for name, make in OWN.items():
        assert num_added(make(), programs) == 1, name
        assert num_added(make(), programs) == 0, name


def test_what_is_not_known_has_none(programs):
    for name, make in NONE.items():
        assert num_added(make(), programs) == 0, name
    layer = LAYERS["BlockAutoregressive"](seed=0)
    evaluated(layer, "forward", points(layer))
    assert not programs


def test_the_oldest_programs_make_room(programs, monkeypatch):
    monkeypatch.setattr(shared_programs, "_MOST_PROGRAMS", 2)
    for units in (2, 3, 4, 2):
        assert num_added(coupling(mlp([units])), programs) <= 1
        assert len(programs) <= 2


def test_a_layer_that_is_deleted_is_freed():
    layers = [coupling(seed=seed) for seed in range(2)]
    layers += [autoregressive(seed=seed) for seed in range(2)]
    for layer in layers:
        with_gradients(layer, "inverse", points(layer))
        with_gradients(layer, "forward", points(layer))
    first, *others = map(weakref.ref, layers)
    # TensorFlow keeps the gradient of MADE's substitution, traced with the first one.
    del others[1], layers, layer
    gc.collect()
    assert [part() for part in (first, *others)] == [None, None, None]


# Nothing is stale.


def by_optimizer(layer):
    variables = layer.conditioner.layer.trainable_variables
    keras.optimizers.SGD(0.5).apply(
        [tf.ones(v.shape, v.dtype) for v in variables], variables
    )


def by_set_weights(layer):
    net = layer.conditioner.layer
    net.set_weights([value + 0.5 for value in net.get_weights()])


def by_checkpoint(layer):
    checkpoint = tf.train.Checkpoint(layer=layer)
    other = tf.train.Checkpoint(layer=coupling(seed=7))
    path = other.write("ram://programs/checkpoint")
    checkpoint.read(path).assert_consumed()


def by_activation(layer):
    layer.conditioner.layer.activation = keras.activations.relu


def by_another_weight(layer):
    *_, last = layer.conditioner.layer._flatten_layers()
    last._tracker.unlock()  # As LoRA does.
    last.late = last.add_weight(shape=(1,))
    last._tracker.lock()
    last.late.trainable = False


def by_method(layer):
    net = layer.conditioner.layer
    call = net.call
    net.call = lambda x, context=None: 2.0 * call(x, context)


def by_transformer(layer):
    layer.transformer = affine(log_scale_bound=0.1)


CHANGES = {
    "assign": drawn,
    "optimizer": by_optimizer,
    "set_weights": by_set_weights,
    "checkpoint": by_checkpoint,
    "activation": by_activation,
    "another weight": by_another_weight,
    "method": by_method,
    "transformer": by_transformer,
    "trainable": lambda layer: setattr(layer.conditioner.layer, "trainable", False),
    "deepcopy": copy.deepcopy,
    "pickle": lambda layer: pickle.loads(pickle.dumps(layer)),
    "copy": lambda layer: layer.copy(name="copied"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nothing_is_stale(change):
    layer, other = coupling(seed=3), coupling(seed=4)
    x = points(layer)
    for part in (other, layer):
        with_gradients(part, "inverse", x)
    changed = change(layer) or layer
    if changed is not layer:
        drawn(changed, seed=9)
    for part in (changed, layer, other):
        found = with_gradients(part, "inverse", x)
        assert_equal(found, in_graph()(part, "inverse", x))


def test_an_activation_that_a_built_network_does_not_take_is_not_shared():
    make = lambda activation: coupling(  # noqa: E731
        ConvolutionalNetwork([4], activation=activation, dtype="float64"), mask=CHANNELS
    )
    layer, other = make("relu"), make("tanh")
    layer.conditioner.layer.activation = other.conditioner.layer.activation
    for part in (layer, other):
        found = evaluated(part, "inverse", points(part))
        assert_equal(found, in_graph(evaluated)(part, "inverse", points(part)))


def test_the_options_of_a_transformer_may_be_changed_afterwards():
    options = {"log_scale_bound": 3.0}
    specs = []
    for bound in (3.0, 0.1):
        options["log_scale_bound"] = bound
        specs.append(TransformerSpec(Affine, {"shift": (), "log_scale": ()}, options))
    for spec, bound in zip(specs, (3.0, 0.1), strict=True):
        x = tf.ones([1, 3], tf.float64)
        found = evaluated(coupling(spec=spec), "inverse", x)
        expected = coupling(spec=affine(log_scale_bound=bound))
        assert_equal(found, in_graph(evaluated)(expected, "inverse", x))


# TensorFlow's transformations.


def second_derivatives(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = with_gradients(layer, "inverse", x)
        total = sum(tf.reduce_sum(part**2) for part in found)
    return tape.gradient(total, [x, *layer.trainable_variables])


def jacobians(layer, x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        image, log_det = evaluated(layer, "inverse", x)
    return [
        tape.jacobian(log_det, layer.trainable_variables),
        tape.batch_jacobian(image, x),
        tape.gradient(image, x),
        tape.jacobian(image, x, experimental_use_pfor=False),
    ]


def vectorized(layer, x):
    rows = tf.stack([x, x + 1.0])
    return tf.vectorized_map(lambda part: with_gradients(layer, "inverse", part), rows)


def vectorized_weights(layer, x):
    def scaled(factor):
        with tf.GradientTape() as tape:
            image, log_det = evaluated(layer, "inverse", x)
            total = factor * tf.reduce_sum(image**2) + tf.reduce_sum(log_det)
        return tape.gradient(total, layer.trainable_variables)

    return tf.vectorized_map(scaled, tf.constant([1.0, 2.0], x.dtype))


def mapped(layer, x):
    return tf.map_fn(lambda part: evaluated(layer, "inverse", part)[0], x[:, None])


def looped(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        _, y = tf.while_loop(
            lambda i, _: i < 3,
            lambda i, y: (i + 1, evaluated(layer, "inverse", y)[0]),
            (0, x),
            maximum_iterations=3,
        )
    return [y, *tape.gradient(y, [x, *layer.trainable_variables])]


def forward_mode(layer, x):
    primals = [x, *layer.trainable_variables]
    tangents = [tf.ones(part.shape, part.dtype) for part in primals]
    with tf.autodiff.ForwardAccumulator(primals, tangents) as accumulator:
        found = with_gradients(layer, "inverse", x)
    return accumulator.jvp(found)


def recomputed(layer, x):
    function = tf.recompute_grad(lambda part: evaluated(layer, "inverse", part)[0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return [y, *tape.gradient(y, [x, *layer.trainable_variables])]


def shapes(layer, x):
    batches = [x[:0], x[:1], x[0], tf.stack([x, 2.0 * x])]
    return [evaluated(layer, d, y) for y in batches for d in ("inverse", "forward")]


def compiled(layer, x):
    function = lambda: with_gradients(layer, "inverse", x)  # noqa: E731
    return tf.function(function, autograph=False, jit_compile=True)()


def of_unknown_size(layer, x):
    spec = tf.TensorSpec([None, 3], x.dtype)
    function = tf.function(
        lambda part: with_gradients(layer, "inverse", part),
        input_signature=[spec],
        autograph=False,
    )
    return [function(x[:num]) for num in (0, 1, 4)]


OF_COUPLINGS = (
    second_derivatives,
    jacobians,
    vectorized,
    mapped,
    looped,
    forward_mode,
    recomputed,
    shapes,
    compiled,
    of_unknown_size,
)
OF_AUTOREGRESSIVE = (second_derivatives, jacobians, shapes)


@pytest.mark.parametrize(
    ("make", "transformation"),
    [(coupling, part) for part in OF_COUPLINGS]
    + [(autoregressive, part) for part in OF_AUTOREGRESSIVE],
)
def test_transformations(make, transformation, monkeypatch):
    layer = make()
    x = points(layer)
    found = transformation(layer, x)
    monkeypatch.setattr(shared_programs, "common_structure", lambda *_, **__: None)
    assert_equal(found, transformation(layer, x))


@pytest.mark.parametrize(
    "transformation",
    [second_derivatives, jacobians, looped, vectorized_weights, compiled],
)
def test_transformations_in_a_graph_apart(transformation, programs):
    layer = coupling()
    x = points(layer)
    expected = in_graph(transformation)(layer, x)
    with shared_programs.apart():
        found = in_graph(transformation)(layer, x)
    assert len(programs) == 1
    assert_equal(found, expected)


@pytest.mark.parametrize("of", ["eagerly", "in a graph"])
def test_a_second_derivative_of_a_substitution_is_refused(of):
    layer = autoregressive()
    x = points(layer)

    def second():
        with tf.GradientTape() as tape:
            tape.watch(x)
            gradient = with_gradients(layer, "forward", x)[2]
        return tape.gradient(gradient, x)

    with pytest.raises(LookupError, match="second derivative"):
        second() if of == "eagerly" else tf.function(second, autograph=False)()


def test_tapes_watch_a_layers_own_weights():
    coupling(seed=1).inverse(tf.ones([4, 3], tf.float64))
    layer = coupling()
    first, *others = layer.trainable_variables
    with tf.GradientTape() as tape:
        layer.inverse(points(layer))
    watched = {id(variable) for variable in tape.watched_variables()}
    assert watched == {id(variable) for variable in (first, *others)}
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(first)
        y = layer.inverse(points(layer))
    gradients = tape.gradient(y, [first, *others])
    assert [part is None for part in gradients] == [False] + [True] * len(others)


def test_threads():
    layers = [
        make(seed=seed) for make in (coupling, autoregressive) for seed in range(4)
    ]
    expected = [in_graph()(layer, "inverse", points(layer)) for layer in layers]
    found, barrier = [None] * len(layers), threading.Barrier(len(layers))

    def work(index):
        barrier.wait()
        layer = layers[index]
        found[index] = with_gradients(layer, "inverse", points(layer))

    threads = [threading.Thread(target=work, args=[i]) for i in range(len(layers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_equal(found, expected)


# Keras, strategies and files.


@contextlib.contextmanager
def functions_run_eagerly():
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


AMBIENT = {
    "a stateless scope": keras.StatelessScope,
    "autocast": lambda: AutocastScope("float64"),
    "a symbolic scope": lambda: keras.src.backend.common.symbolic_scope.SymbolicScope(),
    "functions run eagerly": functions_run_eagerly,
    "mirrored": lambda: tf.distribute.MirroredStrategy(["CPU:0"]).scope(),
    "one device": lambda: tf.distribute.OneDeviceStrategy("CPU:0").scope(),
    "a device": lambda: tf.device("CPU:0"),
    "rematerialized": lambda: keras.RematScope("full"),
}


@pytest.mark.parametrize("scope", AMBIENT.values(), ids=AMBIENT)
def test_ambient_scopes(scope):
    layer, other = coupling(), coupling(seed=1)
    x = points(layer)
    expected = in_graph()(layer, "inverse", x)
    with scope():
        found = with_gradients(layer, "inverse", x)
    assert_equal(found, expected)
    # What was traced within is right outside, too.
    expected = in_graph()(other, "inverse", x)
    assert_equal(with_gradients(other, "inverse", x), expected)


def test_strategies_have_no_programs(programs):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        layer = coupling()
        found = evaluated(layer, "inverse", points(layer))
    assert not programs
    assert_equal(found, evaluated(layer, "inverse", points(layer)))


def test_weights_of_a_stateless_scope():
    layer, other = coupling(), coupling(seed=1)
    x = points(layer)
    layer.inverse(x)
    weights = zip(
        layer.conditioner.layer.variables, other.trainable_variables, strict=True
    )
    state = [(weight, tf.convert_to_tensor(value)) for weight, value in weights]
    with keras.StatelessScope(state_mapping=state):
        found = evaluated(layer, "inverse", x)
    assert_equal(found, evaluated(other, "inverse", x))


class Model(keras.Model):
    """A Keras model of a user's, with a layer that it does not train."""

    def __init__(self, layer):
        super().__init__()
        self.dense, self.layer = keras.layers.Dense(3), [lambda: layer]

    def call(self, x):
        return evaluated(self.layer[0](), "inverse", self.dense(x))[0]


@pytest.mark.parametrize("is_eager", [False, True])
def test_a_step_of_a_keras_model(is_eager):
    x = np.zeros([4, 3], np.float32)

    def fit(layer):
        model = Model(layer)
        model.compile("sgd", "mse", run_eagerly=is_eager)
        model.fit(x, x, verbose=0)

    fit(coupling(lambda x: x))  # It has no variables.
    layer = coupling(mlp(dtype="float32"))
    layer.inverse(x)  # With a program that there is.
    with pytest.raises(ValueError, match="would not train"):
        fit(layer)


@pytest.mark.parametrize("scope", [contextlib.nullcontext, shared_programs.apart])
def test_a_saved_model(scope, tmp_path):
    layer = coupling()
    module = tf.Module()
    module.layer = layer
    spec = tf.TensorSpec([None, 3], tf.float64)
    module.inverse = tf.function(layer.inverse, input_signature=[spec])
    with scope():
        tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert_equal(loaded.inverse(points(layer)), layer.inverse(points(layer)))
