"""The specification of a transformer, which structures take."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.base import Bijector
from tfp_flows.bijectors.chain import Invert
from tfp_flows.bijectors.evaluated import Evaluated
from tfp_flows.bijectors.evaluation import forward_and_log_det, inverse_and_log_det
from tfp_flows.variables import NoStructureError

Use = Literal["log_prob", "sample"]
Direction = Literal["forward", "inverse"]
_DIRECTION_OF_USE: dict[str, Direction] = {"log_prob": "inverse", "sample": "forward"}
_OPPOSITE: dict[str, Direction] = {"forward": "inverse", "inverse": "forward"}
BOTH_DIRECTIONS = frozenset({"forward", "inverse"})


class HasDirections:
    """A transformer's declaration of its directions, by which `TransformerSpec` goes.

    Attributes:
        closed: those without a search for a root.
        cheaper: the one that costs less, where both are closed.
    """

    closed: ClassVar[frozenset[str]] = BOTH_DIRECTIONS
    cheaper: ClassVar[str | None] = None


@dataclasses.dataclass(frozen=True)
class TransformerSpec:
    """The transformer of a coupling or autoregressive layer, without its parameters.

    Called with parameters of shape ``[..., D, K]``, K numbers for each of the D
    dimensions, it gives the transformer: a bijector that acts on each dimension of
    ``[..., D]`` by itself. Zeros give (nearly) the identity for the package's own
    transformers.

    Parameters that the bijector declares as constrained (TFP's
    ``parameter_properties``) are mapped to their domain, so that elementwise bijectors
    of TFP serve as transformers, too.

    Args:
        bijector_class: the transformer's class.
        param_shapes: the name of each parameter to predict and its shape for one
            dimension, ``()`` for a number.
        options: the constructor's other arguments.
        inverted: whether the transformer is ``tfb.Invert`` of that bijector; see
            `invert`.

    Raises:
        TypeError: no class of bijectors.
        ValueError: a parameter that the class does not have, a class that is not
            elementwise, or an option that it refuses.

    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> spec = TransformerSpec(tfb.Shift, {"shift": ()})
    >>> spec.num_params
    1
    >>> spec(tf.constant([[1.0], [10.0]])).forward([0.0, 0.0]).numpy()
    array([ 1., 10.], dtype=float32)
    """

    shares_programs: ClassVar[bool] = True

    bijector_class: type[tfb.Bijector]
    param_shapes: Mapping[str, tuple[int, ...]]
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    inverted: bool = False

    def __post_init__(self):
        cls = self.bijector_class
        if not (isinstance(cls, type) and issubclass(cls, tfb.Bijector)):
            raise TypeError(
                f"TransformerSpec takes a bijector's class, but got {cls!r}."
            )
        # Copies, for those that were given may change, and what was made of them not.
        for name in ("param_shapes", "options"):
            object.__setattr__(self, name, dict(getattr(self, name)))
        known = cls.parameter_properties(tf.float32)
        unknown = sorted(set(self.param_shapes) - set(known))
        if unknown:
            raise ValueError(
                f"{cls.__name__} has the parameters {sorted(known)}, but got {unknown}."
            )
        # Made once with zeros, so that a bad option is found here and not in `fit`.
        ndims = self(tf.zeros([1, self.num_params])).forward_min_event_ndims
        if ndims != 0:
            raise ValueError(
                "A transformer acts on each dimension by itself, but got "
                f"{cls.__name__}, which acts on events of rank {ndims}."
            )

    @functools.cached_property
    def num_params(self) -> int:
        """K, the count of numbers that one dimension's parameters take."""
        return sum(self._sizes)

    def __call__(
        self, params: tf.Tensor, axis: int = -1, validate_args: bool = False
    ) -> tfb.Bijector:
        """The transformer with these parameters, ``[..., D, K]``.

        Args:
            params: K numbers for each dimension.
            axis: the axis of the K numbers, the last by default.
            validate_args: the transformer's, if the options do not set it.

        Raises:
            ValueError: that axis does not have K numbers.
        """
        if params.shape[axis] != self.num_params:
            raise ValueError(
                f"{self.bijector_class.__name__} takes {self.num_params} parameters a "
                f"dimension ({dict(self.param_shapes)}), but got parameters of shape "
                f"{tuple(params.shape)}."
            )
        bijector = self._with(params, axis, validate_args)
        return Invert(bijector) if self.inverted else bijector

    def forward_and_log_det(
        self, params: tf.Tensor, x: Any, axis: int = -1, validate_args: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """``forward`` and log-slopes of the transformer with these parameters."""
        bijector = self._with(params, axis, validate_args)
        if isinstance(bijector, Evaluated):  # Not by the public methods' checks.
            if self.inverted:
                return bijector._inverse_and_log_det(x)
            return bijector._forward_and_log_det(x)
        return forward_and_log_det(Invert(bijector) if self.inverted else bijector, x)

    def inverse_and_log_det(
        self, params: tf.Tensor, y: Any, axis: int = -1, validate_args: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """``inverse`` and log-slopes of the transformer with these parameters."""
        bijector = self._with(params, axis, validate_args)
        if isinstance(bijector, Evaluated):
            if self.inverted:
                return bijector._forward_and_log_det(y)
            return bijector._inverse_and_log_det(y)
        return inverse_and_log_det(Invert(bijector) if self.inverted else bijector, y)

    def _with(self, params: tf.Tensor, axis: int, validate_args: bool) -> tfb.Bijector:
        """The bijector with these parameters."""
        known = self._templates.get(params.dtype)
        template, constraints = known or self._make_template(params.dtype)
        if self._are_numbers:
            parts = tf.unstack(params, axis=axis)
        else:
            # Split, not sliced: the gradient of a split is one concatenation.
            parts = tf.split(params, self._sizes, axis=axis)
            axes = itertools.repeat(axis % params.shape.rank)
            parts = map(_with_last, parts, axes, self.param_shapes.values())
        named = dict(zip(self.param_shapes, parts, strict=True))
        for name, constrain in constraints:
            named[name] = constrain.forward(named[name])
        if validate_args or not isinstance(template, Bijector):
            options = {"validate_args": validate_args, **self.options}
            return self.bijector_class(**options, **named)
        return template._with(**named)

    def _make_template(self, dtype: tf.DType):
        """A checked transformer, whose tensors are replaced, and their constraints.

        They are made once for each dtype, and not in a graph that ends.
        """
        properties = self.bijector_class.parameter_properties(dtype)
        constraints, zeros = [], {}
        with tf.init_scope():
            for name, shape in self.param_shapes.items():
                constrain = properties[name].default_constraining_bijector_fn()
                zeros[name] = tf.zeros([1, *shape], dtype)
                if not isinstance(constrain, tfb.Identity):
                    constraints.append((name, constrain))
                    zeros[name] = constrain.forward(zeros[name])
            template = self.bijector_class(**self.options, **zeros)
        self._templates[dtype] = template, constraints
        return template, constraints

    def __getstate__(self) -> dict:
        """The fields alone: a copy makes its own templates."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @functools.cached_property
    def _templates(self) -> dict:
        return {}

    @functools.cached_property
    def _sizes(self) -> list[int]:
        return [math.prod(shape) for shape in self.param_shapes.values()]

    @functools.cached_property
    def _are_numbers(self) -> bool:
        return not any(self.param_shapes.values())

    def require_closed(self, direction: Direction) -> None:
        """Refuse a direction that is a search, for one structure.

        Raises:
            NoStructureError: a search, which eagerly raises where it finds no root; or
                assertions, which XLA drops.
        """
        if self.options.get("validate_args"):
            raise NoStructureError
        cls = self.bijector_class
        closed = cls.closed if issubclass(cls, HasDirections) else BOTH_DIRECTIONS
        if (direction if not self.inverted else _OPPOSITE[direction]) not in closed:
            raise NoStructureError

    def invert(self) -> "TransformerSpec":
        """The transformer with its directions exchanged.

        The parameters then belong to the direction data → base. For a spline that is
        the one that training needs, and its formula the cheaper of the two.
        """
        return dataclasses.replace(self, inverted=not self.inverted)

    def fast(self, use: Use) -> "TransformerSpec":
        """The transformer, or its inverse, of which one use is fast.

        ``log_prob`` of a flow evaluates its transformers' ``inverse``, ``sample`` their
        ``forward``. The result is inverted only if it must be: where the direction
        used is a search for a root, or where both are closed and the other one costs
        less (``closed`` and ``cheaper`` of `Elementwise`; bijectors of TFP count as
        closed both ways).

        Args:
            use: ``"log_prob"`` or ``"sample"``.

        Raises:
            ValueError: neither of the two.

        >>> import tfp_flows
        >>> tfp_flows.bijectors.RationalQuadraticSpline.spec().fast("log_prob").inverted
        True
        >>> tfp_flows.bijectors.CubicSpline.spec().fast("log_prob").inverted
        False
        """
        if use not in _DIRECTION_OF_USE:
            raise ValueError(
                f"TransformerSpec.fast takes 'log_prob' or 'sample', but got {use!r}."
            )
        best = _fastest_direction(self.bijector_class)
        if best is None:
            return self
        return dataclasses.replace(self, inverted=best != _DIRECTION_OF_USE[use])


def _fastest_direction(bijector_class: type[tfb.Bijector]) -> str | None:
    """``"forward"`` or ``"inverse"``; ``None`` if there is nothing to choose."""
    if not issubclass(bijector_class, HasDirections):
        return None
    if bijector_class.closed == BOTH_DIRECTIONS:
        return bijector_class.cheaper
    return next(iter(bijector_class.closed), None)


def _with_last(part: tf.Tensor, axis: int, shape: tuple[int, ...]) -> tf.Tensor:
    """``part`` with its axis in the place of the last one, there of another shape."""
    others = [i for i in range(part.shape.rank) if i != axis]
    if axis != len(others):
        part = tf.transpose(part, [*others, axis])
    if len(shape) == 1:
        return part
    if not shape:
        return tf.squeeze(part, axis=-1)
    return tf.reshape(part, tf.concat([tf.shape(part)[:-1], shape], axis=0))
