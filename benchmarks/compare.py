"""Did anything get worse between two results of one benchmark?

Rows are matched by what identifies them: text and whole numbers. What is measured, spreads and fractions, is compared.
A change counts when the quartiles (or intervals) of both do not touch and the middle moved by more than the tolerance.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

_MORE_IS_BETTER = re.compile(r"/s\b|^CCC(?! loss)|cosine|of the limit")
_WORSE = {"worse", "gone"}

Identity = tuple[tuple[str, Any], ...]


class Unreadable(Exception):
    """A file that is no result, or two that cannot be compared."""


class Spread(NamedTuple):
    """A measured value: its middle, and how far it scatters; a single number does not scatter."""

    middle: float
    lower: float
    upper: float

    @classmethod
    def of(cls, value: Any) -> Spread | None:
        """Read a cell; None when nothing was measured."""
        if isinstance(value, dict):
            return cls(float(value.get("median", value.get("mean", math.nan))), value["lower"], value["upper"])
        return cls(value, value, value) if isinstance(value, float) else None

    def touches(self, other: Spread) -> bool:
        """Say whether both scatter over a common value."""
        return self.lower <= other.upper and other.lower <= self.upper


class Change(NamedTuple):
    """What happened to one measured column of one row; a side is None where nothing was measured."""

    row: Identity
    column: str
    old: Spread | None
    new: Spread | None
    verdict: str

    def line(self) -> str:
        """Return it for people."""
        row = ", ".join(str(value) for _, value in self.row)
        sides = " -> ".join("nothing" if side is None else f"{side.middle:g}" for side in (self.old, self.new))
        percent = ""
        if self.old and self.new and self.old.middle:
            percent = f" ({100 * (self.new.middle / self.old.middle - 1):+.0f} %)"
        return f"{self.verdict:7} {row} | {self.column}: {sides}{percent}"


def read(path: Path) -> dict[str, Any]:
    """Read one result.

    Raises:
        Unreadable: it is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Unreadable(f"{path}: not readable as JSON: {error}") from None
    rows = document.get("rows") if isinstance(document, dict) else None
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise Unreadable(f"{path}: not a benchmark's result: it has no rows")
    return document


def compare(old: dict[str, Any], new: dict[str, Any], tolerance: float) -> list[Change]:
    """Return what happened to everything that was measured.

    Args:
        old, new: results of the same benchmark.
        tolerance: share by which a middle may move.

    Raises:
        Unreadable: they answer different questions, or rows of one cannot be told apart.
    """
    if old.get("question") != new.get("question"):
        raise Unreadable(f"they answer different questions: {old.get('question')!r} and {new.get('question')!r}")
    measured = {column for result in (old, new) for row in result["rows"] for column in _measured(row)}
    before, after = by_identity(old, measured), by_identity(new, measured)
    return [
        change
        for row in dict.fromkeys([*before, *after])
        for change in _row_changes(row, before.get(row, {}), after.get(row, {}), tolerance)
    ]


def by_identity(result: dict[str, Any], measured: set[str]) -> dict[Identity, dict[str, Spread]]:
    """Return the measured columns of every row, by what identifies the row."""
    rows: dict[Identity, dict[str, Spread]] = {}
    for row in result["rows"]:
        identity = tuple((column, value) for column, value in row.items() if column not in measured)
        if identity in rows:
            raise Unreadable(f"two rows are both {', '.join(str(value) for _, value in identity)}")
        spreads = {column: Spread.of(row[column]) for column in measured & row.keys()}
        rows[identity] = {column: spread for column, spread in spreads.items() if spread is not None}
    return rows


def _measured(row: dict[str, Any]) -> Iterator[str]:
    for column, value in row.items():
        try:
            spread = Spread.of(value)
        except (KeyError, TypeError, ValueError):
            raise Unreadable(
                f"column {column!r}: {value!r} is no spread: it needs median or mean, lower, upper"
            ) from None
        if spread is not None:
            if not all(math.isfinite(part) for part in spread):
                raise Unreadable(f"column {column!r}: {value!r} is not finite")
            yield column


def _row_changes(row: Identity, old: dict[str, Spread], new: dict[str, Spread], tolerance: float) -> Iterator[Change]:
    for column in dict.fromkeys([*old, *new]):
        before, after = old.get(column), new.get(column)
        yield Change(row, column, before, after, verdict(column, before, after, tolerance))


def verdict(column: str, old: Spread | None, new: Spread | None, tolerance: float) -> str:
    """Say whether a column got worse, better, stayed as it was, is gone, or is new."""
    if old is None or new is None:
        return "new" if old is None else "gone"
    moved = abs(new.middle - old.middle)
    if old.touches(new) or moved <= tolerance * abs(old.middle):
        return "same"
    more = new.middle > old.middle
    return "better" if more == bool(_MORE_IS_BETTER.search(column)) else "worse"


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--tolerance", default=5.0, show_default=True, help="Per cent by which a middle may move.")
@click.option("--all", "everything", is_flag=True, help="Show what stayed the same, too.")
def main(old: Path, new: Path, tolerance: float, everything: bool) -> None:
    """Compare results NEW with OLD; ends with 1 when anything is worse or gone, with 2 when they cannot be compared."""
    try:
        before, after = read(old), read(new)
        changes = compare(before, after, tolerance / 100)
    except Unreadable as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    if before.get("machine") != after.get("machine"):
        click.echo(f"other machine ({before.get('machine')} -> {after.get('machine')}): trust the ratios only")
    for change in changes:
        if everything or change.verdict != "same":
            click.echo(change.line())
    counts = {name: sum(change.verdict == name for change in changes) for name in ("worse", "gone", "better", "same")}
    click.echo(", ".join(f"{count} {name}" for name, count in counts.items()))
    sys.exit(int(any(change.verdict in _WORSE for change in changes)))


if __name__ == "__main__":
    main()
