"""What the frameworks on PyTorch share."""

from collections.abc import Callable

import torch

from benchmarks.cases import LEARNING_RATE, NOISE, Case
from benchmarks.machine import num_cores


def prepare() -> None:
    """All cores that this process may use, as the other frameworks take them."""
    torch.set_num_threads(num_cores())
    torch.manual_seed(0)


@torch.no_grad()
def add_noise(module: torch.nn.Module) -> None:
    """Moves the parameters off their start."""
    for parameter in module.parameters():
        parameter.add_(NOISE * torch.randn_like(parameter))


def count(module: torch.nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def training_step(case: Case, module: torch.nn.Module, log_prob: Callable) -> Callable:
    """A step of maximum likelihood on one batch, with Adam."""
    batch = torch.from_numpy(case.rows(case.train_batch))
    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE)

    def step():
        optimizer.zero_grad()
        loss = -log_prob(batch).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
