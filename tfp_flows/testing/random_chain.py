"""Random compositions of bijectors, for a search for faults that nobody thought of."""

import dataclasses
import inspect
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors, conditioners
from tfp_flows.bijectors.elementwise.elementwise import Elementwise
from tfp_flows.testing import batches, contract, mathematics
from tfp_flows.testing.case import Case, flat
from tfp_flows.testing.examples import EXAMPLES
from tfp_flows.testing.flow_examples import FLOW_EXAMPLES

# A composition that multiplies roundings by more is drawn anew.
_MOST_AMPLIFICATION = {"float32": 1e3, "float64": 1e8}
# Maps onto a part of ℝᴰ, which have no inverse elsewhere.
_NOT_ONTO = {"Bound"}
# A search for roots among fifty kernels, which start from data.
_SLOW = {"KernelGaussianization"}
_ROWS = 4
# Of transformers.
_SMALL = {"num_bins": 3, "num_components": 2, "degree": 3, "num_units": 2}


@dataclasses.dataclass(frozen=True)
class RandomChain:
    """A random composition of bijectors, with points to try it on.

    Args:
        seed: what it was drawn by.
        bijector: the composition, of vectors.
        x: points ``[4, D]`` for ``forward``.
        dtype: the name of the dtype.
        recipe: how it is composed, to read in a failure.
        amplification: by how much the composition may multiply the roundings of its
            parts, beyond what its own Jacobian tells.
    """

    seed: int
    bijector: tfb.Bijector
    x: np.ndarray
    dtype: str
    recipe: str
    amplification: float

    def check(self, *, jit_compile: bool = False) -> None:
        """Checks the composition by what `assert_bijector_conforms` checks.

        Each: both round trips, the log-determinants against the Jacobian, and a
        ``tf.function`` beside eager execution. And by the seed one of: batches of other
        ranks; freshness and a row of NaN; all gradients.

        Args:
            jit_compile: whether to check under XLA, too, which takes some seconds.

        Raises:
            AssertionError: names the check that failed, the seed and the recipe.
        """
        where = f"random_chain({self.seed}), {self.recipe}"
        case = Case(self.bijector, self.x, self.dtype, where)
        case.rounding *= self.amplification
        mathematics.check_round_trip(case)
        mathematics.check_log_det(case)
        contract.check_graph(case, jit_compile=False)
        if jit_compile:
            contract.check_graph(case, jit_compile=True)
        if self.seed % 3 == 0:
            batches.check_batch_ranks(case)
        elif self.seed % 3 == 1:
            batches.check_one_bad_row(case)
            contract.check_freshness(case)
        else:
            mathematics.check_gradients(case)


def random_chain(seed: int) -> RandomChain:
    """Draws a composition of this package's and TFP's bijectors, for a test to check.

    Its parts are the examples of all bijectors and ready-made flows, couplings and
    autoregressive layers of any transformer, and bijectors of TFP; they are put into
    chains (this package's and TFP's), side by side (``tfb.Blockwise``), inverted, given
    batches of parameters, all to a random depth. Weights are moved at random. The
    dtype is float32 or float64.

    Args:
        seed: an integer. Equal seeds give equal compositions.

    Returns:
        A `RandomChain`, whose ``check()`` raises where the composition is wrong.

    >>> from tfp_flows.testing import random_chain
    >>> random_chain(3).check()
    """
    for attempt in range(100):
        chain = _draw(seed, attempt)
        if chain.amplification <= _MOST_AMPLIFICATION[chain.dtype]:
            return chain
    raise RuntimeError(f"No composition of seed {seed} is well conditioned.")


def _draw(seed: int, attempt: int) -> RandomChain:
    rng = np.random.default_rng([seed, attempt])
    dtype = str(rng.choice(["float32", "float64"]))
    event_size = int(rng.choice([1, 2, 2, 3, 3, 4, 5]))
    parts = [
        _part(rng, event_size, dtype, int(rng.integers(3)))
        for _ in range(rng.integers(1, 3))
    ]
    x = rng.normal(size=[_ROWS, event_size])
    for part in parts:
        for variable in part.bijector.trainable_variables:
            move = rng.normal(scale=0.3, size=variable.shape)
            variable.assign_add(tf.cast(move, variable.dtype))
    chain, recipe = _chained(rng, parts)
    return RandomChain(seed, chain, x, dtype, recipe, _amplification(parts, x, dtype))


@dataclasses.dataclass(frozen=True)
class _Part:
    bijector: tfb.Bijector
    recipe: str
    is_onto: bool = True


def _part(rng, event_size: int, dtype: str, depth: int) -> _Part:
    """A part of a composition, which holds others up to ``depth`` deep."""
    kinds: list[Callable] = [_example, _tfp, _flow, _autoregressive]
    if event_size > 1:
        kinds.append(_coupling)
    if depth:
        kinds += [_chain, _inverted, _beside] if event_size > 1 else [_chain, _inverted]
    while True:
        part = kinds[rng.integers(len(kinds))](rng, event_size, dtype, depth - 1)
        if part is not None:
            return part


def _choice(rng, values):
    values = list(values)
    return values[rng.integers(len(values))] if values else None


def _example(rng, event_size, dtype, _):
    """An example of a bijector, of events of any shape of this size."""
    name = _choice(
        rng,
        (
            name
            for name, example in EXAMPLES.items()
            if np.prod(example.event_shape) == event_size
        ),
    )
    if name is None:
        return None
    bijector = EXAMPLES[name].make(dtype)
    if rng.integers(3) == 0:
        bijector = _with_batch_of_parameters(bijector, dtype)
    shape = list(EXAMPLES[name].event_shape)
    if len(shape) > 1:
        bijector = tfb.Chain(
            [
                tfb.Reshape([event_size], shape),
                bijector,
                tfb.Reshape(shape, [event_size]),
            ]
        )
    return _Part(bijector, name, name not in _NOT_ONTO)


def _with_batch_of_parameters(bijector, dtype):
    """The bijector with parameters ``[1, …]``, if it has any."""
    if not isinstance(bijector, Elementwise):
        return bijector
    properties = type(bijector).parameter_properties(tf.as_dtype(dtype))
    values = {
        name: tf.convert_to_tensor(bijector.parameters[name])[tf.newaxis]
        for name, p in properties.items()
        if p.is_tensor and bijector.parameters.get(name) is not None
    }
    return bijector.copy(**values) if values else bijector


def _tfp(rng, event_size, dtype, _):
    """A bijector of TFP's own."""
    size = [event_size]
    kinds = {
        "tfb.Shift": lambda: tfb.Shift(tf.constant(rng.normal(size=size), dtype)),
        "tfb.Scale": lambda: tfb.Scale(
            tf.Variable(rng.uniform(0.5, 2.0, size), dtype=dtype)
        ),
        "tfb.SinhArcsinh": lambda: tfb.SinhArcsinh(tf.constant(0.2, dtype)),
        "tfb.Softplus": tfb.Softplus,
        "tfb.Permute": lambda: tfb.Permute(rng.permutation(event_size)),
        "tfb.ScaleMatvecTriL": lambda: tfb.ScaleMatvecTriL(
            tf.constant(np.tril(rng.normal(size=size * 2), -1) + np.eye(*size), dtype)
        ),
    }
    name = _choice(rng, kinds)
    return _Part(kinds[name](), name, name != "tfb.Softplus")


def _flow(rng, event_size, dtype, _):
    """The bijector of a ready-made flow of vectors."""
    name = _choice(
        rng,
        (
            name
            for name, example in FLOW_EXAMPLES.items()
            if not example.is_of_images and example.smallest <= event_size
        ),
    )
    flow = FLOW_EXAMPLES[name].make(
        event_size, dtype=dtype, seed=int(rng.integers(100))
    )
    return _Part(flow.bijector, f"flows.{name}")


def _transformer(rng):
    name = _choice(
        rng,
        (
            name
            for name in EXAMPLES
            if issubclass(getattr(bijectors, name), Elementwise)
            and name not in _NOT_ONTO | _SLOW
        ),
    )
    cls = getattr(bijectors, name)
    known = inspect.signature(cls.spec).parameters
    return name, cls.spec(**{k: v for k, v in _SMALL.items() if k in known})


def _coupling(rng, event_size, dtype, _):
    name, spec = _transformer(rng)
    mask = rng.permutation(np.arange(event_size) < rng.integers(1, event_size))
    network = conditioners.MLP(
        [4], activation="tanh", seed=int(rng.integers(100)), dtype=dtype
    )
    bijector = bijectors.Coupling(network, spec, mask=mask)
    return _Part(bijector, f"Coupling({name}, {mask.astype(int)})")


def _autoregressive(rng, event_size, dtype, _):
    name, spec = _transformer(rng)
    order = [int(i) for i in rng.permutation(event_size)]
    network = conditioners.MADE(
        event_size,
        [max(4, event_size)],
        order=order,
        seed=int(rng.integers(100)),
        activation="tanh",
        dtype=dtype,
    )
    bijector = bijectors.Autoregressive(network, spec)
    return _Part(bijector, f"Autoregressive({name}, {order})")


def _chained(rng, parts) -> tuple[tfb.Bijector, str]:
    """Parts in the order of application, in a chain of this package or of TFP."""
    kind, name = _choice(rng, [(bijectors.Chain, "Chain"), (tfb.Chain, "tfb.Chain")])
    recipe = f"{name}[{', '.join(part.recipe for part in parts[::-1])}]"
    return kind([part.bijector for part in parts[::-1]]), recipe


def _chain(rng, event_size, dtype, depth):
    parts = [_part(rng, event_size, dtype, depth) for _ in range(2)]
    bijector, recipe = _chained(rng, parts)
    return _Part(bijector, recipe, all(part.is_onto for part in parts))


def _inverted(rng, event_size, dtype, depth):
    part = _part(rng, event_size, dtype, depth)
    if not part.is_onto:
        return part
    kind, name = _choice(
        rng, [(bijectors.Invert, "Invert"), (tfb.Invert, "tfb.Invert")]
    )
    return _Part(kind(part.bijector), f"{name}({part.recipe})")


def _beside(rng, event_size, dtype, depth):
    first = int(rng.integers(1, event_size))
    sizes = [first, event_size - first]
    parts = [_part(rng, size, dtype, depth) for size in sizes]
    bijector = tfb.Blockwise([part.bijector for part in parts], sizes)
    recipe = f"Blockwise({parts[0].recipe} | {parts[1].recipe})"
    return _Part(bijector, recipe, all(part.is_onto for part in parts))


def _amplification(parts, x, dtype) -> float:
    """Bound what roundings between parts do that the Jacobian of the whole hides.

    The sum over the parts of κ(those before) κ(those from it on), over κ of the whole.
    """
    h, jacobians = x, []
    for part in parts:
        case = Case(part.bijector, h, dtype)
        jacobians.append(case.jacobian_at_x)
        h = case.forward(case.x)
        if not np.isfinite(jacobians[-1]).all() or not np.isfinite(h).all():
            return np.inf
    before = [np.broadcast_to(np.eye(flat(x).shape[1]), jacobians[0].shape)]
    for jacobian in jacobians:
        before.append(jacobian @ before[-1])
    whole = before[-1]
    total = 0.0
    for each in before:
        if np.linalg.cond(each).max() > 1e8:
            return np.inf
        rest = whole @ np.linalg.inv(each)
        total = total + np.linalg.cond(each) * np.linalg.cond(rest)
    return float(np.max(total / np.linalg.cond(whole)) + np.linalg.cond(whole).max())
