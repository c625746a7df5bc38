"""The loss of a training run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfp_flows.visualization import _drawing
from tfp_flows.visualization._drawing import PathLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_history(
    history: Mapping, *, entropy: float | None = None, path: PathLike | None = None
) -> "Figure":
    r"""The NLL of each epoch, on the training and the validation data.

    Args:
        history: what Keras ``fit`` returns, or its attribute ``history``: a dictionary
            with a list of numbers for "loss" and, if there is one, for "val_loss".
        entropy: the entropy of the data in nats, if known: a dashed line, below which
            the expected NLL of no model can go.
        path: where to save the figure (PNG at 150 dpi), if anywhere.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: if ``history`` has no "loss", or one of no epoch.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> figure = plot_history({"loss": [2.0, 1.5], "val_loss": [2.1, 1.7]}, entropy=1.4)
    >>> figure.axes[0].get_ylabel()
    'NLL (nats)'
    """
    losses = getattr(history, "history", history)
    if not losses.get("loss"):
        raise ValueError(
            'history must have the losses of some epochs under "loss", but got '
            f"{losses}."
        )
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(figsize=(4.8, 3.2), layout="constrained")
    _draw_losses(axes, losses)
    if entropy is not None:
        label = f"entropy ({float(entropy):.3f})"
        axes.axhline(float(entropy), color="0.2", ls="--", lw=0.8, label=label)
    axes.set_xlabel("epoch", fontsize=_drawing.FONT_SIZE)
    axes.set_ylabel("NLL (nats)", fontsize=_drawing.FONT_SIZE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=_drawing.TICK_STEPS))
    axes.legend(frameon=False, fontsize=_drawing.FONT_SIZE)
    axes.spines[["top", "right"]].set_visible(False)
    _drawing.thin(axes)
    return _drawing.finish(figure, path)


def _draw_losses(axes, losses):
    styles = {
        "loss": ("training", _drawing.DATA_COLOR),
        "val_loss": ("validation", _drawing.MODEL_COLOR),
    }
    for key, (label, color) in styles.items():
        if losses.get(key):
            epochs = range(1, len(losses[key]) + 1)
            # A line through one point cannot be seen.
            marker = "o" if len(epochs) == 1 else None
            axes.plot(
                epochs, losses[key], color=color, lw=1.2, marker=marker, label=label
            )
