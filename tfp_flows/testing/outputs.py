"""The values of a bijector that checks compare, and their tolerances."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.testing.case import Case, size


def tolerances_of(case: Case) -> dict[str, float]:
    """Tolerances of two computations of `Case.both_ways` at points and their images."""
    jacobian = case.jacobian_at_x
    most = np.linalg.norm(jacobian, 2, axis=(1, 2)).max()
    least = np.linalg.norm(np.linalg.inv(jacobian), 2, axis=(1, 2)).max()
    x, y = size(case.x).max(), size(case.forward(case.x)).max()
    log_det = 1 + np.abs(case.fldj(case.x)).max() + most * least
    scales = {
        "forward": y + most * x,
        "inverse": x + least * y,
        "fldj": log_det,
        "ildj": log_det * most * least,
    }
    tolerances = {name: case.rounding * scale for name, scale in scales.items()}
    case.ildj(case.forward(case.x))
    spread = 2.0 * np.max(case.log_det_spread)  # Of two estimates.
    return tolerances | {n: tolerances[n] + spread for n in ("fldj", "ildj")}


def tolerances_of_single_draws(case: Case) -> dict[str, float]:
    """Tolerances where a log-determinant that is an estimate is one draw."""
    wider = case.log_det_draws**0.5
    tolerances = tolerances_of(case)
    return tolerances | {name: wider * tolerances[name] for name in ("fldj", "ildj")}


def check_outputs(
    case: Case, actual: Mapping, expected: Mapping, tolerances: Mapping, what: str
) -> None:
    """Fails unless two computations of `Case.both_ways` agree, in shapes and values."""
    for name, tolerance in tolerances.items():
        a, b = np.asarray(actual[name]), np.asarray(expected[name])
        case.check(a.shape == b.shape, f"{name} {what} has shape {a.shape}.")
        case.check_close(a, b, tolerance, f"{name} {what}")


def standard_normal(x: tf.Tensor) -> tfd.Distribution:
    """A standard normal of the events of ``x``."""
    shape = x.shape[1:]
    return tfd.Independent(tfd.Normal(tf.zeros(shape, x.dtype), 1), len(shape))
