"""Roots of increasing functions, elementwise, with gradients."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

# From t, the value f(t) and the logarithm of the slope f′(t), elementwise.
Curve = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

_MAX_ITERATIONS = 200  # Bisection alone takes 60 from 1e6 to the last digit of float64.
_GROWTH = 4.0


def find_root(
    curve: Curve,
    constant: Curve,
    target: tf.Tensor,
    *,
    where: str,
    start: tf.Tensor | None = None,
    validate_args: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The t with f(t) = target, f increasing and onto the reals, and log f′(t).

    Newton's method, guarded: each value of f tells on which side the root is. A step
    that leaves what is known to hold the root, or that does not halve the step before,
    is replaced by bisection; while one side is open, steps are limited and grow
    fourfold, so that a bracket is found wherever the root is. (TFP's
    ``find_root_chandrupatla`` needs the bracket, and about twice the evaluations, as
    it has no use for the slope.) Two more Newton steps give the root its derivatives.

    Elements that do not converge, which a function that is not increasing or not onto
    can cause, raise an error when executed eagerly; in a graph they are NaN, and an
    error with ``validate_args``, but for XLA, which knows no errors. Where the target
    or the function is NaN the root is NaN, and that is no error.

    Args:
        curve: a function that gives f and the logarithm of its slope.
        constant: the same function, of parameters without gradients
            (``tf.stop_gradient``), which the search evaluates. A tape that recorded the
            search's loop would need a stack of its states, which XLA cannot size.
        target: values of f, of its shape or one that broadcasts to it.
        where: the name of the function in an error.
        start: the start of the search; the target, if not given.
        validate_args: whether to raise in a graph.

    Raises:
        ValueError: no root was found.
    """
    wanted = tf.stop_gradient(target)
    start = wanted if start is None else tf.stop_gradient(start)
    shape = tf.shape(constant(start)[0])
    wanted, start = (tf.broadcast_to(each, shape) for each in (wanted, start))
    solution = _search(constant, wanted, start)

    evaluated = []

    def value_and_slope(t):
        value, log_slope = curve(t)
        evaluated.append((t, value, log_slope))
        # Where the slope underflows the search has the last word.
        return value - target, tf.exp(tf.maximum(log_slope, 0.5 * _log_tiny(t)))

    root = newton_polish(value_and_slope, solution)
    # The last but one is checked, so that who needs no slope pays for no evaluation.
    is_solved = _is_solved(*evaluated[-1], wanted)
    # Where the function itself is NaN, as of parameters that a NaN made, so is the
    # root, and the other points have theirs.
    is_nan = tf.math.is_nan(evaluated[-1][1])
    root = _require(is_solved, is_nan, root, wanted, where, validate_args)
    return root, _or_nan(is_solved, curve(root)[1])


def newton_polish(
    value_and_slope: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    root: tf.Tensor,
) -> tf.Tensor:
    """Gives a root computed without gradients its last digits and its derivatives.

    Two Newton steps, t ← t − f(t)/f′(t), from a root taken as a constant. Each step
    squares the error in t, and with it the order to which t depends correctly on
    whatever f depends on: the first derivative is right after one step (it is that of
    the implicit function theorem), the second and third after two.

    Args:
        value_and_slope: gives f(t) and f′(t), elementwise; f′ must not be 0.
        root: points where f is (nearly) 0.
    """
    root = tf.stop_gradient(root)
    for _ in range(2):
        value, slope = value_and_slope(root)
        root = root - value / slope
    return root


def _search(curve: Curve, target: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    eps = _eps(target)

    def body(is_open, t, low, high, width, last_step):
        value, log_slope = curve(t)
        excess = value - target
        low = tf.where(excess <= 0, t, low)
        high = tf.where(excess >= 0, t, high)
        newton = -excess * tf.exp(-log_slope)
        is_bracketed = tf.math.is_finite(low) & tf.math.is_finite(high)
        # NaN, as of 0·∞ where the slope underflows, is never good.
        is_good = tf.where(
            is_bracketed,
            (t + newton >= low)
            & (t + newton <= high)
            & (2.0 * tf.abs(newton) <= tf.abs(last_step)),
            tf.abs(newton) <= width,
        )
        other = tf.where(
            is_bracketed, 0.5 * (high - t) + 0.5 * (low - t), -tf.sign(excess) * width
        )
        # An exact root stays: among roundings no step halves the one before.
        is_open &= excess != 0
        step = tf.where(is_good, newton, other)
        step = tf.where(is_open, step, tf.zeros_like(step))
        # A Newton step this small leaves an error of about its square.
        size = 0.1 + tf.abs(t)
        small = tf.where(is_good, eps ** (2.0 / 3.0) * size, 2.0 * eps * size)
        is_open &= ~(tf.abs(step) <= small)
        return is_open, t + step, low, high, _GROWTH * width, step

    infinity = tf.fill(tf.shape(target), tf.constant(math.inf, target.dtype))
    everywhere = tf.ones_like(target, tf.bool)
    _, t, *_ = tf.while_loop(
        lambda is_open, *_: tf.reduce_any(is_open),
        body,
        (everywhere, start, -infinity, infinity, 1.0 + tf.abs(start), infinity),
        maximum_iterations=_MAX_ITERATIONS,
    )
    return t


def _is_solved(t, value, log_slope, target) -> tf.Tensor:
    scale = tf.exp(log_slope) * tf.abs(t)
    rounding = 256.0 * _eps(t) * (1.0 + tf.abs(target) + scale)
    # A target that is not finite has no root, and says so by itself.
    return (tf.abs(value - target) <= rounding) | ~tf.math.is_finite(target)


def _require(is_solved, is_nan, root, target, where, validate_args) -> tf.Tensor:
    """``root``, but NaN, or an error, where there is none."""
    is_missing = ~(is_solved | is_nan)
    message = (
        f"{where}: the search for the point that is sent to a given value did not "
        "converge: the function must be increasing and onto the real numbers."
    )
    if tf.executing_eagerly():
        if tf.reduce_any(is_missing):
            at = tf.boolean_mask(*(tf.reshape(v, [-1]) for v in (target, is_missing)))
            raise ValueError(f"{message} First value without a root: {at[0]}.")
    elif validate_args:
        check = tf.debugging.Assert(~tf.reduce_any(is_missing), [message])
        with tf.control_dependencies([check]):
            root = tf.identity(root)
    return _or_nan(is_solved, root)


def _or_nan(is_solved, x) -> tf.Tensor:
    return tf.where(is_solved, x, tf.constant(math.nan, x.dtype))


def _eps(x: tf.Tensor) -> float:
    return float(np.finfo(x.dtype.as_numpy_dtype).eps)


def _log_tiny(x: tf.Tensor) -> float:
    return math.log(np.finfo(x.dtype.as_numpy_dtype).tiny)
