"""The table that `FlowModel.summary` prints."""

import io
import math

import keras
import rich.box
import rich.console
import rich.table

from tfp_flows.distributions import Family
from tfp_flows.stages import class_name
from tfp_flows.variables import find_weights, num_elements


def summary_table(
    family: Family,
    name: str,
    width: int,
    encoder: keras.Layer | None = None,
) -> str:
    """Draw a table of the parts of ``family``, from the base to the data."""
    table = rich.table.Table(title=f"FlowModel {name!r}", box=rich.box.SQUARE)
    table.add_column("from base to data")
    table.add_column("class")
    table.add_column("parameters", justify="right")
    counted: set[int] = set()
    for label, part in family.parts():
        sizes = num_elements(part)
        total = sum(sizes.values())
        shared = sum(size for key, size in sizes.items() if key in counted)
        counted |= sizes.keys()
        note = f" ({shared:,} shared)" if shared else ""
        table.add_row(label, class_name(part), f"{total:,}{note}")
    weights = find_weights(family)
    layers = list(weights.layers)
    sizes = num_elements(family)
    if encoder is not None:
        table.add_row(
            encoder.name, type(encoder).__name__, f"{encoder.count_params():,}"
        )
        layers.append(encoder)
        sizes |= {id(v.value): math.prod(v.shape) for v in encoder.weights}
    trainable = [
        *(v for layer in layers for v in layer.trainable_variables),
        *(v for v in weights.variables if v.trainable),
    ]
    num_trainable = sum(sizes[key] for key in {id(v.value) for v in trainable})
    table.caption = (
        f"Total parameters: {sum(sizes.values()):,} (trainable: {num_trainable:,}, "
        f"not trainable: {sum(sizes.values()) - num_trainable:,})"
    )
    text = io.StringIO()
    rich.console.Console(file=text, width=width).print(table)
    return text.getvalue()
