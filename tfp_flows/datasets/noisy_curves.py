"""Curves in the plane, blurred by noise."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.datasets.base import Density2D

# Nodes are set in panels of this many standard deviations of the noise, with this many
# Gauss-Legendre nodes in each: ln p is then right to about 1e-5 where there is mass,
# and to 1e-3 of itself far away.
PANEL_LENGTH = 4.0
NODES_PER_PANEL = 8

# The largest table of (points x nodes) held at once: 4 MiB in float32.
TABLE_SIZE = 1 << 20


class NoisyCurves(Density2D):
    r"""One of several curves, each as likely, plus noise: x = c_k(u) + ε, u ~ U[0, 1].

    With k(·) the density of the noise on one axis (the same on both) the density is

    p(x) = 1/C Σ_k ∫₀¹ k(x₁ − c_k(u)₁) k(x₂ − c_k(u)₂) du,

    a logsumexp over Gauss-Legendre nodes along the curves, which are closer than the
    noise is wide: it neither underflows far away nor has a gradient that is not finite.
    One evaluation costs (points × nodes) kernels, about
    2 × length of the curves / standard deviation of the noise of them a point; the
    points are taken in blocks, so that memory stays bounded. Samples are exact.

    Subclasses implement ``_curves(u)``, in TensorFlow operations: u of shape ``[n]``
    gives ``[C, n, 2]``. It must be smooth in √u.

    Args:
        kernel: a scalar ``tfd.Distribution``, the noise on each axis, with mean 0.
        width: the standard deviation of the noise, a Python number.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.
        parameters: the constructor arguments of the subclass.
    """

    def __init__(
        self,
        kernel: tfd.Distribution,
        width: float,
        validate_args: bool,
        name: str,
        parameters: dict,
    ):
        with tf.init_scope():  # numbers, also while a tf.function is traced
            nodes, self._log_weights = _quadrature(self._curves, width)
        self._nodes, self._kernel = nodes, kernel
        noise = 4.0 * width
        bounds = [(low - noise, high + noise) for low, high in _extent(nodes)]
        super().__init__(bounds, width, kernel.dtype, validate_args, name, parameters)

    def _curves(self, u):
        raise NotImplementedError(f"{type(self).__name__} must define _curves.")

    def _sample_n(self, n, seed=None):
        u_seed, curve_seed, noise_seed = tfp.random.split_seed(seed, n=3)
        u = tf.random.stateless_uniform([n], u_seed, dtype=self.dtype)
        points = tf.transpose(self._curves(u), [1, 0, 2])
        count = tf.shape(points)[1]
        which = tf.random.stateless_uniform([n], curve_seed, 0, count, tf.int32)
        chosen = tf.gather(points, which, batch_dims=1)
        return chosen + self._kernel.sample([n, 2], seed=noise_seed)

    def _log_density(self, x):
        flat = tf.reshape(x, [-1, 2])
        total = tf.shape(flat)[0]
        fits = max(TABLE_SIZE // len(self._nodes), 1)
        block = tf.clip_by_value(total, 1, fits)
        blocks = tf.maximum(-(-total // block), 1)  # one also for no points at all
        padded = tf.pad(flat, [[0, blocks * block - total], [0, 0]])
        log_p = tf.map_fn(
            self._log_density_of_block,
            tf.reshape(padded, [blocks, block, 2]),
            fn_output_signature=tf.TensorSpec([None], self.dtype),
        )
        return tf.reshape(tf.reshape(log_p, [-1])[:total], tf.shape(x)[:-1])

    def _log_density_of_block(self, x):
        nodes = tf.constant(self._nodes, self.dtype)
        log_p = tf.constant(self._log_weights, self.dtype)
        for axis in range(2):
            log_p += self._kernel.log_prob(x[:, axis, None] - nodes[:, axis])
        return tf.reduce_logsumexp(log_p, axis=-1)


def _quadrature(curves, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes ``[K, 2]`` along all curves, and the logarithms ``[K]`` of their weights.

    The nodes are set in s = √u (du = 2s ds), in panels of equal length of arc: a curve
    may begin like √u, as the two spirals do.
    """
    fine = np.linspace(0.0, 1.0, 2049)
    steps = np.diff(curves(tf.constant(fine**2)).numpy(), axis=1)
    # The longest of the curves decides for all of them.
    lengths = np.max(np.linalg.norm(steps, axis=-1), axis=0)
    length = np.concatenate([[0.0], np.cumsum(lengths)])
    panels = max(int(np.ceil(length[-1] / (PANEL_LENGTH * width))), 1)
    edges = np.interp(np.linspace(0.0, length[-1], panels + 1), length, fine)
    x, w = np.polynomial.legendre.leggauss(NODES_PER_PANEL)
    half = np.diff(edges)[:, None] / 2.0
    s = (edges[:-1, None] + half * (1.0 + x)).reshape(-1)
    nodes = curves(tf.constant(s**2)).numpy()
    weights = (half * w).reshape(-1) * 2.0 * s / len(nodes)
    return nodes.reshape(-1, 2), np.tile(np.log(weights), len(nodes))


def _extent(points: np.ndarray) -> list[tuple[float, float]]:
    return list(zip(points.min(axis=0), points.max(axis=0), strict=True))
