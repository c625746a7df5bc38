"""normflows, on PyTorch: Glow."""

import normflows as nf
import torch

from benchmarks.cases import Case
from benchmarks.frameworks import Subject
from benchmarks.frameworks.pytorch import add_noise, count, prepare, training_step


def make(case: Case) -> Subject:
    """The operations of a case of images."""
    prepare()
    model = _glow(case)

    def images(x) -> torch.Tensor:
        return x.permute(0, 3, 1, 2).contiguous()  # The channels come first.

    x = images(torch.from_numpy(case.rows(case.batch)))
    with torch.no_grad():
        model.log_prob(x, None)  # Its ActNorm starts from the first batch.
    add_noise(model)

    @torch.no_grad()
    def log_prob():
        return model.log_prob(x, None)

    @torch.no_grad()
    def sample():
        return model.sample(case.batch)

    step = training_step(case, model, lambda batch: model.log_prob(images(batch), None))
    operations = {"train": step, "log_prob": log_prob, "sample": sample}
    return Subject(count(model), operations)


def _glow(case: Case) -> nf.MultiscaleFlow:
    rows, columns, channels = case.image_shape
    bases, levels, merges = [], [], []
    # From the base on: the smallest image first.
    for halvings in range(case.num_levels, 0, -1):
        own = channels * 2 ** (halvings + 1)
        steps = [
            nf.flows.GlowBlock(own, case.hidden_units[0], scale=True)
            for _ in range(case.num_layers // case.num_levels)
        ]
        levels.append([*steps, nf.flows.Squeeze()])
        if halvings < case.num_levels:
            merges.append(nf.flows.Merge())
            own //= 2
        shape = (own, rows // 2**halvings, columns // 2**halvings)
        bases.append(nf.distributions.DiagGaussian(shape, trainable=False))
    return nf.MultiscaleFlow(bases, levels, merges)
