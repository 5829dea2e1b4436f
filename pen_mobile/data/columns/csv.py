"""CSV files as spreadsheets write them: commas, semicolons or tabs, decimal commas, UTF-8 or UTF-16."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pen_mobile.data.columns.names import OTHERS, check_no_duplicates, plain_name
from pen_mobile.errors import BadInput
from pen_mobile.targets import DEFAULT_TARGETS

_DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_csv(path: Path, targets: Sequence[str] = DEFAULT_TARGETS) -> dict[str, Any]:
    """Return the columns of a CSV file by plain name; only known ones have values.

    Args:
        path: text with a header line; encoding, delimiter and decimal mark are found out.
        targets: names of the columns with labels.

    Returns:
        Lists of text, arrays of numbers ``[N]``, or None for a column that nothing reads.

    Raises:
        BadInput: it cannot be read, is not text, has two columns of one name, or a number is none.
    """
    text = _text(path)
    head, rest = _split_head(text)
    delimiter = _delimiter(head, {*OTHERS, *targets})
    names = [plain_name(name) for name in next(csv.reader([head], delimiter=delimiter), [])]
    if not names:
        raise BadInput(f"{path}: Empty CSV file")
    check_no_duplicates(names, str(path))
    return dict.fromkeys(names) | _parse(rest, names, delimiter, path, targets)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    marked = [(mark, name) for mark, name in _MARKS if content.startswith(mark)]
    mark, encoding = marked[0] if marked else (b"", _unmarked(content))
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(f"{path}: line {line}: not UTF-8 text; save it with the encoding 'CSV UTF-8'") from None


def _unmarked(content: bytes) -> str:
    """Return the encoding of a text without a byte order mark: UTF-16 has a zero in every other byte of a header."""
    start = content[:200]
    zeros = (start[0::2].count(0), start[1::2].count(0))
    if max(zeros) > len(start) / 4:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    return "utf-8"


def _split_head(text: str) -> tuple[str, str]:
    """Return the first line that is not empty, and what follows it."""
    text = text.lstrip("\r\n")
    head = text.splitlines()[0] if text.strip("\0 \r\n") else ""
    rest = text[len(head) :]
    return head, rest.removeprefix("\r\n") if rest.startswith("\r\n") else rest[1:]


def _delimiter(head: str, wanted: set[str]) -> str:
    """Return the delimiter with which a header has most known names."""

    def known(delimiter: str) -> int:
        return len({plain_name(name) for name in next(csv.reader([head], delimiter=delimiter), [])} & wanted)

    return max(_DELIMITERS, key=known)


def _decimal_point(rest: str, delimiter: str) -> str:
    """Return the comma where more cells are numbers with one than with a point; beside a comma it cannot be."""
    if delimiter == ",":
        return "."
    border = re.escape(delimiter)

    def numbers_with(point: str) -> int:
        number = rf"(?:^|{border})[ \"]*[-+]?\d+{point}\d+(?:[eE][-+]?\d+)?[ \"]*(?=$|{border})"
        return len(re.findall(number, rest, re.MULTILINE))

    return "," if numbers_with(",") > numbers_with(r"\.") else "."


def _parse(rest: str, names: list[str], delimiter: str, path: Path, targets: Sequence[str]) -> dict[str, Any]:
    import pyarrow
    from pyarrow import csv as arrow_csv

    wanted, numbers = [name for name in names if name in (*OTHERS, *targets)], ("time_s", *targets)
    if not rest.strip():
        return {name: [] for name in wanted}
    # Names stay text ("007" is not 7), numbers must be numbers; pyarrow names row and column when not.
    types = {name: pyarrow.float64() if name in numbers else pyarrow.string() for name in wanted}
    point = _decimal_point(rest, delimiter)
    unique = [name if names.index(name) == place else f"{name}.{place}" for place, name in enumerate(names)]
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(rest.encode("utf-8")),
            arrow_csv.ReadOptions(use_threads=False, column_names=unique),  # with threads pyarrow does not know the row
            arrow_csv.ParseOptions(delimiter=delimiter),
            arrow_csv.ConvertOptions(column_types=types, include_columns=wanted, decimal_point=point),
        )
    except (pyarrow.ArrowException, UnicodeEncodeError) as error:
        raise BadInput(f"{path}: {_in_words(error, names)}") from None
    return {name: table[name].to_numpy() if name in numbers else table[name].to_pylist() for name in wanted}


def _in_words(error: Exception, names: list[str]) -> str:
    """Return pyarrow's complaint on one line, with the column's name and without its own counting."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if found := re.search(r"column #(\d+): (?:Row #(\d+): )?CSV conversion error to \w+: invalid value '(.*)'", text):
        column, row, value = found.groups()
        return f"row {row}: {names[int(column)]} is {value[:60]!r}, not a number"
    if found := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", text):
        row, wanted, got = found.groups()
        return f"row {row}: {got} columns where the header names {wanted}"
    return text
