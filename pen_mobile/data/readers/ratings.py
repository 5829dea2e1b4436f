"""An unprepared recording: one person's pictures, still where they were found, and the ratings over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.table import ROLES, Role
from pen_mobile.errors import BadInput


@dataclass(frozen=True, eq=False)
class Recording:
    """T rated moments of one person, validated when made.

    Attributes:
        subject: who is seen.
        role: ``source`` or ``target``.
        video: the video whose presentation timestamps ``time_s`` are, or None.
        image_paths: one image file for each moment, or None; exactly one of the two is given.
        time_s: seconds, float64 ``[T]``, strictly increasing; with a video, since the start of its stream.
        affect: valence and arousal in [-1, 1], float32 ``[T, 2]``, always in this order.
        origin: the file that the ratings came from; errors name it.
        dropped: how many rated rows of the file are not here, by reason.
    """

    subject: str
    role: Role
    video: Path | None
    image_paths: list[Path] | None
    time_s: NDArray[np.float64]
    affect: NDArray[np.float32]
    origin: str
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_person()
        self._check_shapes()
        self._check_times()
        self._check_affect()

    def __len__(self) -> int:
        return len(self.time_s)

    def _check_person(self) -> None:
        if not self.subject:
            raise BadInput(f"{self.origin}: the subject has no name")
        if self.role not in ROLES:
            raise BadInput(f"{self.origin}: role {self.role!r} is not source or target")
        if (self.video is None) == (self.image_paths is None):
            raise BadInput(f"{self.origin}: a recording has either a video or image files")

    def _check_shapes(self) -> None:
        rows = len(self.time_s)
        if not rows:
            raise BadInput(f"{self.origin}: no rated moment is left")
        if self.time_s.shape != (rows,):
            raise BadInput(f"{self.origin}: times must be [T], not {list(self.time_s.shape)}")
        if self.affect.shape != (rows, 2):
            raise BadInput(f"{self.origin}: affect must be [{rows}, 2], not {list(self.affect.shape)}")
        if self.image_paths is not None and len(self.image_paths) != rows:
            raise BadInput(f"{self.origin}: {rows} ratings but {len(self.image_paths)} images")

    def _check_times(self) -> None:
        for row in np.flatnonzero(~np.isfinite(self.time_s))[:1]:
            raise BadInput(f"{self.origin}: row {row + 1}: time is {self.time_s[row]:g}; give seconds")
        for row in np.flatnonzero(np.diff(self.time_s) <= 0)[:1] + 1:
            raise BadInput(
                f"{self.origin}: row {row + 1}: time {self.time_s[row]:g} s does not come after "
                f"{self.time_s[row - 1]:g} s of the row before"
            )

    def _check_affect(self) -> None:
        for column, name in enumerate(("valence", "arousal")):
            values = self.affect[:, column]
            for row in np.flatnonzero(~(np.abs(values) <= 1))[:1]:
                raise BadInput(f"{self.origin}: row {row + 1}: {name} is {values[row]:g}; labels must lie in [-1, 1]")
