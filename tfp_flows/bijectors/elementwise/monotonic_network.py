"""A network that is an increasing function, predicted for each dimension."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.elementwise.monotone import (
    Monotone,
    column,
    soft_bounded,
)
from tfp_flows.bijectors.elementwise.transformer_spec import TransformerSpec
from tfp_flows.checks import checked_count
from tfp_flows.math import log_sum_exp, logit_of_mixture, nearly_logistic


class MonotonicNetwork(Monotone):
    """A neural network with positive weights, of one number for each dimension.

    Inverse (data → base): with one layer (the deep sigmoidal flow)
    z = logit(Σⱼ wⱼσ(aⱼy + bⱼ)), σ the logistic function, a > 0 and w a softmax. With
    more (the dense sigmoidal flow) each of the J units of a layer is such a map of
    weighted means of the units before it: h′ = logit(W·σ(a·Uh + b)), where the rows of
    U and W sum to 1, and the last W has one row. Far out it is linear.

    Forward (base → data): the root y of z(y) = z, by a guarded Newton search.

    Log-determinant: log dz/dy for each dimension in ``inverse``, by the chain rule in
    logarithms; all of its terms are positive.

    Cost: with L layers O(J + (L − 1)J²) a dimension in ``inverse``, the direction of
    maximum likelihood; in ``forward`` some ten times that.

    All parameters are counted from fixed ones that make the network nearly the
    identity, with units that differ, as they must to learn.

    Args:
        slopes: ``[..., D, L, J]``: a is exp(3·tanh(slopes/3)), times the fixed one.
        biases: ``[..., D, L, J]``, added to the fixed values of b.
        weights: ``[..., D, J]``, the last w's logits.
        inner_weights: ``[..., D, 2, L − 1, J, J]``, the logits of W and U of the layers
            between, a column a unit; not given if there is but one layer.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parameters whose shapes do not fit each other.
        TypeError: dtypes that differ or are not floating.

    >>> import tensorflow as tf, tfp_flows
    >>> network = tfp_flows.bijectors.MonotonicNetwork.trainable(1, num_units=4)
    >>> y = network.forward([[0.0], [100.0]])
    >>> network.inverse(tf.identity(y)).numpy().round(3) + 0.0
    array([[  0.],
           [100.]], dtype=float32)

    Paper: Huang, Krueger, Lacoste and Courville (2018), Neural autoregressive flows.
    """

    def __init__(
        self,
        slopes: Any,
        biases: Any,
        weights: Any,
        inner_weights: Any = None,
        validate_args: bool = False,
        name: str = "monotonic_network",
    ):
        super().__init__(dict(locals()))
        num_layers, num_units = self.slopes.shape[-2:]
        expected = self._param_shapes(max(1, num_units), max(1, num_layers))
        ranks = {n: p.event_ndims for n, p in self._parameter_properties(None).items()}
        actual = {
            name: tuple(getattr(self, name).shape[-rank:])
            for name, rank in ranks.items()
            if getattr(self, name) is not None
        }
        if actual != expected:
            raise ValueError(
                f"{self._where}: slopes are for {num_layers} layers of {num_units} "
                f"units, with which the parameters of a dimension have the shapes "
                f"{expected}, but got {actual}."
            )

    @classmethod
    def _param_shapes(cls, num_units=1, num_layers=2):
        units = checked_count(num_units, f"{cls.__name__}: num_units")
        layers = checked_count(num_layers, f"{cls.__name__}: num_layers")
        each = (layers, units)
        shapes = {"slopes": each, "biases": each, "weights": (units,)}
        if layers > 1:
            shapes["inner_weights"] = (2, layers - 1, units, units)
        return shapes

    @classmethod
    def _initial_parameters(
        cls, event_size, rng, num_units: int = 16, num_layers: int = 1
    ):
        return cls._zeros(event_size, num_units=num_units, num_layers=num_layers)

    @classmethod
    def spec(
        cls, *, num_units: int = 16, num_layers: int = 1, **options: Any
    ) -> TransformerSpec:
        """This network as the transformer of a coupling or autoregressive layer.

        Args:
            num_units: J, the width of each layer.
            num_layers: L; 1 for the deep sigmoidal, 2 or more for the dense sigmoidal
                flow.
            **options: the constructor's other arguments.
        """
        shapes = cls._param_shapes(num_units, num_layers)
        return TransformerSpec(cls, shapes, options)

    def _weights(self, rank: int):
        """The layers' log U (the first is ``None``) and log W, each ``[from, to, …]``.

        The axis that a layer sums over is the first.
        """
        num_layers, num_units = self.slopes.shape[-2:]
        start = nearly_logistic(num_units)[0]
        last = self._in_front("weights", rank)
        last = tf.math.log_softmax(last + column(start, last), axis=0)
        if num_layers == 1:
            return [None], [last[:, tf.newaxis]]
        # Rows that differ, or all units of a layer would stay the same one.
        i, j = np.meshgrid(*[np.arange(num_units)] * 2, indexing="ij")
        fixed = start[i] + 0.2 * np.cos(math.pi * j * (i + 0.5) / num_units)
        inner = self._in_front("inner_weights", rank)
        fixed = fixed.reshape([num_units, num_units] + [1] * (inner.shape.rank - 4))
        inner = tf.math.log_softmax(inner + tf.constant(fixed, inner.dtype), axis=2)
        mixing, gathering = (tf.unstack(part) for part in tf.unstack(inner))
        return [None, *gathering], [*mixing, last[:, tf.newaxis]]

    def _curve(self, rank):
        gathering, mixing = self._weights(rank)
        log_slopes = soft_bounded(self._in_front("slopes", rank), 3.0)
        _, centers, log_scales = nearly_logistic(self.slopes.shape[-1])
        log_slopes = log_slopes - column(log_scales, log_slopes[0])
        biases = self._in_front("biases", rank)
        biases = biases - column(centers * np.exp(-log_scales), biases[0])
        layers = list(
            zip(
                tf.unstack(log_slopes),
                tf.unstack(biases),
                gathering,
                mixing,
                strict=True,
            )
        )

        def curve(y):
            units, rates = y[tf.newaxis], tf.zeros_like(y)[tf.newaxis]
            for log_slope, bias, log_gather, log_mix in layers:
                if log_gather is not None:
                    gather = tf.exp(log_gather)
                    units = tf.reduce_sum(gather * units[:, tf.newaxis], axis=0)
                    rates = log_sum_exp(log_gather + rates[:, tf.newaxis])
                points = tf.exp(log_slope) * units + bias
                slopes = log_slope + rates
                units, rates = logit_of_mixture(
                    log_mix, points[:, tf.newaxis], slopes[:, tf.newaxis]
                )
            return units[0], rates[0]

        return curve
