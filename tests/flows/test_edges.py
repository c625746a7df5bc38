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
def test_default_widths_fit_any_size(name):
    """They were refused beyond 65, as too narrow."""
    flow = with_default_widths(name, 70, context_size=1)(np.zeros([1], np.float32))
    if FLOW_EXAMPLES[name].made_for == "log_prob":
        values = flow.log_prob(np.full([2, 70], 0.1, np.float32))
    else:  # A loop, which takes seconds to trace, in the other direction.
        values = flow.sample(2, seed=0)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("name", MASKED)
def test_default_widths_fit_any_size_in_autoregressive_layers(name):
    flow = with_default_widths(name, 70, autoregressive=True)
    assert np.isfinite(flow.log_prob(np.full([2, 70], 0.1, np.float32))).all()


COUPLED = [name for name in VECTORS if FLOW_EXAMPLES[name].smallest == 2]


@pytest.mark.parametrize("name", COUPLED)
def test_one_dimension_of_a_coupling_names_a_flow_that_takes_it(name):
    """And that flow can be made as the message says."""
    with pytest.raises(ValueError, match="layers take one dimension") as caught:
        FLOW_EXAMPLES[name].make(1)
    advice = str(caught.value).split("one dimension: ")[1].rstrip(".")
    for call in advice.split(", flows"):
        made = eval(f"flows.{call.removeprefix('flows').removeprefix('.')}")
        assert made.event_shape == [1]


@pytest.mark.parametrize("name", ["glow", "real_nvp_image", "flow_plus_plus_image"])
def test_images_of_other_sizes_are_told_what_fits(name):
    make = FLOW_EXAMPLES[name].make
    with pytest.raises(ValueError, match=r"halved 1 times: take num_levels less by"):
        make((6, 4, 1), num_levels=4)
    with pytest.raises(ValueError, match="pad or crop the image to even sides"):
        make((5, 4, 1), num_levels=2)
