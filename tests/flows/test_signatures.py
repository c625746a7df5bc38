"""What a ready-made flow tells of its arguments, and refuses."""

import inspect
import re
import typing

import keras
import pytest

from tfp_flows import bijectors, conditioners, flows
from tfp_flows.flows.options import FlowOptions, LayeredOptions
from tfp_flows.testing import FLOW_EXAMPLES

# The noise of Flow++ has a context and a base of its own.
NAMES = sorted(set(FLOW_EXAMPLES) - {"dequantization"})
ALL = pytest.mark.parametrize("name", NAMES)


def parameters(name):
    return inspect.signature(getattr(flows, name)).parameters


@ALL
def test_all_arguments_are_shown(name):
    """No ``**options`` are left, and the shared ones have a default and a type."""
    shown = parameters(name)
    assert not any(p.kind is p.VAR_KEYWORD for p in shown.values())
    assert set(shown) >= set(typing.get_type_hints(FlowOptions))
    for option in set(shown) & set(typing.get_type_hints(LayeredOptions)):
        assert shown[option].kind is inspect.Parameter.KEYWORD_ONLY
        assert shown[option].default is not inspect.Parameter.empty
        assert shown[option].annotation is not inspect.Parameter.empty


@ALL
def test_all_arguments_are_described_once(name):
    section = inspect.getdoc(getattr(flows, name)).split("Args:\n")[1]
    described = re.findall(r"^    (\w+): ", section.split("\n\n")[0], re.MULTILINE)
    assert described == list(parameters(name))


@ALL
def test_an_unknown_argument_is_refused_in_the_name_of_the_flow(name):
    make = FLOW_EXAMPLES[name].make
    message = rf"flows\.{name} has no argument 'sede'; did you mean 'seed'\?"
    with pytest.raises(TypeError, match=message):
        make(sede=1)
    with pytest.raises(TypeError, match=r"no argument 'xyzw'; it has .*dtype\."):
        make(xyzw=1)


def test_the_nearest_argument_is_named():
    message = r"flows\.nsf has no argument 'num_layer'; did you mean 'num_layers'\?"
    with pytest.raises(TypeError, match=message):
        flows.nsf(2, num_layer=3)


@pytest.mark.parametrize("make", [flows.coupling, flows.autoregressive])
def test_what_is_no_transformer(make):
    with pytest.raises(TypeError, match=r"TransformerSpec such as Affine\.spec\(\)"):
        make(2, bijectors.Affine)
    with pytest.raises(TypeError, match="transformer"):
        make(2)


def test_rotations_that_are_none():
    for make in (flows.gaussianization, flows.sylvester):
        name = make.__name__
        with pytest.raises(TypeError, match=rf"flows\.{name}: rotation must be a func"):
            make(2, rotation=[1, 0])
    with pytest.raises(TypeError, match=r"flows\.sylvester: rotation must give a bij"):
        flows.sylvester(2, rotation=lambda size, seed, dtype: None)


@pytest.mark.parametrize(
    "network", [conditioners.MADE(2), "made", keras.layers.Dense, 3]
)
def test_a_network_that_makes_no_conditioner(network):
    with pytest.raises(TypeError, match=r"flows\.autoregressive: network must be"):
        flows.autoregressive(2, bijectors.Affine.spec(), network=network)


def test_a_network_that_gives_none():
    def network(event_size, *, order, context_size, seed, dtype):
        return None

    with pytest.raises(TypeError, match=r"must make a conditioners\.Conditioner"):
        flows.autoregressive(2, bijectors.Affine.spec(), network=network)


def test_a_network_and_the_options_of_another():
    with pytest.raises(TypeError, match=r"got both network and \['hidden_units'\]"):
        flows.autoregressive(
            2, bijectors.Affine.spec(), network=conditioners.MADE, hidden_units=[4]
        )
