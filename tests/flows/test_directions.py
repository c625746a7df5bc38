"""No search for a root and no loop in the direction that a flow is made for."""

import inspect

import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors, flows
from tfp_flows.testing import EXAMPLES, FLOW_EXAMPLES


def parameters(name):
    return inspect.signature(getattr(flows, name)).parameters


CASES = [(name, {}) for name in FLOW_EXAMPLES]
CASES += [
    (name, {"autoregressive": not parameter.default})
    for name in FLOW_EXAMPLES
    if (parameter := parameters(name).get("autoregressive"))
]
CASES += [(name, {"fast": "sample"}) for name in ("planar", "radial", "sylvester")]


def operations(function, *shape):
    """Those of the graph and of all functions that it calls."""
    graph = tf.function(function).get_concrete_function(tf.TensorSpec(shape)).graph
    graph = graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return [node.op for node in nodes]


def operations_of_use(name, use, event=None, **options):
    """Those of the log-density of points, or of a sample with its log-density."""
    example = FLOW_EXAMPLES[name]
    if "num_layers" in parameters(name):
        options["num_layers"] = 1
    flow = example.make(event, **options)
    if example.context_size is not None:
        flow = flow(tf.zeros([example.context_size]))
    if use == "log_prob":
        return operations(flow.log_prob, 3, *flow.event_shape)

    def sample(z):
        x = flow.bijector.forward(z)
        return x, flow.bijector.forward_log_det_jacobian(z, event_ndims=1)

    return operations(sample, 3, flow.event_shape.num_elements())


def has_loop(operations):
    return any("While" in operation for operation in operations)


def test_every_flow_has_an_example():
    assert set(FLOW_EXAMPLES) == set(flows.__all__)
    for name, example in FLOW_EXAMPLES.items():
        assert example.function is getattr(flows, name)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_no_search_and_no_loop(name, options):
    example = FLOW_EXAMPLES[name]
    use = options.get("fast", example.made_for)
    if use is None:  # A recurrent cell takes its steps in either direction.
        assert has_loop(operations_of_use(name, "log_prob"))
        return
    if example.is_of_images:
        assert not has_loop(operations_of_use(name, use, **options))
        return
    three, five = (operations_of_use(name, use, size, **options) for size in (3, 5))
    assert not has_loop(three)
    assert len(three) == len(five)  # No loop that is written out, either.


@pytest.mark.parametrize("name", ["cubic_spline", "planar"])
def test_the_other_direction_searches(name):
    """So that the test above can fail."""
    assert has_loop(operations_of_use(name, "sample"))


# Specifications.

TRANSFORMERS = [
    name
    for name in EXAMPLES
    if issubclass(getattr(bijectors, name), bijectors.Elementwise)
]


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_declared_directions_are_closed(name):
    """And those that are not declared are searches."""
    transformer = EXAMPLES[name].make("float32")
    x = EXAMPLES[name].x
    for direction in ("forward", "inverse"):
        found = operations(getattr(transformer, direction), *x.shape)
        assert has_loop(found) == (direction not in transformer.closed)
    assert transformer.cheaper is None or transformer.cheaper in transformer.closed


@pytest.mark.parametrize("name", ["cubic_spline", "nsf"])
def test_what_is_fast_is_so_however_the_specification_comes(name):
    spec = {
        "cubic_spline": bijectors.CubicSpline.spec(num_bins=3),
        "nsf": bijectors.RationalQuadraticSpline.spec(num_bins=3),
    }[name]
    for use in ("log_prob", "sample"):
        assert spec.fast(use) == spec.invert().fast(use) == spec.fast(use).fast(use)
    assert spec.fast("log_prob") == spec.fast("sample").invert()


def test_closed_both_ways_is_left_as_it_is():
    for spec in (
        bijectors.Affine.spec(),
        bijectors.TransformerSpec(tfb.Shift, {"shift": ()}),
    ):
        for use in ("log_prob", "sample"):
            assert spec.fast(use) is spec
            assert spec.invert().fast(use).inverted


@pytest.mark.parametrize("use", ["forward", None, "logprob"])
def test_other_uses_are_refused(use):
    with pytest.raises(ValueError, match=rf"'log_prob' or 'sample', but got {use!r}"):
        bijectors.Affine.spec().fast(use)
