"""What `FlowModel.summary` prints."""

import io
import math

import keras
import rich.box
import rich.console
import rich.table
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import MultiScale
from tfp_flows.distributions import ConditionalFlow, Dequantized
from tfp_flows.stages import in_order, is_a, is_transformed, stages
from tfp_flows.variables import find_weights, num_elements


def summary_table(
    distribution: tfd.Distribution | ConditionalFlow,
    name: str,
    width: int,
    encoder: keras.Layer | None = None,
) -> str:
    """A table of the parts of ``distribution``, from the base to the data."""
    table = rich.table.Table(title=f"FlowModel {name!r}", box=rich.box.SQUARE)
    table.add_column("from base to data")
    table.add_column("class")
    table.add_column("parameters", justify="right")
    counted: set[int] = set()
    for label, part in _parts(distribution):
        sizes = num_elements(part)
        own = sum(sizes.values())
        shared = sum(size for key, size in sizes.items() if key in counted)
        counted |= sizes.keys()
        note = f" ({shared:,} shared)" if shared else ""
        table.add_row(label, _class_name(part), f"{own:,}{note}")
    weights = find_weights(distribution)
    layers = list(weights.layers)
    sizes = num_elements(distribution)
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


def _parts(distribution) -> list[tuple[str, object]]:
    """Each with what it is called."""
    if isinstance(distribution, ConditionalFlow):
        distribution = distribution.flow
    if isinstance(distribution, Dequantized):
        noise = [] if distribution.noise is None else [distribution.noise]
        return [*_parts(distribution.flow), *map(_named, [*noise, distribution])]
    # Exactly a transformed distribution: tfd.MultivariateNormalDiag, a subclass of it,
    # is one part for a reader.
    if not is_transformed(distribution):
        return [_named(distribution)]
    base, bijectors = stages(distribution)
    found = [_named(base)]
    for bijector in bijectors:
        found += (
            _of_levels(bijector)
            if isinstance(bijector, MultiScale)
            else [_named(bijector)]
        )
    return found


def _named(part) -> tuple[str, object]:
    return part.name, part


def _of_levels(scales: MultiScale) -> list[tuple[str, object]]:
    """The last level, which is nearest to the base, first."""
    return [
        (f"level {i}: {part.name}", part)
        for i, level in reversed(list(enumerate(scales.levels)))
        for part in in_order(level)
    ]


def _class_name(part) -> str:
    if is_a(part, tfb.Invert):
        return f"Invert({_class_name(part.bijector)})"
    return type(part).__name__.lstrip("_")
