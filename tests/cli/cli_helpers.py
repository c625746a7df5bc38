"""Tables as a user has them, and the smallest flow."""

import csv
import io

import numpy as np

SMALL = ["--layers", "1", "--hidden", "8", "--epochs", "2"]
MAF = ["--flow", "maf", *SMALL, "--no-pictures"]


def as_csv(rows, header=None):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header] if header else [])
    writer.writerows(np.asarray(rows).tolist())
    return text.getvalue()
