"""zuko, on PyTorch."""

from functools import partial

import torch
import zuko

from benchmarks.cases import SPLINE_BOUND, Case
from benchmarks.frameworks import Subject
from benchmarks.frameworks.pytorch import add_noise, count, prepare, training_step


def make(case: Case) -> Subject:
    """The operations of a case."""
    prepare()
    flow = _flow(case)
    add_noise(flow)
    x = torch.from_numpy(case.rows(case.batch))

    @torch.no_grad()
    def log_prob():
        return flow().log_prob(x)

    @torch.no_grad()
    def sample():
        return flow().sample((case.batch,))

    @torch.no_grad()
    def round_trip() -> float:
        transform = flow().transform
        return float((transform.inv(transform(x)) - x).abs().max())

    step = training_step(case, flow, lambda batch: flow().log_prob(batch))
    operations = {"train": step, "log_prob": log_prob, "sample": sample}
    return Subject(count(flow), operations, round_trip)


_MONOTONE = {
    "naf": zuko.flows.NAF,
    "umnn": zuko.flows.UNAF,
    "sos": zuko.flows.SOSPF,
    "bernstein": zuko.flows.BPF,
}


def _flow(case: Case):
    if case.transformer == "gaussianization":
        return zuko.flows.GF(case.event_size, transforms=case.num_layers)
    keywords = {
        "transforms": case.num_layers,
        "hidden_features": case.hidden_units,
        "activation": torch.nn.ReLU,
    }
    if case.transformer in _MONOTONE:
        return _MONOTONE[case.transformer](case.event_size, **keywords)
    if case.transformer == "spline":
        bins = case.num_bins
        keywords |= {
            "univariate": partial(
                zuko.transforms.MonotonicRQSTransform, bound=SPLINE_BOUND
            ),
            "shapes": [(bins,), (bins,), (bins - 1,)],
        }
    structure = {"coupling": zuko.flows.NICE, "autoregressive": zuko.flows.MAF}
    return structure[case.structure](case.event_size, **keywords)
