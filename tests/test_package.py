import importlib.metadata
import os
import subprocess
import sys

import pytest

import tfp_flows


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_version_is_that_of_the_distribution():
    assert tfp_flows.__version__ == importlib.metadata.version("tfp_flows")


def test_everything_public_is_there_and_listed():
    assert set(tfp_flows.__all__) <= set(dir(tfp_flows))
    for name in tfp_flows.__all__:
        assert getattr(tfp_flows, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tfp_flows.nonsense


def test_what_is_not_needed_is_not_loaded():
    code = """if True:
        import sys
        sys.modules["matplotlib"] = None  # As if it were not installed.
        import tfp_flows
        lazy = [f"tfp_flows.{n}" for n in ("datasets", "testing", "visualization")]
        assert not set(lazy) & set(sys.modules)
        for name in lazy[:2]:
            assert getattr(tfp_flows, name.split(".")[1]) is sys.modules[name]
        print("passed")
    """
    done = run_python(code)
    assert done.stdout == "passed\n", done.stderr[-3000:]


def test_another_keras_backend_is_refused():
    done = run_python("import tfp_flows", KERAS_BACKEND="jax")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError"), done.stderr[-3000:]
    assert "backend is 'jax'" in last
    assert "KERAS_BACKEND=tensorflow" in last
