"""TFP, compiled by XLA."""

import functools

from benchmarks.frameworks import tfp

make = functools.partial(tfp.make, jit_compile=True)
