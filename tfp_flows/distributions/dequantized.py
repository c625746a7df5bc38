"""A flow of discrete data."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.checks import checked_count
from tfp_flows.data_paths import DataPath, data_paths
from tfp_flows.distributions import dequantized_checks as checks
from tfp_flows.distributions import noise as noise_of
from tfp_flows.distributions.family import Family
from tfp_flows.distributions.random_state import as_state, as_stateless, next_seed
from tfp_flows.math.integers import IntegerRange
from tfp_flows.stages import Part, parts


class Dequantized(tfd.Distribution):
    """Integers from low to high, as a flow of what noise makes of them.

    Model: P(x) = ∫ p(x + u) du over u in the unit cube, where p is a density. With
    y = (x − low + u)/(high − low + 1) in [0, 1], the flow is one of
    logit(α + (1 − 2α)·y), whose log-determinant is counted; without an α, of
    √12·(y − ½), which has mean 0 and variance 1 where y is uniform.

    ``log_prob(x)``, in nats, is log p(x + u) − log q(u | x) for one draw of the noise
    u, whose expectation is a lower bound of log P(x). ``log_prob(x, num_samples=k)`` is
    the logarithm of the mean of k such weights, a bound that gets tighter as k grows.
    Numbers that are none of the integers have the log-probability −∞; eagerly they are
    an error.

    **Noise** is uniform, log q = 0; or a flow's, whose context is x: u = Φ(v), where v
    is a sample of that flow and Φ the normal distribution function. A flow at its
    start, a standard normal, is uniform noise. Trained along, it makes the bound
    tighter.

    **Random numbers** come from a state, a ``tf.Variable`` that each call without a
    ``seed`` advances, ``evaluate`` and ``predict`` of a model among them. It is saved
    with weights, and copies share it. An integer for a seed gives the same numbers at
    each call. Under a strategy each replica draws noise of its own.

    **Samples** are those of the flow, rounded down, and clipped to the range. What the
    flow has beyond the range goes to the outermost integers so, but counts for nothing
    in `log_prob`: the P(x) sum to a little less than 1, and to 1 with α = 0, where
    nothing is beyond.

    Cost: that of the flow at k points, and of the noise.

    Args:
        flow: a ``tfd.Distribution`` of numbers, most often a
            ``tfd.TransformedDistribution``. For a conditional one the order is
            ``Family(Dequantized(conditional.distribution, …))``.
        low: the smallest integer, or one for each number of an event.
        high: the largest, likewise.
        noise: a `Family` of the flow's event shape and dtype, with a
            ``context_size`` of D, the count of numbers in an event: x flattened, and
            scaled to [−1, 1]. ``None`` for uniform noise.
        alpha: α, from 0 up to but not including ½, which keeps the logit finite;
            ``None`` for no logit.
        num_samples: k, where `log_prob` is not told.
        seed: an integer; ``None`` for one of Python's generator.
        validate_args: as in TFP; checks values in graphs, too, but not under XLA, which
            has no assertions.
        allow_nan_stats: as in TFP.
        name: as in TFP.

    Raises:
        TypeError: a flow that is no distribution, or is conditional or discrete; noise
            that is no `Family`; limits or α that are no numbers; another
            dtype of the noise.
        ValueError: limits that are not integers, not in order, of another shape than
            events, or too large for the flow's dtype; another α; k < 1; noise of
            another event shape or context size; values to `log_prob` of another shape
            or not among the integers.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.real_nvp(2, num_layers=2, seed=0)
    >>> discrete = tfp_flows.distributions.Dequantized(flow, low=0, high=9, seed=0)
    >>> discrete.log_prob([[3, 9]], num_samples=64, seed=1).shape
    TensorShape([1])
    >>> discrete.sample(3, seed=[0, 1]).numpy() % 1
    array([[0., 0.], [0., 0.], [0., 0.]], dtype=float32)

    Papers: Uria, Murray and Larochelle (2013), RNADE: The real-valued neural
    autoregressive density-estimator; Theis, van den Oord and Bethge (2016), A note on
    the evaluation of generative models; Ho et al. (2019), Flow++: Improving flow-based
    generative models with variational dequantization and architecture design; Burda,
    Grosse and Salakhutdinov (2016), Importance weighted autoencoders.
    """

    def __init__(
        self,
        flow: tfd.Distribution,
        low=0,
        high=255,
        noise: Family | None = None,
        alpha: float | None = 0.05,
        num_samples: int = 1,
        seed: int | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "dequantized",
    ):
        parameters = dict(locals())
        self._where = f"Dequantized {name!r}"
        checks.check_flow(flow, self._where)
        self._flow = flow
        self._integers = checks.checked_range(low, high, flow, self._where)
        if noise is not None:
            checks.check_noise(noise, flow, self._where)
        self._noise = noise
        self._link = checks.make_link(
            self._integers.count, alpha, flow.dtype, self._where
        )
        self._num_samples = checked_count(num_samples, f"{self._where}: num_samples")
        # So that a copy gets the state and shares it.
        parameters["seed"] = self._state = as_state(seed, self._where)
        super().__init__(
            dtype=flow.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {"flow": tfp.util.BatchedComponentProperties()}

    @property
    def flow(self) -> tfd.Distribution:
        """Of the points that noise makes of integers."""
        return self._flow

    @property
    def noise(self) -> Family | None:
        """The flow of the noise; ``None`` if it is uniform."""
        return self._noise

    @property
    def integers(self) -> IntegerRange:
        """The values that there are."""
        return self._integers

    def parts(self) -> list[Part]:
        """The flow's parts, the noise as one, and this distribution itself."""
        noise = [] if self._noise is None else [Part(self._noise.name, self._noise)]
        return [*parts(self._flow), *noise, Part(self.name, self)]

    def data_paths(self) -> list[DataPath]:
        """Those of the noise, which see uniform noise, and then those of the flow.

        The noise is drawn by the batch's number, so that all layers see the same draw.
        """

        def continuous(number, x, context):
            return self.continuous(x, [0, number]), context

        def noise(number, x, context):
            return self.uniform_noise(x, [1, number])

        paths = [path.after(continuous) for path in data_paths(self._flow)]
        if self._noise is None:
            return paths
        return [*(path.after(noise) for path in data_paths(self._noise)), *paths]

    def _event_shape(self):
        return self._flow.event_shape

    def _event_shape_tensor(self):
        return self._flow.event_shape_tensor()

    def _log_prob(self, x, num_samples=None, seed=None):
        k = self._num_samples
        if num_samples is not None:
            k = checked_count(num_samples, f"{self._where}.log_prob: num_samples")
        x = self._checked(x)
        points, log_weight = self._draw(x, [] if k == 1 else [k], seed)
        bound = self._flow.log_prob(points) + log_weight
        if k > 1:
            bound = tf.reduce_logsumexp(bound, axis=0) - math.log(k)
        known = self._integers.contains(x)
        known = tf.reduce_all(known, axis=noise_of.last_axes(self.event_shape))
        return tf.where(known, bound, tf.constant(-np.inf, bound.dtype))

    def _draw(self, x, shape, seed):
        """Points of the flow, and what its log-density lacks of log p(x + u)/q(u | x).

        Of the shape ``[*shape, *x.shape]``.
        """
        seed = self._seed(seed)
        if self._noise is None:
            u, log_q = noise_of.uniform(shape, x, seed), 0.0
        else:
            given = self._noise(self._context(x))
            u, log_q = noise_of.of_flow(given, shape, seed)
        inside = noise_of.add_within(x - self._low(), u, self._integers.count)
        points = self._link.inverse(inside)
        log_det = self._link.inverse_log_det_jacobian(inside, self.event_shape.rank)
        return points, log_det - log_q

    def continuous(self, x, seed=None) -> tf.Tensor:
        """Points of the flow for integers ``[…, *event_shape]``, one draw of each."""
        return self._draw(self._checked(x), [], seed)[0]

    def uniform_noise(self, x, seed=None) -> tuple[tf.Tensor, tf.Tensor]:
        """What the flow of the noise gives where the noise is uniform, and its context.

        It is standard normal, whatever x is.
        """
        x = self._checked(x)
        return noise_of.normal(x, self._seed(seed)), self._context(x)

    def _checked(self, x) -> tf.Tensor:
        x = checks.checked_values(
            x, self._integers, self._flow, self.validate_args, self._where
        )
        return noise_of.broadcast(x, self._flow)

    def _context(self, x) -> tf.Tensor:
        return noise_of.as_context(x, self._integers, self.event_shape)

    def _seed(self, seed) -> tf.Tensor:
        return (
            next_seed(self._state) if seed is None else as_stateless(seed, self._where)
        )

    def _low(self) -> tf.Tensor:
        return tf.cast(self._integers.low, self.dtype)

    def _sample_n(self, n, seed=None):
        last = tf.cast(self._integers.count - 1.0, self.dtype)
        inside = tf.floor(self._link.forward(self._flow.sample(n, seed=seed)))
        return self._low() + tf.clip_by_value(inside, 0.0, last)

    def _default_event_space_bijector(self):
        return None
