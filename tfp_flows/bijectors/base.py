"""The class to subclass: it checks, converts and names the parameters."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from tfp_flows import variables
from tfp_flows.bijectors.parameters import batch_shape, common_size
from tfp_flows.bijectors.points import checked_points
from tfp_flows.bijectors.trainable import Trainable

ParameterProperties = tfp.util.ParameterProperties


class Bijector(Trainable):
    """A ``tfb.Bijector`` on vectors, without the boilerplate.

    A subclass writes ``__init__`` (which hands ``dict(locals())`` over),
    ``_parameter_properties`` (one ``tfp.util.ParameterProperties`` for each tensor
    parameter; its ``event_ndims`` is the rank of one, unbatched, value), and the maps
    ``_forward_and_log_det`` and ``_inverse_and_log_det``, each from points to their
    images and the log-determinant of the smallest event. In return it gets

    * its tensor parameters as attributes, in one dtype, variables as they are;
    * errors at construction for parameters whose dtypes, sizes or batch shapes do not
      fit each other, and at a call for points that do not fit the parameters;
    * ``trainable``, if it writes ``_initial_parameters``;
    * all of TFP: batch shapes, ``copy``, use in ``tfb.Chain`` and so on, but not its
      cache (see `Evaluated`).

    Arrays and lists are converted to the bijector's dtype, as in TFP. A tensor of
    another dtype is refused.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``validate_args`` and ``name``.
        event_ndims: the rank of one point, 1 for vectors.
        inverse_event_ndims: the rank of its image, if that is another.
        event_size: the size of the last axis of a point. If not given it is the last
            axis of the parameters that have one.
        event_shape: the shape of a point, in place of the two.
        dtype: the dtype of the parameters; ``None`` takes it from them, and without
            tensor parameters accepts any.
        is_constant_jacobian: whether the log-determinant does not depend on the point.

    Raises:
        TypeError: parameters of different or non-floating dtypes.
        ValueError: parameters of too low a rank, of unlike sizes, or of batch shapes
            that do not broadcast.

    A bijector of one's own, y = x + a·x₁ in its last dimension:

    >>> import tensorflow as tf, tensorflow_probability as tfp, tfp_flows
    >>> class ShiftLast(tfp_flows.bijectors.Bijector):
    ...     def __init__(self, slope, validate_args=False, name="shift_last"):
    ...         super().__init__(dict(locals()), event_size=2)
    ...
    ...     @classmethod
    ...     def _parameter_properties(cls, dtype):
    ...         return {"slope": tfp.util.ParameterProperties()}
    ...
    ...     def _shifted(self, x, slope):
    ...         y = tf.stack([x[..., 0], x[..., 1] + slope * x[..., 0]], axis=-1)
    ...         return y, tf.zeros([])
    ...
    ...     def _forward_and_log_det(self, x):
    ...         return self._shifted(x, self.slope)
    ...
    ...     def _inverse_and_log_det(self, y):
    ...         return self._shifted(y, -self.slope)
    >>> ShiftLast(2.0).forward([[1.0, 1.0]]).numpy()
    array([[1., 3.]], dtype=float32)
    """

    def __init__(
        self,
        parameters: Mapping,
        *,
        event_ndims: int = 1,
        inverse_event_ndims: int | None = None,
        event_size: int | None = None,
        event_shape: Sequence[int] | None = None,
        dtype: tf.DType | None = None,
        is_constant_jacobian: bool = False,
    ):
        properties = self._parameter_properties(dtype)
        parameters = _constructor_arguments(type(self), parameters, properties)
        name = parameters["name"]
        where = f"{type(self).__name__} {name!r}"
        values = {key: parameters[key] for key in properties}
        values = {key: value for key, value in values.items() if value is not None}
        if values and dtype is None:
            dtype = variables.common_dtype(values, where=where)
        with tf.name_scope(name):
            tensors = {
                key: variables.as_reference(value, dtype=dtype, name=f"{where}: {key}")
                for key, value in values.items()
            }
        self._batch_shape_of_parameters = batch_shape(tensors, properties, where)
        if event_shape is not None:
            event_ndims = len(event_shape)
        elif event_ndims and event_size is None:
            event_size = common_size(tensors, properties, where)
        for key in properties:
            setattr(self, key, tensors.get(key))
        sizes: Any = event_shape or [None] * event_ndims
        self._event_shape = tf.TensorShape(sizes)
        self._image_event_shape = self._event_shape
        if event_ndims and event_shape is None:
            self._set_event_size(event_size)
        self._where = where
        super().__init__(
            forward_min_event_ndims=event_ndims,
            inverse_min_event_ndims=(
                event_ndims if inverse_event_ndims is None else inverse_event_ndims
            ),
            is_constant_jacobian=is_constant_jacobian,
            dtype=dtype,
            validate_args=parameters["validate_args"],
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype):
        return {}

    @property
    def event_size(self) -> int | None:
        """The size of the last axis of a point; ``None`` for elementwise bijectors."""
        return self._event_shape[-1] if self._event_shape.rank else None

    def _set_event_size(self, size: int | None) -> None:
        self._event_shape = tf.TensorShape([*self._event_shape[:-1], size])
        self._image_event_shape = self._event_shape

    def _checked(self, x, event_shape: tf.TensorShape) -> tf.Tensor:
        """``x`` as a tensor that fits the parameters, or an error that says why not."""
        x = tf.convert_to_tensor(x, dtype_hint=self.dtype)
        batch = self._batch_shape_of_parameters
        if (
            x.dtype == self.dtype
            and batch.rank == 0
            and x.shape.rank
            and event_shape.rank
            and event_shape.is_fully_defined()
            and x.shape[-event_shape.rank :] == event_shape
        ):
            return x  # Most often so. All that may be wrong takes longer to tell.
        return checked_points(x, event_shape, self.dtype, batch, self._where)

    def _with(self, **tensors):
        """A copy with other tensors for parameters, unchecked and cheap.

        They differ from those of the bijector in values and batch shapes alone.
        """
        bijector = object.__new__(type(self))
        # Not by attributes, each of which ``tf.Module`` would look at.
        bijector.__dict__.update(self.__dict__)
        bijector.__dict__.update(tensors, _parameters={**self._parameters, **tensors})
        bijector.__dict__["_batch_shape_of_parameters"] = tf.TensorShape(None)
        bijector.__dict__.pop("_cached_batch_shapes", None)
        return bijector


def event_size_of(bijector: tfb.Bijector | None) -> int | None:
    """The size of the last axis of a point of any bijector, if it declares one."""
    return bijector.event_size if isinstance(bijector, Bijector) else None


def _constructor_arguments(
    cls: type, parameters: Mapping, properties: Mapping
) -> dict[str, Any]:
    """The constructor's arguments among its local names.

    Raises:
        TypeError: one that every bijector has, or a declared parameter, is missing.
    """
    classes = (base for base in cls.__mro__ if issubclass(base, Bijector))
    names = {name for base in classes for name in inspect.signature(base).parameters}
    # The local names hold ``self``, too, and perhaps others of the constructor.
    names -= {"self", "parameters"}
    arguments = {key: value for key, value in parameters.items() if key in names}
    missing = {"name", "validate_args", *properties} - arguments.keys()
    if missing:
        raise TypeError(
            f"{cls.__name__}.__init__ must have the arguments {sorted(missing)} and "
            "hand dict(locals()) over."
        )
    return arguments
