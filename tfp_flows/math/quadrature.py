"""Integrals over an interval as sums over a few points."""

import numpy as np

from tfp_flows.checks import checked_count


def gauss_legendre(num_points: int, where: str) -> list[tuple[float, float]]:
    """Points of [0, 1] and their weights, exact for degrees up to 2·num_points − 1.

    (Clenshaw–Curtis is exact for half of that with as many points.)

    Args:
        num_points: the number of points.
        where: the owner of the number, for the message.

    Raises:
        TypeError: a number that is no integer.
        ValueError: no points.
    """
    num_points = checked_count(num_points, f"{where}: num_points")
    points, weights = np.polynomial.legendre.leggauss(num_points)
    halves = zip(0.5 * (points + 1.0), 0.5 * weights, strict=True)
    return [(float(point), float(weight)) for point, weight in halves]
