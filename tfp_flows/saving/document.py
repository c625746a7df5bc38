"""Whole flows as documents: a format number, a checksum, and the tree of parts."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfp_flows.saving.limits import check_tree, limited_variables
from tfp_flows.saving.object_codecs import OBJECT_CODECS
from tfp_flows.saving.tree import Reader, Writer
from tfp_flows.saving.value_codecs import VALUE_CODECS
from tfp_flows.saving.variable_codecs import VARIABLE_CODECS
from tfp_flows.variables import find_weights, storage_ids
from tfp_flows.version import VERSION

# Of the tree. Files of this and of all earlier formats are read; a test keeps one of
# each, tests/saving/published.
FORMAT = 1

# In the order in which they are asked whether they match.
CODECS = (*VALUE_CODECS, *VARIABLE_CODECS, *OBJECT_CODECS)


def encode(flow: Any) -> dict:
    """Write a flow, or anything made of such parts, as what JSON can hold.

    Raises:
        ValueError: a part that cannot be written, such as a lambda, with its path in
            the flow.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.real_nvp(2, num_layers=2, seed=0)
    >>> decode(encode(flow)).event_shape
    TensorShape([2])
    """
    weights = find_weights(flow).every_variable if isinstance(flow, tf.Module) else []
    root = Writer(CODECS, storage_ids(weights)).write(flow, "flow")
    return {
        "format": FORMAT,
        "version": VERSION,
        "sha256": digest(root),
        "root": root,
    }


def digest(root: Any) -> str:
    """Compute the checksum of the tree."""
    return hashlib.sha256(json.dumps(root, sort_keys=True).encode()).hexdigest()


def decode(encoded: Mapping) -> Any:
    """Make anew what `encode` was given; its variables have the value one.

    Raises:
        ValueError: another format, a class that is not allowed, or arguments that it
            does not take: the file was changed, or is of another version.
    """
    if not isinstance(encoded, Mapping) or "format" not in encoded:
        raise ValueError("This is no saved flow: it has no format number.")
    if encoded["format"] != FORMAT:
        needed = str(encoded.get("version", "a newer one"))[:20]
        raise ValueError(
            f"The flow was saved in format {str(encoded['format'])[:20]}, but this "
            f"version of tfp_flows, {VERSION}, reads format {FORMAT}: "
            f"install tfp_flows {needed}, which wrote it, or one newer than that."
        )
    root = encoded.get("root")
    check_tree(root)
    if digest(root) != encoded.get("sha256"):
        raise ValueError("The saved flow was changed: its checksum is another one.")
    try:
        with limited_variables():
            return Reader(CODECS).read(root)
    except Exception as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise ValueError(
            "The saved flow cannot be read; the file was changed, or written by "
            f"another version: {reason}"
        ) from error
