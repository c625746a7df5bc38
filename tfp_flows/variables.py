"""Where the two worlds of variables meet, and the only place where they do.

TFP sees ``tf.Variable``s held in a tree of ``tf.Module``s; Keras 3 sees
``keras.Variable``s held in a tree of ``keras.Layer``s. Neither sees into the other.

* Keras → TFP: `KerasModule` makes a layer's weights visible to TFP.
* TFP → Keras: `SharedVariable` is a Keras weight whose storage is an existing
  ``tf.Variable``; `find_weights` collects both kinds from any TFP object.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp


def as_reference(value, *, dtype: tf.DType, name: str):
    """A parameter that is kept as it is if it can change, else as a tensor.

    ``tf.Variable``s and ``tfp.util.DeferredTensor``s stay what they are, so that
    training reaches them. A ``keras.Variable`` gives its storage: converting it, as
    TFP's own bijectors do, would freeze its value.

    Args:
        value: anything that converts to a tensor, or a variable of either kind.
        dtype: what it must be, or become if it has no dtype of its own.
        name: what an error calls it.

    Raises:
        TypeError: it has another dtype.
    """
    if isinstance(value, keras.Variable):
        value = value.value
    found = _dtype_of(value)
    if found is not None and found != dtype:
        raise TypeError(f"{name} is {found.name}, but {dtype.name} is expected.")
    if isinstance(value, tf.Variable | tfp.util.DeferredTensor):
        return value
    try:
        return tf.convert_to_tensor(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers, but is {value!r}: {error}") from error


def common_dtype(values: dict, *, where: str) -> tf.DType:
    """The one floating dtype of named parameters, float32 if none has a dtype.

    Raises:
        TypeError: two differ, or one is not floating.
    """
    found = {k: _dtype_of(v) for k, v in values.items() if _dtype_of(v) is not None}
    listed = ", ".join(f"{name} is {dtype.name}" for name, dtype in found.items())
    if len(set(found.values())) > 1:
        raise TypeError(f"{where}: the parameters must share one dtype, but {listed}.")
    dtype = next(iter(found.values()), tf.float32)
    if not dtype.is_floating:
        raise TypeError(f"{where}: the parameters must be floating, but {listed}.")
    return dtype


def _dtype_of(value) -> tf.DType | None:
    dtype = getattr(value, "dtype", None)
    return None if dtype is None else tf.as_dtype(dtype)


class KerasModule(tf.Module):
    """A Keras 3 layer as a ``tf.Module``, so that TFP sees its weights.

    A bijector that holds a Keras 3 layer directly has empty ``trainable_variables``.
    Give it ``KerasModule(layer)`` instead: the weights then appear in
    ``bijector.trainable_variables`` and are reached by ``tf.train.Checkpoint``,
    ``tfp.math.minimize``, ``tfp.vi`` and `tfp_flows.FlowModel`. Hold it as an
    attribute: a function that closes over it hides it again.

    Called with ``x`` of shape ``[..., D]`` it flattens the batch, since Keras layers
    refuse an input of rank 1, and gives ``[..., K]`` in the dtype of ``x``.

    Args:
        layer: a built ``keras.Layer``.
        event_ndims: rank of one input of it, 1 for vectors and 3 for images.
        name: of the module.

    Raises:
        TypeError: ``layer`` is no Keras layer.
        ValueError: it has no weights yet, since it was not built; created during
            the first ``log_prob`` they would be missed.

    >>> layer = keras.layers.Dense(2)
    >>> layer.build((None, 1))
    >>> net = KerasModule(layer)
    >>> net(tf.ones([5, 4, 1])).shape
    TensorShape([5, 4, 2])
    >>> len(net.trainable_variables)
    2
    """

    def __init__(
        self, layer: keras.Layer, event_ndims: int = 1, name: str | None = None
    ):
        if not isinstance(layer, keras.Layer):
            raise TypeError(
                f"KerasModule takes a keras.Layer, but got {type(layer).__name__}."
            )
        _require_built(layer)
        super().__init__(name=name or _module_name(layer.name))
        self.layer = layer
        self.event_ndims = event_ndims
        self._values = [v.value for v in layer.variables]
        # The sizes that a bijector has tried it with, so that none need do so again.
        self.tried_for: tuple | None = None

    def __setstate__(self, state):
        """Makes a copy, by ``copy.deepcopy`` or ``pickle``, one object again.

        Keras copies a layer by its configuration and values, so that its copy has
        storages of its own. Those that Python copied, which other parts of the flow may
        share, take their place.
        """
        vars(self).update(state)
        _bind(self.layer, self._values)

    @property
    def dtype(self) -> tf.DType:
        """Of the weights (under mixed precision the layer computes in less)."""
        return tf.as_dtype(self.layer.variable_dtype)

    def __call__(self, x, *context):
        """Applies the layer to ``x``, whatever its batch rank.

        A ``context [..., C]``, if the layer takes one, has the batch shape of ``x``.
        """
        x, *context = map(tf.convert_to_tensor, (x, *context))
        rank = x.shape.rank - self.event_ndims
        if rank == 1:
            return tf.cast(self.layer(x, *context), x.dtype)
        flat = tf.reshape(x, [-1, *x.shape[rank:]])
        context = [tf.reshape(part, [-1, part.shape[-1]]) for part in context]
        y = tf.cast(self.layer(flat, *context), x.dtype)
        return tf.reshape(y, tf.concat([tf.shape(x)[:rank], tf.shape(y)[1:]], axis=0))


def _bind(layer: keras.Layer, storages: Sequence[tf.Variable]) -> None:
    """Puts the weights of a copied layer into copied storages of equal values.

    Raises:
        TypeError: the layer's copy has other weights.
    """
    weights = layer.variables
    same = len(weights) == len(storages) and all(
        np.array_equal(weight.numpy(), storage.numpy())
        for weight, storage in zip(weights, storages, strict=True)
    )
    if not same:
        raise TypeError(
            f"The Keras layer {layer.name!r} cannot be copied: what its get_config and "
            "its saved values make has other weights than the layer itself."
        )
    for weight, storage in zip(weights, storages, strict=True):
        weight._value = storage


def network_of(conditioner):
    """The Keras layer within a `KerasModule`; anything else as it is."""
    return conditioner.layer if isinstance(conditioner, KerasModule) else conditioner


class SharedVariable(keras.Variable):
    """A Keras weight that lives in the storage of an existing ``tf.Variable``.

    Assigning to either changes both; there is no second copy.

    >>> v = tf.Variable([1.0, 2.0])
    >>> weight = SharedVariable(v)
    >>> _ = weight.assign([3.0, 4.0])
    >>> v.numpy()
    array([3., 4.], dtype=float32)
    """

    def __init__(self, variable: tf.Variable):
        self._storage = variable
        super().__init__(
            initializer=lambda shape, dtype: variable,
            shape=tuple(variable.shape),
            dtype=variable.dtype.name,
            trainable=variable.trainable,
            autocast=False,
            name=_module_name(variable.name.split(":")[0]),
        )

    @classmethod
    def of(cls, variable: tf.Variable) -> "SharedVariable":
        """The one weight of a variable: two layers that share it are no two weights."""
        weight = getattr(variable, "_keras_weight", None)
        if weight is None:
            weight = variable._keras_weight = cls(variable)
        return weight

    def _initialize_with_initializer(self, initializer):
        self._value = self._storage


class Weights(NamedTuple):
    """What a TFP object holds that Keras should know."""

    layers: list[keras.Layer]
    variables: list[keras.Variable]

    @property
    def every_variable(self) -> list[keras.Variable]:
        """Those of the layers, and the others."""
        return [*(v for part in self.layers for v in part.variables), *self.variables]


def find_weights(module: tf.Module) -> Weights:
    """The Keras layers and, as Keras weights, the other variables of a TFP object.

    Each storage occurs once, however many ways lead to it: a variable that belongs
    to one of the layers is not listed again.

    Raises:
        ValueError: a TFP object was given a ``keras.Variable`` and froze its value.
    """
    _refuse_frozen(module)
    layers = list(_leaves(module, keras.Layer))
    for layer in layers:
        _require_built(layer)
    seen = {id(v.value) for layer in layers for v in layer.variables}
    variables = []
    for leaf in _leaves(module, tf.Variable | keras.Variable):
        is_keras = isinstance(leaf, keras.Variable)
        storage = leaf.value if is_keras else leaf
        if id(storage) not in seen:
            seen.add(id(storage))
            variables.append(leaf if is_keras else SharedVariable.of(leaf))
    return Weights(layers, variables)


def _require_built(layer: keras.Layer) -> None:
    for part in layer._flatten_layers():
        if not part.built:
            raise ValueError(
                f"The Keras layer {part.name!r} is not built, so that it has no "
                "weights yet: call layer.build(input_shape), or the layer, first."
            )


def _leaves(module: tf.Module, kinds) -> Iterator:
    # tf.Module's own walk over attributes and nested structures; `expand_composites`
    # looks into TFP's composite tensors as `module.variables` does.
    return module._flatten(
        predicate=lambda leaf: isinstance(leaf, kinds), expand_composites=True
    )


def _refuse_frozen(module: tf.Module) -> None:
    for part in (module, *module.submodules):
        for name, value in getattr(part, "parameters", {}).items():
            if isinstance(value, keras.Variable) and not _holds(part, value):
                raise ValueError(
                    f"{type(part).__name__} {getattr(part, 'name', '')!r} was given "
                    f"the keras.Variable {value.name!r} as {name!r} and froze its "
                    "value when it was made: give it the variable's `.value`."
                )


def _holds(part: tf.Module, variable: keras.Variable) -> bool:
    attributes = vars(part).values()
    return any(a is variable or a is variable.value for a in attributes)


def storage_ids(variables) -> set[int]:
    """Identities of the storage of variables of either kind."""
    return {id(v.value if isinstance(v, keras.Variable) else v) for v in variables}


def num_elements(module: tf.Module) -> dict[int, int]:
    """The size of each distinct storage below a TFP object, by its identity."""
    variables = find_weights(module).every_variable
    return {id(v.value): int(np.prod(v.shape)) for v in variables}


def _module_name(name: str) -> str:
    """A name that tf.Module (an identifier) and Keras (no slash) both accept."""
    cleaned = "".join(c if c.isalnum() else "_" for c in name)
    return cleaned if cleaned.isidentifier() else f"_{cleaned}"
