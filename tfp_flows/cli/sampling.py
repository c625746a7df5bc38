"""Samples of a model, a part at a time."""

import numpy as np

import tfp_flows

_BATCH_SIZE = 4096


def draw(
    model: tfp_flows.FlowModel,
    num_samples: int,
    context: np.ndarray | None,
    seed: int | None,
) -> np.ndarray:
    """Samples ``[N, D]``; given contexts ``[N, C]``, one for each.

    Args:
        model: that has them.
        num_samples: N.
        context: of a conditional model, else ``None``.
        seed: the same gives the same samples; ``None`` others each time.
    """
    starts = range(0, num_samples, _BATCH_SIZE)
    seeds = np.random.SeedSequence(seed).generate_state(len(starts)) >> 1  # As int32.
    parts = []
    for start, own_seed in zip(starts, seeds.tolist(), strict=True):
        size = min(_BATCH_SIZE, num_samples - start)
        if context is None:
            parts.append(model.sample(size, seed=own_seed).numpy())
        else:
            part = context[start : start + size].astype(model.dtype)
            parts.append(model.sample(1, context=part, seed=own_seed).numpy()[0])
    return np.concatenate(parts)
