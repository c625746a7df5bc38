"""A distribution for each context, or one alone: p(x | c)."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import data_paths, stages
from tfp_flows.distributions.contexts import common_context_size, with_context
from tfp_flows.distributions.flow import Flow
from tfp_flows.variables import keras_context


class Family(tf.Module):
    """A family of distributions, one for each context: p(x | c).

    Called with a context it gives a distribution whose batch shape is the context's:
    four contexts, ``[4, C]``, give four densities, ``sample(7)`` has the shape
    ``[7, 4, D]``, and ``log_prob`` of ``[4, D]`` the shape ``[4]``, point i under
    context i.

    A distribution in which nothing takes a context is a family, too: its
    ``context_size`` is ``None``, and ``family()`` is the distribution itself. So
    whatever is trained is called alike.

    Its variables are those of the distribution; whatever was called shares them.

    Args:
        distribution: a `tfp_flows.distributions.Flow`, or a distribution around one,
            such as `Dequantized`. Its bijectors that take a context (couplings and
            autoregressive layers whose conditioner has a ``context_size``, and
            `tfp_flows.bijectors.Conditional`) must have none yet. They are found
            wherever TFP's ``parameters`` lead: in chains and inverses, nested as deep
            as you like, and in the base; but not in another `Family`, whose context is
            its own.
        name: of the family; the distribution's if not given.

    Raises:
        TypeError: no ``tfd.Distribution``.
        ValueError: two bijectors that take contexts of unlike sizes; a call with a
            context of another size, with one that is not taken, or without one.

    >>> import tensorflow as tf, tfp_flows
    >>> family = tfp_flows.flows.maf(2, context_size=3, num_layers=2, seed=0)
    >>> four = family(tf.ones([4, 3]))
    >>> four.batch_shape, four.sample(7, seed=[0, 1]).shape
    (TensorShape([4]), TensorShape([7, 4, 2]))
    """

    def __init__(self, distribution: tfd.Distribution, name: str | None = None):
        if not isinstance(distribution, tfd.Distribution):
            raise TypeError(
                "Family takes a tfd.Distribution, most often a tfp_flows."
                f"distributions.Flow, but got {type(distribution).__name__}."
            )
        super().__init__(name=name or distribution.name)
        # Without TFP's cache, whatever class the flow was made of.
        self._distribution = Flow.wrap(distribution)
        self._context_size = common_context_size(distribution)

    @classmethod
    def wrap(cls, distribution: Any) -> "Family":
        """Give ``distribution`` itself if it is a family, else the family of it alone.

        Raises:
            TypeError: neither a family nor a ``tfd.Distribution``.
        """
        return distribution if isinstance(distribution, cls) else cls(distribution)

    @property
    def distribution(self) -> tfd.Distribution:
        """The distribution without a context; of TFP's class for flows, a `Flow`."""
        return self._distribution

    @property
    def parameters(self) -> dict:
        """The arguments of the constructor, as TFP's classes have them."""
        return {"distribution": self._distribution, "name": self.name}

    @property
    def context_size(self) -> int | None:
        """C; ``None`` if no context is taken."""
        return self._context_size

    @property
    def is_conditional(self) -> bool:
        """True if a context is taken."""
        return self._context_size is not None

    @property
    def event_shape(self) -> tf.TensorShape:
        """The shape of one point."""
        return self._distribution.event_shape

    @property
    def dtype(self) -> tf.DType:
        """The dtype of points and contexts."""
        return self._distribution.dtype

    def parts(self) -> list[stages.Part]:
        """The parts of the distribution, in the order of application."""
        return stages.parts(self._distribution)

    def data_paths(self) -> list[data_paths.DataPath]:
        """The ways of data through the distribution, see `tfp_flows.data_paths`."""
        return data_paths.data_paths(self._distribution)

    @tf.autograph.experimental.do_not_convert
    def __call__(self, context: Any = None) -> tfd.Distribution:
        """Give the distribution under a context ``[..., C]``, or the only one."""
        keras_context.require_tracked(self)
        if context is None or not self.is_conditional:
            self._require_agreement(context)
            return self._distribution
        context = self._checked_context(context)
        conditioned = with_context(self._distribution, context)
        if not conditioned.batch_shape.is_compatible_with(context.shape[:-1]):
            raise ValueError(
                f"{self.name!r}: contexts of batch shape {tuple(context.shape[:-1])} "
                f"give a flow of batch shape {conditioned.batch_shape}: a bijector "
                "around those that take the context hides their batch shape "
                "(tfb.Blockwise does)."
            )
        return conditioned

    def _require_agreement(self, context) -> None:
        if context is not None:
            raise ValueError(
                f"{self.name!r} takes no context, but got one: no bijector in it "
                "takes one. Give the conditioners a context_size, or wrap a bijector "
                "that has none in tfp_flows.bijectors.Conditional."
            )
        if self.is_conditional:
            raise ValueError(
                f"{self.name!r} is conditional and takes a context of shape "
                f"[..., {self.context_size}], but got none."
            )

    def _checked_context(self, context) -> tf.Tensor:
        context = tf.convert_to_tensor(context, dtype_hint=self.dtype)
        if context.dtype != self.dtype:
            raise TypeError(
                f"{self.name!r} is {self.dtype.name}, but the context is "
                f"{context.dtype.name}: cast it."
            )
        if context.shape.rank is None:
            raise ValueError(
                f"{self.name!r} takes a context of shape [..., {self.context_size}], "
                "but got one of unknown rank: tf.ensure_shape tells it."
            )
        if not context.shape.rank or context.shape[-1] not in (None, self.context_size):
            raise ValueError(
                f"{self.name!r} takes a context of shape [..., {self.context_size}], "
                f"but got shape {tuple(context.shape)}."
            )
        return tf.ensure_shape(context, [*context.shape[:-1], self.context_size])
