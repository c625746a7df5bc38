"""Coupling layers."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.elementwise.transformer_spec import Direction, TransformerSpec
from tfp_flows.bijectors.triangular.partition import partition_of
from tfp_flows.bijectors.with_conditioner import (
    ConditionerInput,
    WithConditioner,
    checked_transformer,
)


class Coupling(WithConditioner):
    """Transform some dimensions with parameters predicted from the others.

    Forward: the dimensions x_A where ``mask`` is true pass through, y_A = x_A; the
    others go through the transformer τ, elementwise: y_B = τ(x_B; θ(x_A)), with the
    parameters θ from the conditioner.

    Inverse: x_A = y_A, x_B = τ⁻¹(y_B; θ(y_A)). The conditioner is not inverted.

    Log-determinant: that of τ, summed over the dimensions B. The Jacobian is
    triangular when A comes before B.

    Cost: one evaluation of the conditioner and one of the transformer, in either
    direction.

    **Images** ``[H, W, C]`` are split by channels, if the mask is the same at each
    pixel (`channel_mask`): the conditioner then maps images of the channels A to
    images of |B|·K channels. By any other mask (`checkerboard_mask`) it sees x with
    zeros in place of B, and gives C·K channels, of which those for A are not used.

    Args:
        conditioner: a Keras layer (or any callable) from ``[..., |A|]`` to
            ``[..., |B|·K]``, K numbers for each dimension of B. A layer that is not
            built is built here; one with an attribute ``output_size`` of ``None``,
            such as `tfp_flows.conditioners.MLP`, is given the right one. For images
            one of images, such as `tfp_flows.conditioners.ConvolutionalNetwork`.
        transformer: a `TransformerSpec`, such as ``Affine.spec()``.
        mask: ``[D]`` or ``[H, W, C]``, booleans or 0 and 1. One (true) marks a
            dimension that passes through.
        context: ``[..., C]``, the conditioner's other input, if it takes a context; its
            batch shape is that of the bijector.
        validate_args: as in TFP.
        name: as in TFP.
        recompute: whether gradients in graphs compute the network's hidden units again,
            and do not keep them: less memory, which hardly grows with the number of
            layers, for up to half as much time more.
        conditioner_input: ``"tapered"``: the conditioner sees q(x) in place of x, with
            q(x) = x for |x| ≤ 3 and sign(x)·(3 + log(|x| − 2)) beyond, so that a layer
            does not throw points far out that the one before it put somewhat aside;
            the transformer acts on x. ``None``: it sees x.

    Raises:
        ValueError: a mask that passes everything or nothing (so D = 1 is impossible),
            a conditioner whose output does not fit the transformer, a context that
            the conditioner does not take, or a call with points of another size or
            without the context that the conditioner takes.
        TypeError: ``transformer`` is no `TransformerSpec`, ``conditioner`` no callable.

    >>> import tfp_flows
    >>> coupling = tfp_flows.bijectors.Coupling(
    ...     conditioner=tfp_flows.conditioners.MLP(hidden_units=[16], seed=0),
    ...     transformer=tfp_flows.bijectors.Affine.spec(),
    ...     mask=[True, False, False])
    >>> coupling.forward([1.0, 2.0, 3.0]).numpy()  # It starts at the identity.
    array([1., 2., 3.], dtype=float32)
    >>> len(coupling.trainable_variables)
    4

    Papers: Dinh, Krueger and Bengio (2014), NICE; Dinh, Sohl-Dickstein and Bengio
    (2017), Density estimation using Real NVP.
    """

    shares_programs = True

    def __init__(
        self,
        conditioner: Callable,
        transformer: TransformerSpec,
        mask: Any,
        context: Any = None,
        validate_args: bool = False,
        name: str = "coupling",
        recompute: bool = False,
        conditioner_input: ConditionerInput = "tapered",
    ):
        where = f"Coupling {name!r}"
        num_params = checked_transformer(transformer, where).num_params
        passes = _checked_mask(mask, where)
        self._partition = partition_of(passes)
        self.transformer = transformer
        super().__init__(
            dict(locals()),
            event_shape=passes.shape,
            input_shape=self._partition.input_shape,
            output_shape=self._partition.output_shape(num_params),
        )

    def _forward_and_log_det(self, x):
        return self._transformed(x, "forward")

    def _inverse_and_log_det(self, y):
        return self._transformed(y, "inverse")

    def _transformed(self, x, direction) -> tuple[tf.Tensor, tf.Tensor]:
        rows, context = self._rows(x)
        inputs, identity_half, half = self._partition.split(rows)
        # Of the halves, so that layers that transform different dimensions share it.
        points = [(inputs, 0), (half, self._partition.batch_axis)]
        points += [(part, 0) for part in context]
        image, log_det = self._by_program(direction, points)
        return self._from_rows(x, self._partition.join(identity_half, image), log_det)

    def arithmetic(
        self, direction: Direction, *points: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Give the image of the transformed half, and its log-determinant.

        Args:
            direction: forward or inverse.
            *points: the network's input, the transformed half, and the context, if any.
        """
        inputs, half, *context = points
        partition, spec = self._partition, self.transformer
        params = partition.parameters(
            self.conditioner(self._seen(inputs), *context), spec.num_params
        )
        evaluate = (
            spec.forward_and_log_det
            if direction == "forward"
            else spec.inverse_and_log_det
        )
        image, log_slopes = evaluate(params, half, partition.axis, self.validate_args)
        return image, partition.sum(log_slopes, half)

    def structure(self, direction: Direction) -> Hashable:
        """Give all that `arithmetic` depends on, but for points and weights."""
        return self._partition.structure, super().structure(direction)


def _checked_mask(mask, where: str) -> np.ndarray:
    array = np.asarray(mask)
    if array.ndim not in (1, 3) or not np.isin(array, [0, 1]).all():
        raise ValueError(
            f"{where}: mask must be a vector of booleans, or of the shape [H, W, C] of "
            f"images, but got {mask!r}."
        )
    array = array.astype(bool)
    if array.all() or not array.any():
        raise ValueError(
            f"{where}: mask must pass at least one dimension and transform at least "
            f"one, so events need a size of 2 or more, but got one of shape "
            f"{array.shape} that is {'true' if array.all() else 'false'} everywhere."
        )
    return array
