"""Names of modules and of variables, and layers that have no variables yet."""

import keras


def module_name(name: str) -> str:
    """A name that tf.Module (an identifier) and Keras (no slash) both accept."""
    cleaned = "".join(c if c.isalnum() else "_" for c in name)
    return cleaned if cleaned.isidentifier() else f"_{cleaned}"


def require_built(layer: keras.Layer) -> None:
    """Refuses a Keras layer that has no weights yet.

    Raises:
        ValueError: naming the part of the layer that is not built.
    """
    for part in layer._flatten_layers():
        if not part.built:
            raise ValueError(
                f"The Keras layer {part.name!r} is not built, so that it has no "
                "weights yet: call layer.build(input_shape), or the layer, first."
            )
