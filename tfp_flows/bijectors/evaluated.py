"""A bijector that gives a value and its log-determinant by one method."""

import abc
import weakref
from typing import Any, final

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.event_ranks import extra_axes, sum_log_det, with_known_rank
from tfp_flows.bijectors.regularity import require_regular
from tfp_flows.variables.keras_context import require_tracked


class Evaluated(tfb.Bijector, abc.ABC):
    """A ``tfb.Bijector`` whose one method gives a value and its log-determinant.

    A subclass writes `_forward_and_log_det` and `_inverse_and_log_det`. TFP's four
    methods follow from them here, and none of them uses TFP's cache: it keeps
    log-determinants and values by the identity of a tensor, so that they are stale once
    a weight has moved, and have no gradient at a tensor that the bijector gave itself.

    AutoGraph leaves them as they are, as it does TFP's own methods: it would take
    seconds to rewrite all that they call, and all of it is TensorFlow's control flow.
    """

    @abc.abstractmethod
    def _forward_and_log_det(self, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """The image of ``x``, and log|det dy/dx| of each smallest event.

        The log-determinant broadcasts with the batch shape of the image.
        """

    @abc.abstractmethod
    def _inverse_and_log_det(self, y: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """The preimage of ``y``, and log|det dx/dy| of each smallest event."""

    # The shapes of a smallest event, base side and data side, as far as they are known.
    _event_shape = _image_event_shape = tf.TensorShape(None)

    def _checked(self, point, event_shape: tf.TensorShape) -> tf.Tensor:
        """A tensor of points with events of a shape, or an error that says why not."""
        return tf.convert_to_tensor(point, dtype_hint=self.dtype)

    @final
    @tf.autograph.experimental.do_not_convert
    def forward_and_log_det(
        self,
        x: Any,
        event_ndims: int | None = None,
        name: str = "forward_and_log_det",
        **kwargs: Any,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """``forward(x)`` and ``forward_log_det_jacobian(x, event_ndims)`` at once.

        Args:
            x: points, base side.
            event_ndims: the rank of one event of ``x``; ``forward_min_event_ndims`` if
                not given. The log-determinant is summed over it.
            name: the name of the operations.
            **kwargs: further arguments of the bijector.
        """
        with self._name_and_control_scope(name):
            x = self._checked(x, self._event_shape)
            least = self.forward_min_event_ndims
            extra = 0
            if event_ndims not in (None, least):
                extra = extra_axes(self, event_ndims, least)
            if x.shape.rank is None:
                ndims = least, self.inverse_min_event_ndims
                return self._of_unknown_rank(self.forward_and_log_det, x, ndims, extra)
            y, log_det = self._forward_and_log_det(x, **kwargs)
            if self.validate_args:
                y, log_det = require_regular(x, y, log_det, self)
            if extra:
                log_det = sum_log_det(log_det, y, self.inverse_min_event_ndims, extra)
        return y, log_det

    @final
    @tf.autograph.experimental.do_not_convert
    def inverse_and_log_det(
        self,
        y: Any,
        event_ndims: int | None = None,
        name: str = "inverse_and_log_det",
        **kwargs: Any,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """``inverse(y)`` and ``inverse_log_det_jacobian(y, event_ndims)`` at once.

        Args:
            y: points, data side.
            event_ndims: the rank of one event of ``y``; ``inverse_min_event_ndims`` if
                not given. The log-determinant is summed over it.
            name: the name of the operations.
            **kwargs: further arguments of the bijector.
        """
        with self._name_and_control_scope(name):
            y = self._checked(y, self._image_event_shape)
            least = self.inverse_min_event_ndims
            extra = 0
            if event_ndims not in (None, least):
                extra = extra_axes(self, event_ndims, least)
            if y.shape.rank is None:
                ndims = least, self.forward_min_event_ndims
                return self._of_unknown_rank(self.inverse_and_log_det, y, ndims, extra)
            x, log_det = self._inverse_and_log_det(y, **kwargs)
            if self.validate_args:
                x, log_det = require_regular(y, x, log_det, self)
            if extra:
                log_det = sum_log_det(log_det, x, self.forward_min_event_ndims, extra)
        return x, log_det

    # What TFP calls.

    @final
    def _call_forward(self, x, name, **kwargs):
        require_tracked(self)
        return self.forward_and_log_det(x, name=name, **kwargs)[0]

    # Not final: `Bound` sends points outside of its image far away.
    def _call_inverse(self, y, name, **kwargs):
        require_tracked(self)
        x, log_det = self.inverse_and_log_det(y, name=name, **kwargs)
        self._pairing.remember(x, log_det)
        return x

    @final
    def _call_forward_log_det_jacobian(self, x, event_ndims, name, **kwargs):
        require_tracked(self)
        return self.forward_and_log_det(x, event_ndims, name=name, **kwargs)[1]

    @final
    def _call_inverse_log_det_jacobian(self, y, event_ndims, name, **kwargs):
        require_tracked(self)
        return self.inverse_and_log_det(y, event_ndims, name=name, **kwargs)[1]

    @final
    def _experimental_compute_density_correction(
        self, x, tangent_space, backward_compat=False, event_ndims=None, **kwargs
    ):
        # `tfd.TransformedDistribution.log_prob` has just called `inverse`, and now asks
        # for the log-determinant at what it gave: `forward` may be a long way back.
        log_det = self._pairing.log_det_of(x)
        if log_det is None or not backward_compat or x.shape.rank is None:
            return super()._experimental_compute_density_correction(
                x, tangent_space, backward_compat, event_ndims=event_ndims, **kwargs
            )
        least = self.forward_min_event_ndims
        extra = 0 if event_ndims is None else extra_axes(self, event_ndims, least)
        return -sum_log_det(log_det, x, least, extra), tangent_space

    def _of_unknown_rank(self, method, point, ndims, extra: int):
        least, image = ndims
        batch_rank = self.experimental_batch_shape().rank or 0

        def evaluate(rows):
            value, log_det = method(rows)
            return value, sum_log_det(log_det, value, image, extra)

        return with_known_rank(evaluate, point, max(batch_rank, extra) + least)

    @property
    def _pairing(self) -> "_Pairing":
        pairing = self.__dict__.get("_pairing_of_values")
        if pairing is None:
            pairing = self.__dict__["_pairing_of_values"] = _Pairing()
        return pairing


class _Pairing:
    """The last value that ``inverse`` gave, weakly held, and its log-determinant."""

    def __init__(self):
        self._reference, self._log_det = None, None

    def remember(self, x, log_det) -> None:
        def forget(reference):
            if self._reference is reference:
                self._reference, self._log_det = None, None

        self._reference, self._log_det = weakref.ref(x, forget), log_det

    def log_det_of(self, x):
        """The log-determinant that belongs to ``x``, given once; else ``None``."""
        reference, log_det = self._reference, self._log_det
        if reference is None or reference() is not x:
            return None
        self._reference, self._log_det = None, None
        return log_det

    def __reduce__(self):
        return _Pairing, ()  # A copy remembers nothing.
