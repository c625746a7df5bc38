"""The base class of splines: the interval, its outside, and the parameters' checks."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import ParameterProperties
from tfp_flows.bijectors.elementwise.elementwise import Elementwise
from tfp_flows.bijectors.elementwise.transformer_spec import TransformerSpec
from tfp_flows.checks import checked_count, require_interval
from tfp_flows.math import bin_sizes


class Spline(Elementwise):
    """A monotone curve through knots on an interval, and the identity outside it.

    To subclass, as `Elementwise`; the tensor parameters have a last axis of their own,
    ``[..., D, K]``. Write ``_num_params`` (how long that axis is for ``num_bins``
    bins), and ``_forward_unit`` and ``_inverse_unit``, the curve on [0, 1]: from points
    of [0, 1] they give the value and the logarithm of the forward slope there.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``low``, ``high`` and ``min_bin_size``.

    Raises:
        ValueError: an interval that is empty or reversed; a smallest bin or slope
            outside (0, 1); parameters without bins or with counts that do not fit.
    """

    cheaper: ClassVar[str | None] = "forward"

    def __init__(self, parameters: Mapping):
        name, cls = parameters["name"], type(self).__name__
        low, high = parameters["low"], parameters["high"]
        require_interval(low, high, f"{cls} {name!r}")
        for key in ("min_bin_size", "min_slope"):
            if not 0 < parameters.get(key, 0.5) < 1:
                raise ValueError(
                    f"{cls} {name!r}: {key} must be between 0 and 1, but got "
                    f"{parameters[key]}."
                )
        self._low, self._high = low, high
        self._min_bin_size = parameters["min_bin_size"]
        self._min_slope: Any = parameters.get("min_slope")
        super().__init__(parameters)
        self._num_bins = self._checked_num_bins()

    @classmethod
    @abc.abstractmethod
    def _num_params(cls, num_bins: int) -> dict[str, int]:
        """The length of each parameter for ``num_bins`` bins."""

    @classmethod
    def _parameter_properties(cls, dtype):
        return {name: ParameterProperties(event_ndims=1) for name in cls._num_params(1)}

    @classmethod
    def _initial_parameters(cls, event_size, rng, num_bins: int = 8):
        sizes = cls._num_params(checked_count(num_bins, f"{cls.__name__}: num_bins"))
        return {name: np.zeros([event_size, size]) for name, size in sizes.items()}

    @classmethod
    def spec(cls, *, num_bins: int = 8, **options: Any) -> TransformerSpec:
        """This spline as the transformer of a coupling or autoregressive layer.

        Args:
            num_bins: the number of bins.
            **options: the constructor's other arguments.
        """
        sizes = cls._num_params(checked_count(num_bins, f"{cls.__name__}: num_bins"))
        shapes = {name: (size,) for name, size in sizes.items()}
        return TransformerSpec(cls, shapes, options)

    @classmethod
    def _is_increasing(cls):
        return True

    def _checked_num_bins(self) -> int:
        lengths = {n: getattr(self, n).shape[-1] for n in self._num_params(1)}
        # The longest parameter says how many bins there are; the others must agree.
        for num_bins in range(1, 2 + max(lengths.values())):
            if self._num_params(num_bins) == lengths:
                return num_bins
        example = self._num_params(8)
        raise ValueError(
            f"{self._where}: the last axes of {', '.join(lengths)} must fit each other "
            f"(8 bins, say, take {example}), but got {lengths}."
        )

    @property
    def num_bins(self) -> int:
        """The number of bins."""
        return self._num_bins

    def _sizes(self, parameter) -> list[tf.Tensor]:
        """Widths or heights of the bins, as parts of the interval."""
        return bin_sizes(unstack_last(parameter), self._min_bin_size / self._num_bins)

    @abc.abstractmethod
    def _forward_unit(self, t) -> tuple[tf.Tensor, tf.Tensor]:
        """The value at t in [0, 1], and the logarithm of the forward slope there."""

    @abc.abstractmethod
    def _inverse_unit(self, t) -> tuple[tf.Tensor, tf.Tensor]:
        """The point whose value is t, and the logarithm of the forward slope there."""

    def _apply(self, x, unit_map):
        t = (x - self._low) / (self._high - self._low)
        inside = (t >= 0) & (t <= 1)
        # Clipped before the curve, not after it: its gradients stay finite outside.
        value, log_slope = unit_map(tf.clip_by_value(t, 0.0, 1.0))
        y = self._low + (self._high - self._low) * value
        return tf.where(inside, y, x), tf.where(inside, log_slope, 0.0)

    def _forward_and_log_det(self, x):
        return self._apply(x, self._forward_unit)

    def _inverse_and_log_det(self, y):
        x, log_slope = self._apply(y, self._inverse_unit)
        return x, -log_slope


def unstack_last(parameter: Any) -> list[tf.Tensor]:
    """The last axis of a parameter as a list, an entry for each bin or knot."""
    parameter = tf.convert_to_tensor(parameter)
    rank = parameter.shape.rank
    # In front first: where parameters come with the batch last, this undoes the
    # transposition that put their axis at the end, and XLA makes no copy.
    return tf.unstack(tf.transpose(parameter, [rank - 1, *range(rank - 1)]))
