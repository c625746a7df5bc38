"""The conditioners' matrix products alone, batch first, under XLA."""

import itertools

import numpy as np
import tensorflow as tf

from benchmarks.cases import Case
from benchmarks.frameworks import Subject


def make(case: Case) -> Subject:
    """``log_prob``: forward. ``train``: forward and backward, without an optimizer.

    Dense products, though half of a masked network's are with zeros.
    """
    networks = [_matrices(case, seed) for seed in range(case.num_layers)]

    def run(inputs):
        outputs = []
        for x, matrices in zip(inputs, networks, strict=True):
            for matrix in matrices:
                x = x @ matrix
            outputs.append(x)
        return outputs

    forward = tf.function(run, jit_compile=True)

    @tf.function(jit_compile=True)
    def forward_and_backward(inputs, output_gradients):
        with tf.GradientTape() as tape:
            tape.watch([inputs, networks])
            outputs = run(inputs)
        sources = [inputs, networks]
        return outputs, tape.gradient(outputs, sources, output_gradients)

    # An input of its own for each network, or XLA would share products among them.
    first, *_, last = case.network_sizes
    seeds = range(case.num_layers)
    x = [_normal(case.batch, first, seed) for seed in seeds]
    batch = [_normal(case.train_batch, first, seed) for seed in seeds]
    gradients = [_normal(case.train_batch, last, seed) for seed in seeds]
    return Subject(
        sum(int(np.prod(matrix.shape)) for part in networks for matrix in part),
        {
            "train": lambda: forward_and_backward(batch, gradients)[0][-1][0].numpy(),
            "log_prob": lambda: forward(x)[-1][0].numpy(),
        },
    )


def _matrices(case: Case, seed: int) -> list[tf.Tensor]:
    return [
        _normal(num_in, num_out, seed) / num_in**0.5
        for num_in, num_out in itertools.pairwise(case.network_sizes)
    ]


def _normal(num_rows: int, num_columns: int, seed: int) -> tf.Tensor:
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(size=[num_rows, num_columns]), tf.float32)
