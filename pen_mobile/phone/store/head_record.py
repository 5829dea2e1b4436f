"""What a store keeps about one attempt to adapt, besides its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["active", "superseded", "rejected"]
"""Whether a head is in use, was in use, or never came into use."""


@dataclass(frozen=True)
class HeadRecord:
    """One attempt to adapt, as it is kept.

    Attributes:
        version: 1 and up.
        parent: the version that was in use; None is the bundle's initial head.
        status: whether it is in use, was, or never came into use.
        strategy: how it was trained.
        metrics: what was measured.
        created_at: Unix seconds.
        size: bytes of the parameters; None: they are not kept.
    """

    version: int
    parent: int | None
    status: Status
    strategy: str | None
    metrics: dict[str, Any]
    created_at: float
    size: int | None

    @property
    def place(self) -> tuple[str, int, int | None, Status]:
        """What the record is bound to."""
        return "head_version", self.version, self.parent, self.status


def shown(head: HeadRecord) -> dict[str, Any]:
    """Return an attempt as people and JSON documents see it.

    Args:
        head: of the store.
    """
    return {
        "version": head.version,
        "parent": head.parent,
        "status": head.status,
        "created_at": head.created_at,
        "strategy": head.strategy,
        "kept": head.size is not None,
    } | head.metrics


def version_words(version: int | None) -> str:
    """Return how messages call a head.

    Args:
        version: of the head; None is the bundle's initial head.
    """
    return "the bundle's initial head" if version is None else f"version {version}"
