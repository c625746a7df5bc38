"""One small example of each ready-made flow, for the generic tests and for readers."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from tfp_flows import bijectors, flows


@dataclasses.dataclass(frozen=True)
class FlowExample:
    """A ready-made flow with arguments that make it small.

    Args:
        function: the flow.
        options: arguments that make it small.
        event: the first argument, an event size or the shape of an image.
        made_for: the use that takes no search for a root and no loop over dimensions;
            ``None`` if there is none.
        start: how far from its base it starts, in nats for each dimension: at most so
            far for points within ±5.
        smallest: the least event size.
        context_size: the size of the context, for a flow that always takes one.
    """

    function: Callable[..., Any]
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    event: int | Sequence[int] = 2
    made_for: Literal["log_prob", "sample"] | None = "log_prob"
    start: float = 1e-5
    smallest: int = 1
    context_size: int | None = None

    def make(self, event: int | Sequence[int] | None = None, **options: Any) -> Any:
        """The flow, of another event and with more options if they are given."""
        options = {"seed": 0} | dict(self.options) | options
        return self.function(self.event if event is None else event, **options)

    @property
    def is_of_images(self) -> bool:
        """Tells whether the flow's events are images, not vectors."""
        return not isinstance(self.event, int)

    @property
    def x(self) -> np.ndarray:
        """Points ``[12, *event]``, the same at each call."""
        shape = [self.event] if isinstance(self.event, int) else self.event
        return np.random.default_rng(0).normal(size=[12, *shape])


_NETWORKS = {"num_layers": 2, "hidden_units": [4]}
_ATTENTION = {"filters": 4, "num_blocks": 1, "num_heads": 2, "num_components": 2}


def _coupling(function: Callable, start: float = 1e-5, **options) -> FlowExample:
    return FlowExample(function, _NETWORKS | options, start=start, smallest=2)


FLOW_EXAMPLES: dict[str, FlowExample] = {
    "autoregressive": FlowExample(
        flows.autoregressive,
        _NETWORKS
        | {"transformer": bijectors.LinearSpline.spec(num_bins=3).fast("log_prob")},
    ),
    "bernstein": FlowExample(flows.bernstein, _NETWORKS | {"degree": 4}),
    # Far out, where few units bend, the next ones do not start quite as near.
    "bnaf": FlowExample(flows.bnaf, {"num_layers": 2, "hidden_factor": 8}, start=0.75),
    "coupling": _coupling(
        flows.coupling,
        transformer=bijectors.QuadraticSpline.spec(num_bins=3).fast("log_prob"),
    ),
    "cubic_spline": _coupling(flows.cubic_spline, num_bins=3),
    "dequantization": FlowExample(
        flows.dequantization,
        {"num_steps": 1, **_ATTENTION},
        event=(2, 2, 1),
        made_for="sample",
        start=0.5,
        context_size=4,
    ),
    "flow_plus_plus": _coupling(flows.flow_plus_plus, num_components=3, start=0.5),
    "flow_plus_plus_image": FlowExample(
        flows.flow_plus_plus_image,
        {"num_levels": 2, "num_steps": 2, **_ATTENTION},
        event=(4, 4, 1),
        start=0.5,
    ),
    "gaussianization": FlowExample(
        flows.gaussianization, {"num_layers": 2, "num_components": 3}, start=0.2
    ),
    "glow": FlowExample(
        flows.glow,
        {"num_levels": 2, "num_steps": 1, "hidden_units": [4], "kernel_size": 3},
        event=(4, 4, 1),
    ),
    "iaf": FlowExample(flows.iaf, _NETWORKS, made_for="sample"),
    "linear": FlowExample(flows.linear, {"hidden_units": [4]}),
    "linear_spline": _coupling(flows.linear_spline, num_bins=3),
    "made": FlowExample(flows.made, {"hidden_units": [4]}),
    "maf": FlowExample(flows.maf, _NETWORKS),
    "nade": FlowExample(flows.nade, {"units": 4}),
    "naf": FlowExample(flows.naf, _NETWORKS | {"num_units": 3}, start=0.75),
    "nice": _coupling(flows.nice),
    "nsf": _coupling(flows.nsf, num_bins=3),
    "pixel_cnn": FlowExample(
        flows.pixel_cnn,
        {"filters": 3, "num_layers": 2, "first_kernel_size": 3},
        event=(2, 3, 2),
    ),
    "planar": FlowExample(flows.planar, _NETWORKS, start=0.05),
    "quadratic_spline": _coupling(flows.quadratic_spline, num_bins=3),
    "radial": FlowExample(flows.radial, _NETWORKS, start=0.05),
    "real_nvp": _coupling(flows.real_nvp),
    "real_nvp_image": FlowExample(
        flows.real_nvp_image,
        {"num_levels": 2, "num_steps": 1, "filters": 4, "num_blocks": 1},
        event=(4, 4, 1),
    ),
    "recurrent": FlowExample(flows.recurrent, {"units": 4}, made_for=None),
    "sos": FlowExample(
        flows.sos, _NETWORKS | {"num_polynomials": 2, "degree": 2}, start=0.2
    ),
    "sylvester": FlowExample(flows.sylvester, _NETWORKS, start=0.05),
    "umnn": FlowExample(flows.umnn, _NETWORKS | {"num_units": 3}),
    "wavenet": FlowExample(flows.wavenet, {"filters": 4, "dilations": [1, 2]}),
}
