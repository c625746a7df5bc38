"""Log-log plots of times."""

from pathlib import Path

# (framework, operation) → [(value, seconds)].
Curves = dict[tuple[str, str], list[tuple[int, float]]]


def draw(plots: dict[tuple[str, str], Curves], path: Path) -> None:
    """A row of plots for each flow, one for each axis.

    Args:
        plots: by the name of the flow and the label of the axis.
        path: of the picture.
    """
    import matplotlib.pyplot as plt

    flows = list(dict.fromkeys(flow for flow, _ in plots))
    labels = list(dict.fromkeys(label for _, label in plots))
    size = (4 * len(labels), 4 * len(flows))
    figure, places = plt.subplots(
        len(flows), len(labels), figsize=size, sharey="row", squeeze=False
    )
    for (flow, label), curves in plots.items():
        place = places[flows.index(flow), labels.index(label)]
        _draw_curves(place, curves)
        place.set(title=flow, xlabel=label)
    for row in places:
        row[0].set_ylabel("milliseconds a call")
    places[0, 0].legend(fontsize="small")
    figure.tight_layout()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_curves(place, curves: Curves) -> None:
    frameworks = list(dict.fromkeys(framework for framework, _ in curves))
    operations = list(dict.fromkeys(operation for _, operation in curves))
    for (framework, operation), curve in curves.items():
        place.loglog(
            [value for value, _ in curve],
            [1000 * seconds for _, seconds in curve],
            ["o-", "s--"][frameworks.index(framework) % 2],
            color=f"C{operations.index(operation)}",
            markersize=4,
            label=f"{framework}: {operation}",
        )
    values = sorted({value for curve in curves.values() for value, _ in curve})
    place.set_xticks(values, [f"{value:,}" for value in values])
    place.minorticks_off()
    place.grid(alpha=0.3)
