"""How long the tutorials train, and where their pictures go.

`make tutorials` runs them in full and writes the pictures that the README shows;
`make test` sets TFP_FLOWS_SHORT=1, which trains briefly and draws elsewhere.
"""

import os
import tempfile
from pathlib import Path

import tensorflow as tf

# Each model is compiled once, of which TensorFlow warns when there are several.
tf.get_logger().setLevel("ERROR")

SHORT = os.environ.get("TFP_FLOWS_SHORT") == "1"
FIGURES = (
    Path(tempfile.mkdtemp(prefix="tfp_flows_"))
    if SHORT
    else Path(__file__).resolve().parents[1] / "figures"
)


def length(full: int, short: int) -> int:
    """The one or the other."""
    return short if SHORT else full
