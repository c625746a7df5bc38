"""Checks inside a data pipeline, and the errors that a user is told of them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from tfp_flows.math.integers import IntegerRange

# Mark assertions of ours, so that `user_errors` knows them.
_BAD_BATCH = "tfp_flows: bad batch"
_NO_INTEGERS = "tfp_flows: no integers"
_BAD_SHAPE = "tfp_flows_shape_of_a_batch"  # The name of an operation.
_PYTHON_ERROR = re.compile(
    r"(ValueError|TypeError): (batch \d+ of the stream.*?)\s*(?:Traceback|$)", re.DOTALL
)


def assert_batch(is_good: tf.Tensor, number: Any) -> tf.Operation:
    """Assert that a batch is one to train on."""
    return tf.debugging.Assert(is_good, [_BAD_BATCH, number])


def assert_integers(
    values: Any, integers: IntegerRange, what: str, number: Any
) -> tf.Operation:
    """Assert that a batch consists of ``integers``."""
    is_good = tf.reduce_all(integers.contains(tf.convert_to_tensor(values)))
    expected = f"The {what} must be {integers}"
    return tf.debugging.Assert(is_good, [_NO_INTEGERS, number, expected])


def ensure_shape(x: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Give ``x`` a shape that each batch must have."""
    return tf.ensure_shape(x, shape, name=_BAD_SHAPE)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn what TensorFlow raises for a user's mistake into the error it is.

    Raises:
        TypeError: a batch that is not numbers.
        ValueError: a batch that is not finite or otherwise wrong; an operation that
            XLA cannot compile.
    """
    try:
        yield
    except tf.errors.OpError as error:
        user_error = _user_error(str(error))
        if user_error is None:
            raise
        raise user_error from None


def _user_error(text: str) -> Exception | None:
    if python_error := _PYTHON_ERROR.search(text):
        kind = {"ValueError": ValueError, "TypeError": TypeError}
        return kind[python_error.group(1)](python_error.group(2))
    if _BAD_SHAPE in text:
        shapes: Any = re.search(r"(\[[\d,]*\]) is not .*?(\[[?\d,]*\])", text)
        came, expected = shapes.groups()
        return ValueError(
            f"Batches must have shape {expected.replace('?', 'N')}, but one of the "
            f"stream has shape {came}."
        )
    if _BAD_BATCH in text:
        match: Any = re.search(re.escape(_BAD_BATCH) + r"\]? \[?(\d+)", text)
        return ValueError(
            "Batches must have rows, finite entries, weights not negative, and as "
            "many weights and contexts as rows, but batch "
            f"{match.group(1) if match else '?'} of "
            "the stream is not so (or too large for the flow's dtype)."
        )
    if _NO_INTEGERS in text:
        pattern = re.escape(_NO_INTEGERS) + r"\]? \[?(\d+|\?)\]? \[?([^\]\n]+)"
        match = re.search(pattern, text)
        number, expected = match.groups()
        return ValueError(f"{expected}, but batch {number} of the stream has others.")
    if "tf2xla conversion failed" in text:
        reason = next((line for line in text.splitlines() if "XLA" in line), text)
        return ValueError(
            "XLA cannot compile an operation of this distribution: call "
            f"compile(jit_compile=False) before. TensorFlow says: {reason}"
        )
    return None
