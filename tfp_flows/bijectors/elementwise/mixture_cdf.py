"""The distribution function of a mixture of logistic distributions."""

from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.elementwise.monotone import (
    Monotone,
    column,
    soft_bounded,
)
from tfp_flows.bijectors.elementwise.transformer_spec import TransformerSpec
from tfp_flows.checks import checked_count
from tfp_flows.math import logit_of_mixture, nearly_logistic


class MixtureCDF(Monotone):
    """Map a logistic distribution to a mixture of logistics, in each dimension.

    Inverse (data → base): z = logit(F(y))·exp(s) + t with F(y) = Σⱼ πⱼσ((y − μⱼ)/σⱼ),
    σ the logistic function. Far out it is linear.

    Forward (base → data): the root y of z(y) = z, by a guarded Newton search.

    Log-determinant: s + log F′(y) − log F(y) − log(1 − F(y)) for each dimension, in
    ``inverse``; both tails are summed in logarithms.

    Cost: O(J) a dimension in ``inverse``, the direction of maximum likelihood; in
    ``forward`` some ten times that.

    The weights π are a softmax. Weights, means and scales are counted from J fixed
    components whose mixture is nearly one, so that zeros are nearly the identity and
    yet the components differ, as they must to learn.

    Args:
        logits: ``[..., D, J]``, added to the logarithms of the fixed weights.
        means: ``[..., D, J]``, added to the fixed means.
        log_scales: ``[..., D, J]``, added to the logarithms of the fixed scales, within
            ±5 (5·tanh(log_scales/5)).
        shift: t, ``[..., D]``.
        log_scale: s, ``[..., D]``, within ±3 (3·tanh(log_scale/3)).
        stretch_bound: c, below which ``log_scales`` stay (c·tanh(log_scales/c) where
            they are positive) and within ±c of which s stays, so that far out
            ``forward`` stretches by e²ᶜ at most; ``None`` for the bounds above. Layers
            without it, after each other, throw points as far as there are numbers;
            `spec` sets 1.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parameters whose lengths do not fit each other, another bound.
        TypeError: dtypes that differ or are not floating.

    >>> import tensorflow as tf, tfp_flows
    >>> mixture = tfp_flows.bijectors.MixtureCDF.trainable(1, num_components=2)
    >>> y = mixture.forward([[0.0], [100.0]])
    >>> mixture.inverse(tf.identity(y)).numpy().round(3) + 0.0
    array([[  0.],
           [100.]], dtype=float32)

    Papers: Ho, Chen, Srinivas, Duan and Abbeel (2019), Flow++; as the conditional
    density of pixels, Salimans, Karpathy, Chen and Kingma (2017), PixelCNN++.
    """

    def __init__(
        self,
        logits: Any,
        means: Any,
        log_scales: Any,
        shift: Any,
        log_scale: Any,
        stretch_bound: float | None = None,
        validate_args: bool = False,
        name: str = "mixture_cdf",
    ):
        if stretch_bound is not None and not 0 < stretch_bound <= 3:
            raise ValueError(
                f"MixtureCDF {name!r}: stretch_bound must be above 0 and at most 3, or "
                f"None, but got {stretch_bound}."
            )
        self._stretch_bound = stretch_bound
        super().__init__(dict(locals()))
        self._require_same_length("logits", "means", "log_scales")

    @classmethod
    def _param_shapes(cls, num_components=1):
        each = (checked_count(num_components, f"{cls.__name__}: num_components"),)
        shapes = dict.fromkeys(("logits", "means", "log_scales"), each)
        return shapes | {"shift": (), "log_scale": ()}

    @classmethod
    def _initial_parameters(cls, event_size, rng, num_components: int = 8):
        return cls._zeros(event_size, num_components=num_components)

    @classmethod
    def spec(
        cls,
        *,
        num_components: int = 8,
        stretch_bound: float | None = 1.0,
        **options: Any,
    ) -> TransformerSpec:
        """This map as the transformer of a coupling or autoregressive layer.

        Args:
            num_components: J.
            stretch_bound: c.
            **options: the constructor's other arguments.
        """
        options["stretch_bound"] = stretch_bound
        return TransformerSpec(cls, cls._param_shapes(num_components), options)

    def _curve(self, rank):
        logits, means = self._in_front("logits", rank), self._in_front("means", rank)
        weights, centers, scales = (
            column(start, means) for start in nearly_logistic(means.shape[0])
        )
        log_weights = tf.math.log_softmax(logits + weights, axis=0)
        means = means + centers
        log_scales = soft_bounded(self._in_front("log_scales", rank), 5.0)
        bound = 3.0 if self._stretch_bound is None else self._stretch_bound
        if self._stretch_bound is not None:
            wider = soft_bounded(tf.nn.relu(log_scales), bound)
            log_scales = wider - tf.nn.relu(-log_scales)
        log_slopes = -scales - log_scales
        slopes = tf.exp(log_slopes)
        log_scale = soft_bounded(tf.convert_to_tensor(self.log_scale), bound)

        def curve(y):
            points = (y - means) * slopes
            logit, log_slope = logit_of_mixture(log_weights, points, log_slopes)
            return logit * tf.exp(log_scale) + self.shift, log_slope + log_scale

        return curve
