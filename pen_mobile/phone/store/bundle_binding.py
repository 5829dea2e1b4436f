"""What a store notes of its bundle, to know it again."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pen_mobile.errors import BadInput
from pen_mobile.targets import DEFAULT_TARGETS, MAX_TARGETS, TARGET_NAME
from pen_mobile.utils.strict_json import parse_strictly

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TARGET = re.compile(TARGET_NAME)

Row = dict[str, Any]


@dataclass(frozen=True)
class BundleBinding:
    """What a store notes of its bundle.

    Attributes:
        backbone: identity of the backbone; features of another one mean nothing here.
        feature_size: D_z.
        head_bytes: size of the head's parameters; None: not known.
        head: SHA-256 of the parameters that the bundle ships.
        program: SHA-256 of the backbone's program, by which older releases knew a backbone.
        targets: names of what is estimated, in the order of every label; 1 to 8.
        model: name of the model; empty: none.
        serial: number of the bundle among those of its model; a store takes no lower one than it has seen.
    """

    backbone: str
    feature_size: int
    head_bytes: int | None
    head: str | None = None
    program: str | None = None
    targets: tuple[str, ...] = DEFAULT_TARGETS
    model: str = ""
    serial: int = 0

    def understands(self, row: Row) -> bool:
        """Return whether features in a store are this backbone's, and its labels of these targets.

        Args:
            row: columns of the store's binding.
        """
        return self.has_backbone_of(row) and targets_of(row) == self.targets

    def has_backbone_of(self, row: Row) -> bool:
        """Return whether features in a store are this backbone's.

        Args:
            row: columns of the store's binding.
        """
        return row["backbone"] in (self.backbone, self.program) and row["feature_size"] == self.feature_size

    def is_in(self, row: Row) -> bool:
        """Return whether a store belongs to this very bundle.

        Args:
            row: columns of the store's binding.
        """
        return all(row[name] == value for name, value in self.columns.items())

    @property
    def columns(self) -> Row:
        """Columns of the store's binding, by name."""
        return {
            "backbone": self.backbone,
            "feature_size": self.feature_size,
            "targets": json.dumps(self.targets),
            "head_bytes": self.head_bytes,
            "head": self.head,
            "model": self.model,
            "serial": self.serial,
        }


def targets_of(row: Row) -> tuple[str, ...]:
    """Return the names of a store's targets, in the order of its labels.

    Args:
        row: columns of the store's binding; stores of the first releases had none but the default targets.
    """
    return tuple(json.loads(row["targets"])) if "targets" in row else DEFAULT_TARGETS


def check_binding(path: Path, row: Row) -> None:
    """Check the values of a store's binding.

    Args:
        path: of the store, for messages.
        row: columns of the store's binding.

    Raises:
        BadInput: a value is of another type or out of its range.
    """
    sizes = [row["feature_size"], row["generation"]] + ([] if row["head_bytes"] is None else [row["head_bytes"]])
    names = [row["store_id"], row["backbone"], row["model"]]
    sane = (
        all(type(size) is int and 0 < size < 1 << 40 for size in sizes)
        and type(row["serial"]) is int
        and all(isinstance(name, str) and len(name) <= 200 and name.isprintable() for name in names)
        and (row["head"] is None or (isinstance(row["head"], str) and _SHA256.fullmatch(row["head"])))
        and _are_targets(row["targets"])
    )
    if not sane:
        raise BadInput(
            f"{path}: the store is damaged: what it says of its bundle makes no sense; nothing was changed. "
            "Put a copy back, or move it away and start anew"
        )


def other_samples(path: Path, row: Row, binding: BundleBinding) -> BadInput:
    """Return the refusal of a store whose samples mean nothing to a bundle."""
    way_on = "give another --store, or 'pen-mobile phone rebase' deletes them and keeps the history"
    if binding.has_backbone_of(row):
        theirs, ours = (", ".join(names) for names in (targets_of(row), binding.targets))
        return BadInput(f"{path} holds labels of {theirs}; this bundle's targets are {ours}; {way_on}")
    return BadInput(
        f"{path} was made with another backbone ({row['backbone'][:12]}, {row['feature_size']} features; this "
        f"bundle's is {binding.backbone[:12]}, {binding.feature_size}), to which its features mean nothing; {way_on}"
    )


def _are_targets(text: object) -> bool:
    try:
        names = parse_strictly(text) if isinstance(text, str) else None
    except ValueError:
        return False
    return (
        isinstance(names, list)
        and 1 <= len(names) <= MAX_TARGETS
        and all(isinstance(name, str) and _TARGET.fullmatch(name) for name in names)
        and len(set(names)) == len(names)
    )
