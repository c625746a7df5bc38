"""A module for each framework, with ``make(case)``.

None is imported before it is asked for: each runs in a process of its own.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import NamedTuple


class Subject(NamedTuple):
    """A flow made ready by a framework.

    Args:
        num_parameters: trainable ones.
        operations: functions without arguments that return when the work is done.
        round_trip: the largest change of a point sent to the base and back.
    """

    num_parameters: int
    operations: dict[str, Callable[[], object]]
    round_trip: Callable[[], float] | None = None


class Framework(NamedTuple):
    """A column of the tables.

    Args:
        title: in the tables.
        packages: what must be installed; their versions are reported.
    """

    title: str
    packages: tuple[str, ...]


_TF = ("tensorflow", "tensorflow-probability")

OURS = "tfp_flows"
FLOOR = "floor"
FRAMEWORKS = {
    OURS: Framework("tfp_flows", ("tfp_flows", *_TF, "keras")),
    "tfp": Framework("TFP", (*_TF, "tf_keras")),
    "tfp_xla": Framework("TFP + XLA", (*_TF, "tf_keras")),
    "zuko": Framework("zuko", ("zuko", "torch")),
    "nflows": Framework("nflows", ("nflows", "torch")),
    "normflows": Framework("normflows", ("normflows", "torch")),
    "flowjax": Framework("flowjax", ("flowjax", "jax", "equinox", "optax")),
    FLOOR: Framework("floor", _TF),
}
# Of which nothing but Glow is measured.
OF_IMAGES = ("normflows",)
PEERS = tuple(name for name in FRAMEWORKS if name not in (OURS, FLOOR))


def is_installed(name: str) -> bool:
    """Whether all that the framework needs can be imported."""
    modules = [package.replace("-", "_") for package in FRAMEWORKS[name].packages]
    return all(importlib.util.find_spec(module) for module in modules)


def load(name: str) -> Callable[..., Subject]:
    """The function ``make`` of a framework's module."""
    return importlib.import_module(f"{__name__}.{name}").make
