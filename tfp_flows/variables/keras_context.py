"""A flow that is called in a step of Keras's ``fit``: is it trained there?

Keras finds no variables in TFP's objects. A flow that is held by a Keras model of the
user's own would be evaluated by ``fit`` and never trained, without a word. So each
flow that is called asks here; the answer costs a walk up the stack, and more only in a
step of training, where it is asked when the step is traced.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

import keras
import tensorflow as tf
from keras.src.backend.common import global_state  # The only way to the call context.

from tfp_flows.variables.weights import storage_ids

_STEPS = ("train_step", "tf__train_step")  # The second within AutoGraph.


class _Local(threading.local):  # Each replica of a strategy has its thread.
    is_tracked = False


_local = _Local()


def require_tracked(module: tf.Module) -> None:
    """Refuses a flow in a step of training of a Keras model that does not hold it.

    Args:
        module: a flow, a bijector, a family, a distribution or a `KerasModule` that
            is about to be evaluated.

    Raises:
        ValueError: a Keras model is being fitted, and trainable variables of the
            ``module`` are not among its own.
    """
    if _local.is_tracked:
        return
    model = _model_in_training()
    if model is None:
        return
    tracked = storage_ids(model.variables)
    hidden = [v.name for v in module.trainable_variables if id(v) not in tracked]
    if hidden:
        raise ValueError(
            f"The Keras model {model.name!r} is being fitted, but would not train "
            f"{type(module).__name__} {module.name!r}, of which Keras sees no variable "
            f"({', '.join(map(repr, hidden[:3]))}, …): let the model hold "
            "tfp_flows.FlowLayer(flow) in place of a flow or a bijector, and in place "
            "of a KerasModule its layer; or to leave it as it is FlowLayer(flow, "
            "trainable=False)."
        )


@contextmanager
def known_to_keras() -> Iterator[None]:
    """A context within which `require_tracked` has been answered."""
    before = _local.is_tracked
    _local.is_tracked = True
    try:
        yield
    finally:
        _local.is_tracked = before


@contextmanager
def inference() -> Iterator[None]:
    """A context within which Keras layers learn that they are not training."""
    call = global_state.get_global_attribute("current_call_ctx")
    if call is None:
        yield
        return
    before = call.get_value("training")
    call.set_value("training", False)
    try:
        yield
    finally:
        call.set_value("training", before)


def _model_in_training() -> keras.Model | None:
    """The Keras model whose ``train_step`` is on the stack."""
    # Not Keras's call context: it knows nothing of training where a model's ``call``
    # has no argument of that name, nor where ``train_step`` calls a flow itself.
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name in _STEPS and code.co_argcount:
            model = frame.f_locals.get(code.co_varnames[0])
            if isinstance(model, keras.Model) and _is_step_of(type(model), code):
                return model
        frame = frame.f_back
    return None


def _is_step_of(cls: type, code: CodeType) -> bool:
    """Tell whether code is that of a class's ``train_step``, or AutoGraph's of it."""
    for base in cls.__mro__:
        step = vars(base).get("train_step")
        original = getattr(getattr(step, "python_function", step), "__code__", None)
        if original is code:
            return True
        # AutoGraph writes the function anew, with the same first argument.
        if (
            isinstance(original, CodeType)
            and code.co_name != "train_step"
            and original.co_varnames[:1] == code.co_varnames[:1]
        ):
            return True
    return False
