"""Tables: what is read, and what is said of what cannot be read."""

import bz2
import csv
import gzip
import io
import lzma
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfp_flows import tables
from tfp_flows.tables import TableError, find_columns, open_table

ROWS = np.random.default_rng(0).normal(size=(40, 3)) * [1.0, 1e-9, 1e9]


def as_csv(rows, header=None, delimiter=","):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerows(
        ([header] if header else []) + [map(repr, r) for r in rows.tolist()]
    )
    return text.getvalue()


@pytest.fixture
def put(tmp_path):
    """Writes a file and gives its path."""

    def put(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return put


def read(path, columns=None, **options):
    table = open_table(path, **options)
    positions = find_columns(table, columns) if columns else range(table.width)
    return table, table.read(list(positions))


def values(path, **options):
    _, columns = read(path, **options)
    assert columns.bad == {}
    return columns.values


def faults(path, **options):
    _, columns = read(path, **options)
    # What is bad is nowhere taken for a number.
    is_nan = np.isnan(columns.values)
    assert np.flatnonzero(is_nan.any(axis=1)).tolist() == sorted(columns.bad)
    assert is_nan[sorted(columns.bad)].all()
    return list(columns.bad.values())


# What is read


@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
@pytest.mark.parametrize("header", [None, ["age", "dose 1", "2"]])
def test_text(put, delimiter, header):
    if header and delimiter == " ":
        header = ["age", "dose", "weight"]
    table, columns = read(
        put(as_csv(ROWS, header, delimiter)), header=None if header is None else True
    )
    assert table.headers == (header and tuple(header))
    np.testing.assert_array_equal(columns.values, ROWS)
    assert columns.values.dtype == np.float64


@pytest.mark.parametrize("fault", ["", "x", '"'])
def test_both_readers_agree(put, fault):
    """A fault in a column that is not chosen: the rest is read line by line."""
    rows = as_csv(ROWS).splitlines()
    text = "\n".join(f"{row},{fault if i == 20 else 1}" for i, row in enumerate(rows))
    _, columns = read(put(text.replace('"', '"1"')), "1-3")
    np.testing.assert_array_equal(columns.values, ROWS)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\r\n1,2\r\n3,4\r\n",
        "\ufeffa,b\n1,2\n3,4",
        "\n\na,b\n\n1,2\n  \n3,4\n\n",
        '"a",b\n"1",2\n3,"4"\n',
        " a , b \n 1 , 2 \n +3 ,4e0\n",
    ],
)
def test_ways_to_write_the_same(put, text):
    table, columns = read(put(text))
    assert table.headers == ("a", "b")
    np.testing.assert_array_equal(columns.values, [[1.0, 2.0], [3.0, 4.0]])


def test_utf_16(put):
    np.testing.assert_array_equal(
        values(put("a\tb\n1\t2\n".encode("utf-16"))), [[1, 2]]
    )


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_text_of_any_name(put, compress):
    path = put(compress(as_csv(ROWS).encode()), "table.dat")
    np.testing.assert_array_equal(values(path), ROWS)


def test_npy(put):
    for array in (ROWS, ROWS[:, :1], np.arange(6).reshape(3, 2), ROWS > 0):
        out = io.BytesIO()
        np.save(out, array)
        np.testing.assert_array_equal(values(put(out.getvalue())), array)
    out = io.BytesIO()
    np.save(out, ROWS[:, 0])
    np.testing.assert_array_equal(values(put(out.getvalue())), ROWS[:, :1])


def test_parquet(put, tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "t": ["x", "y"], "b": [True, False]})
    frame["d"] = [0.5, 1.5]
    frame.to_parquet(tmp_path / "t", index=False)
    table, columns = read(str(tmp_path / "t"), "d, a, b")
    assert table.headers == ("a", "t", "b", "d")
    np.testing.assert_array_equal(columns.values, [[0.5, 1, 1], [1.5, 2, 0]])
    with pytest.raises(TableError, match=r"column 2 \(t\) has no numbers"):
        table.read([0, 1])


def test_parquet_with_a_name_twice(tmp_path):
    table = pa.table([[1.0], [2.0], [3.0]], names=["a", "a", "b"])
    pq.write_table(table, tmp_path / "t")
    np.testing.assert_array_equal(read(str(tmp_path / "t"), "b")[1].values, [[3.0]])
    with pytest.raises(TableError, match="several columns named 'a'"):
        read(str(tmp_path / "t"), "1")


def test_standard_input(monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(b"1,2\n3,x\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    table, columns = read("-")
    assert table.name == "standard input"
    assert columns.bad == {1: "line 2, column 2: 'x' is not a number"}


def test_numbers_for_names_need_a_word(put):
    path = put("2019,total\n1,2\n3,4\n")
    with pytest.raises(TableError, match=r"line 1: .*--header .*--no-header"):
        open_table(path)
    table, columns = read(path, header=True)
    assert table.headers == ("2019", "total") and len(columns.values) == 2
    # A name goes before a number.
    assert find_columns(table, "2019, 2") == [0, 1]
    assert faults(path, header=False) == ["line 1, column 2: 'total' is not a number"]


@pytest.mark.parametrize("header", ["0,1", ",0,1"])
def test_names_that_pandas_makes_up(put, header):
    path = put(f"{header}\n" + "0.5,1.5\n" * 2)
    with pytest.raises(TableError, match=r"line 1: 0, 1, .*--header .*--no-header"):
        open_table(path)


@pytest.mark.parametrize("delimiter", [" ", ","])
def test_the_header_of_savetxt(tmp_path, delimiter):
    header = delimiter.join(["a", "b", "c"])
    np.savetxt(tmp_path / "t", ROWS, delimiter=delimiter, header=header)
    table, columns = read(str(tmp_path / "t"))
    assert table.headers == ("a", "b", "c")
    np.testing.assert_array_equal(columns.values, ROWS)
    assert open_table(str(tmp_path / "t")).headers == ("a", "b", "c")


def test_what_a_delimiter_may_be(put):
    # In quotes, and in the name of a single column, it is none.
    assert open_table(put('"a;b",c\n1,2\n')).headers == ("a;b", "c")
    assert open_table(put("fixed acidity\n1\n2\n")).headers == ("fixed acidity",)
    assert open_table(put("1|2\n"), delimiter="|").width == 2


# What is bad, and where


@pytest.mark.parametrize(
    "cell, fault",
    [
        ("abc", "'abc' is not a number"),
        ("", "is empty"),
        ("  ", "is empty"),
        ("NaN", "the number is missing, there is 'NaN'"),
        ("NA", "the number is missing, there is 'NA'"),
        ("inf", "'inf' is not finite"),
        ("-1e999", "'-1e999' is not finite"),
        ("1_000", "'1_000' is not a number"),
        ("True", "'True' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("1;5", "'1;5' is not a number"),
        ("b", "'b' is not a number: the header once more?"),
    ],
)
def test_bad_cells(put, cell, fault):
    path = put(f"a,b,c\n1,2,3\n\n4,{cell},6\n7,8,9\n")
    assert faults(path) == [f"line 4, column 2 (b): {fault}"]
    assert faults(path, columns="a,c") == []


def test_decimal_commas(put):
    (fault,) = faults(put("a;b\n1,5;2\n"))
    assert fault.endswith("write decimals with a point")


def test_ragged_rows(put):
    path = put("a,b,c\n1,2,3\n1,2\n1\n1,2,3,4\n1,2,3\n")
    expected = [
        "line 3: 2 cells in place of 3",
        "line 4: 1 cell in place of 3",
        "line 5: 4 cells in place of 3",
    ]
    assert faults(path) == expected
    assert faults(path, columns="a") == expected
    # Pandas fills a short row up, and says nothing.
    assert faults(put("a,b\n1,2\n1\n1,2\n"), columns="a") == [
        "line 3: 1 cell in place of 2"
    ]


@pytest.mark.parametrize("bad_row", ["1,2,", "1,2,,", "1,2,3"])
def test_rows_longer_than_the_header(put, bad_row):
    assert len(faults(put(f"a,b\n{bad_row}\n3,4\n"))) == 1
    assert len(faults(put(f"a,b\n3,4\n{bad_row}\n"))) == 1
    assert len(faults(put(f"a,b\n{bad_row}\n{bad_row}\n"))) == 2


def test_lines_are_those_of_an_editor(put):
    text = '"a\nof two lines",b\n1,2\n"3\n",4\n5,x\n'
    assert faults(put(text)) == ["line 6, column 2 (b): 'x' is not a number"]
    # A quote that is never closed takes all that follows.
    assert faults(put('1,2\n3,"4\n5,6\n')) == [
        "line 2, column 2: '4 5,6' is not a number"
    ]


def test_nothing_is_missed_in_a_large_table(put):
    """At a random cell of each kind, so far down that pandas has chosen its dtypes."""
    generator = np.random.default_rng(1)
    rows = [f"{a!r},{b!r}" for a, b in generator.normal(size=(3000, 2)).tolist()]
    where = generator.choice(3000, 4, replace=False)
    bad = ["x,1", "1,", "1", "1,2,3"]
    for row, text in zip(where, bad, strict=True):
        rows[row] = text
    _, columns = read(put("\n".join(rows)))
    assert sorted(columns.bad) == sorted(where.tolist())
    for row, fault in columns.bad.items():
        assert fault.startswith(f"line {row + 1}")


def test_bad_numbers_of_binary_files(put, tmp_path):
    rows = np.array([[1.0, np.nan], [np.inf, 2.0], [3.0, 4.0]])
    np.save(tmp_path / "t.npy", rows)
    assert faults(str(tmp_path / "t.npy")) == [
        "row 1, column 2: the number is missing",
        "row 2, column 1: inf is not finite",
    ]
    table = pa.table({"a": pa.array([1, None, 3]), "b": [1.0, 2.0, float("nan")]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert faults(str(tmp_path / "t.parquet")) == [
        "row 2, column 1 (a): the number is missing",
        "row 3, column 2 (b): the number is missing",
    ]


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "is empty"),
        ("\n  \n", "is empty"),
        ("a,b\n", "has a header and no rows"),
        (b"1,2\n3,\xff\n", "line 2: neither text in UTF-8 nor"),
        (b"PK\x03\x04 ...", "zip archive or an Excel sheet"),
        (b"\x93NUMPY", "no NPY file"),
        (b"PAR1", "no Parquet file"),
        (b"\x1f\x8b\x08", "cannot be unpacked"),
        ("1," + "9" * 200_000 + "\n", "line 1: field larger"),
    ],
)
def test_no_tables(put, content, message):
    with pytest.raises(TableError, match=message) as error:
        open_table(put(content, "odd.csv"))
    assert "odd.csv" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros([2, 2, 2]),
        np.array([["a"]]),
        np.zeros([0, 3]),
        np.zeros(3, "f8,f8"),
        np.array([[1j]]),
        np.float64(1.0),
    ],
)
def test_arrays_that_are_no_tables(tmp_path, array):
    np.save(tmp_path / "t.npy", array)
    with pytest.raises(TableError, match=r"t\.npy"):
        open_table(str(tmp_path / "t.npy"))


def test_objects_in_an_array_are_not_loaded(tmp_path):
    np.save(tmp_path / "t.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(TableError, match="no NPY file"):
        open_table(str(tmp_path / "t.npy"))


@pytest.mark.parametrize("kind", ["npy", "parquet", "csv.gz"])
def test_files_cut_off_anywhere(put, tmp_path, kind):
    path = tmp_path / f"whole.{kind}"
    frame = pd.DataFrame(ROWS, columns=list("abc"))
    if kind == "npy":
        np.save(path, ROWS)
    elif kind == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    whole = path.read_bytes()
    for size in np.random.default_rng(2).integers(4, len(whole), 30):
        with pytest.raises(TableError, match=r"cut off|cannot be unpacked"):
            read(put(whole[:size], f"cut.{kind}"))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_table(str(tmp_path / "nowhere.csv"))
    with pytest.raises(IsADirectoryError):
        open_table(str(tmp_path))


def test_ten_thousand_columns(put):
    rows = np.random.default_rng(0).normal(size=(3, 10_000))
    header = [f"gene {i}" for i in range(10_000)]
    path = put(as_csv(rows, header))
    table, columns = read(path, "gene 9999, 1-2")
    assert table.width == 10_000
    np.testing.assert_array_equal(columns.values, rows[:, [9999, 0, 1]])
    with pytest.raises(TableError) as error:
        find_columns(table, "protein")
    assert len(str(error.value)) < 500


# Columns by name and number


@pytest.mark.parametrize(
    "text, positions",
    [
        ("age", [0]),
        ("3,1", [2, 0]),
        (" 2 - 4 ", [1, 2, 3]),
        ("age, 3-4", [0, 2, 3]),
        ('"a, b"', [1]),
        ("10", [2]),
        ("3-4", [2, 3]),
    ],
)
def test_choice(put, text, positions):
    table = open_table(put('age,"a, b",10,d\n1,2,3,4\n'), header=True)
    assert find_columns(table, text) == positions


@pytest.mark.parametrize(
    "text, message",
    [
        ("ages", "no column named 'ages'; did you mean 'age'"),
        ("zzz", "it has age, x, x, d"),
        ("0", "columns 1 to 4, but got 0"),
        ("3-5", "columns 1 to 4, but got 3-5"),
        ("4-3", "columns 1 to 4, but got 4-3"),
        ("x", "several columns named 'x', 2 and 3"),
        ("age,1", r"column 1 \(age\) is chosen twice"),
        (" , ", "no column was named"),
    ],
)
def test_bad_choice(put, text, message):
    table = open_table(put("age,x,x,d\n1,2,3,4\n"))
    with pytest.raises(TableError, match=message):
        find_columns(table, text)


def test_choice_of_a_name_in_two_lines(put):
    table = open_table(put('"age\n(years)",b\n1,2\n'))
    assert find_columns(table, "b, age\n(years)") == [1, 0]


def test_choice_without_names(put):
    table = open_table(put("1,2\n"))
    with pytest.raises(TableError, match="have no names: give numbers, from 1 to 2"):
        find_columns(table, "age")


# Columns without a density


@pytest.fixture
def independent():
    return np.random.default_rng(3).normal(size=(200, 4)) * [1e-6, 1.0, 1e6, 3.0] + 7.0


def test_independent_columns_are_fine(independent):
    assert tables.find_constant(independent) == []
    assert tables.find_copies(independent) == []
    assert tables.find_dependent(independent) == []
    assert tables.find_dependent(independent[:, :2], independent[:, 2:]) == []
    np.testing.assert_array_equal(tables.find_ties(independent), 0.0)


def test_constant_columns(independent):
    independent[:, 2] = 0.1  # Whose mean, as computed, is not 0.1.
    assert tables.find_constant(independent) == [2]


def test_copies(independent):
    values = independent[:, [0, 1, 0, 2, 1, 0]]
    assert tables.find_copies(values) == [(0, 2), (1, 4), (0, 5)]


@pytest.mark.parametrize(
    "make", [lambda a, b: 3.0 * a - 2.0, lambda a, b: a + 2e-6 * b + 1.0]
)
def test_columns_that_follow_from_others(independent, make):
    a, b = independent[:, 1], independent[:, 2]
    values = np.column_stack([independent, make(a, b)])
    (group,) = tables.find_dependent(values)
    needed = {1, 4} | ({2} if make(1.0, 2.0) != make(1.0, 3.0) else set())
    assert set(group) == needed
    # As soon as the last column has a part of its own, there is a density.
    own = np.random.default_rng(4).normal(size=200)
    values[:, 4] += 1e-3 * values[:, 4].std() * own
    assert tables.find_dependent(values) == []


def test_columns_that_follow_from_a_context(independent):
    context = independent[:, :2]
    values = np.column_stack([independent[:, 2], context @ [1e6, 1.0]])
    assert tables.find_dependent(values) == []
    assert tables.find_dependent(values, context) == [[1]]
    # Contexts may depend on one another: a category in several columns, say.
    one_hot = np.eye(3)[np.arange(200) % 3]
    assert tables.find_dependent(independent, one_hot) == []


def test_few_rows_tell_nothing(independent):
    assert tables.find_dependent(independent[:4]) == []
    assert tables.find_dependent(independent[:4, :3], independent[:4, 3:]) == []


def test_ties():
    column = np.array([1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    shares = tables.find_ties(np.column_stack([column, np.arange(10)]))
    np.testing.assert_allclose(shares, [0.5, 0.0])


def test_residuals(independent):
    context = independent[:, 2:]
    left = tables.residuals(independent, context)
    np.testing.assert_allclose(left.mean(axis=0), 0.0, atol=1e-8)
    centred = context - context.mean(axis=0)
    assert np.abs(centred.T @ left / (centred.std(axis=0)[:, None])).max() < 1e-4
