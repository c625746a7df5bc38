"""The command ``tfp-flows``.

It is apart from the package so that ``tfp_flows`` can tell: the command reads its
arguments before TensorFlow is loaded, and all other programs load both at once.
"""


def main() -> int:
    """Runs the command, and gives its exit status."""
    from tfp_flows.cli import main as run

    return run()
