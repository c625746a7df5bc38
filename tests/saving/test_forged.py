"""Files from strangers, forged with a right checksum: no code runs, memory stays."""

import copy
import json
import os
import random
import resource
import subprocess
import zipfile

import pytest

import tfp_flows
from tfp_flows import bijectors, flows, saving
from tfp_flows.saving.document import digest

CASES = 200
SMALL = {"num_layers": 1, "hidden_units": [4], "seed": 0}
BASES = [
    json.loads(json.dumps(saving.encode(flow)))
    for flow in (
        flows.real_nvp(2, **SMALL),
        flows.maf(
            2,
            permutation=bijectors.Permutation.random,
            num_layers=2,
            hidden_units=[4],
        ),
    )
]
CALLABLES = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "builtins.exec",
    "builtins.eval",
    "tfd.kl_divergence",
    "tfb.os",
    "tfd.__builtins__",
    "tfp_flows.bijectors.__loader__",
    "tfp_flows.saving.decode",
    "keras.utils.get_file",
    "tests>nothing",
    "",
]
LAYERS = [
    {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "os"}},
    {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/"}},
    {"module": "os", "class_name": "system", "config": {"command": "touch ran"}},
    {"module": "builtins", "class_name": "function", "config": "exec"},
    {"module": "os", "class_name": "function", "config": "system"},
    {"class_name": "__lambda__", "config": {"value": ["4wAA", None, None]}},
    {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"units": 10**12},
        "build_config": {"input_shape": [None, 10**6]},
    },
    {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"units": 10**6},
        "build_config": {"input_shape": [None, 10**6]},
    },
    {
        "module": "keras.layers",
        "class_name": "Dense",
        "registered_name": "tfp_flows>MLP",
        "config": {"units": 3},
    },
    {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "x"}},
    {"module": "keras.saving", "class_name": "function", "config": "load_model"},
    "os.system",
    None,
]
HUGE = [[10**6, 10**6], [2**31], [10**30], [-1], ["a"], "ab", [2**14, 2**15], None]


def walk(node):
    """All containers of a tree."""
    if isinstance(node, dict | list):
        yield node
        for part in node.values() if isinstance(node, dict) else node:
            yield from walk(part)


def nodes(root, tag):
    found = [node for node in walk(root) if isinstance(node, dict) and tag in node]
    return [node for node in found if tag != "layer" or "config" in node[tag]]


def deep(depth):
    node = []
    for _ in range(depth):
        node = [node]
    return node


def a_class(root, rng):
    rng.choice(nodes(root, "object"))["object"]["class"] = rng.choice(CALLABLES)


def a_function(root, rng):
    kind = rng.choice(["function", "class"])
    node = rng.choice(nodes(root, "object"))["object"]
    node["arguments"][rng.choice(list(node["arguments"]))] = {
        kind: rng.choice(CALLABLES)
    }


def a_layer(root, rng):
    rng.choice(nodes(root, "layer"))["layer"] = copy.deepcopy(rng.choice(LAYERS))


def within_a_layer(root, rng):
    config = rng.choice(nodes(root, "layer"))["layer"]["config"]
    config[rng.choice(sorted(config))] = copy.deepcopy(rng.choice(LAYERS[:-2]))


def a_size_of_a_layer(root, rng):
    config = rng.choice(nodes(root, "layer"))["layer"]["config"]
    config["hidden_units"] = rng.choice([[10**9], [2**15, 2**15]])


def a_shape(root, rng):
    variables = nodes(root, "variable") + nodes(root, "array")
    fields = next(iter(rng.choice(variables).values()))
    fields["shape"] = rng.choice(HUGE)


def many_variables(root, rng):
    choices = [(300, [2**20]), (3, [2**27]), (20_000, [2**14]), (100_001, [])]
    count, shape = rng.choices(choices, [10, 10, 5, 1])[0]
    one = {"shape": shape, "dtype": "float32", "trainable": True, "name": "v"}
    one["aggregation"] = "NONE"
    arguments = root["object"]["arguments"]
    arguments["name"] = [{"variable": one}] * count


def nesting(root, rng):
    root["object"]["arguments"]["name"] = deep(rng.choice([201, 500, 900]))


FORGERIES = [
    a_class,
    a_function,
    a_layer,
    within_a_layer,
    a_size_of_a_layer,
    a_shape,
    many_variables,
    nesting,
]


MAY_BE_HARMLESS = (within_a_layer, a_shape)


def forged(number):
    """The file of a number, the same at each call."""
    rng = random.Random(number)
    encoded = copy.deepcopy(rng.choice(BASES))
    root = encoded["root"]
    forge = FORGERIES[number % len(FORGERIES)]
    if forge is a_shape and not nodes(root, "variable") + nodes(root, "array"):
        encoded = copy.deepcopy(BASES[1])
        root = encoded["root"]
    forge(root, rng)
    encoded["sha256"] = digest(root)
    return encoded


@pytest.fixture
def guarded(monkeypatch):
    """What runs is noted, and memory is bounded."""
    ran = []
    for module, name in ((os, "system"), (subprocess, "Popen"), (os, "popen")):
        monkeypatch.setattr(module, name, lambda *a, name=name, **k: ran.append(name))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield ran
    assert not ran
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 2 * 2**20, f"{grown} KiB"


@pytest.mark.parametrize("part", range(8))
def test_forged_configurations(part, guarded):
    """Each is refused with an error that says so."""
    for number in range(part, CASES, 8):
        encoded = forged(number)
        try:
            saving.decode(encoded)
        except ValueError as error:
            assert "The saved flow" in str(error) and len(str(error)) < 20_000
        else:  # A name, say, that nothing depends on.
            assert FORGERIES[number % 8] in MAY_BE_HARMLESS, number


def test_the_bases_themselves_are_read(guarded):
    for base in BASES:
        assert saving.decode(base).event_shape == [2]


# The file around it.


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("forged") / "good.keras"
    tfp_flows.FlowModel(flows.real_nvp(2, **SMALL)).save(path)
    return path


def rewritten(source, target, change, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(source) as old:
        members = {name: old.read(name) for name in old.namelist()}
    members = change(members) or members
    with zipfile.ZipFile(target, "w", compression) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return target


def without(name):
    return lambda members: {k: v for k, v in members.items() if k != name}


ZIPS = {
    "a path out of it": (lambda m: m | {"../../evil.py": b"x"}, "leads out of it"),
    "an absolute path": (lambda m: m | {"/etc/evil": b"x"}, "leads out of it"),
    "a drive": (lambda m: m | {"C:evil": b"x"}, "leads out of it"),
    "a bomb": (lambda m: m | {"config.json": b" " * 2**28}, "would unpack"),
    "a bomb of assets": (lambda m: m | {"assets/a": bytes(2**28)}, "would unpack"),
    "no configuration": (without("config.json"), "damaged: it has no config.json"),
    "no weights": (without("model.weights.h5"), "damaged: it has no model.weights"),
    "no metadata": (without("metadata.json"), "damaged: it has no metadata.json"),
    "no JSON": (lambda m: m | {"config.json": b"{"}, "damaged"),
    "no HDF5": (lambda m: m | {"model.weights.h5": b"no"}, "damaged"),
    "deep JSON": (lambda m: m | {"config.json": b"[" * 10**5}, "damaged"),
}


@pytest.mark.parametrize("name", ZIPS)
def test_forged_archives(name, model_file, tmp_path, guarded):
    change, message = ZIPS[name]
    path = rewritten(model_file, tmp_path / "m.keras", change, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=message):
        tfp_flows.load_model(path)


def test_damaged_files(model_file, tmp_path):
    content = model_file.read_bytes()
    path = tmp_path / "m.keras"
    rng = random.Random(0)
    damaged = [b"", b"not a zip", content[:-1], content[: len(content) // 2]]
    for _ in range(10):
        place = rng.randrange(100, len(content) - 2000)
        damaged.append(content[:place] + b"wrong" + content[place + 5 :])
    for broken in damaged:
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"m\.keras is damaged"):
            tfp_flows.load_model(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        tfp_flows.load_model(tmp_path / "m.keras")
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        tfp_flows.load_model(tmp_path / "folder.keras")
    (tmp_path / "m.txt").write_text("")
    with pytest.raises(ValueError, match=r"ends in \.keras"):
        tfp_flows.load_model(tmp_path / "m.txt")
