"""A linear map by its LU factors."""

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.bijectors.linear.permutation import Permutation
from tfp_flows.checks import checked_count, checked_permutation
from tfp_flows.math import permute


class LULinear(Bijector):
    """Multiply by a matrix that is kept as P·L·U, and add a bias.

    Forward: y = xPLU + b, x a row vector. P is a fixed permutation; L is lower
    triangular with ones, U upper triangular with exp of logarithms on its diagonal.

    Inverse: x = (y − b)U⁻¹L⁻¹Pᵀ, by two triangular solves.

    Log-determinant: log|det PLU| = Σ log Uᵢᵢ, a sum of D parameters.

    Cost: O(D²) a point in both directions, O(D) for the log-determinant; nothing is
    factorised. (The solves are slower than products by a constant factor.)

    Args:
        lower_upper: ``[..., D, D]``, any real numbers, both factors in one matrix: L
            below the diagonal, U above it, and **the logarithms** of U's diagonal on
            it. Zeros give L = U = I.
        bias: b, ``[..., D]``.
        permutation: (xP)ᵢ = x_{p(i)} for p the integers 0 … D − 1 in any order; none
            if not given. It is fixed: there is nothing to train.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: a matrix that is not square, a bias or permutation of another size,
            no permutation, or a call with points of another size.
        TypeError: dtypes that differ or are not floating.

    ``LULinear.trainable`` starts at the identity; with ``permute=True`` at a random
    permutation, as in neural spline flows. Not every matrix is a PLU of one given P:
    the determinants of the leading blocks of LU are positive, so that training does
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
        lower_upper,
        bias,
        permutation=None,
        validate_args: bool = False,
        name: str = "lu_linear",
    ):
        super().__init__(dict(locals()), is_constant_jacobian=True)
        require_square(self, "lower_upper")
        if permutation is None:
            permutation = np.arange(self.event_size)
        self.permutation = checked_permutation(
            permutation, f"{self._where}: permutation"
        )
        if self.permutation.size != self.event_size:
            raise ValueError(
                f"{self._where}: the permutation is of {self.permutation.size} "
                f"dimensions, but the matrix has {self.event_size}."
            )

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
        seed=None,
        dtype="float32",
        **options,
    ):
        """As `Bijector.trainable`, with a random fixed permutation where asked for.

        Args:
            event_size: D.
            permute: whether to draw a permutation.
            seed: of the permutation; the rest of the start is not random.
            dtype: of the variables, float32 or float64.
            **options: any other arguments of the constructor.

        Raises:
            ValueError: ``permute=True`` together with a ``permutation``.
        """
        if permute:
            if options.get("permutation") is not None:
                raise ValueError(
                    f"{cls.__name__}.trainable: permute=True draws a permutation, but "
                    f"one was given: {options['permutation']!r}."
                )
            event_size = checked_count(event_size, f"{cls.__name__}: event_size")
            drawn = Permutation.random(event_size, seed=seed)
            options["permutation"] = drawn.permutation
        return super().trainable(event_size, seed=seed, dtype=dtype, **options)

    def _factors(self):
        packed = tf.convert_to_tensor(self.lower_upper)
        lower = tf.linalg.set_diag(
            tf.linalg.band_part(packed, -1, 0), tf.ones_like(packed[..., 0])
        )
        return lower, upper_factor(packed)

    def _forward(self, x):
        lower, upper = self._factors()
        x = permute(x, self.permutation)
        x = tf.einsum("...d,...de->...e", x, lower)
        return tf.einsum("...d,...de->...e", x, upper) + self.bias

    def _inverse(self, y):
        lower, upper = self._factors()
        y = solve_upper(y - self.bias, upper)
        x = tf.linalg.LinearOperatorLowerTriangular(lower).solvevec(y, adjoint=True)
        return permute(x, np.argsort(self.permutation))

    def _forward_log_det_jacobian(self, x):
        return tf.reduce_sum(tf.linalg.diag_part(self.lower_upper), axis=-1)


def require_square(bijector: Bijector, name: str) -> None:
    """Refuses a matrix that is not square."""
    shape = getattr(bijector, name).shape
    if shape[-2] != shape[-1]:
        raise ValueError(
            f"{bijector._where}: {name} must be square, but has shape {tuple(shape)}."
        )


def upper_factor(packed) -> tf.Tensor:
    """The part above the diagonal, and on the diagonal exp of what is there."""
    diagonal = tf.exp(tf.linalg.diag_part(packed))
    return tf.linalg.set_diag(tf.linalg.band_part(packed, 0, -1), diagonal)


def solve_upper(y, upper) -> tf.Tensor:
    """X with xU = y, for row vectors."""
    # TensorFlow's operator makes columns of one matrix of all points that share U.
    transposed = tf.linalg.matrix_transpose(upper)
    return tf.linalg.LinearOperatorLowerTriangular(transposed).solvevec(y)
