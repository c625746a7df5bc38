"""The Gaussian with the same moments, to compare a flow with."""

import numpy as np

from tfp_flows.cli.inputs import Data


def gaussian_nll(
    train: Data,
    held_out: Data,
) -> float | None:
    """The mean NLL, in nats, of rows held out under the Gaussian fitted to others.

    Given a context, its mean is linear in that.

    Args:
        train: the rows for training.
        held_out: the rows held out.

    Returns:
        The NLL; ``None`` where there are too few rows for a Gaussian.
    """
    points, context = train
    mean, scale = points.mean(axis=0), points.std(axis=0)
    inputs = _with_one(points, context)
    if len(points) <= points.shape[1] + inputs.shape[1]:
        return None
    weights = np.linalg.lstsq(inputs, (points - mean) / scale)[0]
    left = (points - mean) / scale - inputs @ weights
    covariance = left.T @ left / len(left)
    points, context = held_out
    left = (points - mean) / scale - _with_one(points, context) @ weights
    sign, log_det = np.linalg.slogdet(2.0 * np.pi * covariance)
    if sign <= 0:
        return None
    squares = np.sum(left * np.linalg.solve(covariance, left.T).T, axis=1)
    return float(0.5 * (squares.mean() + log_det) + np.log(scale).sum())


def _with_one(points: np.ndarray, context: np.ndarray | None) -> np.ndarray:
    ones = np.ones([len(points), 1])
    return ones if context is None else np.concatenate([ones, context], axis=1)
