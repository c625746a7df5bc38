"""What is measured: speed beside other libraries, accuracy, import time.

``make benchmark`` runs all of it and writes ``benchmarks/RESULTS.md``;
``make benchmark-quick`` prints a part of it in under two minutes.
"""
