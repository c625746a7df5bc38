"""Tables as bytes."""

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfp_flows.tables import column_label


def encode(frame: pd.DataFrame, headers: Sequence[str] | None, kind: str) -> bytes:
    """The content of a file with a table.

    Args:
        frame: the numbers.
        headers: the names of the columns, if they have names.
        kind: one of `sample.FORMATS`.
    """
    out = io.BytesIO()
    if kind == "npy":
        np.save(out, frame.to_numpy())
    elif kind == "parquet":  # Where each column has a name.
        names = headers or [column_label(i, None) for i in range(frame.shape[1])]
        frame.set_axis(names, axis=1).to_parquet(out, index=False)
    else:
        frame.to_csv(
            out,
            sep="\t" if kind == "tsv" else ",",
            header=headers or False,
            index=False,
            na_rep="nan",
        )
    return out.getvalue()
