"""``python -m tfp_flows`` is the command ``tfp-flows``."""

import sys

from tfp_flows.cli import main

if __name__ == "__main__":
    sys.exit(main())
