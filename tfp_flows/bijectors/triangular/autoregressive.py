"""Autoregressive layers."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.elementwise.transformer_spec import Direction, TransformerSpec
from tfp_flows.bijectors.network_door import declared_by
from tfp_flows.bijectors.with_conditioner import (
    ConditionerInput,
    WithConditioner,
    checked_transformer,
)
from tfp_flows.checks import checked_count
from tfp_flows.math import scan_by_evaluation
from tfp_flows.networks import MonotoneNetwork
from tfp_flows.variables import network_of


class Autoregressive(WithConditioner):
    """Transform each dimension with parameters predicted from the dimensions before.

    Forward (base → data): yᵢ = τ(xᵢ; θᵢ(y before i)), one dimension after another,
    with the transformer τ and the parameters θ from the conditioner. ``tfb.Invert`` of
    it is the inverse autoregressive layer, where the parameters depend on x.

    Inverse (data → base): xᵢ = τ⁻¹(yᵢ; θᵢ(y before i)), all dimensions at once.

    Log-determinant: that of τ, summed over the dimensions. The Jacobian is triangular
    in the conditioner's order.

    Cost: ``inverse``, and the log-determinant of either direction, one evaluation of
    the conditioner. ``forward`` is the conditioner's ``scan``: with
    `tfp_flows.conditioners.MADE` about as much as one to three evaluations in all;
    with a network that has no ``step``, or is no `tfp_flows.networks.Conditioner`, D
    evaluations. The gradients of ``forward`` cost as much again. (With MADE they are
    those of the implicit function theorem; a second derivative of that direction is
    refused.)

    Args:
        conditioner: a Keras layer (or any callable) from ``[..., D]`` to
            ``[..., D·K]``, K numbers for each dimension, those of a dimension
            depending on the dimensions before it alone (before it in the order of a
            `tfp_flows.networks.Conditioner`; in that of the points for others). A layer
            that is not built is built here; a `tfp_flows.networks.Network` without an
            output size is given the right one.
        transformer: a `TransformerSpec`, such as
            ``RationalQuadraticSpline.spec(num_bins=8)``.
        event_size: D, if the conditioner does not declare it.
        context: ``[..., C]``, the conditioner's other input, if it takes a context;
            its batch shape is that of the bijector.
        validate_args: as in TFP.
        name: as in TFP.
        recompute: whether gradients in graphs compute the network's hidden units again,
            and do not keep them: less memory, which hardly grows with the number of
            layers, for up to half as much time more. (``forward`` keeps them.)
        conditioner_input: ``"tapered"``: the conditioner sees q(x) in place of x, with
            q(x) = x for |x| ≤ 3 and sign(x)·(3 + log(|x| − 2)) beyond, so that a layer
            does not throw points far out that the one before it put somewhat aside;
            the transformer acts on x. ``None``: it sees x.

    Raises:
        ValueError: a conditioner whose output does not fit the transformer, an event
            size that is unknown or not the conditioner's, a context that the
            conditioner does not take, or a call with points of another size or
            without the context that the conditioner takes.
        TypeError: ``transformer`` is no `TransformerSpec`, ``conditioner`` no callable.

    >>> import tfp_flows
    >>> layer = tfp_flows.bijectors.Autoregressive(
    ...     conditioner=tfp_flows.conditioners.MADE(3, hidden_units=[16], seed=0),
    ...     transformer=tfp_flows.bijectors.Affine.spec())
    >>> layer.forward([1.0, 2.0, 3.0]).numpy()  # It starts at the identity.
    array([1., 2., 3.], dtype=float32)
    >>> len(layer.trainable_variables)
    4

    Papers: Kingma, Salimans, Józefowicz, Chen, Sutskever and Welling (2016), Improving
    variational inference with inverse autoregressive flow; Papamakarios, Pavlakou and
    Murray (2017), Masked autoregressive flow for density estimation.
    """

    shares_programs = True
    sequential = frozenset({"forward"})

    def __init__(
        self,
        conditioner: Callable,
        transformer: TransformerSpec,
        event_size: int | None = None,
        context: Any = None,
        validate_args: bool = False,
        name: str = "autoregressive",
        recompute: bool = False,
        conditioner_input: ConditionerInput = "tapered",
    ):
        where = f"Autoregressive {name!r}"
        num_params = checked_transformer(transformer, where).num_params
        if isinstance(network_of(conditioner), MonotoneNetwork):
            raise ValueError(
                f"{where}: {type(network_of(conditioner)).__name__} is no conditioner, "
                "it is the whole map: use BlockAutoregressive."
            )
        size = _event_size_of(conditioner, event_size, where)
        self.transformer = transformer
        super().__init__(
            dict(locals()),
            event_shape=[size],
            input_shape=[size],
            output_shape=[size * num_params],
        )

    def _solve(self, params, z) -> tf.Tensor:
        evaluate = self.transformer.forward_and_log_det
        return evaluate(params, z, 0, self.validate_args)[0]

    def arithmetic(
        self, direction: Direction, *points: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `Networked.arithmetic`, of rows ``[N, D]`` and the context, if any."""
        if direction == "inverse":
            return self._inverse_of_rows(*points)
        scan = declared_by(self.conditioner).scan or self._scan_by_evaluation
        # Of what the conditioner sees: it is found without a word of q by `scan`.
        seen = scan(lambda *each: self._seen(self._solve(*each)), *points)
        y = self._unseen(seen)
        # All dimensions are known now: one evaluation more gives the log-determinant.
        return y, -self._inverse_of_rows(y, *points[1:])[1]

    def _scan_by_evaluation(self, solve, z, *context):
        size: Any = self.event_size

        def evaluate(x, i):
            params = self.conditioner(tf.transpose(x), *context)
            shape = [-1, size, self.transformer.num_params]
            return tf.transpose(tf.reshape(params, shape)[:, i])

        columns = scan_by_evaluation(evaluate, solve, tf.transpose(z), range(size))
        return tf.transpose(columns)

    def _inverse_of_rows(self, rows, *context) -> tuple[tf.Tensor, tf.Tensor]:
        columns = tf.transpose(rows)
        # Of the columns, too, so that gradients are added there: a network on columns
        # cancels the transposition.
        params = self.conditioner(self._seen(tf.transpose(columns)), *context)
        shape = [self.event_size, self.transformer.num_params, -1]
        params = tf.reshape(tf.transpose(params), shape)
        evaluate = self.transformer.inverse_and_log_det
        x, log_slopes = evaluate(params, columns, 1, self.validate_args)
        return tf.transpose(x), self._sum(log_slopes, columns)


def _event_size_of(conditioner, event_size, where: str) -> int:
    declared = declared_by(conditioner).event_size
    if declared is None and event_size is None:
        raise ValueError(
            f"{where}: event_size must be given, for the conditioner does not declare "
            "it, but got None."
        )
    if declared is not None and event_size not in (None, declared):
        raise ValueError(
            f"{where}: event_size must be the conditioner's, {declared}, but got "
            f"{event_size}."
        )
    size = event_size if declared is None else declared
    return checked_count(size, f"{where}: event_size")
