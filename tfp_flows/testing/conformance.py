"""The conformance of a bijector to its own mathematics and to TFP's contract."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.testing import batches, contract, mathematics
from tfp_flows.testing.case import Case


def assert_bijector_conforms(
    bijector: tfb.Bijector | Callable[[str], tfb.Bijector],
    x: np.ndarray,
    *,
    order: Sequence[int] | None = None,
    extreme: float | None = 1e4,
    spread: float = 1.0,
    seed: int = 0,
    log_det_draws: int = 1,
    tangents: Callable | None = None,
) -> None:
    """Checks that a bijector is what it declares.

    The checks are made with the parameters as they are and with all trainable variables
    moved far away, in float32 and float64 (of a bijector, not a function that makes
    one, in its own dtype):

    * round trip: ``forward(inverse(y))`` against y up to rounding, ``inverse(
      forward(x))`` up to rounding times the factor of the map itself;
    * the log-determinant against that of the autodiff Jacobian, and
      ``fldj(x) = −ildj(forward(x))``;
    * points with batch ranks 0, 1 and 2, and a batch of parameters, give the values
      that each point and each parameter gives alone;
    * every trainable variable gets a finite gradient in both directions, which is not
      0 once the variables have been moved;
    * eager, ``tf.function`` and XLA agree, in values and gradients, also where two
      tapes watch;
    * ``tfb.Chain``, ``tfb.Invert``, ``tfd.TransformedDistribution`` and ``copy`` work,
      and in float64 densities of 1-D and 2-D events integrate to 1;
    * the declarations hold: a diagonal, triangular or constant Jacobian,
      monotonicity;
    * nothing is stale: at the same tensors, once variables have moved, values and
      log-determinants are new, and at a tensor that ``forward`` gave the inverse has
      its gradient;
    * a graph of points of unknown rank works;
    * a row of NaN is NaN, and leaves the other rows as they are;
    * at points multiplied by ``extreme``: finite values and gradients, and
      ``forward(inverse(y))`` against y.

    TFP's cache is defeated throughout: an inverse is computed, not looked up.

    Args:
        bijector: a bijector, checked in its own dtype, or a function that makes one
            from ``"float32"`` or ``"float64"``, checked in both. Its trainable
            variables are changed.
        x: ordinary points ``[N, D]`` in the domain of ``forward`` (``[N, ...]`` for
            events of higher rank), N even. A scalar bijector acts on each of D.
        order: an order of the dimensions in which the Jacobian is lower triangular,
            if there is one.
        extreme: the factor, or ``None`` where the map itself cannot be represented
            there.
        spread: the standard deviation of the move of the variables.
        seed: a seed for the move.
        log_det_draws: the number of draws to average, for a log-determinant that is an
            unbiased estimate, compared within six standard errors of the mean.
        tangents: for a bijector on a manifold, a function from points ``[N, D]`` to
            ``[N, K, D]``, orthonormal rows that span the tangent space at each point.
            The log-determinant is then compared in these coordinates.

    Raises:
        AssertionError: naming the check that failed, with the figures.
        TypeError: neither a bijector nor a function.
        ValueError: an odd number of points, or points without a batch.

    >>> import tfp_flows
    >>> tfp_flows.testing.assert_bijector_conforms(
    ...     tfp_flows.bijectors.ShiftAndCube(0.5), [[0.1, 0.2], [0.3, -1.0]],
    ...     order=[0, 1])
    """
    x = np.asarray(x, np.float64)
    if x.ndim < 2 or len(x) % 2:
        raise ValueError(
            "assert_bijector_conforms takes points of shape [N, D], or [N, ...] for "
            "events of higher rank, with an even N (those of a scalar bijector, too), "
            f"but got shape {x.shape}."
        )
    is_bijector = isinstance(bijector, tfb.Bijector)
    is_function = callable(bijector) and not isinstance(bijector, type)
    if not is_bijector and (not is_function or hasattr(bijector, "log_prob")):
        raise TypeError(
            "assert_bijector_conforms takes a bijector or a function of the dtype's "
            f"name that makes one, but got {bijector!r}."
        )
    dtypes = ["float32", "float64"]
    if isinstance(bijector, tfb.Bijector):
        dtypes = [(bijector.dtype or tf.float32).name]
    for dtype in dtypes:
        rng = np.random.default_rng(seed)
        subject = bijector if is_bijector else bijector(dtype)
        case = Case(subject, x, dtype, "as given", log_det_draws, tangents)
        mathematics.check_round_trip(case)
        mathematics.check_log_det(case)
        mathematics.check_gradients(case)
        for variable in case.bijector.trainable_variables:
            variable.assign_add(rng.normal(scale=spread, size=variable.shape))
        case = Case(subject, x, dtype, "moved", log_det_draws, tangents)
        mathematics.check_round_trip(case)
        mathematics.check_log_det(case)
        mathematics.check_structure(case, order)
        mathematics.check_gradients(case, nonzero=True)
        contract.check_freshness(case)
        batches.check_batch_ranks(case)
        batches.check_batch_of_parameters(case)
        contract.check_execution_modes(case)
        contract.check_compositions(case)
        mathematics.check_integral(case)
        if dtype == dtypes[0]:
            batches.check_unknown_rank(case)
            batches.check_one_bad_row(case)
        if extreme is not None:
            far = x * extreme
            mathematics.check_extreme(
                Case(subject, far, dtype, "extreme", log_det_draws, tangents)
            )
