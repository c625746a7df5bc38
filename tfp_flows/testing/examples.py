"""One example of each bijector, for the conformance tests and for readers."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors, conditioners, networks


@dataclasses.dataclass(frozen=True)
class Example:
    """An example of a bijector, for `assert_bijector_conforms`.

    Args:
        make: a function of the dtype's name that makes the bijector.
        event_shape: the shape of the points to try it on.
        order: the argument of `assert_bijector_conforms`.
        extreme: the argument of `assert_bijector_conforms`.
    """

    make: Callable[[str], tfb.Bijector]
    event_shape: Sequence[int] = (2,)
    order: Sequence[int] | None = None
    extreme: float | None = 1e4

    @property
    def x(self) -> np.ndarray:
        """Points ``[12, *event_shape]``, the same at each call."""
        return np.random.default_rng(0).normal(size=[12, *self.event_shape])


def _coupling(dtype: str) -> bijectors.Coupling:
    return bijectors.Coupling(
        conditioners.MLP([8], activation="tanh", seed=1, dtype=dtype),
        bijectors.Affine.spec(),
        mask=[False, True, False],
    )


def _autoregressive(dtype: str) -> bijectors.Autoregressive:
    return bijectors.Autoregressive(
        conditioners.MADE(3, [8], order=[1, 2, 0], seed=1, dtype=dtype),
        bijectors.Affine.spec(),
    )


def _block_autoregressive(dtype: str) -> bijectors.BlockAutoregressive:
    network = networks.BlockNetwork(2, 3, 1, order=[1, 0], seed=1, dtype=dtype)
    return bijectors.BlockAutoregressive(network)


def _sylvester(dtype: str) -> bijectors.Sylvester:
    rotation = bijectors.Householder.trainable(3, paired=False, seed=1, dtype=dtype)
    return bijectors.Sylvester.trainable(
        3, num_units=2, rotation=rotation, seed=0, dtype=dtype
    )


def _multi_scale(dtype: str) -> bijectors.MultiScale:
    def level(channels: int, seed: int) -> tfb.Bijector:
        mix = bijectors.InvertibleConvolution1x1.trainable(
            channels, seed=seed, dtype=dtype
        )
        return tfb.Chain([tfb.Invert(bijectors.Squeeze()), mix])

    return bijectors.MultiScale([level(4, 0), level(8, 1)], image_shape=(4, 4, 1))


def _conditional(dtype: str) -> bijectors.Conditional:
    return bijectors.Conditional(
        bijectors.Planar.trainable(2, seed=0, dtype=dtype),
        conditioners.MLP([8], activation="tanh", seed=1, dtype=dtype),
        context_size=3,
        context=np.linspace(-1.0, 1.0, 3).astype(dtype),
    )


def _trainable(cls, event_size: int, **options) -> Callable[[str], tfb.Bijector]:
    return lambda dtype: cls.trainable(event_size, seed=0, dtype=dtype, **options)


def _on_interval(cls, **options) -> Example:
    # Narrower than the points, so that they fall on either side of its ends.
    return Example(_trainable(cls, 2, low=-1.5, high=1.0, **options))


def _spline(cls) -> Example:
    return _on_interval(cls, num_bins=3)


def _bound(dtype: str) -> bijectors.Bound:
    low, high = np.array([[-4.0, -6.0], [6.0, 4.0]], dtype)
    return bijectors.Bound(low, high, alpha=1e-3)


def _standardize(dtype: str) -> bijectors.Standardize:
    bijector = bijectors.Standardize(2, dtype=dtype)
    bijector.adapt([[0.0, 10.0], [2.0, 50.0]])
    return bijector


EXAMPLES: dict[str, Example] = {
    "ActNorm": Example(_trainable(bijectors.ActNorm, 2), [1, 2, 2]),
    "Affine": Example(_trainable(bijectors.Affine, 2)),
    "Autoregressive": Example(_autoregressive, event_shape=[3], order=[1, 2, 0]),
    "BatchNormalization": Example(
        _trainable(bijectors.BatchNormalization, 2), [2, 1, 2]
    ),
    "Bernstein": _on_interval(bijectors.Bernstein, degree=4),
    "BlockAutoregressive": Example(_block_autoregressive, order=[1, 0]),
    "Bound": Example(_bound, extreme=None),
    "Chain": Example(
        lambda dtype: bijectors.Chain(
            [
                bijectors.Planar.trainable(2, seed=0, dtype=dtype),
                tfb.Shift(tf.Variable(tf.zeros(2, dtype))),
            ]
        )
    ),
    "CircularRationalQuadraticSpline": _spline(
        bijectors.CircularRationalQuadraticSpline
    ),
    "CubicSpline": _spline(bijectors.CubicSpline),
    "GaussianMixtureCDF": Example(
        _trainable(bijectors.GaussianMixtureCDF, 2, num_components=2)
    ),
    "Conditional": Example(_conditional),
    "Coupling": Example(_coupling, event_shape=[3], order=[1, 0, 2]),
    "Householder": Example(_trainable(bijectors.Householder, 3), [3]),
    "IntegralNetwork": _on_interval(
        bijectors.IntegralNetwork, num_units=2, num_panels=4
    ),
    "Invert": Example(
        lambda dtype: bijectors.Invert(
            bijectors.Radial.trainable(2, seed=0, dtype=dtype)
        )
    ),
    "InvertibleConvolution1x1": Example(
        _trainable(bijectors.InvertibleConvolution1x1, 2), [2, 1, 2]
    ),
    "KernelGaussianization": Example(
        _trainable(bijectors.KernelGaussianization, 1, num_components=2), [1]
    ),
    "LULinear": Example(_trainable(bijectors.LULinear, 3), [3]),
    "LinearSpline": _spline(bijectors.LinearSpline),
    "Linear": Example(_trainable(bijectors.Linear, 2)),
    "MixtureCDF": Example(_trainable(bijectors.MixtureCDF, 2, num_components=2)),
    "MonotonicNetwork": Example(_trainable(bijectors.MonotonicNetwork, 2, num_units=3)),
    "MultiScale": Example(_multi_scale, [16]),
    "OrthogonalExponential": Example(
        _trainable(bijectors.OrthogonalExponential, 3), [3]
    ),
    "Permutation": Example(lambda dtype: bijectors.Permutation([2, 0, 1]), [3]),
    "Planar": Example(_trainable(bijectors.Planar, 2)),
    "QRLinear": Example(_trainable(bijectors.QRLinear, 3), [3]),
    "QuadraticSpline": _spline(bijectors.QuadraticSpline),
    "Radial": Example(_trainable(bijectors.Radial, 2)),
    "RationalQuadraticSpline": _spline(bijectors.RationalQuadraticSpline),
    "Rotation2D": Example(_trainable(bijectors.Rotation2D, 2)),
    "ShiftAndCube": Example(_trainable(bijectors.ShiftAndCube, 2), order=[0, 1]),
    "Squeeze": Example(lambda dtype: bijectors.Squeeze(), [2, 4, 1]),
    "Standardize": Example(_standardize),
    "SumOfSquares": _on_interval(bijectors.SumOfSquares, num_polynomials=2, degree=2),
    "Sylvester": Example(_sylvester, event_shape=[3]),
}
