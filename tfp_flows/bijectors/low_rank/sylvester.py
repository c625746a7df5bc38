"""The Sylvester flow: planar layers with many units, exact in both directions."""

import math
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.base import Bijector, ParameterProperties, event_size_of
from tfp_flows.bijectors.linear.matrices import require_square
from tfp_flows.bijectors.parameters import common_size
from tfp_flows.checks import checked_count
from tfp_flows.math import matvec, nested_tanh_root, tanh_slope

# softplus(a + _SHIFT) − 1 is 0 at a = 0.
_SHIFT = math.log(math.e - 1.0)

# The steepness of a unit stays between exp(±_LOG_STEEPEST): R divides by it.
_LOG_STEEPEST = 5.0


class Sylvester(Bijector):
    """Push points along M directions, by functions of their distances to M planes.

    Forward: y = x + Q R tanh(R̃ Qᵀx + b), with M ≤ D units. Q has M orthonormal
    columns; R and R̃ are upper triangular, so that each unit sees the directions from
    its own on. The map is invertible if rᵢᵢ·r̃ᵢᵢ > −1. So R̃ has positive steepnesses
    sᵢ on its diagonal, and R has mᵢ/sᵢ with mᵢ = −1 + softplus(a + ln(e − 1)) > −1.
    (A negative sᵢ would give nothing new, as tanh is odd.)

    Q is a bijector, ``rotation``, of which the first M dimensions are taken:
    y = rotation(core(rotation⁻¹(x))). It makes the three kinds of the paper:
    `OrthogonalExponential` the orthogonal one, `Householder` the one of that name, and
    `Permutation`, ``tfb.Identity`` or none the triangular one.

    Inverse: M nested scalar equations, from the last unit to the first. With the units
    after i known, tᵢ + mᵢ·tanh tᵢ = c has one root, as in `Planar`. A step of Newton's
    method for all units at once, at the root, gives it its derivatives.

    Log-determinant: Σ log(1 + mᵢ·sech² tᵢ), by Sylvester's determinant identity, each
    computed as log(tanh² t + (1 + m)·sech² t), whose terms are positive.

    Cost: O(M²) forward and the rotation twice. The inverse searches M roots one after
    another, 4 to 20 evaluations of tanh each; its gradient needs O(M³) a point. Where
    densities of given points are wanted, ``tfb.Invert`` makes them the fast direction.

    Args:
        r: ``[..., M, M]``, any real numbers: R above the diagonal; on it the aᵢ. The
            part below is not used. r = 0 gives the identity.
        r_tilde: ``[..., M, M]``, any real numbers: R̃ above the diagonal; on it **the
            logarithms** of the sᵢ, softly limited to ±5.
        b: biases, ``[..., M]``.
        rotation: a bijector with a constant Jacobian on points of size D, or ``None``.
        event_size: D, if there is no rotation that knows it; M if not given.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: matrices that are not square or of unlike sizes, fewer dimensions
            than units, a rotation of another size, with a batch shape, or whose
            Jacobian depends on the point; or a call with points of another size.
        TypeError: ``rotation`` is no bijector, dtypes that differ.

    ``Sylvester.trainable`` takes ``num_units``, by default D, and ``rotation``. It
    starts near the identity, with planes at random.

    >>> import tfp_flows
    >>> sylvester = tfp_flows.bijectors.Sylvester.trainable(
    ...     4, num_units=2, seed=0,
    ...     rotation=tfp_flows.bijectors.Householder.trainable(4, paired=False, seed=0))
    >>> y = sylvester.forward([1.0, 2.0, 3.0, 4.0])
    >>> sylvester.inverse(tf.identity(y)).numpy().round(3)
    array([1., 2., 3., 4.], dtype=float32)

    Paper: van den Berg, Hasenclever, Tomczak and Welling (2018), Sylvester normalizing
    flows for variational inference.
    """

    def __init__(
        self,
        r: Any,
        r_tilde: Any,
        b: Any,
        rotation: tfb.Bijector | None = None,
        event_size: int | None = None,
        validate_args: bool = False,
        name: str = "sylvester",
    ):
        parameters = dict(locals())
        where = f"Sylvester {name!r}"
        self.rotation = _checked_rotation(rotation, where)
        rotation_size = event_size_of(rotation)
        if event_size is not None:
            event_size = checked_count(event_size, f"{where}: event_size")
        super().__init__(parameters, event_size=event_size or rotation_size)
        properties = self._parameter_properties(self.dtype)
        tensors = {"r": self.r, "r_tilde": self.r_tilde, "b": self.b}
        self.num_units = common_size(tensors, properties, where)
        require_square(self, "r")
        require_square(self, "r_tilde")
        self._set_event_size(self.event_size or self.num_units)
        _check_sizes(self, rotation_size)

    @classmethod
    def _parameter_properties(cls, dtype):
        return {
            "r": ParameterProperties(event_ndims=2),
            "r_tilde": ParameterProperties(event_ndims=2),
            "b": ParameterProperties(event_ndims=1),
        }

    @classmethod
    def _initial_parameters(cls, event_size, rng, num_units=None):
        where = f"{cls.__name__}: num_units"
        units = event_size if num_units is None else checked_count(num_units, where)
        return {
            "r": rng.normal(scale=0.01, size=[units, units]),
            "r_tilde": rng.normal(scale=units**-0.5, size=[units, units]),
            # Planes through different points, or many units would do the work of one.
            "b": rng.normal(size=units),
            "event_size": event_size,
        }

    def _matrices(self):
        """R, R̃ and 1 + mᵢ, the last not from m, where it would lose its digits."""
        r, r_tilde = tf.convert_to_tensor(self.r), tf.convert_to_tensor(self.r_tilde)
        one_plus_m = tf.nn.softplus(tf.linalg.diag_part(r) + _SHIFT)
        log_steepness = tf.linalg.diag_part(r_tilde)
        log_steepness = _LOG_STEEPEST * tf.tanh(log_steepness / _LOG_STEEPEST)
        steepness = tf.exp(log_steepness)
        upper = tf.linalg.band_part(r, 0, -1)
        upper = tf.linalg.set_diag(upper, (one_plus_m - 1.0) / steepness)
        upper_tilde = tf.linalg.band_part(r_tilde, 0, -1)
        return upper, tf.linalg.set_diag(upper_tilde, steepness), one_plus_m

    def _units(self, z):
        """The dimensions of rotated points that the units see, and the others."""
        size: Any = self.event_size
        return tf.split(z, [self.num_units, size - self.num_units], axis=-1)

    def _rotated_back(self, x):
        return x if self.rotation is None else self.rotation.inverse(x)

    def _rotated(self, units, others):
        # The parameters may have a batch shape that the points do not have.
        batch = tf.broadcast_dynamic_shape(tf.shape(units)[:-1], tf.shape(others)[:-1])
        shape = tf.concat([batch, tf.shape(others)[-1:]], axis=0)
        z = tf.concat([units, tf.broadcast_to(others, shape)], axis=-1)
        return z if self.rotation is None else self.rotation.forward(z)

    def _forward_and_log_det(self, x):
        upper, upper_tilde, one_plus_m = self._matrices()
        units, others = self._units(self._rotated_back(x))
        t = matvec(upper_tilde, units) + self.b
        log_slopes = tf.math.log(tanh_slope(t, one_plus_m))
        y = self._rotated(units + matvec(upper, tf.tanh(t)), others)
        return y, tf.reduce_sum(log_slopes, axis=-1)

    def _inverse_and_log_det(self, y):
        upper, upper_tilde, one_plus_m = self._matrices()
        units, others = self._units(self._rotated_back(y))
        b = tf.convert_to_tensor(self.b)
        units = nested_tanh_root(units, upper, upper_tilde, b, one_plus_m)
        t = matvec(upper_tilde, units) + b
        log_slopes = tf.math.log(tanh_slope(t, one_plus_m))
        return self._rotated(units, others), -tf.reduce_sum(log_slopes, axis=-1)


def _checked_rotation(rotation, where: str) -> tfb.Bijector | None:
    """The rotation, checked.

    Raises:
        TypeError: no bijector.
        ValueError: it has a batch shape, or its Jacobian depends on the point.
    """
    if rotation is None:
        return None
    if not isinstance(rotation, tfb.Bijector):
        raise TypeError(
            f"{where}: rotation must be a bijector, such as Householder.trainable(4), "
            f"or None, but got {rotation!r}."
        )
    called = f"{type(rotation).__name__} {rotation.name!r}"
    if not rotation.is_constant_jacobian or rotation.forward_min_event_ndims > 1:
        raise ValueError(
            f"{where}: rotation must be a linear map of vectors, one whose Jacobian "
            f"does not depend on the point, but got {called}."
        )
    batch = rotation.experimental_batch_shape()
    if batch.rank != 0:
        raise ValueError(
            f"{where}: one rotation is for all points, but got {called} of the "
            f"batch shape {tuple(batch)}."
        )
    return rotation


def _check_sizes(bijector: Sylvester, rotation_size: int | None) -> None:
    size: Any = bijector.event_size
    if rotation_size not in (None, size):
        raise ValueError(
            f"{bijector._where}: event_size is {size}, but got a rotation of points of "
            f"size {rotation_size}."
        )
    if bijector.num_units > size:
        raise ValueError(
            f"{bijector._where}: there must be at most as many units as dimensions, "
            f"but got {bijector.num_units} units and {size} dimensions."
        )
