"""How TensorFlow runs a graph that is called eagerly."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.eager import context  # The only way to options of a call.

# What rewrites arithmetic: fuses products with what follows, divides by reciprocals,
# and the like. The others, which remove and inline, leave all values as they are.
_REWRITING = ("arithmetic_optimization", "constant_folding", "remapping")


@contextmanager
def as_written() -> Iterator[None]:
    """A context in which graphs give, bit for bit, what single operations do.

    For functions that are called eagerly in it for the first time.
    """
    current = context.context()
    before = current.function_call_options
    current.function_call_options = _options()
    try:
        yield
    finally:
        current.function_call_options = before


@functools.cache
def _options() -> context.FunctionCallOptions:
    config = config_pb2.ConfigProto()
    config.CopyFrom(context.context().config)
    for name in _REWRITING:
        off = rewriter_config_pb2.RewriterConfig.OFF
        setattr(config.graph_options.rewrite_options, name, off)
    return context.FunctionCallOptions(config_proto=config)
