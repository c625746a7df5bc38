"""Tables of numbers from files, and what is wrong with them, line by line."""

from tfp_flows.tables.choice import find_columns
from tfp_flows.tables.degenerate import (
    find_constant,
    find_copies,
    find_dependent,
    find_ties,
    residuals,
)
from tfp_flows.tables.source import open_table
from tfp_flows.tables.table import Columns, Table, TableError, column_label, shortened

__all__ = [
    "Columns",
    "Table",
    "TableError",
    "column_label",
    "find_columns",
    "find_constant",
    "find_copies",
    "find_dependent",
    "find_ties",
    "open_table",
    "residuals",
    "shortened",
]
