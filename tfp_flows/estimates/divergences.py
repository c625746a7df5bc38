"""The Kullback–Leibler divergence and the entropy, by samples."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.estimates.estimate import Estimate, mean_of, require_distribution
from tfp_flows.random_state import Seed


def estimate_kl(
    p: tfd.Distribution,
    q: tfd.Distribution,
    num_samples: int = 10_000,
    *,
    batch_size: int = 1_000,
    seed: Seed = None,
) -> Estimate:
    """Estimate KL(p ‖ q) = E_p[log p(x) − log q(x)], in nats.

    It is unbiased, and for few samples may be negative.

    Args:
        p: the distribution that is sampled.
        q: of the same events.
        num_samples: how many samples.
        batch_size: how many at once, which bounds the memory.
        seed: of the samples.

    Returns:
        `Estimate` of the batch shape that both have together.

    Raises:
        TypeError: no distribution, or other dtypes.
        ValueError: other event shapes; a value that is not finite, as where q has no
            density at a sample of p.

    >>> from tensorflow_probability import distributions as tfd
    >>> kl = estimate_kl(tfd.Normal(0.0, 1.0), tfd.Normal(1.0, 1.0), seed=0)
    >>> bool(abs(kl.value - 0.5) < 4 * kl.standard_error)
    True
    """
    where = "estimate_kl"
    require_distribution(p, f"{where}: p")
    require_distribution(q, f"{where}: q")
    _require_same_events(p, q, where)

    def per_sample(size, batch_seed):
        x, log_prob = p.experimental_sample_and_log_prob(size, seed=batch_seed)
        return log_prob - q.log_prob(x)

    return mean_of(per_sample, num_samples, batch_size, seed, where)


def estimate_entropy(
    p: tfd.Distribution,
    num_samples: int = 10_000,
    *,
    batch_size: int = 1_000,
    seed: Seed = None,
) -> Estimate:
    """Estimate the entropy E_p[−log p(x)], in nats.

    Args:
        p: the distribution.
        num_samples: how many samples.
        batch_size: how many at once, which bounds the memory.
        seed: of the samples.

    Returns:
        `Estimate` of p's batch shape.

    Raises:
        TypeError: no distribution.
        ValueError: a log-density that is not finite at a sample.

    >>> from tensorflow_probability import distributions as tfd
    >>> entropy = estimate_entropy(tfd.Normal(0.0, 1.0), seed=0)
    >>> bool(abs(entropy.value - 1.419) < 4 * entropy.standard_error)
    True
    """
    where = "estimate_entropy"
    require_distribution(p, f"{where}: p")

    def per_sample(size, batch_seed):
        return -p.experimental_sample_and_log_prob(size, seed=batch_seed)[1]

    return mean_of(per_sample, num_samples, batch_size, seed, where)


def _require_same_events(p, q, where: str) -> None:
    if p.dtype != q.dtype:
        raise TypeError(
            f"{where}: p and q must have one dtype, but {p.name!r} has {p.dtype} and "
            f"{q.name!r} has {q.dtype}."
        )
    shapes = [p.event_shape, q.event_shape]
    are_plain = all(isinstance(shape, tf.TensorShape) for shape in shapes)
    if are_plain and not shapes[0].is_compatible_with(shapes[1]):
        raise ValueError(
            f"{where}: p and q must have one event shape, but {p.name!r} has "
            f"{shapes[0]} and {q.name!r} has {shapes[1]}."
        )
