"""What a dilated causal convolution sees: of a whole signal, or step by step."""

import tensorflow as tf

# Doublings go on to 512, and then begin again, as in the paper of WaveNet.
_LARGEST_DILATION = 512


def doubling(num_before: int, kernel_size: int) -> list[int]:
    """The dilations 1, 2, 4, … until so many steps before its own are seen."""
    dilations = [1]
    while 1 + (kernel_size - 1) * sum(dilations) < num_before:
        last = dilations[-1]
        dilations.append(1 if last == _LARGEST_DILATION else 2 * last)
    return dilations


def seen_of(h: tf.Tensor, kernel_size: int, dilation: int) -> tf.Tensor:
    """The values that each step of a signal ``[N, D, F]`` sees, its own last.

    They are side by side, ``[N, D, kernel_size·F]``, and 0 before the signal.
    """
    back = range((kernel_size - 1) * dilation, -1, -dilation)
    return tf.concat([_delayed(h, steps) for steps in back], axis=-1)


def _delayed(h, steps: int) -> tf.Tensor:
    length = max(h.shape[1] - steps, 0)
    return tf.pad(h[:, :length], [[0, 0], [h.shape[1] - length, 0], [0, 0]])


def new_queue(zeros: tf.Tensor, kernel_size: int, dilation: int) -> tf.TensorArray:
    """A queue of the values ``[N, F]`` that later steps will see, zeros at first."""
    length = (kernel_size - 1) * dilation
    shape = [None, zeros.shape[-1]]
    queue = tf.TensorArray(
        zeros.dtype, length, element_shape=shape, clear_after_read=False
    )
    return queue.unstack(tf.tile(zeros[tf.newaxis], [length, 1, 1]))


def seen_at(
    i: tf.Tensor, h: tf.Tensor, queue: tf.TensorArray, kernel_size: int, dilation: int
) -> tuple[tf.Tensor, tf.TensorArray]:
    """The values that step i sees, ``h`` its own, and the queue of the next step.

    The value of step j is in the queue at j mod its length.
    """
    length = (kernel_size - 1) * dilation
    slots = [(i + ahead) % length for ahead in range(0, length, dilation)]
    seen = tf.concat([*map(queue.read, slots), h], axis=-1)
    # Over the oldest, which has been read for the last time.
    return seen, queue.write(slots[0], h)
