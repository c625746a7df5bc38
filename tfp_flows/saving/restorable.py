"""A check, before a Keras model is saved, that it could be loaded again."""

import json

import keras


def check_restorable(model: keras.Model) -> None:
    """Make a model anew of its configuration, as loading would, and compares.

    Keras writes many things that it cannot read, a lambda in a layer among them: it
    would be noticed when the model is lost.

    Raises:
        ValueError: the configuration cannot be read, or gives other weights.
    """
    try:
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
        copy = keras.saving.deserialize_keras_object(config, safe_mode=True)
        problem = _difference(model, copy)
    except Exception as error:
        raise ValueError(
            f"{model.name!r} cannot be saved, for it could not be loaded again (is a "
            "function or class in a layer, the optimizer or a metric not registered "
            f"with Keras?): {error}"
        ) from error
    if problem:
        raise ValueError(
            f"{model.name!r} cannot be saved, for it would be loaded with {problem}."
        )


def _difference(model: keras.Model, copy: keras.Model) -> str | None:
    for kind, before, after in (
        ("weights", model.weights, copy.weights),
        ("optimizer.variables", model.optimizer.variables, copy.optimizer.variables),
    ):
        if len(before) != len(after):
            return f"{len(after)} {kind} instead of {len(before)}"
        for i, pair in enumerate(zip(before, after, strict=True)):
            had, has = ((tuple(v.shape), v.dtype, v.trainable) for v in pair)
            if had != has:
                return f"{kind}[{i}], {pair[0].name!r}, of {has} instead of {had}"
    return None
