"""The integral of a positive network."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.elementwise.monotone import MonotoneOnInterval, column
from tfp_flows.bijectors.elementwise.transformer_spec import TransformerSpec
from tfp_flows.checks import checked_count
from tfp_flows.math import choose_bin, gauss_legendre

# The slope of log g on [−1, 1] for each panel: a steeper integrand needs more of them.
_STEEPEST_A_PANEL = 4.0
_BOUND = 5.0


class IntegralNetwork(MonotoneOnInterval):
    """The integral of a positive network of one number, predicted for each dimension.

    Inverse (data → base), with y mapped from [low, high] to t in [−1, 1]:
    z = c + ∫₀ᵗ g, with log g(t) = 5·tanh(n(t)/5) and the network
    n(t) = l + Σⱼ vⱼtanh(aⱼ(t − bⱼ)), a > 0. The integral is computed by panels, with a
    Gauss–Legendre rule of a few points in each. Beyond the interval, where no
    quadrature of fixed size stays increasing, it goes on as its tangent.

    Forward (base → data): the root y of z(y) = z, by a guarded Newton search.

    Log-determinant: the logarithm of the slope of the quadrature, as it is computed,
    for each dimension in ``inverse``; that is nearly log g(t).

    Cost: with P panels of Q points O(JPQ) a dimension in ``inverse``, the direction of
    maximum likelihood; in ``forward`` a few times that, for the search
    does not compute the full panels' integrals anew.

    The slope of n is bounded (v shrinks where Σⱼ |vⱼaⱼ| is large), so that log g
    changes by at most 4 within a panel, which the rule follows; more panels allow
    steeper maps. (In the paper one network g is shared by all dimensions and sees an
    embedding. Here it is small, and predicted as a whole: any conditioner serves.)

    Args:
        slopes: ``[..., D, J]``: a is 4·exp(1.5·tanh(slopes)).
        centers: ``[..., D, J]``, added to fixed values of b, evenly within [−1, 1].
        weights: v, ``[..., D, J]``. With zeros g is constant.
        bias: l, ``[..., D]``.
        shift: c, ``[..., D]``. With zeros the map is the identity.
        low: the lower end of the interval.
        high: the upper end.
        num_panels: P, an even number.
        num_points: Q, of the rule in each panel, 3 or more.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parameters whose lengths do not fit each other; an interval that is
            empty or reversed; fewer than 3 points, or an odd number of panels.
        TypeError: dtypes that differ or are not floating; counts that are no integers.

    >>> import tensorflow as tf, tfp_flows
    >>> network = tfp_flows.bijectors.IntegralNetwork.trainable(1, num_units=4)
    >>> y = network.forward([[0.0], [100.0]])
    >>> network.inverse(tf.identity(y)).numpy().round(3) + 0.0
    array([[  0.],
           [100.]], dtype=float32)

    Paper: Wehenkel and Louppe (2019), Unconstrained monotonic neural networks.
    """

    def __init__(
        self,
        slopes: Any,
        centers: Any,
        weights: Any,
        bias: Any,
        shift: Any,
        low: float = -4.0,
        high: float = 4.0,
        num_panels: int = 16,
        num_points: int = 3,
        validate_args: bool = False,
        name: str = "integral_network",
    ):
        where = f"IntegralNetwork {name!r}"
        self._rule = gauss_legendre(num_points, where)
        if len(self._rule) < 3:
            raise ValueError(
                f"{where}: num_points must be 3 or more, for rules of fewer points may "
                f"decrease, but got {num_points}."
            )
        self._num_panels = checked_count(num_panels, f"{where}: num_panels")
        if self._num_panels % 2:
            raise ValueError(
                f"{where}: num_panels must be even, half of them on each side of the "
                f"interval's center, but got {num_panels}."
            )
        super().__init__(dict(locals()))
        self._require_same_length("slopes", "centers", "weights")

    @classmethod
    def _param_shapes(cls, num_units=1):
        each = (checked_count(num_units, f"{cls.__name__}: num_units"),)
        shapes = dict.fromkeys(("slopes", "centers", "weights"), each)
        return shapes | {"bias": (), "shift": ()}

    @classmethod
    def _initial_parameters(cls, event_size, rng, num_units: int = 8):
        return cls._zeros(event_size, num_units=num_units)

    @classmethod
    def spec(cls, *, num_units: int = 8, **options: Any) -> TransformerSpec:
        """This integral as the transformer of a coupling or autoregressive layer.

        Args:
            num_units: J.
            **options: the constructor's other arguments.
        """
        return TransformerSpec(cls, cls._param_shapes(num_units), options)

    def _network(self, rank: int):
        """A function of t, of any size of the first axis, to log g(t) and its slope."""
        slopes = 4.0 * tf.exp(1.5 * tf.tanh(self._in_front("slopes", rank)))
        centers = self._in_front("centers", rank)
        count = centers.shape[0]
        fixed = np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(1)
        centers = centers + column(fixed, centers)
        rates = self._in_front("weights", rank) * slopes
        steepest = 0.5 * _STEEPEST_A_PANEL * self._num_panels
        rates = rates / (1.0 + tf.reduce_sum(tf.abs(rates), axis=0) / steepest)
        weights = rates / slopes

        def network(t):
            tanhs = tf.tanh(slopes[:, tf.newaxis] * (t - centers[:, tf.newaxis]))
            value = self.bias + tf.reduce_sum(weights[:, tf.newaxis] * tanhs, axis=0)
            slope = tf.reduce_sum(rates[:, tf.newaxis] * (1.0 - tanhs**2), axis=0)
            bounded = tf.tanh(value / _BOUND)
            return _BOUND * bounded, slope * (1.0 - bounded**2)

        return network

    def _curve_inside(self, rank):
        network, num_panels = self._network(rank), self._num_panels
        edges = np.linspace(-1.0, 1.0, num_panels, endpoint=False)
        width = 2.0 / num_panels
        points, weights = np.array(self._rule).T
        axes = [1] * rank

        # The integrals of the full panels, and from the center to each edge.
        nodes = np.reshape(edges[:, np.newaxis] + width * points, [-1, *axes])
        log_g, _ = network(tf.constant(nodes, self.dtype))
        values = tf.reshape(
            tf.exp(log_g), tf.concat([[num_panels, -1], tf.shape(log_g)[1:]], axis=0)
        )
        rule = tf.constant(np.reshape(width * weights, [-1, *axes]), self.dtype)
        totals = tf.reduce_sum(rule * values, axis=1)
        integrals = tf.cumsum(totals, exclusive=True)
        integrals = tf.unstack(integrals - integrals[num_panels // 2])
        edges = tf.unstack(tf.constant(edges, self.dtype))
        points, weights = (
            tf.constant(np.reshape(part, [-1, *axes]), self.dtype)
            for part in (points, weights)
        )

        def inside(t):
            edge, integral = choose_bin(t, edges, edges, integrals)
            size = t - edge
            log_g, slope = network(edge + points * size)
            values = weights * tf.exp(log_g)
            # The derivative of what is computed, whose terms are summed as they are.
            slope = tf.reduce_sum(values * (1.0 + points * size * slope), axis=0)
            value = integral + size * tf.reduce_sum(values, axis=0)
            return value + self.shift / self._half, tf.math.log(slope)

        return inside
