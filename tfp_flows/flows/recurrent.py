"""A recurrent network as a density."""

import functools
from collections.abc import Callable

import keras
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.conditioners import Recurrent
from tfp_flows.flows.flow import Flow, autoregressive_flow


def recurrent(
    event_size: int,
    *,
    num_layers: int = 1,
    transformer: TransformerSpec | None = None,
    units: int | None = None,
    cell: Callable | keras.Layer = keras.layers.LSTMCell,
    row_size: int | None = None,
    context_size: int | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """One autoregressive layer by an LSTM, a GRU or another recurrent cell.

    The network is a `tfp_flows.conditioners.Recurrent`, which reads the dimensions one
    by one; with a ``row_size`` rows of pixels, as a PixelRNN. With the transformer
    ``Affine.spec()`` and a normal base every conditional is a Gaussian; mixtures, such
    as ``MixtureCDF.spec(num_components=8)``, model more. ``log_prob`` and sampling are
    D steps of the cell each. Several layers are of one order and the opposite in turns.

    Args:
        event_size: D.
        num_layers: how many layers of the flow, each with a network of its own.
        transformer: of each layer; ``Affine.spec()`` if not given.
        units: width of the cell; 64 if not given.
        cell: a class of Keras cells, a function that makes one, or a cell of which
            each layer gets a copy (all start alike if its initializers have seeds).
        row_size: width of an image given row by row, so that the cell sees the pixels
            above; ``None`` if there are no rows.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, whose
            networks see a context of that size; ``None`` for none.
        base: of event shape [D]; a standard normal if not given.
        seed: of the initial weights.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size, a number of layers or units below 1, a row size that
            does not divide the event size, or a base of another event shape.
        TypeError: a size that is no integer, a cell that is none, a transformer that is
            no `TransformerSpec`, a dtype that is not floating, or a base of another
            dtype.

    >>> import keras, tfp_flows
    >>> flow = tfp_flows.flows.recurrent(4, units=8, cell=keras.layers.GRUCell, seed=0)
    >>> flow.log_prob(flow.sample(5)).shape
    TensorShape([5])

    Papers: Hochreiter and Schmidhuber (1997), Long short-term memory; van den Oord,
    Kalchbrenner and Kavukcuoglu (2016), Pixel recurrent neural networks.
    """
    return autoregressive_flow(
        Affine.spec() if transformer is None else transformer,
        event_size=event_size,
        num_layers=num_layers,
        make_network=functools.partial(
            Recurrent, units=units, cell=cell, row_size=row_size
        ),
        context_size=context_size,
        permutation=None,
        base=base,
        seed=seed,
        dtype=dtype,
        name="recurrent",
    )
