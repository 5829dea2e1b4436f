"""An unprepared recording: the images of one subject, still where they were found, and the ratings over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pen_mobile.data.images import ImageSource
from pen_mobile.data.table import ROLES, Role
from pen_mobile.errors import BadInput
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.types import Doubles, Floats


@dataclass(frozen=True, eq=False)
class Recording:
    """T rated moments of one subject, validated when made.

    Attributes:
        subject: name of the person.
        role: ``source`` or ``target``.
        images: a video, whose presentation timestamps ``time_s`` are, or one image for each moment.
        time_s: seconds, float64 ``[T]``, never decreasing; with a video, since the start of its stream.
        affect: labels within the range of the targets, float32 ``[T, K]``.
        origin: the file that the ratings came from; errors name it.
        dropped: how many rated rows of the file are not here, by reason.
        targets: names of the K labels, and their range.
    """

    subject: str
    role: Role
    images: Path | Sequence[ImageSource]
    time_s: Doubles
    affect: Floats
    origin: str
    dropped: Mapping[str, int] = field(default_factory=dict)
    targets: Targets = VALENCE_AROUSAL

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

    def _check_shapes(self) -> None:
        rows = len(self.time_s)
        if not rows:
            raise BadInput(f"{self.origin}: no rated moment is left")
        if self.time_s.shape != (rows,):
            raise BadInput(f"{self.origin}: times must be [T], not {list(self.time_s.shape)}")
        count = len(self.targets.names)
        if self.affect.shape != (rows, count):
            raise BadInput(f"{self.origin}: affect must be [{rows}, {count}], not {list(self.affect.shape)}")
        if not isinstance(self.images, Path) and len(self.images) != rows:
            raise BadInput(f"{self.origin}: {rows} ratings but {len(self.images)} images")

    def _check_times(self) -> None:
        for row in np.flatnonzero(~np.isfinite(self.time_s))[:1]:
            raise BadInput(f"{self.origin}: row {row + 1}: time is {self.time_s[row]:g}; give seconds")
        for row in np.flatnonzero(np.diff(self.time_s) < 0)[:1] + 1:
            raise BadInput(
                f"{self.origin}: row {row + 1}: time {self.time_s[row]:g} s comes before "
                f"{self.time_s[row - 1]:g} s of the row before"
            )

    def _check_affect(self) -> None:
        for values, name in zip(self.affect.T, self.targets.names, strict=True):
            for row in np.flatnonzero(self.targets.outside(values))[:1]:
                allowed = f"labels must lie in {self.targets.range_text}"
                raise BadInput(f"{self.origin}: row {row + 1}: {name} is {values[row]:g}; {allowed}")
