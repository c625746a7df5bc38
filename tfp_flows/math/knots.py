"""Bins between knots: their sizes from unconstrained numbers, and the right one.

A list has an entry for each bin, each a tensor with an element for each point. The
loops over bins are written out on purpose: XLA then makes one loop over the points of
them, with the bins in registers, which is several times faster than reductions over
an axis of bins (and needs no cumulative sum and no gather, which XLA does badly on a
CPU).
"""

from collections.abc import Sequence

import tensorflow as tf


def bin_sizes(logits: Sequence[tf.Tensor], minimum: float) -> list[tf.Tensor]:
    """Sizes of at least ``minimum`` that sum to 1: a softmax, and a floor under it."""
    largest = logits[0]
    for logit in logits[1:]:
        largest = tf.maximum(largest, logit)
    largest = tf.stop_gradient(largest)
    exps = [tf.exp(logit - largest) for logit in logits]
    scale = (1.0 - minimum * len(logits)) / tf.add_n(exps)
    return [minimum + scale * e for e in exps]


def left_edges(sizes: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The left edge of each bin, from 0: the sums of the sizes before it."""
    edges = [tf.zeros_like(sizes[0])]
    for size in sizes[:-1]:
        edges.append(edges[-1] + size)
    return edges


def choose_bin(
    t: tf.Tensor, edges: Sequence[tf.Tensor], *tables: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """The entry of each table for the bin that holds t.

    A point on an edge belongs to the bin that begins there; points outside, to the
    first or the last bin.

    Args:
        t: the points.
        edges: the left edge of each bin.
        *tables: lists with an entry for each bin.
    """
    beyond = [t >= edge for edge in edges[1:]]
    chosen = []
    for table in tables:
        entry = table[0]
        for is_beyond, value in zip(beyond, table[1:], strict=True):
            entry = tf.where(is_beyond, value, entry)
        chosen.append(entry)
    return chosen


def clip_straight_through(
    x: tf.Tensor, low: tf.Tensor | float, high: tf.Tensor | float
) -> tf.Tensor:
    """The numbers clipped to [low, high], with a straight-through gradient.

    For numbers that are inside but for rounding: the gradient of ``tf.clip_by_value``
    is 0 where it clips, though the point only seems to be outside.
    """
    return x + tf.stop_gradient(tf.clip_by_value(x, low, high) - x)
