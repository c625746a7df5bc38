"""A linear map by its LU factors."""

from typing import Any, Self

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.bijectors.linear.drawn import (
    as_drawn,
    as_known,
    permutation_or_variable,
    value_of,
)
from tfp_flows.bijectors.linear.matrices import (
    require_square,
    solve_upper,
    upper_factor,
)
from tfp_flows.bijectors.linear.permutation import Permutation
from tfp_flows.checks import checked_count
from tfp_flows.math import inverse_of, permute
from tfp_flows.random_state import Seed, split_seed


class LULinear(Bijector):
    """Multiply by a matrix in the form P·L·S·U, and add a bias.

    Forward: y = xPLSU + b, x a row vector. P is a fixed permutation, S a fixed diagonal
    of signs; L is lower triangular with ones, U upper triangular with exp of logarithms
    on its diagonal.

    Inverse: x = (y − b)U⁻¹SL⁻¹Pᵀ, by two triangular solves.

    Log-determinant: log|det PLSU| = Σ log Uᵢᵢ, a sum of D parameters.

    Cost: O(D²) a point in both directions, O(D) for the log-determinant; nothing is
    factorized. (The solves are slower than products by a constant factor.)

    Args:
        lower_upper: ``[..., D, D]``, any real numbers, both factors in one matrix: L
            below the diagonal, U above it, and **the logarithms** of U's diagonal on
            it. Zeros give L = U = I.
        bias: b, ``[..., D]``.
        permutation: p with (xP)ᵢ = x_{p(i)}, the integers 0 … D − 1 in any order; none
            by default. It is fixed: there is nothing to train.
        signs: D numbers 1 or −1, the diagonal of S; all 1 by default. Fixed as well.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: a matrix that is not square, a bias or permutation of another size,
            no permutation, other signs, or a call with points of another size.
        TypeError: dtypes that differ or are not floating.

    ``LULinear.trainable`` starts at the identity; with ``permute=True`` at a random
    permutation, as in neural spline flows; ``LULinear.random_rotation`` at a random
    rotation, as in Glow. Not every matrix has this form for one given P and S: the
    determinants of the leading blocks of LSU keep their signs, so that training does
    not lead, say, from the identity to a half turn (`QRLinear` gets there).

    >>> import tfp_flows
    >>> linear = tfp_flows.bijectors.LULinear([[0.0, 2.0], [3.0, 0.0]], [0.0, 5.0])
    >>> linear.forward([1.0, 1.0]).numpy()  # (1, 1)·L = (4, 1), times U (4, 9)
    array([ 4., 14.], dtype=float32)
    >>> float(linear.forward_log_det_jacobian([1.0, 1.0]))
    0.0

    Papers: Kingma and Dhariwal (2018), Glow; Durkan et al. (2019), Neural spline flows.
    """

    def __init__(
        self,
        lower_upper: Any,
        bias: Any,
        permutation: Any = None,
        signs: Any = None,
        validate_args: bool = False,
        name: str = "lu_linear",
    ):
        super().__init__(dict(locals()), is_constant_jacobian=True)
        require_square(self, "lower_upper")
        if permutation is None:
            permutation = np.arange(self.event_size)
        where = f"{self._where}: permutation"
        self._permutation = permutation_or_variable(permutation, where)
        size = self._permutation.shape[0]
        if size != self.event_size:
            raise ValueError(
                f"{self._where}: the permutation must be one of {self.event_size} "
                f"dimensions, as the matrix, but got {size}."
            )
        self._signs = None if signs is None else self._checked_signs(signs)

    @property
    def permutation(self) -> np.ndarray:
        """P, an array ``[D]``."""
        return value_of(self._permutation)

    @property
    def signs(self) -> np.ndarray | None:
        """The diagonal of S, an array ``[D]``; ``None`` if all are 1."""
        return None if self._signs is None else value_of(self._signs)

    def _checked_signs(self, signs) -> Any:
        if isinstance(signs, tf.Variable) and signs.dtype.is_integer:
            self._checked_signs(value_of(signs))
            return signs
        array = np.array(signs)
        if array.shape != (self.event_size,) or not np.isin(array, [-1, 1]).all():
            raise ValueError(
                f"{self._where}: signs must be {self.event_size} numbers 1 or -1, but "
                f"got {signs!r}."
            )
        return array

    @classmethod
    def _parameter_properties(cls, dtype):
        return {
            "lower_upper": ParameterProperties(event_ndims=2),
            "bias": ParameterProperties(event_ndims=1),
        }

    @classmethod
    def _initial_parameters(cls, event_size, rng):
        # Exactly the identity: every parameter has a gradient there.
        return {
            "lower_upper": np.zeros([event_size, event_size]),
            "bias": np.zeros(event_size),
        }

    @classmethod
    def trainable(
        cls,
        event_size: int,
        *,
        permute: bool = False,
        seed: Seed = None,
        dtype: Any = "float32",
        **options: Any,
    ) -> Self:
        """The bijector with variables, at the identity or at a random permutation.

        Args:
            event_size: D.
            permute: whether to draw a permutation, which is fixed.
            seed: a seed for the permutation; nothing else of the start is random.
            dtype: the dtype of the variables, float32 or float64.
            **options: any other arguments of the constructor.

        Raises:
            ValueError: ``permute=True`` together with a ``permutation``.
        """
        if permute:
            if options.get("permutation") is not None:
                raise ValueError(
                    f"{cls.__name__}.trainable: permute=True draws a permutation, but "
                    f"got permutation={options['permutation']!r}, too."
                )
            event_size = checked_count(event_size, f"{cls.__name__}: event_size")
            drawn = Permutation.random(event_size, seed=seed)
            options["permutation"] = as_drawn(drawn.permutation, "permutation")
        return super().trainable(event_size, seed=seed, dtype=dtype, **options)

    @classmethod
    def random_rotation(
        cls,
        event_size: int,
        *,
        seed: Seed = None,
        dtype: Any = "float32",
        **options: Any,
    ) -> Self:
        """The bijector with variables that start at a random rotation.

        Args:
            event_size: D.
            seed: a seed for the rotation.
            dtype: the dtype of the variables, float32 or float64.
            **options: the constructor's ``validate_args`` and ``name``.
        """
        event_size = checked_count(event_size, f"{cls.__name__}: event_size")
        rng = np.random.default_rng(split_seed(seed, 1, f"{cls.__name__}: seed")[0])
        matrix, _ = np.linalg.qr(rng.normal(size=[event_size, event_size]))
        matrix[0] *= np.linalg.det(matrix)  # Not a reflection.
        with tf.init_scope():
            packed, permutation = map(np.array, tf.linalg.lu(matrix))
        diagonal = np.diag(packed)
        upper = np.sign(diagonal)[:, np.newaxis] * np.triu(packed, 1)
        start = np.tril(packed, -1) + upper + np.diag(np.log(np.abs(diagonal)))
        bijector = cls.trainable(
            event_size,
            permutation=as_drawn(permutation, "permutation"),
            signs=as_drawn(np.sign(diagonal), "signs"),
            dtype=dtype,
            **options,
        )
        bijector.lower_upper.assign(start)
        return bijector

    def _factors(self):
        packed = tf.convert_to_tensor(self.lower_upper)
        lower = tf.linalg.set_diag(
            tf.linalg.band_part(packed, -1, 0), tf.ones_like(packed[..., 0])
        )
        return lower, upper_factor(packed)

    def _signed(self, x):
        return x if self._signs is None else x * tf.cast(self._signs, x.dtype)

    def _log_det(self) -> tf.Tensor:
        return tf.reduce_sum(tf.linalg.diag_part(self.lower_upper), axis=-1)

    def _forward_and_log_det(self, x):
        lower, upper = self._factors()
        x = permute(x, as_known(self._permutation))
        x = self._signed(tf.einsum("...d,...de->...e", x, lower))
        y = tf.einsum("...d,...de->...e", x, upper) + self.bias
        return y, self._log_det()

    def _inverse_and_log_det(self, y):
        lower, upper = self._factors()
        y = self._signed(solve_upper(y - self.bias, upper))
        x = tf.linalg.LinearOperatorLowerTriangular(lower).solvevec(y, adjoint=True)
        return permute(x, inverse_of(as_known(self._permutation))), -self._log_det()
