"""The way from what a user gives to ``fit`` and its like to what Keras is given."""

from typing import Any

import tensorflow as tf

from tfp_flows.checks import checked_count
from tfp_flows.models.data.rows import checked_rows, row_batches
from tfp_flows.models.data.spec import is_stream
from tfp_flows.models.data.streams import checked_stream
from tfp_flows.objectives import Batch, BatchSpec

TRAINING_BATCH_SIZE = 32  # Keras's own.
# Only what the results do not depend on: rows at once in `evaluate` and `predict`.
INFERENCE_BATCH_SIZE = 1024


def checked_data(
    x: Any, y: Any, sample_weight: Any, name: str, *, spec: BatchSpec | None, who: str
) -> Any:
    """Check what a user gives: a `Batch` of rows, or a stream that checks itself.

    Args:
        x: points, or where the batches have contexts those; in memory, or a stream.
        y: points where the batches have contexts, else ``None``.
        sample_weight: of data in memory.
        name: what an error calls the data.
        spec: what they must be; ``None`` where there must be none.
        who: the name of what is trained, for messages.

    Returns:
        ``None`` where the spec is.

    Raises:
        TypeError, ValueError: what `FlowModel.fit` raises.
    """
    if spec is None:
        _require_no_data(x, y, sample_weight, name)
        return None
    if x is None:
        raise TypeError(
            f"{name} must be real numbers, for the objective needs data, but got None: "
            f"call fit({_arguments(spec)}). A number of steps alone is for an "
            "objective whose batch_spec is None, which draws its own points."
        )
    if y is not None and not spec.has_context:
        raise ValueError(
            "A flow without a context has no targets: call fit(x), and give "
            "validation_data as x or (x, None, sample_weight)."
        )
    if is_stream(y):
        raise ValueError(
            f"{name}: a stream yields (context, x); give it instead of the two."
        )
    if is_stream(x):
        _require_stream_alone(x, y, sample_weight, name, spec)
        return checked_stream(x, spec=spec)
    if not spec.has_context:
        return checked_rows(x, None, sample_weight, spec=spec, name=name)
    if y is None:
        raise ValueError(
            f"{name}: {who!r} is conditional and needs a context for each point: call "
            "fit(context, x), evaluate(context, x), and give "
            "validation_data=(context, x)."
        )
    return checked_rows(y, x, sample_weight, spec=spec, name=name)


def _arguments(spec: BatchSpec) -> str:
    return "context, x" if spec.has_context else "x"


def _require_no_data(x, y, sample_weight, name: str) -> None:
    if any(part is not None for part in (x, y, sample_weight)):
        raise ValueError(
            f"{name}: the objective needs no data, but got some: call "
            "fit(steps_per_epoch=…)."
        )


def _require_stream_alone(x, y, sample_weight, name: str, spec: BatchSpec) -> None:
    if sample_weight is not None or y is not None:
        first = "(context, x" if spec.has_context else "(x, None"
        raise ValueError(
            f"{name} is a stream ({type(x).__name__}), so that its points and "
            f"weights come with it: yield {first}, sample_weight)."
        )


def given_to_predict(x: Any, *, spec: BatchSpec, who: str) -> tuple:
    """Split the argument of `FlowModel.predict` into the two of `fit`.

    Raises:
        ValueError: no pair, where there must be one.
    """
    if not spec.has_context or is_stream(x):
        return x, None
    if not isinstance(x, tuple | list) or len(x) != 2:
        raise ValueError(
            f"{who!r} is conditional: call predict((context, x)), with a context for "
            "each point."
        )
    return tuple(x)


def batches(
    rows: Any, batch_size: int | None, default: int, shuffle_seed: tuple | None = None
) -> Any:
    """Make batches as Keras takes them; a stream stays as it is.

    Args:
        rows: checked.
        batch_size: of data in memory.
        default: the batch size if it is ``None``.
        shuffle_seed: as for `row_batches`.
    """
    if not isinstance(rows, Batch):  # A stream has batches already.
        return rows
    # Not by truth, which would take 0 for "not given".
    size = default if batch_size is None else batch_size
    return row_batches(rows, size, shuffle_seed=shuffle_seed)


def empty_batches(num_steps: int | None, replicas: int) -> tf.data.Dataset:
    """Make a dataset of so many steps without data, for Keras to count.

    Args:
        num_steps: of an epoch.
        replicas: how many share a step; each is given an entry.

    Raises:
        ValueError: the number is not given, or below 1.
    """
    if num_steps is None:
        raise ValueError(
            "The objective needs no data, so that the number of steps must be given: "
            "fit(steps_per_epoch=…), evaluate(steps=…)."
        )
    num_steps = checked_count(num_steps, "The number of steps")
    return (
        tf.data.Dataset.range(num_steps * replicas).batch(replicas).map(lambda i: (i,))
    )
