"""Checks of a bijector against its own mathematics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.testing.case import Case, flat, size
from tfp_flows.testing.outputs import standard_normal


def check_round_trip(case: Case) -> None:
    """Checks the round trip in both orders, up to rounding times the map's factor."""
    y = case.forward(case.x)
    case.check(y.dtype == case.x.dtype, f"forward gives {y.dtype.name}.")
    case.check_finite(y, "forward")
    # Points near the images, not the images: an inverse must not know its answer.
    if case.tangents is None and _is_onto(case, y):
        y = y + tf.cast(0.1, y.dtype) * tf.ones_like(y)
    check_backward_error(case, y)
    back = case.inverse(case.forward(case.x))
    stretch = np.linalg.norm(np.linalg.inv(case.jacobian_at_x), 2, axis=(1, 2))
    rounded = size(case.x) + stretch[:, None] * size(case.forward(case.x))
    case.check_close(
        flat(back), flat(case.x), case.rounding * rounded, "inverse(forward(x))"
    )


def _is_onto(case: Case, y) -> bool:
    shifted = case.inverse(y + tf.cast(0.1, y.dtype))
    return bool(np.isfinite(shifted).all())


def check_backward_error(case: Case, y: Any) -> None:
    """Checks ``forward(inverse(y))`` against y, up to the image of rounding in x."""
    x = case.inverse(y)
    case.check_finite(x, "inverse")
    stretch = np.linalg.norm(case.jacobian(x), 2, axis=(1, 2))[:, None]
    rounded = size(y) + stretch * size(x)
    case.check_close(
        flat(case.forward(x)), flat(y), case.rounding * rounded, "forward(inverse(y))"
    )


def check_log_det(case: Case) -> None:
    """Checks it against the autodiff Jacobian, and one direction against the other."""
    log_det = case.fldj(case.x)
    jacobian = case.jacobian_at_x
    _, expected = np.linalg.slogdet(jacobian)
    # Rounding of the Jacobian's entries moves its log-determinant by its condition.
    condition = np.linalg.cond(jacobian)
    tolerance = case.rounding * (1 + np.abs(expected) + condition)
    spread = case.log_det_spread
    case.check_close(
        log_det, expected, tolerance + spread, "log-determinant against autodiff"
    )
    inverse = case.ildj(case.forward(case.x))
    case.check_close(
        -inverse,
        log_det,
        tolerance * condition + spread + case.log_det_spread,
        "fldj(x) = −ildj(forward(x))",
    )


def check_structure(case: Case, order: Sequence[int] | None) -> None:
    """Checks what the bijector, or the caller, declares of the Jacobian."""
    jacobian = case.jacobian_at_x
    size_of = jacobian.shape[-1]
    if case.bijector.forward_min_event_ndims == 0:
        outside = jacobian * (1 - np.eye(size_of))
        case.check(outside == 0, "an elementwise bijector's Jacobian is not diagonal.")
    if order is not None:
        ordered = jacobian[:, order][:, :, order]
        outside = np.triu(np.abs(ordered), k=1)
        case.check(
            outside <= case.rounding, f"the Jacobian is not triangular in {order}."
        )
    if case.bijector.is_constant_jacobian:
        log_det = case.fldj(case.x)
        tolerance = case.rounding + 2.0 * np.max(case.log_det_spread)
        case.check_close(log_det, log_det[:1], tolerance, "a constant log-determinant")
    try:
        increasing = case.bijector._internal_is_increasing()
    except NotImplementedError:
        return
    slopes = np.diagonal(jacobian, axis1=1, axis2=2)
    case.check(
        (slopes > 0) == np.asarray(increasing), "the declared monotonicity is wrong."
    )


def check_gradients(case: Case, nonzero: bool = False) -> None:
    """Checks gradients of values and log-determinants, by variables and points."""
    y = tf.identity(case.forward(case.x))
    _check_gradients_of(case, case.forward, case.fldj, case.x, "forward", nonzero)
    _check_gradients_of(case, case.inverse, case.ildj, y, "inverse", nonzero)


def _check_gradients_of(case, map_points, log_det, points, name, nonzero) -> None:
    variables = case.bijector.trainable_variables
    # Unequal weights, so that gradients of different points do not cancel.
    size = tf.size(points)
    weights = tf.cast(tf.range(1, 1 + size), points.dtype) / tf.cast(size, points.dtype)
    with tf.GradientTape() as tape:
        tape.watch(points)
        images = tf.reshape(map_points(points), [-1])
        total = tf.reduce_sum(weights * images) + tf.reduce_sum(log_det(points))
    at_points, *at_variables = tape.gradient(total, [points, *variables])
    case.check_finite(at_points, f"the gradient of {name} by its input")
    for variable, gradient in zip(variables, at_variables, strict=True):
        what = f"the gradient of {name} by {variable.name}"
        case.check(gradient is not None, f"{what} is missing.")
        case.check_finite(gradient, what)
        if nonzero:
            case.check(np.any(np.asarray(gradient) != 0), f"{what} is 0.")


def check_integral(case: Case) -> None:
    """Checks that the density of the flow over a standard normal integrates to 1.

    Float64 alone is checked, for quadrature is a test of the formulas, not of the
    precision: 1-D and 2-D events, and each dimension of elementwise bijectors.
    """
    dimensions = case.x.shape[1:].num_elements()
    if case.x.dtype != tf.float64 or case.tangents or case.log_det_draws > 1:
        return
    if case.bijector.forward_min_event_ndims == 0:
        base = tfd.Normal(tf.zeros(case.x.shape[1:], case.x.dtype), 1)
        _check_integral_over(case, base, 1)
    elif dimensions <= 2:
        _check_integral_over(case, standard_normal(case.x), dimensions)


def _check_integral_over(case: Case, base: tfd.Distribution, dimensions: int) -> None:
    flow = tfd.TransformedDistribution(base, case.bijector)
    # The image of a ball that holds the mass, by its boundary and its inside.
    points = flow.sample(20_000, seed=[0, 1]).numpy()
    margin = 0.1 * (points.max(0) - points.min(0))
    low, high = points.min(0) - margin, points.max(0) + margin
    num = 1 + int(160_000 ** (1 / dimensions))
    grid = np.linspace(low, high, num)
    if dimensions > 1:
        axes = np.meshgrid(*flat(grid).T, indexing="ij")
        grid = np.stack(axes, -1).reshape(-1, *case.x.shape[1:])
    density = np.exp(flow.log_prob(grid))
    cell = (high - low) / (num - 1)
    # Outside the range of the map TFP gives NaN; inside, other checks forbid it.
    integral = np.nansum(density, axis=0) * (
        np.prod(cell) if len(flow.event_shape) else cell
    )
    case.check(np.abs(integral - 1) < 0.02, f"its density integrates to {integral}.")


def check_extreme(case: Case) -> None:
    """Checks, far out, values and gradients, and the backward error of the inverse."""
    y = case.forward(case.x)
    case.check_finite(y, "forward")
    case.check_finite(case.fldj(case.x), "fldj")
    check_backward_error(case, tf.reshape(case.x, y.shape))
    check_gradients(case)
