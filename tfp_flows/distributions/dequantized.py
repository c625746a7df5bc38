"""A flow of discrete data."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.data_paths import DataPath, data_paths
from tfp_flows.distributions import dequantized_checks as checks
from tfp_flows.distributions import noise as noise_of
from tfp_flows.distributions.family import Family
from tfp_flows.distributions.flow import Flow
from tfp_flows.distributions.lower_bound import LowerBound
from tfp_flows.math.integers import IntegerRange
from tfp_flows.random_state import Seed
from tfp_flows.stages import Part, parts


class Dequantized(LowerBound):
    """Integers from low to high, described by a flow of integers plus noise.

    Model: P(x) = ∫ p(x + u) du over u in the unit cube, where p is a density. With
    y = (x − low + u)/(high − low + 1) in [0, 1], the flow is one of
    logit(α + (1 − 2α)·y), whose log-determinant is counted; without an α, of
    √12·(y − ½), which has mean 0 and variance 1 where y is uniform.

    ``log_prob(x, num_samples=k)`` is a `LowerBound` of log P(x), in nats: the logarithm
    of the mean of p(x + u)/q(u | x) over k draws of the noise u, which come from a
    state of random numbers. Numbers that are none of the integers have the
    log-probability −∞; eagerly they are an error.

    **Noise** is uniform, log q = 0; or a flow's, whose context is x: u = Φ(v), where v
    is a sample of that flow and Φ the normal distribution function. A flow at its
    start, a standard normal, is uniform noise. Trained along, it makes the bound
    tighter.

    **Samples** are those of the flow, rounded down, and clipped to the range. The
    flow's mass beyond the range so goes to the outermost integers, but counts for
    nothing in `log_prob`: the P(x) sum to a little less than 1, and to 1 with α = 0,
    where no mass is beyond.

    Cost: that of the flow at k points, and of the noise.

    Args:
        flow: a ``tfd.Distribution`` of numbers, most often a `Flow`, which one of
            TFP's class for flows becomes. For a conditional one the order is
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
        low: Any = 0,
        high: Any = 255,
        noise: Family | None = None,
        alpha: float | None = 0.05,
        num_samples: int = 1,
        seed: Seed = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "dequantized",
    ):
        parameters = dict(locals())
        where = f"Dequantized {name!r}"
        checks.check_flow(flow, where)
        if isinstance(flow, Dequantized):
            raise TypeError(
                f"{where}: the flow {flow.name!r} is one of integers already."
            )
        if noise is not None:
            checks.check_noise(noise, flow, where)
        # Without TFP's cache, whatever class the flow was made of.
        self._flow = parameters["flow"] = Flow.wrap(flow)
        self._noise = noise
        self._integers = checks.checked_range(low, high, flow, where)
        self._scaling = checks.make_scaling(
            self._integers.count, alpha, flow.dtype, where
        )
        super().__init__(parameters, dtype=flow.dtype)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {"flow": tfp.util.BatchedComponentProperties()}

    @property
    def flow(self) -> tfd.Distribution:
        """The density of the points that noise makes of integers.

        If it is of TFP's class for flows, a `Flow` of the same parts.
        """
        return self._flow

    @property
    def noise(self) -> Family | None:
        """The flow of the noise; ``None`` if it is uniform."""
        return self._noise

    @property
    def integers(self) -> IntegerRange:
        """The integers from low to high."""
        return self._integers

    def continuous(self, x: Any, seed: Any = None) -> tf.Tensor:
        """Draw a point of the flow for each of the integers ``[..., *event_shape]``."""
        return self._draw(self._checked(x), [], self._stateless(seed))[0]

    def uniform_noise(self, x: Any, seed: Any = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw points of the noise's flow that make uniform noise, and their contexts.

        The points are standard normal, whatever x is.
        """
        x = self._checked(x)
        return noise_of.normal(x, self._stateless(seed)), self._context(x)

    def parts(self) -> list[Part]:
        """The flow's parts, the noise as one, and this distribution itself."""
        noise = [] if self._noise is None else [Part(self._noise.name, self._noise)]
        return [*parts(self._flow), *noise, Part(self.name, self)]

    def data_paths(self) -> list[DataPath]:
        """The paths of the noise, which see uniform noise, and then those of the flow.

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
        x = self._checked(x)
        bound = super()._log_prob(x, num_samples, seed)
        axes = noise_of.event_axes(self.event_shape)
        is_known = tf.reduce_all(self._integers.contains(x), axis=axes)
        return tf.where(is_known, bound, tf.constant(-np.inf, bound.dtype))

    def _log_weight(self, x, sample_shape, seed):
        points, log_factor = self._draw(x, sample_shape, seed)
        return self._flow.log_prob(points) + log_factor

    def _draw(self, x, sample_shape, seed) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw points of the flow; log-weights are their log-densities plus a term."""
        if self._noise is None:
            u, log_q = noise_of.uniform(sample_shape, x, seed), 0.0
        else:
            conditioned = self._noise(self._context(x))
            u, log_q = noise_of.flow_noise(conditioned, sample_shape, seed)
        inside = noise_of.add_within(x - self._low(), u, self._integers.count)
        points = self._scaling.inverse(inside)
        rank = self.event_shape.rank
        return points, self._scaling.inverse_log_det_jacobian(inside, rank) - log_q

    def _checked(self, x) -> tf.Tensor:
        x = checks.checked_values(
            x, self._integers, self._flow, self.validate_args, self._where
        )
        return noise_of.broadcast(x, self._flow)

    def _context(self, x) -> tf.Tensor:
        return noise_of.as_context(x, self._integers, self.event_shape)

    def _low(self) -> tf.Tensor:
        return tf.cast(self._integers.low, self.dtype)

    def _sample_n(self, n, seed=None):
        last = tf.cast(self._integers.count - 1.0, self.dtype)
        inside = tf.floor(self._scaling.forward(self._flow.sample(n, seed=seed)))
        return self._low() + tf.clip_by_value(inside, 0.0, last)

    def _default_event_space_bijector(self):
        return None
