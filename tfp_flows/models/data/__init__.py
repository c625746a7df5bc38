"""The way from what a user gives to ``fit`` and its like to what Keras is given."""

from tfp_flows.models.data.errors import user_errors
from tfp_flows.models.data.pipeline import (
    INFERENCE_BATCH_SIZE,
    TRAINING_BATCH_SIZE,
    batches,
    checked_data,
    empty_batches,
    given_to_predict,
)
from tfp_flows.models.data.rows import (
    checked_rows,
    of_each_shape,
    row_batches,
    split_rows,
)
from tfp_flows.models.data.spec import as_keras_input, is_stream, pack, unpack
from tfp_flows.models.data.streams import checked_stream

__all__ = [
    "INFERENCE_BATCH_SIZE",
    "TRAINING_BATCH_SIZE",
    "as_keras_input",
    "batches",
    "checked_data",
    "checked_rows",
    "checked_stream",
    "empty_batches",
    "given_to_predict",
    "is_stream",
    "of_each_shape",
    "pack",
    "row_batches",
    "split_rows",
    "unpack",
    "user_errors",
]
