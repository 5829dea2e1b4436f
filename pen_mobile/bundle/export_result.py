"""The result of an export, for people, for machines, and for the next export."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pen_mobile.bundle.verification import Verification
from pen_mobile.contract.evidence import QuantizationPart
from pen_mobile.utils.plain import Result
from pen_mobile.utils.readable import Readable
from pen_mobile.utils.table import Part, Table
from pen_mobile.utils.text import counted, file_size


@dataclass(repr=False)
class ExportResult(Result, Readable):
    """The result of an export.

    Attributes:
        verification: the proof, from the real runtime.
        bytes: size of every file of the bundle.
        seconds: time spent in every stage.
        outside_delegate: per method, operators that the delegate did not take.
        quantization: how the backbone came to int8 and everything that was tried; None when it did not.
        again: True for a copy of what an earlier export made and proved.
        path: where the bundle stands.
        notes: settings that the recipe decided against the run, and cautions about the model.
    """

    verification: Verification
    bytes: dict[str, int]
    seconds: dict[str, float] = field(default_factory=dict)
    outside_delegate: dict[str, list[str]] = field(default_factory=dict)
    quantization: QuantizationPart | None = None
    again: bool = False
    path: str = ""
    notes: list[str] = field(default_factory=list)

    def as_parts(self) -> list[Part]:
        """Return the size of the bundle, its files, how it came to int8, and the verification."""
        done = "exported again, as it was verified before" if self.again else "exported and verified"
        size = f"{file_size(sum(self.bytes.values()))} in {counted(len(self.bytes), 'file')}"
        files = Table(("file", "size"), [(name, file_size(count)) for name, count in self.bytes.items()])
        return [
            f"{self.path or 'bundle'}: {done} in {sum(self.seconds.values()):.1f} s: {size}",
            files,
            *_int8_parts(self.quantization),
            *self.notes,
            *self.verification.as_parts(),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return super().to_dict() | {"verification": self.verification.to_dict()}


def _int8_parts(part: QuantizationPart | None) -> list[Part]:
    if part is None:
        return []
    rows = [
        (", ".join(trial.float_blocks) or "nothing", f"{trial.ccc_loss:.4f}", f"{trial.cosine:.4f}")
        for trial in part.tried
    ]
    return [Table(("tried: stays in float", f"CCC loss (at most {part.max_ccc_loss:g})", "cosine"), rows)]


def sizes_of(folder: Path) -> dict[str, int]:
    """Return the size of every file of a bundle."""
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
