"""The descriptions of arguments that ready-made flows share, written once.

`ready_made` adds them to the docstring of each flow that has the argument.
"""

ARGUMENTS = {
    "event_size": "D; 2 or more where the layers are couplings.",
    "num_layers": "how many layers.",
    "transformer": """of each layer, a `tfp_flows.bijectors.TransformerSpec`;
        ``Affine.spec()`` if not given.""",
    "autoregressive": """whether the layers are autoregressive (`Autoregressive` with a
        MADE) rather than couplings (`Coupling` with an MLP).""",
    "num_bins": "bins of each spline.",
    "low": """where the interval of the formula begins. Outside it the map is linear,
        that of splines the identity: standardize the data, so that nearly all of them
        are inside (`tfp_flows.bijectors.Standardize`).""",
    "high": "where it ends, above ``low``.",
    "fast": """``"log_prob"`` or ``"sample"``, the direction with the simpler formula
        and without a search for a root.""",
    "hidden_units": """the width of each hidden layer of each network; those of a MADE
        are at least D − 1. ``None``: two layers of 64; in a MADE of D, where that is
        more.""",
    "activation": """of the hidden layers, a function or a name that Keras knows:
        ``"silu"`` serves densities that are smooth, ``"relu"`` those with edges.""",
    "permutation": """makes what comes between two layers, called with the event size,
        ``seed`` and ``dtype``: ``Permutation.random``,
        ``functools.partial(LULinear.trainable, permute=True)`` and the like. Without
        it couplings alternate between the halves of the event, and between
        autoregressive layers stands ``Permutation.reverse``.""",
    "recompute": """whether gradients in graphs compute the networks' hidden units
        again, and do not keep them: the memory of training hardly grows with the
        number of layers, for up to half as much time more.""",
    "conditioner_input": """what the networks see of the points: ``"tapered"``, x for
        |x| ≤ 3 and sign(x)·(3 + log(|x| − 2)) beyond, which keeps densities between
        the data from falling without bounds; ``None``, x itself.""",
    "context_size": """C, to make it a `tfp_flows.distributions.Family`, whose networks
        see a context of that size; ``None`` for none.""",
    "base": """the distribution that the layers transform, of event shape [D] and the
        flow's dtype; a standard normal if not given.""",
    "seed": "of the initial weights, and of permutations and rotations.",
    "dtype": """float32 or float64; or a Keras dtype policy of the networks, such as
        ``"mixed_bfloat16"``, with which all else is float32.""",
}

ERRORS = """\
    ValueError: an argument outside the range that is said above, or a size or count
        below 1.
    TypeError: an argument of another kind than said above, a size that is no integer,
        another dtype (in float16 gradients underflow); an argument that the flow does
        not have.
"""
