"""Flows as JSON and back: the structure; values of variables are Keras's to save.

TFP's objects know the arguments that they were made with (``.parameters``), and so do
Keras's layers (``get_config``): a flow is written as the tree of these, each object
once, however many others hold it. Reading makes the objects anew. Only classes of TFP's
bijectors and distributions, our own, and what was registered by `register` are made;
nothing in a file is run.
"""

from tfp_flows.saving.document import decode, encode
from tfp_flows.saving.limits import check_tree
from tfp_flows.saving.registry import register
from tfp_flows.saving.restorable import check_restorable

__all__ = ["check_restorable", "check_tree", "decode", "encode", "register"]
