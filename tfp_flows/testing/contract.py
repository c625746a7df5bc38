"""Checks of a bijector against the contract of TensorFlow and TFP."""

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors.evaluated import Evaluated
from tfp_flows.testing.case import Case, size
from tfp_flows.testing.outputs import (
    check_outputs,
    standard_normal,
    tolerances_of,
    tolerances_of_single_draws,
)


def check_execution_modes(case: Case) -> None:
    """Checks ``tf.function`` and XLA against eager execution, gradients included.

    Two tapes watch, as where a second derivative is taken: loops that a tape records
    may then need what XLA does not have.
    """

    def outputs_and_gradients(x, y):
        with tf.GradientTape() as outer, tf.GradientTape():
            outer.watch([x, y])
            outputs = case.both_ways(x, y)
            total = sum(tf.reduce_sum(value) for value in outputs.values())
        return outputs, outer.gradient(total, [x, y])

    y = tf.identity(case.forward(case.x))
    expected, gradients = outputs_and_gradients(case.x, y)
    tolerances = tolerances_of(case)
    scale = 1 + max(float(tf.reduce_max(tf.abs(g))) for g in gradients)
    condition = tolerances["ildj"] / tolerances["forward"] + 1
    graph = tf.function(outputs_and_gradients, autograph=False)
    modes = {
        "in a tf.function": graph,
        "under XLA": tf.function(graph, jit_compile=True, autograph=False),
    }
    for name, compiled in modes.items():
        outputs, compiled_gradients = compiled(case.x, y)
        check_outputs(case, outputs, expected, tolerances, name)
        if case.log_det_draws > 1:
            continue  # Gradients of an estimate differ from draw to draw.
        for a, b in zip(compiled_gradients, gradients, strict=True):
            tolerance = case.rounding * condition * scale
            case.check_close(a, b, tolerance, f"a gradient {name}")


def check_graph(case: Case, jit_compile: bool) -> None:
    """Checks values in a ``tf.function`` against eager execution, without gradients."""
    y = tf.identity(case.forward(case.x))
    compiled = tf.function(case.both_ways, jit_compile=jit_compile, autograph=False)
    outputs, expected = compiled(case.x, y), case.both_ways(case.x, y)
    name = "under XLA" if jit_compile else "in a tf.function"
    check_outputs(case, outputs, expected, tolerances_of(case), name)


def check_freshness(case: Case) -> None:
    """Checks that nothing is stale once weights have moved, nor has no gradient.

    Bijectors of TFP's own, whose cache is keyed by tensors, are left out.
    """
    if not isinstance(case.bijector, Evaluated):
        return
    _check_gradient_at_image(case)
    _check_values_once_moved(case)


def _check_gradient_at_image(case: Case) -> None:
    bijector = case.bijector
    y = bijector.forward(case.x)
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


def _check_values_once_moved(case: Case) -> None:
    bijector, x = case.bijector, case.x
    points = {"forward": x, "inverse": bijector.forward(x)}
    before = [variable.read_value() for variable in bijector.trainable_variables]
    for direction, point in points.items():
        for method in (direction, f"{direction}_log_det_jacobian"):
            getattr(bijector, method)(point)
    for variable in bijector.trainable_variables:
        variable.assign_add(0.1 * tf.ones_like(variable))
    moved = {name: tf.identity(point) for name, point in points.items()}
    tolerances = tolerances_of_single_draws(case)
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


def check_compositions(case: Case) -> None:
    """Checks the bijector, and its copy, in TFP's compositions and a distribution."""
    x, bijector = case.x, case.bijector
    y = tf.identity(case.forward(x))
    fldj = case.fldj(x)
    tolerances = tolerances_of(case)
    compositions = {
        "tfb.Invert of tfb.Invert": tfb.Invert(tfb.Invert(bijector)),
        "tfb.Chain": tfb.Chain([tfb.Identity(), bijector]),
    }
    if bijector.parameters is not None:  # TFP cannot copy what does not give them.
        compositions["copy"] = bijector.copy()
    for name, same in compositions.items():
        other = case.like(same)
        outputs = other.by_four_methods(x, y)
        check_outputs(case, outputs, case.both_ways(x, y), tolerances, f"of {name}")
    flow = tfd.TransformedDistribution(standard_normal(x), bijector)
    expected = flow.distribution.log_prob(x) - fldj
    # The base magnifies the error of the inverse by the distance from its center.
    tolerances = tolerances_of_single_draws(case)
    tolerance = tolerances["ildj"] + tolerances["inverse"] * (1 + size(x).max())
    case.check_close(flow.log_prob(y), expected, tolerance, "log_prob of the flow")
    shape = flow.sample(3, seed=[0, 1]).shape
    case.check(shape == [3, *y.shape[1:]], f"sample(3) has shape {shape}.")
