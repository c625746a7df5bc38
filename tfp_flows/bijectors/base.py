"""The classes to subclass: what every bijector of the package shares."""

import inspect
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from tfp_flows import variables
from tfp_flows.bijectors.parameters import (
    broadcasts,
    check_batch_shapes,
    common_size,
    make_variable,
)
from tfp_flows.checks import checked_count
from tfp_flows.math import split_seed

ParameterProperties = tfp.util.ParameterProperties


class Bijector(tfb.Bijector):
    """A ``tfb.Bijector`` on vectors, without the boilerplate.

    A subclass writes ``__init__`` (which hands ``dict(locals())`` over),
    ``_parameter_properties`` (one ``tfp.util.ParameterProperties`` for each tensor
    parameter; its ``event_ndims`` is the rank of one, unbatched, value), and the maps
    ``_forward``, ``_inverse`` and ``_forward_log_det_jacobian`` or its inverse. In
    return it gets

    * its tensor parameters as attributes, in one dtype, variables kept as variables;
    * errors at construction for parameters whose dtypes, sizes or batch shapes do not
      fit each other, and at a call for points that do not fit the parameters;
    * ``trainable``, if it writes ``_initial_parameters``;
    * all of TFP: batch shapes, caching, ``copy``, use in ``tfb.Chain`` and so on.

    Arrays and lists are converted to the bijector's dtype, as in TFP. A tensor of
    another dtype is refused.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``validate_args`` and ``name``.
        event_ndims: rank of one point, 1 for vectors.
        inverse_event_ndims: of its image, if that is another.
        event_size: size of the last axis of a point. If not given it is the last
            axis of the parameters that have one.
        dtype: that the parameters must have; ``None`` takes it from them, and without
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
    ...     def _forward(self, x):
    ...         return tf.stack([x[..., 0], x[..., 1] + self.slope * x[..., 0]], -1)
    ...
    ...     def _inverse(self, y):
    ...         return tf.stack([y[..., 0], y[..., 1] - self.slope * y[..., 0]], -1)
    ...
    ...     def _forward_log_det_jacobian(self, x):
    ...         return tf.zeros_like(x[..., 0])
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
        dtype: tf.DType | None = None,
        is_constant_jacobian: bool = False,
    ):
        # `locals()` holds `self`, and perhaps names of the constructor's own.
        arguments = _constructor_arguments(type(self))
        parameters = {k: v for k, v in parameters.items() if k in arguments}
        missing = {"name", "validate_args", *self._parameter_properties(dtype)}
        missing -= parameters.keys()
        if missing:
            raise TypeError(
                f"{type(self).__name__}.__init__ must have the arguments "
                f"{sorted(missing)} and hand dict(locals()) over."
            )
        name = parameters["name"]
        properties = self._parameter_properties(dtype)
        given = {key: parameters[key] for key in properties}
        given = {key: value for key, value in given.items() if value is not None}
        where = f"{type(self).__name__} {name!r}"
        if given and dtype is None:
            dtype = variables.common_dtype(given, where=where)
        with tf.name_scope(name):
            tensors = {
                key: variables.as_reference(value, dtype=dtype, name=f"{where}: {key}")
                for key, value in given.items()
            }
        check_batch_shapes(tensors, properties, where)
        if event_ndims and event_size is None:
            event_size = common_size(tensors, properties, where)
        for key in properties:
            setattr(self, key, tensors.get(key))
        self._event_size = event_size
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

    @classmethod
    def _initial_parameters(cls, event_size: int, rng: np.random.Generator) -> dict:
        """Values near the identity for `trainable`, drawn from ``rng``."""
        raise NotImplementedError(
            f"{cls.__name__} has no tensor parameters of its own to make variables of; "
            "call its constructor."
        )

    @classmethod
    def trainable(cls, event_size: int, *, seed=None, dtype="float32", **options):
        """The bijector with ``tf.Variable``s for parameters, near the identity.

        A parameter with a constraint, say to be positive, is a
        ``tfp.util.TransformedVariable`` over an unconstrained variable.

        Args:
            event_size: D, the size of the points' last axis.
            seed: of the initial values. Without it they come from Python's generator.
            dtype: of the variables, float32 or float64.
            **options: any other arguments of the constructor, or of
                ``_initial_parameters``.

        Raises:
            ValueError: the event size does not fit this bijector.
            TypeError: the dtype is not floating.
        """
        event_size = checked_count(event_size, f"{cls.__name__}: event_size")
        dtype = tf.as_dtype(dtype)
        if not dtype.is_floating:
            raise TypeError(
                f"{cls.__name__}.trainable: dtype must be floating, but got "
                f"{dtype.name}."
            )
        from_seed = np.random.default_rng(split_seed(seed, 1)[0])
        # An option that `_initial_parameters` names, say a count, is for it alone.
        wanted = inspect.signature(cls._initial_parameters).parameters
        own = {key: options.pop(key) for key in wanted if key in options}
        initial = cls._initial_parameters(event_size, from_seed, **own)
        properties = cls.parameter_properties(dtype)
        # What is no tensor parameter, say a size, is for the constructor as it is.
        parameters = {
            key: make_variable(value, properties[key], dtype=dtype, name=key)
            if key in properties
            else value
            for key, value in initial.items()
        }
        return cls(**parameters, **options)

    @property
    def event_size(self) -> int | None:
        """Size of the last axis of a point; ``None`` for elementwise bijectors."""
        return self._event_size

    def _call_forward(self, x, name, **kwargs):
        return super()._call_forward(self._checked(x), name, **kwargs)

    def _call_inverse(self, y, name, **kwargs):
        return super()._call_inverse(self._checked_image(y), name, **kwargs)

    def _call_forward_log_det_jacobian(self, x, event_ndims, name, **kwargs):
        return super()._call_forward_log_det_jacobian(
            self._checked(x), event_ndims, name, **kwargs
        )

    def _call_inverse_log_det_jacobian(self, y, event_ndims, name, **kwargs):
        return super()._call_inverse_log_det_jacobian(
            self._checked_image(y), event_ndims, name, **kwargs
        )

    # Where a map gives its log-determinant along with its value, the value's method
    # leaves it in TFP's cache beside the point, where TFP looks for it: a second
    # evaluation of a network would cost as much again, and with dropout it would give
    # the determinant of another map.

    def _remember_fldj(self, x, fldj) -> None:
        self._cache.forward_attributes(x)["ildj"] = -fldj

    def _remember_ildj(self, y, ildj) -> None:
        self._cache.inverse_attributes(y)["ildj"] = ildj

    def _fldj_of_forward(self, x) -> tf.Tensor:
        _y = self.forward(x)  # Held, for the cache refers to it weakly.
        return -self._cache.forward_attributes(x)["ildj"]

    def _ildj_of_inverse(self, y) -> tf.Tensor:
        _x = self.inverse(y)
        return self._cache.inverse_attributes(y)["ildj"]

    def _checked_image(self, y) -> tf.Tensor:
        """As `_checked` for points of the other side, if they are unlike."""
        return self._checked(y)

    def _checked(self, x) -> tf.Tensor:
        """``x`` as a tensor that fits the parameters, or an error that says why not."""
        x = tf.convert_to_tensor(x, dtype_hint=self.dtype)
        if self.dtype is not None and x.dtype != self.dtype:
            raise TypeError(
                f"{self._where} is {self.dtype.name}, but was called with a tensor of "
                f"{x.dtype.name}: cast it, or make the bijector with "
                f"dtype={x.dtype.name!r}."
            )
        rank = self.forward_min_event_ndims
        if x.shape.rank is None:
            return x
        if x.shape.rank < rank:
            raise ValueError(
                f"{self._where} acts on points of rank {rank} or more, but was called "
                f"with shape {tuple(x.shape)}."
            )
        size = self.event_size
        if rank and size is not None and x.shape[-1] not in (None, size):
            raise ValueError(
                f"{self._where} acts on points of size {size}, but was called with "
                f"shape {tuple(x.shape)}: the last dimension must be {size}."
            )
        batch = self.experimental_batch_shape()
        if not broadcasts(batch, x.shape[: x.shape.rank - rank]):
            raise ValueError(
                f"{self._where} has parameters of batch shape {tuple(batch)}, which "
                f"does not broadcast with a point of shape {tuple(x.shape)}."
            )
        return x


def with_last_sizes(x: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """The tensor, whose last dimensions, if unknown so far, must have these sizes."""
    # What is known stays the same tensor, by which TFP's cache finds it.
    if x.shape.rank is None or x.shape[x.shape.rank - len(sizes) :].is_fully_defined():
        return x
    batch = x.shape[: x.shape.rank - len(sizes)]
    return tf.ensure_shape(x, batch.concatenate(tf.TensorShape(sizes)))


def _constructor_arguments(cls: type) -> set[str]:
    own = (base for base in cls.__mro__ if issubclass(base, Bijector))
    names = {name for base in own for name in inspect.signature(base).parameters}
    return names - {"self", "parameters"}
