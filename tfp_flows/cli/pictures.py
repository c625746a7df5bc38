"""The pictures of a model and a table."""

import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import tfp_flows
from tfp_flows.cli.files import write
from tfp_flows.cli.inputs import Data
from tfp_flows.cli.messages import Failure, report
from tfp_flows.cli.sampling import draw
from tfp_flows.distributions import StandardNormal
from tfp_flows.random_state import as_integer
from tfp_flows.stages import stages
from tfp_flows.visualization import (
    plot_calibration,
    plot_history,
    plot_marginals,
    plot_pairs,
)

_MOST_ROWS = 10_000


def draw_all(
    model: tfp_flows.FlowModel,
    folder: Path,
    data: Data,
    held_out: Data,
    *,
    names: list[str],
    history: Mapping | None,
    seed: int,
) -> None:
    """Draws what there is to draw, and prints where it is.

    Args:
        model: trained.
        folder: for the pictures, made if it is missing.
        data: rows to compare samples with.
        held_out: rows for the calibration.
        names: of the columns.
        history: of the training, if known.
        seed: of the samples.

    Raises:
        Failure: the model has no finite samples.
        OSError: a picture cannot be written.
    """
    data = _at_most(data, seed)
    samples = draw(model, len(data.points), data.context, seed)
    samples = samples[np.isfinite(samples).all(axis=1)]
    if not len(samples):
        raise Failure("no sample of the model is finite: there is nothing to draw.")
    z = _coordinates(model, _at_most(held_out, seed))
    figures = {}
    if history:
        figures["loss"] = plot_history(history)
    figures["marginals"] = plot_marginals(samples, data.points, names=names)
    if len(names) > 1:
        figures["pairs"] = plot_pairs(samples, data.points, names=names, seed=seed)
    if z is not None:
        figures["calibration"] = plot_calibration(z)
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        picture = io.BytesIO()
        figure.savefig(picture, dpi=150, format="png")
        plt.close(figure)
        write(str(folder / f"{name}.png"), picture.getvalue())
    files = ", ".join(f"{name}.png" for name in figures)
    report([f"pictures: {files} in {folder}"])


def _at_most(data: Data, seed: int) -> Data:
    if len(data.points) <= _MOST_ROWS:
        return data
    generator = np.random.default_rng(as_integer(seed))
    return data.take(generator.choice(len(data.points), _MOST_ROWS, replace=False))


def _coordinates(model: tfp_flows.FlowModel, data: Data) -> np.ndarray | None:
    """Find the rows' base-space coordinates; ``None`` if the base is not normal."""
    flow = model.distribution
    if data.context is not None:
        flow = model.given(data.context.astype(model.dtype))
    if not isinstance(stages(flow)[0], StandardNormal):
        return None
    z = flow.bijector.inverse(tf.constant(data.points, flow.dtype)).numpy()
    return z[np.isfinite(z).all(axis=1)]
