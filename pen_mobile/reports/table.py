"""The one model of a table that commands print and pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True)
class Table:
    """A table for people; columns of numbers are aligned to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


Part = Union[str, Table]  # noqa: UP007  evaluated at run time, on Python 3.10 too
"""What a command says to people: a line or a table."""


def invented(synthetic: bool) -> str:
    """Return what must stand beside every number about invented people."""
    return " (synthetic people: not comparable with real recordings)" if synthetic else ""
