"""A flow or a bijector as a layer of any Keras model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import saving
from tfp_flows.distributions import Family
from tfp_flows.distributions.contexts import with_context
from tfp_flows.random_state import as_stateless, checked_sample_shape
from tfp_flows.variables import SharedVariable, as_policy, find_weights, keras_context


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowLayer(keras.layers.Layer):
    """A Keras layer that holds a flow, a family or a bijector.

    It works in any Keras model, functional or subclassed: ``fit`` trains its variables,
    a ``.keras`` file and a file of weights hold them. Called as ``layer(x, context)``
    it gives the log-probabilities ``[N]`` of points ``[N, *event_shape]``; if it holds
    a bijector, the points that ``forward`` maps them to. Maximum likelihood in a model
    of one's own is ``model.add_loss(-tf.reduce_mean(layer(x)))``, or a loss
    function −y_pred.

    A bare flow in a Keras model is not seen by Keras; when the model is fitted it is
    refused. Two kinds cannot be refused and are silently not trained: a flow of TFP's
    parts alone, a ``tfd.TransformedDistribution`` of ``tfb`` bijectors, say; and one in
    a ``tf.function`` that was traced before ``fit``. A `FlowLayer` trains both.

    To hold a flow that stays as it is: ``FlowLayer(flow, trainable=False)``, whose
    networks also run as in inference (no dropout, running statistics).

    Args:
        flow: a ``tfd.Distribution``, a `tfp_flows.distributions.Family`, or a
            ``tfb.Bijector``, which may take a context, too.
        name: of the layer; the flow's if not given.
        trainable: whether the flow is trained.
        dtype: the flow's, which is taken if it is not given.

    Raises:
        TypeError: none of these; another dtype; `sample` of a bijector, or `forward`
            of a distribution.
        ValueError: Keras layers in the flow that are not built; a context of another
            size, missing, or not taken.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.maf(2, context_size=3, num_layers=1, seed=0)
    >>> x, c = keras.Input([2]), keras.Input([3])
    >>> features = keras.layers.Dense(3)(c)
    >>> model = keras.Model([c, x], tfp_flows.FlowLayer(flow)(x, features))
    >>> model.compile("adam", loss=lambda _, log_prob: -log_prob)
    >>> data = [tf.ones([8, 3]), tf.ones([8, 2])]
    >>> history = model.fit(data, tf.zeros(8), verbose=0)
    >>> model.layers[-1].sample(5, tf.ones([4, 3])).shape
    TensorShape([5, 4, 2])
    """

    def __init__(
        self,
        flow: tfd.Distribution | tfb.Bijector | Family,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ):
        if not isinstance(flow, tfd.Distribution | tfb.Bijector | Family):
            raise TypeError(
                "FlowLayer takes a tfd.Distribution, a tfp_flows.distributions.Family "
                f"or a tfb.Bijector, but got {flow!r}."
            )
        is_bijector = isinstance(flow, tfb.Bijector)
        dtype = _checked_dtype(dtype, flow)
        name = name or _layer_name(flow)
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self._flow = flow if is_bijector else Family.wrap(flow)
        self._is_bijector = is_bijector
        self._is_frozen = not trainable
        self._track(find_weights(self._flow))
        self.built = True

    def _track(self, weights) -> None:
        if not self._is_frozen:
            self.networks, shared = weights
        else:
            # Variables of its own around the same storage: a model that trains the
            # flow elsewhere goes on doing so.
            shared = [SharedVariable(v.value) for v in weights.every_variable]
            for weight in shared:
                weight.trainable = False
        for weight in shared:
            self._track_variable(weight)

    @property
    def trainable(self) -> bool:
        """Whether the flow is trained; as in Keras, compile after a change."""
        return keras.layers.Layer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        keras.layers.Layer.trainable.fset(self, value)
        if value and self._is_frozen:
            for weight in self.weights:
                self._untrack_variable(weight)
            self._is_frozen = False
            self._track(find_weights(self._flow))

    @property
    def flow(self) -> tfd.Distribution | tfb.Bijector | Family:
        """The distribution, the family if it takes a context, or the bijector."""
        if self._is_bijector or self._flow.is_conditional:
            return self._flow
        return self._flow.distribution

    def call(
        self, x: Any, context: Any = None, training: bool | None = None
    ) -> tf.Tensor:
        """Give log-probabilities of points, or what a bijector maps them to."""
        return (self.forward if self._is_bijector else self.log_prob)(x, context)

    def log_prob(self, x: Any, context: Any = None) -> tf.Tensor:
        """Give log-probabilities in nats of points ``[N, *event_shape]``."""
        with self._evaluation():
            return self._distribution(context, "log_prob").log_prob(tf.identity(x))

    def sample(
        self, num_samples: Any, context: Any = None, seed: Any = None
    ) -> tf.Tensor:
        """Draw ``[num_samples, *event_shape]``, or that many for each context.

        Args:
            num_samples: how many; or a shape.
            context: ``[M, C]``; the samples then have the shape
                ``[num_samples, M, *event_shape]``.
            seed: as of `FlowModel.sample`.

        Raises:
            TypeError: the layer of a bijector; a number of samples that is no integer.
            ValueError: a context that is missing, not taken, or of another size; no
                such seed; a negative number of samples.
        """
        where = f"{self.name!r}.sample"
        num_samples = checked_sample_shape(num_samples, where)
        if seed is not None:
            seed = as_stateless(seed, where)
        with self._evaluation():
            return self._distribution(context, "sample").sample(num_samples, seed=seed)

    def forward(self, x: Any, context: Any = None) -> tf.Tensor:
        """Give the points that the bijector maps ``x`` to."""
        with self._evaluation():
            return self._bijector(context, "forward").forward(tf.identity(x))

    def inverse(self, y: Any, context: Any = None) -> tf.Tensor:
        """Give the points that the bijector maps to ``y``."""
        with self._evaluation():
            return self._bijector(context, "inverse").inverse(tf.identity(y))

    @contextmanager
    def _evaluation(self) -> Iterator[None]:
        if self._is_frozen:
            with keras_context.known_to_keras(), keras_context.inference():
                yield
        else:
            keras_context.require_tracked(self._flow)
            with keras_context.known_to_keras():
                yield

    def _distribution(self, context, method: str) -> tfd.Distribution:
        if self._is_bijector:
            raise TypeError(
                f"{self.name!r} holds a bijector, which has no {method}: make it a "
                "flow with a base distribution."
            )
        return self._flow(context)

    def _bijector(self, context, method: str) -> tfb.Bijector:
        if not self._is_bijector:
            raise TypeError(
                f"{self.name!r} holds a distribution, which has no {method}: call "
                "log_prob or sample, or make the layer of its bijector."
            )
        if context is None:
            return self._flow
        conditioned = with_context(self._flow, context)
        if conditioned is self._flow:
            raise ValueError(
                f"{self.name!r} takes no context, but got one: no bijector in it takes "
                "one."
            )
        return conditioned

    def get_config(self) -> dict:
        """The arguments of the constructor, the flow by `saving`.

        Raises:
            ValueError: a part of the flow that cannot be written, such as a lambda.
        """
        return {
            "flow": saving.encode(self._flow),
            "name": self.name,
            "trainable": self.trainable,
            # Made so; a layer that Keras froze later has other variables.
            "is_frozen": self._is_frozen,
        }

    @classmethod
    def from_config(cls, config: dict) -> "FlowLayer":
        """Make a layer of what `get_config` gave."""
        config = dict(config)
        trainable, is_frozen = config.pop("trainable"), config.pop("is_frozen")
        config["flow"] = saving.decode(config["flow"])
        layer = cls(**config, trainable=not is_frozen)
        layer.trainable = trainable
        return layer


def _checked_dtype(dtype, flow) -> str | None:
    # A chain has none itself, but its parts may have; states and seeds are integers.
    variables = find_weights(flow).every_variable
    dtypes = {tf.as_dtype(variable.dtype) for variable in variables}
    floating = [one for one in dtypes if one.is_floating]
    known = flow.dtype or (floating[0] if len(floating) == 1 else None)
    if known is None:
        return dtype
    name = tf.as_dtype(known).name
    # A policy of mixed precision is its networks', which have theirs already.
    if dtype is not None and as_policy(dtype, "FlowLayer").name != name:
        raise TypeError(
            f"FlowLayer: {flow.name!r} is {name}, but got dtype={dtype!r}: make "
            "the flow with that dtype, flows.maf(…, dtype=…) say, and the layer "
            "without one."
        )
    return name


def _layer_name(flow) -> str:
    return flow.name.replace("/", "_")
