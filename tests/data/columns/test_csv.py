"""CSV files in every dialect that spreadsheets write hold the same table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_mobile.data.columns.table_file import read_table_file
from pen_mobile.errors import BadInput

ROWS = [
    ["subject", "role", "time_s", "valence", "arousal", "image"],
    ["Zoé", "source", "0", "0.5", "-0.25", "a.png"],
    ["007", "source", "1.5", "-1", "1", "b.png"],
    ["NA", "target", "0", "0.125", "0", "c.png"],
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


def written(rows: list[list[str]], delimiter: str = ",", end: str = "\n", comma: bool = False) -> str:
    def cell(text: str, place: int) -> str:
        return text.replace(".", ",") if comma and 2 <= place <= 4 else text

    lines = [delimiter.join(rows[0])]
    lines += [delimiter.join(cell(text, place) for place, text in enumerate(row)) for row in rows[1:]]
    return end.join(lines) + end


def assert_same(path: Path) -> None:
    table = read_table_file(path)
    assert table.subject == ["Zoé", "007", "NA"]
    assert table.role == ["source", "source", "target"]
    assert table.time_s.tolist() == [0, 1.5, 0]
    assert table.affect.tolist() == [[0.5, -0.25], [-1, 1], [0.125, 0]]
    assert table.content == [path.parent / name for name in ("a.png", "b.png", "c.png")]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(written(ROWS, delimiter).encode(encoding))
    assert_same(path)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_decimal_commas_where_the_comma_is_no_delimiter(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(written(ROWS, delimiter, "\r\n", comma=True).encode(encoding))
    assert_same(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(written(ROWS, end=end).encode())
    assert_same(path)


@pytest.mark.parametrize("name", ["P.CSV", "p.Csv", "p.tsv", "P.TSV", "p.csv"])
def test_suffixes_in_whatever_case(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(written(ROWS, "\t"), encoding="utf-8")
    assert_same(path)


@pytest.mark.parametrize(
    "head",
    [
        [" Subject", "ROLE ", "Time_s", "Valence", " arousal ", "Image"],
        ["subject", "role", "time_s", "valence", "arousal", "image", "age"],
        ["", "subject", "role", "time_s", "valence", "arousal", "image"],
        ["Unnamed: 0", "subject", "role", "time_s", "valence", "arousal", "image"],
        ['"subject"', '"role"', '"time_s"', '"valence"', '"arousal"', '"image"'],
    ],
    ids=str,
)
def test_names_of_columns(tmp_path: Path, head: list[str]) -> None:
    """Capitals and spaces do not count; columns that nothing reads may be there."""
    path = tmp_path / "people.csv"
    first = len(head) - 6 if "age" not in head else 0
    rows = [head, *[[*["1"] * first, *row, *["30"] * ("age" in head)] for row in ROWS[1:]]]
    path.write_text(written(rows), encoding="utf-8")
    assert_same(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (written(ROWS).encode("latin-1"), r"line 2: not UTF-8 text; save it with the encoding 'CSV UTF-8'"),
        (written(ROWS).encode("cp1252"), r"not UTF-8 text"),
        (b"PK\3\4" + bytes(range(256)), "not UTF-8 text|column 'subject' is missing"),
        (written(ROWS)[:-1].encode("utf-16")[:-1], "not UTF-8 text"),
        (b"", "Empty CSV file"),
        (b"\n\n\n", "Empty CSV file"),
        (b"\xef\xbb\xbf", "Empty CSV file"),
        (bytes(100), "Empty CSV file|column 'subject' is missing"),
        (b"subject,role\n\xff\xfe", "not UTF-8 text"),
        (written(ROWS).replace("0.5", "half").encode(), "row 1: valence is 'half', not a number"),
        (written(ROWS, ";", comma=True).replace("-0,25", "-0.25.1").encode(), "row 1: "),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=rf"people\.csv: .*({message})") as caught:
        read_table_file(path)
    assert "\n" not in str(caught.value)


LINE_ENDS_AND_QUOTES = '",;\t|\r\n\0\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029'
NAMES = st.text(st.characters(codec="utf-8", exclude_characters=LINE_ENDS_AND_QUOTES), min_size=1, max_size=12)
NUMBERS = st.floats(-1, 1, width=32)


@settings(max_examples=100, deadline=None)
@given(
    people=st.lists(st.tuples(NAMES, NUMBERS, NUMBERS), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(ENCODINGS),
    comma=st.booleans(),
)
def test_any_table_in_any_dialect_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    people: list[tuple[str, float, float]],
    delimiter: str,
    end: str,
    encoding: str,
    comma: bool,
) -> None:
    comma = comma and delimiter != ","
    rows = [["subject", "role", "time_s", "valence", "arousal", "image"]]
    rows += [[name, "source", str(place), str(one), str(two), "a.png"] for place, (name, one, two) in enumerate(people)]
    path = tmp_path_factory.mktemp("csv") / "people.csv"
    path.write_bytes(written(rows, delimiter, end, comma).encode(encoding))
    table = read_table_file(path)
    assert table.subject == [name.strip() for name, _, _ in people]
    np.testing.assert_array_equal(table.affect, [[one, two] for _, one, two in people])
