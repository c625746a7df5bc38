"""The flows that are measured, and the goals that are set for them."""

from dataclasses import dataclass

import numpy as np

OPERATIONS = ("train", "log_prob", "sample")


@dataclass(frozen=True)
class Case:
    """A flow by its sizes alone, so that each framework builds it in its own way.

    Args:
        name: in the tables.
        structure: ``"coupling"``, ``"autoregressive"`` or ``"image"``.
        transformer: ``"affine"``, ``"spline"``, the rational quadratic one, or the name
            of a flow of `MONOTONE`.
        event_size: D.
        num_layers: how many coupling or autoregressive layers, or steps of Glow.
        hidden_units: of each network; the activation is ReLU.
        num_bins: of the splines.
        train_batch: rows of a training step.
        batch: rows of ``log_prob`` and ``sample``.
        image_shape: of an event, for images.
        num_levels: of Glow.
    """

    name: str
    structure: str
    transformer: str
    event_size: int
    num_layers: int
    hidden_units: tuple[int, ...] = (128, 128)
    num_bins: int = 8
    train_batch: int = 512
    batch: int = 4096
    image_shape: tuple[int, int, int] | None = None
    num_levels: int = 1

    @property
    def params_per_dimension(self) -> int:
        """What a transformer takes: shift and scale, or widths, heights and slopes."""
        return 2 if self.transformer == "affine" else 3 * self.num_bins - 1

    @property
    def network_sizes(self) -> list[int]:
        """Of one network: its input, its hidden layers, its output."""
        changed = self.event_size
        if self.structure == "coupling":
            changed //= 2
        kept = self.event_size - changed if self.structure == "coupling" else changed
        return [kept, *self.hidden_units, changed * self.params_per_dimension]

    def rows(self, num_rows: int) -> np.ndarray:
        """Standard normal points, the same for every framework."""
        size = [num_rows, *(self.image_shape or [self.event_size])]
        return np.random.default_rng(1).normal(size=size).astype("float32")


CASES = {
    case.name: case
    for case in (
        Case("realnvp-2d", "coupling", "affine", 2, 8, hidden_units=(64, 64)),
        Case("maf-43", "autoregressive", "affine", 43, 5),
        Case("nsf-c-16", "coupling", "spline", 16, 8),
        Case("nsf-ar-16", "autoregressive", "spline", 16, 5),
    )
}

# This package's time over that of the fastest peer, at most.
GOALS = {
    "realnvp-2d": {"train": 0.6, "log_prob": 1.0, "sample": 1.0},
    "maf-43": {"train": 0.6, "log_prob": 0.8, "sample": 0.07},
    "nsf-c-16": {"train": 0.5, "log_prob": 0.6, "sample": 0.6},
    "nsf-ar-16": {"train": 0.5, "log_prob": 0.55, "sample": 0.06},
}

# With the library's own sizes of the transformer. (zuko takes 11 s for 64 of UMNN.)
MONOTONE = {
    name: Case(name, "autoregressive", name, 16, 5, (64, 64), batch=batch)
    for name, batch in {
        "naf": 4096,
        "umnn": 64,
        "sos": 4096,
        "bernstein": 4096,
        "gaussianization": 4096,
    }.items()
}
GOALS |= {
    "naf": {"train": 0.5, "sample": 0.02},
    "umnn": {"train": 0.1, "sample": 0.02},
    "sos": {"train": 0.5, "sample": 0.02},
    "bernstein": {"train": 0.5, "sample": 0.02},
    "gaussianization": {"train": 0.5, "sample": 0.1},
}

# Of many dimensions. (A MADE needs nearly as many units.)
WIDE = tuple(
    Case(f"{name}-{size}", structure, "affine", size, layers, hidden, 8, 64, 64)
    for size, width, num_layers in ((1000, 1024, 2), (10_000, 10_000, 1))
    for name, structure, layers, hidden in (
        ("real_nvp", "coupling", 4, (512, 512)),
        ("maf", "autoregressive", num_layers, (width,)),
    )
)

# Two levels of four steps each.
GLOW = Case(
    "glow-8x8x1",
    "image",
    "affine",
    64,
    8,
    (64, 64),
    train_batch=64,
    batch=64,
    image_shape=(8, 8, 1),
    num_levels=2,
)
GOALS |= {GLOW.name: {"train": 0.5, "sample": 0.5}}

# One autoregressive layer each; sampling may cost so many evaluations of its network.
LAYERS = tuple(
    Case(f"D={size}, {width}²", "autoregressive", "affine", size, 1, (width,) * 2)
    for size, width in ((64, 128), (64, 1024), (256, 256), (256, 1024))
)
LAYER_GOAL = 3.0

# What `FlowModel.fit` may add to a step, in milliseconds, and where it is measured.
FIT_GOAL = 0.3
FIT_CASES = ("realnvp-2d", "maf-43")
# Steps of a short and a long epoch: their difference is free of what `fit` does once.
FIT_STEPS = (50, 450)

# Off the zero start, where the work would be unlike that of a trained flow.
NOISE = 0.02
# The batch never changes, and a flow that has overfitted it to the end would meet
# infinities, which take other times. The cost of a step does not depend on the rate.
LEARNING_RATE = 1e-6
SPLINE_BOUND = 5.0
