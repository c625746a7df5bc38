"""The training of a model on rows."""

import contextlib
import functools
import inspect
import math
import sys
from dataclasses import dataclass

import keras
import numpy as np
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import FlowModel, flows
from tfp_flows.bijectors import LULinear, Standardize
from tfp_flows.cli.inputs import Data
from tfp_flows.cli.messages import Failure, Mistake, count, note_compiling
from tfp_flows.distributions import Family
from tfp_flows.networks.widths import default_hidden_units

# Learning rates are reduced this many times before training ends for want of progress.
_REDUCTIONS = 3
_FACTOR = 0.3
_BATCH_SIZE = 4096


@dataclass(frozen=True)
class Training:
    """The outcome of a training.

    Args:
        history: as Keras gives it.
        best_epoch: whose weights the model has, counted from 1.
        best_nll: its mean NLL of the rows held out, in nats.
        was_stopped: whether by Ctrl-C.
    """

    history: dict[str, list[float]]
    best_epoch: int
    best_nll: float
    was_stopped: bool


def make_model(
    name: str,
    train: Data,
    *,
    autoregressive: bool | None = None,
    num_layers: int | None,
    hidden_units: list[int] | None,
    learning_rate: float,
    seed: int,
    dtype: str,
) -> FlowModel:
    """A model that standardizes its data and contexts.

    Raises:
        Mistake: a flow that cannot have so few columns, or no such option.
    """
    num_columns = train.points.shape[1]
    arguments = {
        "context_size": None if train.context is None else train.context.shape[1],
        "hidden_units": hidden_units or default_hidden_units(num_columns),
        "seed": seed,
        "dtype": dtype,
    }
    make_flow = getattr(flows, name)
    known = inspect.signature(make_flow).parameters
    if autoregressive is not None:
        if "autoregressive" not in known:
            raise Mistake(f"--autoregressive: the flow {name} has no such choice.")
        arguments["autoregressive"] = autoregressive
    elif "autoregressive" in known and num_columns == 1:
        arguments["autoregressive"] = True  # A coupling needs two halves.
    if "hidden_units" not in known:
        if hidden_units:
            raise Mistake(f"--hidden: the flow {name} has no hidden layers to size.")
        del arguments["hidden_units"]
    if "permutation" in known and num_columns > 2:
        # In single runs on tables of 10 and 12 columns the NLL was some tenths of a nat
        # better than with halves, or orders, that alternate.
        arguments["permutation"] = functools.partial(LULinear.trainable, permute=True)
    if num_layers is not None:
        if "num_layers" not in known:
            raise Mistake(f"--layers: the flow {name} has no number of layers.")
        arguments["num_layers"] = num_layers
    try:
        flow = make_flow(num_columns, **arguments)
    except ValueError as error:
        raise Mistake(
            f"--flow {name} does not go with {count(num_columns, 'column')}: {error}"
        ) from error
    encoder = None if train.context is None else _standardizing(train.context, dtype)
    model = FlowModel(standardized(flow), encoder=encoder, seed=seed)
    model.compile(keras.optimizers.Adam(learning_rate))
    return model


def standardized(flow: flows.options.FlowOrFamily) -> Family:
    """The flow with `Standardize` next to the data."""
    inner = Family.wrap(flow).distribution
    first = Standardize(inner.event_shape[0], dtype=inner.dtype)
    outer = tfd.TransformedDistribution(
        inner.distribution, tfb.Chain([first, inner.bijector]), name=inner.name
    )
    return Family(outer)


def _standardizing(context: np.ndarray, dtype: str) -> keras.Layer:
    layer = keras.layers.Normalization(
        mean=context.mean(axis=0), variance=context.var(axis=0), dtype=dtype
    )
    layer.build([None, context.shape[1]])
    return layer


def train_model(
    model: FlowModel,
    train: Data,
    held_out: Data,
    *,
    batch_size: int,
    epochs: int,
    patience: int,
    is_quiet: bool,
) -> Training:
    """Trains until the rows held out get no better, and keeps the best weights.

    Ctrl-C ends it, too, with the best weights so far.

    Raises:
        Failure: the NLL of the rows held out was never finite.
        KeyboardInterrupt: before the first epoch was over.
    """
    stopping = keras.callbacks.EarlyStopping(
        patience=patience, restore_best_weights=True
    )
    slowing = keras.callbacks.ReduceLROnPlateau(
        factor=_FACTOR, patience=max(1, patience // _REDUCTIONS)
    )
    was_stopped = False
    if not is_quiet:
        note_compiling()
    try:
        # Keras prints to standard output, which is for data.
        with contextlib.redirect_stdout(sys.stderr):
            model.fit(
                *train.as_arguments,
                validation_data=held_out.as_inputs,
                batch_size=batch_size,
                validation_batch_size=_BATCH_SIZE,
                epochs=epochs,
                callbacks=[stopping, slowing],
                verbose=0 if is_quiet else 1 if sys.stderr.isatty() else 2,
            )
    except KeyboardInterrupt:
        if stopping.best_weights is None:
            raise
        model.set_weights(stopping.best_weights)
        was_stopped = True
    if stopping.best is None or not math.isfinite(stopping.best):
        raise Failure(
            "training failed: the NLL of the rows held out is "
            f"{stopping.best}. Try a smaller --learning-rate, or look for extreme "
            "values in the table."
        )
    history = {
        key: [float(value) for value in values]
        for key, values in model.history.history.items()
    }
    return Training(history, stopping.best_epoch + 1, float(stopping.best), was_stopped)
