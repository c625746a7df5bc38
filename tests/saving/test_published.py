"""Files of every format that was published are read for ever.

A new format gets a file here, by ``python tests/saving/test_published.py`` with the
version that writes it; none is ever removed.
"""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import tfp_flows
from tfp_flows.saving.document import FORMAT

FOLDER = Path(__file__).parent / "published"
X = np.array([[0.3, -1.0], [2.0, 0.5]], "float32")


def write():
    """Trains a little, so that no weight is at its start."""
    flow = tfp_flows.flows.maf(
        2,
        num_layers=2,
        hidden_units=[4],
        permutation=tfp_flows.bijectors.Permutation.random,
        seed=0,
    )
    model = tfp_flows.FlowModel(flow)
    model.compile(run_eagerly=True)
    model.fit(np.random.default_rng(0).normal(size=[32, 2]), verbose=0)
    model.save(FOLDER / f"format_{FORMAT}.keras")
    np.save(FOLDER / f"format_{FORMAT}.npy", model.distribution.log_prob(X))


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_each_format_is_read(number):
    path = FOLDER / f"format_{number}.keras"
    for load in (keras.models.load_model, tfp_flows.load_model):
        found = load(path).distribution.log_prob(X)
        np.testing.assert_allclose(found, np.load(path.with_suffix(".npy")), rtol=1e-4)


def config_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))["config"]


def test_files_tell_format_and_version(tmp_path):
    model = tfp_flows.FlowModel(tfp_flows.flows.linear(2, seed=0))
    model.save(tmp_path / "m.keras")
    family = config_of(tmp_path / "m.keras")["family"]
    assert family["format"] == FORMAT and family["version"] == tfp_flows.__version__


def test_a_newer_format_tells_the_version_that_it_needs():
    flow = tfp_flows.saving.encode(tfp_flows.flows.linear(2, seed=0))
    newer = flow | {"format": FORMAT + 1, "version": "7.8.9"}
    with pytest.raises(ValueError, match=r"format 2.*install tfp_flows 7\.8\.9"):
        tfp_flows.saving.decode(newer)


if __name__ == "__main__":
    write()
