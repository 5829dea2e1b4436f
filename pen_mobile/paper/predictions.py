"""The estimates of every model of one cell, in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.types import Doubles, Floats
from pen_mobile.utils.files import replacing


@dataclass(frozen=True, eq=False)
class Predictions:
    """Estimates of every model of one cell for the test rows.

    Attributes:
        subject: person of each row, str ``[N]``; people in order of name, rows in order of time.
        time_s: seconds since the start of the recording, ``[N]``.
        affect: labels, ``[N, 2]``.
        estimates: ``model@share`` (see :func:`estimate_key`) -> estimates, ``[N, 2]``.
    """

    subject: NDArray[np.str_]
    time_s: Doubles
    affect: Floats
    estimates: dict[str, Floats]

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file, whole or not at all."""
        with replacing(path) as temporary, temporary.open("wb") as stream:
            columns: dict[str, Any] = {"subject": self.subject, "time_s": self.time_s, "affect": self.affect}
            columns |= self.estimates
            np.savez(stream, **columns)

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            values = dict(arrays)
        return cls(values.pop("subject"), values.pop("time_s"), values.pop("affect"), values)


def estimate_key(model: str, share: float) -> str:
    """Return the name of one model's estimates with one share of labels, such as ``s-PEN@0.05``."""
    return f"{model}@{share:g}"
