"""Coupling layers."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import Bijector
from tfp_flows.bijectors.elementwise.elementwise import TransformerSpec
from tfp_flows.math import permute
from tfp_flows.variables import as_conditioner


class Coupling(Bijector):
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
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: a mask that passes everything or nothing (so D = 1 is impossible),
            a conditioner whose output does not fit the transformer, or a call with
            points of another size.
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
        validate_args: bool = False,
        name: str = "coupling",
    ):
        where = f"Coupling {name!r}"
        passes = _checked_mask(mask, where)
        if not isinstance(transformer, TransformerSpec):
            raise TypeError(
                f"{where}: transformer must be a TransformerSpec such as "
                f"Affine.spec(), but got {transformer!r}."
            )
        parameters = dict(locals())
        self._num_kept = int(passes.sum())
        self._num_changed = passes.size - self._num_kept
        # The dimensions that pass come first; both groups keep their order.
        self._order = np.argsort(~passes, kind="stable")
        self.transformer = transformer
        self.conditioner = as_conditioner(
            conditioner,
            input_size=self._num_kept,
            output_size=self._num_changed * transformer.num_params,
            where=where,
        )
        super().__init__(
            parameters,
            event_size=passes.size,
            dtype=getattr(self.conditioner, "dtype", None),
        )

    def _split(self, x):
        sizes = [self._num_kept, self._num_changed]
        return tf.split(permute(x, self._order), sizes, axis=-1)

    def _join(self, kept, changed):
        return permute(tf.concat([kept, changed], axis=-1), np.argsort(self._order))

    def _transformer(self, kept):
        params = self.conditioner(kept)
        shape = [self._num_changed, self.transformer.num_params]
        return self.transformer(
            tf.reshape(params, tf.concat([tf.shape(params)[:-1], shape], axis=0))
        )

    # The log-determinant is left in TFP's cache beside the point, where TFP looks for
    # it: a second evaluation of the conditioner would cost as much again, and with
    # dropout it would give the determinant of another map.

    def _forward(self, x):
        kept, changed = self._split(x)
        transformer = self._transformer(kept)
        fldj = transformer.forward_log_det_jacobian(changed, event_ndims=1)
        self._cache.forward_attributes(x)["ildj"] = -fldj
        return self._join(kept, transformer.forward(changed))

    def _inverse(self, y):
        kept, changed = self._split(y)
        transformer = self._transformer(kept)
        ildj = transformer.inverse_log_det_jacobian(changed, event_ndims=1)
        self._cache.inverse_attributes(y)["ildj"] = ildj
        return self._join(kept, transformer.inverse(changed))

    def _forward_log_det_jacobian(self, x):
        _y = self.forward(x)  # Held, for the cache refers to it weakly.
        return -self._cache.forward_attributes(x)["ildj"]


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
