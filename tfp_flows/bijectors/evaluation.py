"""Values together with their log-determinants: of our bijectors, and of any other."""

import abc
import functools
import weakref

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.keras_context import require_tracked

# Around parts that are no composite tensors TFP's constructors give these classes.
TFPChain = tfb.Chain.__bases__[0]
TFPInvert = tfb.Invert.__bases__[0]


class Evaluated(tfb.Bijector, abc.ABC):
    """A ``tfb.Bijector`` whose one method gives a value and its log-determinant.

    A subclass writes `_forward_and_log_det` and `_inverse_and_log_det`. TFP's four
    methods follow from them here, and none of them uses TFP's cache: it keeps
    log-determinants and values by the identity of a tensor, so that they are stale once
    a weight has moved, and have no gradient at a tensor that the bijector gave itself.
    """

    @abc.abstractmethod
    def _forward_and_log_det(self, x, **kwargs) -> tuple[tf.Tensor, tf.Tensor]:
        """The image of ``x``, and log|det dy/dx| of each smallest event.

        The log-determinant broadcasts with the batch shape of the image.
        """

    @abc.abstractmethod
    def _inverse_and_log_det(self, y, **kwargs) -> tuple[tf.Tensor, tf.Tensor]:
        """The preimage of ``y``, and log|det dx/dy| of each smallest event."""

    # Of a smallest event on the base's side and on the data's, as far as it is known.
    _event_shape = _image_event_shape = tf.TensorShape(None)

    def _checked(self, point, event_shape: tf.TensorShape) -> tf.Tensor:
        """A tensor of points with events of a shape, or an error that says why not."""
        return tf.convert_to_tensor(point, dtype_hint=self.dtype)

    def forward_and_log_det(
        self, x, event_ndims: int | None = None, name="forward_and_log_det", **kwargs
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """``forward(x)`` and ``forward_log_det_jacobian(x, event_ndims)`` at once.

        Args:
            x: points, base side.
            event_ndims: the rank of one event of ``x``; ``forward_min_event_ndims`` if
                not given. The log-determinant is summed over it.
            name: of the operations.
            **kwargs: what the bijector takes besides.
        """
        with self._name_and_control_scope(name):
            x = self._checked(x, self._event_shape)
            least = self.forward_min_event_ndims
            extra = event_ndims not in (None, least) and _extra(
                self, event_ndims, least
            )
            if x.shape.rank is None:
                ndims = least, self.inverse_min_event_ndims
                return self._of_unknown_rank(self.forward_and_log_det, x, ndims, extra)
            y, log_det = self._forward_and_log_det(x, **kwargs)
            if extra:
                log_det = _summed(log_det, y, self.inverse_min_event_ndims, extra)
        return y, log_det

    def inverse_and_log_det(
        self, y, event_ndims: int | None = None, name="inverse_and_log_det", **kwargs
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """``inverse(y)`` and ``inverse_log_det_jacobian(y, event_ndims)`` at once.

        Args:
            y: points, data side.
            event_ndims: the rank of one event of ``y``; ``inverse_min_event_ndims`` if
                not given. The log-determinant is summed over it.
            name: of the operations.
            **kwargs: what the bijector takes besides.
        """
        with self._name_and_control_scope(name):
            y = self._checked(y, self._image_event_shape)
            least = self.inverse_min_event_ndims
            extra = event_ndims not in (None, least) and _extra(
                self, event_ndims, least
            )
            if y.shape.rank is None:
                ndims = least, self.forward_min_event_ndims
                return self._of_unknown_rank(self.inverse_and_log_det, y, ndims, extra)
            x, log_det = self._inverse_and_log_det(y, **kwargs)
            if extra:
                log_det = _summed(log_det, x, self.forward_min_event_ndims, extra)
        return x, log_det

    # What TFP calls.

    def _call_forward(self, x, name, **kwargs):
        require_tracked(self)
        return self.forward_and_log_det(x, name=name, **kwargs)[0]

    def _call_inverse(self, y, name, **kwargs):
        require_tracked(self)
        x, log_det = self.inverse_and_log_det(y, name=name, **kwargs)
        self._pairing.remember(x, log_det)
        return x

    def _call_forward_log_det_jacobian(self, x, event_ndims, name, **kwargs):
        require_tracked(self)
        return self.forward_and_log_det(x, event_ndims, name=name, **kwargs)[1]

    def _call_inverse_log_det_jacobian(self, y, event_ndims, name, **kwargs):
        require_tracked(self)
        return self.inverse_and_log_det(y, event_ndims, name=name, **kwargs)[1]

    def _experimental_compute_density_correction(
        self, x, tangent_space, backward_compat=False, event_ndims=None, **kwargs
    ):
        # `tfd.TransformedDistribution.log_prob` has just called `inverse`, and now asks
        # for the log-determinant at what it gave: `forward` may be a long way back.
        log_det = self._pairing.log_det_of(x)
        if log_det is None or not backward_compat:
            return super()._experimental_compute_density_correction(
                x, tangent_space, backward_compat, event_ndims=event_ndims, **kwargs
            )
        least = self.forward_min_event_ndims
        extra = 0 if event_ndims is None else _extra(self, event_ndims, least)
        return -_summed(log_det, x, least, extra), tangent_space

    def _of_unknown_rank(self, method, point, ndims, extra: int):
        least, image = ndims
        batch_rank = self.experimental_batch_shape().rank or 0

        def evaluate(rows):
            value, log_det = method(rows)
            return value, _summed(log_det, value, image, extra)

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
        """What belongs to ``x``, once."""
        reference, log_det = self._reference, self._log_det
        if reference is None or reference() is not x:
            return None
        self._reference, self._log_det = None, None
        return log_det

    def __reduce__(self):
        return _Pairing, ()  # Of a copy nothing is known.


def forward_and_log_det(bijector: tfb.Bijector, x, event_ndims=None, **kwargs):
    """``forward`` and its log-determinant by any bijector, chains walked once.

    A bijector of TFP's is entered at a fresh tensor, of which its cache knows nothing.

    Args:
        bijector: any.
        x: points, base side.
        event_ndims: the rank of one event of ``x``; the bijector's least if not given.
        **kwargs: what the bijector takes besides.
    """
    if isinstance(bijector, Evaluated):
        return bijector.forward_and_log_det(x, event_ndims, **kwargs)
    if isinstance(bijector, TFPChain):
        return walk_forward(bijector, x, event_ndims, **kwargs)
    if isinstance(bijector, TFPInvert):
        return inverse_and_log_det(bijector.bijector, x, event_ndims, **kwargs)
    x = tf.nest.map_structure(tf.identity, x)
    y = bijector.forward(x, **kwargs)
    return y, bijector.forward_log_det_jacobian(x, event_ndims, **kwargs)


def inverse_and_log_det(bijector: tfb.Bijector, y, event_ndims=None, **kwargs):
    """``inverse`` and its log-determinant by any bijector, chains walked once.

    Args:
        bijector: any.
        y: points, data side.
        event_ndims: the rank of one event of ``y``; the bijector's least if not given.
        **kwargs: what the bijector takes besides.
    """
    if isinstance(bijector, Evaluated):
        return bijector.inverse_and_log_det(y, event_ndims, **kwargs)
    if isinstance(bijector, TFPChain):
        return walk_inverse(bijector, y, event_ndims, **kwargs)
    if isinstance(bijector, TFPInvert):
        return forward_and_log_det(bijector.bijector, y, event_ndims, **kwargs)
    y = tf.nest.map_structure(tf.identity, y)
    x = bijector.inverse(y, **kwargs)
    return x, bijector.inverse_log_det_jacobian(y, event_ndims, **kwargs)


def walk_forward(chain: TFPChain, x, event_ndims=None, **kwargs):
    """``forward`` of a chain, part by part, and the sum of the log-determinants."""
    ndims = chain.forward_min_event_ndims if event_ndims is None else event_ndims
    total = 0.0
    for part in reversed(chain.bijectors):
        own_kwargs = kwargs.get(part.name, {})
        evaluate = functools.partial(forward_and_log_det, part)
        if isinstance(part, Evaluated):
            evaluate = part.forward_and_log_det
        x, log_det = evaluate(x, ndims, **own_kwargs)
        ndims = part.forward_event_ndims(ndims, **own_kwargs)
        total = total + log_det
    return x, total


def walk_inverse(chain: TFPChain, y, event_ndims=None, **kwargs):
    """``inverse`` of a chain, part by part, and the sum of the log-determinants."""
    ndims = chain.inverse_min_event_ndims if event_ndims is None else event_ndims
    total = 0.0
    for part in chain.bijectors:
        own_kwargs = kwargs.get(part.name, {})
        evaluate = functools.partial(inverse_and_log_det, part)
        if isinstance(part, Evaluated):
            evaluate = part.inverse_and_log_det
        y, log_det = evaluate(y, ndims, **own_kwargs)
        ndims = part.inverse_event_ndims(ndims, **own_kwargs)
        total = total + log_det
    return y, total


def with_known_rank(function, point: tf.Tensor, rank: int):
    """Calls a function of ``[N, ...]`` with a tensor of unknown rank.

    Args:
        function: of a tensor of rank ``rank + 1``; gives a structure of tensors whose
            first axis is N.
        point: of any rank; what it lacks of ``rank`` are axes of size 1 in front.
        rank: of what one call of the function must see besides N.
    """
    shape = tf.shape(point)
    missing = tf.maximum(rank - tf.size(shape), 0)
    shape = tf.concat([tf.ones([missing], shape.dtype), shape], axis=0)
    lead, last = shape[: tf.size(shape) - rank], shape[tf.size(shape) - rank :]
    rows = tf.reshape(point, tf.concat([[tf.reduce_prod(lead)], last], axis=0))
    outputs = function(tf.ensure_shape(rows, [None] * (rank + 1)))
    return tf.nest.map_structure(
        lambda out: tf.reshape(out, tf.concat([lead, tf.shape(out)[1:]], axis=0)),
        outputs,
    )


def _extra(bijector, event_ndims, least: int) -> int:
    """How many axes an event has besides those that the bijector needs."""
    event_ndims = int(tf.get_static_value(event_ndims))
    if event_ndims < least:
        raise ValueError(
            f"{type(bijector).__name__} {bijector.name!r} acts on events of rank "
            f"{least} or more, but got event_ndims={event_ndims}."
        )
    return event_ndims - least


def _summed(log_det, value, ndims: int, extra: int) -> tf.Tensor:
    """The log-determinant of each event, of ``extra`` axes more than the smallest."""
    # It may be the same for all points, and then have a lower rank.
    rank = value.shape.rank - ndims
    if extra > rank:
        raise ValueError(
            f"The points have {rank} axes besides the smallest event, but event_ndims "
            f"asks for {extra}."
        )
    log_det = tf.broadcast_to(log_det, tf.shape(value)[:rank])
    return tf.reduce_sum(log_det, axis=list(range(rank - extra, rank)))
