"""nflows, on PyTorch."""

import warnings

import torch
from nflows import transforms
from nflows.distributions import StandardNormal
from nflows.flows import Flow
from nflows.nn.nets import MLP

from benchmarks.cases import SPLINE_BOUND, Case
from benchmarks.frameworks import Subject
from benchmarks.frameworks.pytorch import add_noise, count, prepare, training_step


class _Network(MLP):
    """The library's own, which lacks the argument that its couplings pass."""

    def forward(self, inputs, context=None):
        return super().forward(inputs)


def make(case: Case) -> Subject:
    """The operations of a case."""
    # A hint on the scale of the first weights, once a call.
    warnings.filterwarnings("ignore", "Inputs to the softmax")
    prepare()
    transform = transforms.CompositeTransform(_layers(case))
    flow = Flow(transform, StandardNormal([case.event_size]))
    add_noise(flow)
    x = torch.from_numpy(case.rows(case.batch))

    @torch.no_grad()
    def log_prob():
        return flow.log_prob(x)

    @torch.no_grad()
    def sample():
        return flow.sample(case.batch)

    @torch.no_grad()
    def round_trip() -> float:
        z, _ = transform(x)
        return float((transform.inverse(z)[0] - x).abs().max())

    step = training_step(case, flow, flow.log_prob)
    operations = {"train": step, "log_prob": log_prob, "sample": sample}
    return Subject(count(flow), operations, round_trip)


def _layers(case: Case) -> list:
    layer = _coupling if case.structure == "coupling" else _autoregressive
    layers = []
    for _ in range(case.num_layers):
        layers += [layer(case), transforms.ReversePermutation(case.event_size)]
    return layers[:-1]


def _coupling(case: Case):
    mask = [-1] * case.network_sizes[0]
    mask += [1] * (case.event_size - len(mask))

    def network(num_in: int, num_out: int):
        return _Network([num_in], [num_out], case.hidden_units)

    if case.transformer == "affine":
        return transforms.AffineCouplingTransform(mask, network)
    return transforms.PiecewiseRationalQuadraticCouplingTransform(
        mask, network, **_spline(case)
    )


def _autoregressive(case: Case):
    width, *others = case.hidden_units
    if set(others) - {width}:
        raise ValueError(f"nflows has one width, but got {case.hidden_units}.")
    keywords = {
        "features": case.event_size,
        "hidden_features": width,
        "num_blocks": len(others),
        "use_residual_blocks": False,
    }
    if case.transformer == "affine":
        return transforms.MaskedAffineAutoregressiveTransform(**keywords)
    return transforms.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
        **keywords, **_spline(case)
    )


def _spline(case: Case) -> dict:
    return {"num_bins": case.num_bins, "tails": "linear", "tail_bound": SPLINE_BOUND}
