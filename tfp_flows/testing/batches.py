"""Checks of a bijector on batches of points and of parameters."""

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.evaluated import Evaluated
from tfp_flows.testing.case import Case
from tfp_flows.testing.outputs import (
    check_outputs,
    tolerances_of,
    tolerances_of_single_draws,
)


def check_batch_ranks(case: Case) -> None:
    """Checks points alone and in a batch of rank 2 against the batch of rank 1."""
    x, y = case.x, tf.identity(case.forward(case.x))
    expected = case.both_ways(x, y)
    tolerances = tolerances_of(case)
    alone = case.by_four_methods(x[0], y[0])
    first = {name: value[0] for name, value in expected.items()}
    check_outputs(case, alone, first, tolerances, "of a point without a batch")

    def folded(t):
        return tf.reshape(t, [2, len(x) // 2, *t.shape[1:]])

    square = case.both_ways(folded(x), folded(y))
    folds = {name: folded(value) for name, value in expected.items()}
    check_outputs(case, square, folds, tolerances, "of a batch of rank 2")


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
    outputs = pair.both_ways(tf.stack([x, x], axis=1), tf.stack([y, y], axis=1))
    for index, each in enumerate([values, other]):
        one = case.like(bijector.copy(**each))
        check_outputs(
            case,
            {name: value[:, index] for name, value in outputs.items()},
            one.both_ways(x, y),
            tolerances_of(one),
            "of parameters in a batch",
        )
    spread = pair.forward(x[:, tf.newaxis])
    case.check_close(
        spread,
        outputs["forward"],
        tolerances_of(case)["forward"],
        "forward of points broadcast with parameters",
    )


def check_unknown_rank(case: Case) -> None:
    """Checks a ``tf.function`` of points of unknown rank, and so of unknown sizes."""
    if not isinstance(case.bijector, Evaluated):
        return
    x, y = case.x, tf.identity(case.forward(case.x))
    expected, tolerances = case.both_ways(x, y), tolerances_of_single_draws(case)
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
    check_outputs(case, outputs, expected, tolerances, "of unknown rank")


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
    expected = case.both_ways(case.x, tf.identity(case.forward(case.x)))
    for name, value in case.both_ways(x, y).items():
        near, alone = (
            np.delete(np.asarray(v), 1, axis=0) for v in (value, expected[name])
        )
        what = f"{name} beside a row of NaN"
        case.check_close(near, alone, tolerances_of(case)[name], what)
        if name in ("forward", "inverse"):
            case.check(np.isnan(value[1]).any(), f"{name} of a row of NaN is a number.")
