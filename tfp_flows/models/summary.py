"""What `FlowModel.summary` prints."""

import io

import rich.box
import rich.console
import rich.table
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.variables import find_weights, num_elements


def print_summary(distribution: tfd.Distribution, name: str, print_fn=None) -> None:
    """Prints a table of the parts of ``distribution``, from the base to the data."""
    table = rich.table.Table(title=f"FlowModel {name!r}", box=rich.box.SQUARE)
    table.add_column("from base to data")
    table.add_column("class")
    table.add_column("parameters", justify="right")
    counted: set[int] = set()
    for part in _parts(distribution):
        sizes = num_elements(part)
        own = sum(sizes.values())
        shared = sum(size for key, size in sizes.items() if key in counted)
        counted |= sizes.keys()
        note = f" ({shared:,} shared)" if shared else ""
        table.add_row(_label(part), _class_name(part), f"{own:,}{note}")
    weights = find_weights(distribution)
    trainable = [
        *(v for layer in weights.layers for v in layer.trainable_variables),
        *(v for v in weights.variables if v.trainable),
    ]
    sizes = num_elements(distribution)
    num_trainable = sum(sizes[id(v.value)] for v in trainable)
    table.caption = (
        f"Total parameters: {sum(sizes.values()):,} (trainable: {num_trainable:,}, "
        f"not trainable: {sum(sizes.values()) - num_trainable:,})"
    )
    text = io.StringIO()
    rich.console.Console(file=text, width=88).print(table)
    (print_fn or print)(text.getvalue())


def _parts(distribution):
    """The base, then each bijector in the order in which it is applied."""
    if not isinstance(distribution, tfd.TransformedDistribution):
        return [distribution]
    return [
        *_parts(distribution.distribution),
        *applied_order(distribution.bijector),
    ]


def applied_order(bijector: tfb.Bijector) -> list[tfb.Bijector]:
    """The bijectors of a (nested) chain, the one that is applied first in front."""
    if isinstance(bijector, tfb.Chain):
        return [part for b in reversed(bijector.bijectors) for part in applied_order(b)]
    return [bijector]


def _label(part) -> str:
    return part.name


def _class_name(part) -> str:
    if isinstance(part, tfb.Invert):
        return f"Invert({_class_name(part.bijector)})"
    return type(part).__name__
