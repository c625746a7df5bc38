"""Prints what `import tfp_flows` adds to a process that has TFP and Keras loaded.

python benchmarks/import_time.py
"""

import statistics
import subprocess
import sys

PROGRAM = """
import time
import keras
import tensorflow_probability as tfp
tfp.bijectors.Shift  # TFP loads its parts when they are first used.
start = time.perf_counter()
import tfp_flows
print(time.perf_counter() - start)
"""

seconds = [
    float(subprocess.check_output([sys.executable, "-c", PROGRAM], text=True))
    for _ in range(5)
]
print(
    f"import tfp_flows adds {statistics.median(seconds):.3f} s "
    f"({min(seconds):.3f} to {max(seconds):.3f} s in 5 processes)"
)
