"""The log-likelihood in the units that people report."""

import math
from typing import Any

import keras

# Of the NLL in nats, for D dimensions.
_FACTORS = {
    "nats": lambda size: 1.0,
    "nats_per_dimension": lambda size: 1.0 / size,
    "bits_per_dimension": lambda size: 1.0 / (size * math.log(2.0)),
}


@keras.saving.register_keras_serializable(package="tfp_flows")
class NegativeLogLikelihood(keras.metrics.Mean):
    """The mean NLL of the rows in a unit of one's choice.

    Args:
        unit: ``"nats"``; ``"nats_per_dimension"``; or ``"bits_per_dimension"``, the NLL
            divided by D·ln 2.
        num_dimensions: D, the count of numbers in a point.
        name: of the metric; the unit if not given.
        dtype: as in Keras.

    Raises:
        ValueError: another unit.

    >>> metric = NegativeLogLikelihood("bits_per_dimension", num_dimensions=2)
    >>> metric.update_state(None, [-1.3862944, -2.7725887])  # log-probabilities
    >>> round(float(metric.result()), 3)
    1.5
    """

    def __init__(
        self, unit: str, num_dimensions: int, name: str | None = None, dtype: Any = None
    ):
        if unit not in _FACTORS:
            raise ValueError(
                f"A metric of a FlowModel is one of {', '.join(map(repr, _FACTORS))} "
                f"or a keras.metrics.Metric of log-probabilities, but got {unit!r}."
            )
        super().__init__(name=name or unit, dtype=dtype)
        self.unit = unit
        self.num_dimensions = num_dimensions

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add rows.

        Args:
            y_true: not used.
            y_pred: log-probabilities in nats.
            sample_weight: of each row.
        """
        factor = _FACTORS[self.unit](self.num_dimensions)
        nll = -factor * keras.ops.convert_to_tensor(y_pred, self.dtype)
        return super().update_state(nll, sample_weight)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {
            "unit": self.unit,
            "num_dimensions": self.num_dimensions,
            "name": self.name,
            "dtype": self.dtype,
        }


def as_metrics(
    metrics: Any, num_dimensions: int, dtype: str
) -> list[keras.metrics.Metric]:
    """Make Keras metrics of what ``compile`` is given: metrics, and names of units.

    Raises:
        TypeError: no list.
        ValueError: a name that is no unit, or something that is no metric.
    """
    if metrics is None:
        return []
    if not isinstance(metrics, list | tuple):
        raise TypeError(
            f"metrics must be a list, such as ['bits_per_dimension'], but got "
            f"{metrics!r}."
        )
    return [
        metric
        if isinstance(metric, keras.metrics.Metric)
        else NegativeLogLikelihood(metric, num_dimensions, dtype=dtype)
        for metric in metrics
    ]
