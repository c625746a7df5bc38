"""Ready-made flows at the edges: of sizes, of batches, of contexts, of modes."""

import inspect

import numpy as np
import pytest

from tfp_flows import flows
from tfp_flows.testing import FLOW_EXAMPLES

VECTORS = [name for name, e in FLOW_EXAMPLES.items() if not e.is_of_images]
MASKED = [
    name
    for name in VECTORS
    if "autoregressive" in inspect.signature(getattr(flows, name)).parameters
]


def with_default_widths(name, size, **options):
    """The flow of an example, small but for its hidden layers."""
    example = FLOW_EXAMPLES[name]
    chosen = {k: v for k, v in example.options.items() if k != "hidden_units"}
    if "num_layers" in chosen:
        chosen["num_layers"] = 1
    return example.function(size, seed=0, **chosen | options)


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("context_size", [None, 1])
def test_default_widths_fit_any_size(name, context_size):
    """They were refused beyond 65, as too narrow."""
    flow = with_default_widths(name, 70, context_size=context_size)
    if context_size is not None:
        flow = flow(np.zeros([1], np.float32))
    if FLOW_EXAMPLES[name].made_for == "log_prob":
        values = flow.log_prob(np.full([2, 70], 0.1, np.float32))
    else:  # A loop, which takes seconds to trace, in the other direction.
        values = flow.sample(2, seed=0)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("name", MASKED)
def test_default_widths_fit_any_size_in_autoregressive_layers(name):
    flow = with_default_widths(name, 70, autoregressive=True)
    assert np.isfinite(flow.log_prob(np.full([2, 70], 0.1, np.float32))).all()
