"""A recurrent network as a density."""

import functools
from collections.abc import Callable
from typing import Unpack

import keras

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.conditioners import Recurrent
from tfp_flows.flows.layers import autoregressive_flow
from tfp_flows.flows.options import FlowOptions, FlowOrFamily
from tfp_flows.flows.ready_made import ready_made


@ready_made
def recurrent(
    event_size: int,
    *,
    num_layers: int = 1,
    transformer: TransformerSpec | None = None,
    units: int | None = None,
    cell: Callable | keras.Layer = keras.layers.LSTMCell,
    row_size: int | None = None,
    **options: Unpack[FlowOptions],
) -> FlowOrFamily:
    """One autoregressive layer by an LSTM, a GRU or another recurrent cell.

    The network is a `tfp_flows.conditioners.Recurrent`, which reads the dimensions one
    by one; with a ``row_size`` rows of pixels, as a PixelRNN. With the transformer
    ``Affine.spec()`` and a normal base every conditional is a Gaussian; mixtures, such
    as ``MixtureCDF.spec(num_components=8)``, model more. ``log_prob`` and sampling are
    D steps of the cell each. Between layers the dimensions are
    reversed.

    Args:
        units: width of the cell; 64 if not given.
        cell: a class of Keras cells, a function that makes one, or a cell of which
            each layer gets a copy (all start alike if its initializers have seeds).
        row_size: width of an image given row by row, a divisor of D, so that the cell
            sees the pixels above; ``None`` if there are no rows.

    >>> import tfp_flows
    >>> import keras
    >>> flow = tfp_flows.flows.recurrent(4, units=8, cell=keras.layers.GRUCell, seed=0)
    >>> flow.log_prob(flow.sample(5)).shape
    TensorShape([5])

    Papers: Hochreiter and Schmidhuber (1997), Long short-term memory; van den Oord,
    Kalchbrenner and Kavukcuoglu (2016), Pixel recurrent neural networks.
    """
    network = functools.partial(Recurrent, units=units, cell=cell, row_size=row_size)
    spec = Affine.spec() if transformer is None else transformer
    return autoregressive_flow(
        "recurrent", event_size, spec, num_layers, network, **options
    )
