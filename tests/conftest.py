"""What all tests share."""

import gc
import os

# Before TensorFlow is loaded. XLA compiles the many small programs of the tests a fifth
# faster without the optimizations of LLVM. The values are the same.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
    ]
)

import keras
import pytest

# A traced graph is many objects that live; Python's collector walks all of them again
# after every few hundred new ones, which takes a third of a trace.
gc.set_threshold(100_000, 10, 10)

# By its doctests, which it has none of: those of the folders have the same name.
collect_ignore = ["conftest.py"]


@pytest.fixture(autouse=True)
def seeds():
    """What has no seed of its own is the same in each run, whatever ran before."""
    keras.utils.set_random_seed(0)
