"""The start of TensorFlow, without what it says about itself."""

import contextlib
import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def start_tensorflow() -> None:
    """Loads TensorFlow and all of the package that a model file may need.

    Its log, but for what is fatal, goes to standard error only if the user has set
    ``TF_CPP_MIN_LOG_LEVEL``: of errors, Python raises those that matter.
    """
    if "tensorflow" in sys.modules:
        return
    # The command is written with Keras's TensorFlow, whatever else the user runs.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if _LEVEL in os.environ:
        importlib.import_module("tfp_flows.contents")
        return
    os.environ[_LEVEL] = "3"
    with _quiet():
        importlib.import_module("tfp_flows.contents")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps standard error back, and passes it on if there is an exception.

    TensorFlow writes some lines before it reads the level of its log.
    """
    try:
        kept = os.dup(2)
    except OSError:  # It is closed.
        yield
        return
    with tempfile.TemporaryFile() as lines:
        os.dup2(lines.fileno(), 2)
        try:
            yield
        except Exception:
            lines.seek(0)
            os.write(kept, lines.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
