"""Coupling layers."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.elementwise.elementwise import TransformerSpec
from tfp_flows.bijectors.triangular.conditioned import Conditioned
from tfp_flows.math import permute


class Coupling(Conditioned):
    """Transform some dimensions with parameters that a network reads off the others.

    Forward: the dimensions x_A where ``mask`` is true pass through, y_A = x_A; the
    others go through the transformer τ, elementwise: y_B = τ(x_B; θ(x_A)), with the
    parameters θ from the conditioner.

    Inverse: x_A = y_A, x_B = τ⁻¹(y_B; θ(y_A)). The conditioner is not inverted.

    Log-determinant: that of τ, summed over the dimensions B. The Jacobian is
    triangular when A comes before B.

    Cost: one evaluation of the conditioner and one of the transformer, in either
    direction.

    Args:
        conditioner: a Keras layer (or any callable) from ``[..., |A|]`` to
            ``[..., |B|·K]``, K numbers for each dimension of B. A layer that is not
            built is built here; one with an attribute ``output_size`` of ``None``,
            such as `tfp_flows.conditioners.MLP`, is given the right one.
        transformer: a `TransformerSpec`, such as ``Affine.spec()``.
        mask: ``[D]``, booleans or 0 and 1. One (true) marks a dimension that passes
            through.
        context: ``[..., C]``, what the conditioner sees besides x_A, if it takes a
            context; its batch shape is that of the bijector.
        validate_args: as in TFP.
        name: as in TFP.

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

    def __init__(
        self,
        conditioner: Callable,
        transformer: TransformerSpec,
        mask,
        context=None,
        validate_args: bool = False,
        name: str = "coupling",
    ):
        passes = _checked_mask(mask, f"Coupling {name!r}")
        parameters = dict(locals())
        # The dimensions that pass come first; both groups keep their order.
        self._order = np.argsort(~passes, kind="stable")
        self._num_kept = int(passes.sum())
        super().__init__(
            parameters,
            event_size=passes.size,
            input_size=self._num_kept,
            num_transformed=passes.size - self._num_kept,
        )

    def _split(self, x):
        columns, context = self._columns(x)
        columns = permute(columns, self._order, axis=0)
        kept, changed = columns[: self._num_kept], columns[self._num_kept :]
        params = self.conditioner(tf.transpose(kept), *context)
        return kept, changed, self._transformer_of(params, changed.shape[0])

    def _join(self, kept, changed, x):
        columns = tf.concat([kept, changed], axis=0)
        columns = permute(columns, np.argsort(self._order), axis=0)
        return self._from_columns(columns, x)

    def _forward(self, x):
        kept, changed, transformer = self._split(x)
        moved = transformer.forward(changed)
        fldj = transformer.forward_log_det_jacobian(changed, event_ndims=0)
        self._remember_fldj(x, self._summed(fldj, changed, x))
        return self._join(kept, moved, x)

    def _inverse(self, y):
        kept, changed, transformer = self._split(y)
        moved = transformer.inverse(changed)
        ildj = transformer.inverse_log_det_jacobian(changed, event_ndims=0)
        self._remember_ildj(y, self._summed(ildj, changed, y))
        return self._join(kept, moved, y)

    def _forward_log_det_jacobian(self, x):
        return self._fldj_of_forward(x)

    def _inverse_log_det_jacobian(self, y):
        return self._ildj_of_inverse(y)


def _checked_mask(mask, where: str) -> np.ndarray:
    found = np.asarray(mask)
    if found.ndim != 1 or not np.isin(found, [0, 1]).all():
        raise ValueError(
            f"{where}: mask must be a vector of booleans, but got {mask!r}."
        )
    found = found.astype(bool)
    if found.all() or not found.any():
        raise ValueError(
            f"{where}: mask must pass at least one dimension and transform at least "
            f"one, so events need a size of 2 or more, but got {found.tolist()}."
        )
    return found
