"""The checks of `assert_bijector_conforms`, a function each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors.evaluated import Evaluated
from tfp_flows.testing.case import Case, flat, size


def check_round_trip(case: Case) -> None:
    """Checks the round trip in both orders, up to the rounding that the map magnifies."""
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


def _outputs(case: Case, x, y) -> dict[str, tf.Tensor]:
    return {
        "forward": case.forward(x),
        "inverse": case.inverse(y),
        "fldj": case.fldj(x),
        "ildj": case.ildj(y),
    }


def _tolerances(case: Case) -> dict[str, float]:
    """Tolerances of two computations of the same outputs at ``case.x`` and its images."""
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


def _check_outputs(case: Case, actual, expected, tolerances, what: str) -> None:
    for name, tolerance in tolerances.items():
        a, b = np.asarray(actual[name]), np.asarray(expected[name])
        case.check(a.shape == b.shape, f"{name} {what} has shape {a.shape}.")
        case.check_close(a, b, tolerance, f"{name} {what}")


def check_batch_ranks(case: Case) -> None:
    """Checks points alone and in a batch of rank 2 against the batch of rank 1."""
    x, y = case.x, tf.identity(case.forward(case.x))
    expected = _outputs(case, x, y)
    tolerances = _tolerances(case)
    alone = _outputs(case, x[0], y[0])
    first = {name: value[0] for name, value in expected.items()}
    _check_outputs(case, alone, first, tolerances, "of a point without a batch")

    def folded(t):
        return tf.reshape(t, [2, len(x) // 2, *t.shape[1:]])

    square = _outputs(case, folded(x), folded(y))
    folds = {name: folded(value) for name, value in expected.items()}
    _check_outputs(case, square, folds, tolerances, "of a batch of rank 2")


def check_batch_of_parameters(case: Case) -> None:
    """Checks two sets of parameters in one bijector against each set in its own."""
    bijector = case.bijector
    if case.event_ndims > max(1, bijector.forward_min_event_ndims):
        return  # A batch of parameters of channels is none of images.
    try:
        properties = type(bijector).parameter_properties(case.x.dtype)
    except NotImplementedError:  # TFP allows a bijector not to declare them.
        return
    values = {
        name: tf.convert_to_tensor(bijector.parameters[name])
        for name, p in properties.items()
        if p.is_tensor and bijector.parameters.get(name) is not None
    }
    if not values:
        return
    other = {name: 1.1 * value for name, value in values.items()}
    stacked = {name: tf.stack([values[name], other[name]]) for name in values}
    pair = case.like(bijector.copy(**stacked))
    batch = pair.bijector.experimental_batch_shape(x_event_ndims=case.event_ndims)
    case.check(batch == [2], f"two sets of parameters have batch shape {batch}.")
    x, y = case.x, tf.identity(case.forward(case.x))
    outputs = _outputs(pair, tf.stack([x, x], axis=1), tf.stack([y, y], axis=1))
    for index, each in enumerate([values, other]):
        one = case.like(bijector.copy(**each))
        _check_outputs(
            case,
            {name: value[:, index] for name, value in outputs.items()},
            _outputs(one, x, y),
            _tolerances(one),
            "of parameters in a batch",
        )
    spread = pair.forward(x[:, tf.newaxis])
    case.check_close(
        spread,
        outputs["forward"],
        _tolerances(case)["forward"],
        "forward of points broadcast with parameters",
    )


def check_execution_modes(case: Case) -> None:
    """Checks ``tf.function`` and XLA against eager execution, gradients included.

    Two tapes watch, as where a second derivative is taken: loops that a tape records
    may then need what XLA does not have.
    """

    def outputs_and_gradients(x, y):
        with tf.GradientTape() as outer, tf.GradientTape():
            outer.watch([x, y])
            outputs = _outputs(case, x, y)
            total = sum(tf.reduce_sum(value) for value in outputs.values())
        return outputs, outer.gradient(total, [x, y])

    y = tf.identity(case.forward(case.x))
    expected, gradients = outputs_and_gradients(case.x, y)
    tolerances = _tolerances(case)
    scale = 1 + max(float(tf.reduce_max(tf.abs(g))) for g in gradients)
    condition = tolerances["ildj"] / tolerances["forward"] + 1
    for jit_compile, name in [(False, "in a tf.function"), (True, "under XLA")]:
        compiled = tf.function(
            outputs_and_gradients, jit_compile=jit_compile
        ).get_concrete_function(case.x, y)
        outputs, compiled_gradients = compiled(case.x, y)
        _check_outputs(case, outputs, expected, tolerances, name)
        if case.log_det_draws > 1:
            continue  # Gradients of an estimate differ from draw to draw.
        for a, b in zip(compiled_gradients, gradients, strict=True):
            tolerance = case.rounding * condition * scale
            case.check_close(a, b, tolerance, f"a gradient {name}")


def check_freshness(case: Case) -> None:
    """Checks that nothing is stale once weights have moved, nor without gradient.

    Bijectors of TFP's own, whose cache is keyed by tensors, are left out.
    """
    bijector, x = case.bijector, case.x
    if not isinstance(bijector, Evaluated):
        return
    y = bijector.forward(x)
    points = {"forward": x, "inverse": y}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y)
        at_image = tf.reduce_sum(bijector.inverse(y)) + tf.reduce_sum(
            bijector.inverse_log_det_jacobian(y)
        )
        at_copy = tf.reduce_sum(bijector.inverse(tf.identity(y))) + tf.reduce_sum(
            bijector.inverse_log_det_jacobian(tf.identity(y))
        )
    gradient, expected = tape.gradient(at_image, y), tape.gradient(at_copy, y)
    case.check(gradient is not None, "no gradient at a tensor that forward gave.")
    if case.log_det_draws == 1:
        scale = case.rounding * (1 + np.abs(expected).max())
        what = "the gradient at a tensor that forward gave"
        case.check_close(gradient, expected, scale, what)
    before = [variable.read_value() for variable in bijector.trainable_variables]
    for direction, point in points.items():
        for method in (direction, f"{direction}_log_det_jacobian"):
            getattr(bijector, method)(point)
    for variable in bijector.trainable_variables:
        variable.assign_add(0.1 * tf.ones_like(variable))
    moved = {name: tf.identity(point) for name, point in points.items()}
    tolerances = _tolerances(case)
    for direction, point in points.items():
        for method, name in (
            (direction, direction),
            (f"{direction}_log_det_jacobian", f"{direction[0]}ldj"),
        ):
            again, fresh = (
                getattr(bijector, method)(p) for p in (point, moved[direction])
            )
            what = f"{method} at the same tensor once weights have moved"
            case.check_close(again, fresh, tolerances[name], what)
    for variable, value in zip(bijector.trainable_variables, before, strict=True):
        variable.assign(value)


def check_unknown_rank(case: Case) -> None:
    """Checks a ``tf.function`` of points whose rank, and so whose sizes, are unknown."""
    if not isinstance(case.bijector, Evaluated):
        return
    x, y = case.x, tf.identity(case.forward(case.x))
    expected, tolerances = _outputs(case, x, y), _tolerances(case)
    unknown = tf.TensorSpec(None, x.dtype)

    @tf.function(input_signature=[unknown, unknown])
    def compute(x, y):
        forward = case.bijector.forward_and_log_det(x, case.event_ndims)
        return *forward, *case.bijector.inverse_and_log_det(y, case.image_ndims)

    outputs = dict(
        zip(["forward", "fldj", "inverse", "ildj"], compute(x, y), strict=True)
    )
    for name in ("fldj", "ildj"):
        outputs[name] = tf.broadcast_to(outputs[name], expected[name].shape)
        # An estimate is one draw here.
        tolerances[name] *= case.log_det_draws**0.5
    _check_outputs(case, outputs, expected, tolerances, "of unknown rank")


def check_one_bad_row(case: Case) -> None:
    """Checks that a row of NaN gives NaN, and leaves the other rows as they are."""
    if not isinstance(case.bijector, Evaluated):
        return
    bad = np.array(case.x)
    bad[1] = np.nan
    x = tf.constant(bad, case.x.dtype)
    image = np.array(case.forward(case.x))
    image[1] = np.nan
    y = tf.constant(image, case.x.dtype)
    expected = _outputs(case, case.x, tf.identity(case.forward(case.x)))
    for name, value in _outputs(case, x, y).items():
        near, alone = (
            np.delete(np.asarray(v), 1, axis=0) for v in (value, expected[name])
        )
        what = f"{name} beside a row of NaN"
        case.check_close(near, alone, _tolerances(case)[name], what)
        if name in ("forward", "inverse"):
            case.check(np.isnan(value[1]).any(), f"{name} of a row of NaN is a number.")


def check_compositions(case: Case) -> None:
    """Checks the bijector in ``tfb.Invert``, ``tfb.Chain`` and a distribution; copies."""
    x, bijector = case.x, case.bijector
    y = tf.identity(case.forward(x))
    fldj = case.fldj(x)
    tolerances = _tolerances(case)
    compositions = {
        "tfb.Invert of tfb.Invert": tfb.Invert(tfb.Invert(bijector)),
        "tfb.Chain": tfb.Chain([tfb.Identity(), bijector]),
    }
    if bijector.parameters is not None:  # TFP cannot copy what does not give them.
        compositions["copy"] = bijector.copy()
    for name, same in compositions.items():
        other = case.like(same)
        outputs = _outputs(other, x, y)
        _check_outputs(case, outputs, _outputs(case, x, y), tolerances, f"of {name}")
    flow = tfd.TransformedDistribution(_normal(x), bijector)
    expected = flow.distribution.log_prob(x) - fldj
    # The base magnifies the error of the inverse by the distance from its center.
    tolerance = tolerances["ildj"] + tolerances["inverse"] * (1 + size(x).max())
    case.check_close(flow.log_prob(y), expected, tolerance, "log_prob of the flow")
    shape = flow.sample(3, seed=[0, 1]).shape
    case.check(shape == [3, *y.shape[1:]], f"sample(3) has shape {shape}.")


def _normal(x) -> tfd.Distribution:
    shape = x.shape[1:]
    return tfd.Independent(tfd.Normal(tf.zeros(shape, x.dtype), 1), len(shape))


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
        _check_integral_over(case, _normal(case.x), dimensions)


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
