"""The canonical table: who, in which role, when, what was seen, what was felt."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.faces import CropRecipe
from pen_mobile.data.images import Frames
from pen_mobile.errors import BadInput
from pen_mobile.types import Rows

Role = Literal["source", "target"]
ROLES: tuple[Role, Role] = ("source", "target")


@dataclass(frozen=True, eq=False)
class SubjectTable:
    """N observations of people, validated when made.

    Attributes:
        subject: person of each row, str ``[N]``.
        role: ``source`` or ``target`` of each row, str ``[N]``; one role per person.
        time_s: seconds since the start of that person's recording, float64 ``[N]``.
        affect: valence and arousal in [-1, 1], float32 ``[N, 2]``, always in this order.
        frames: aligned face crops, or None for a table of features.
        features: backbone outputs z, float32 ``[N, D_z]``, or None for a table of frames.
        origin: the file or generator the rows came from; errors name it.
        synthetic: True for invented people; results must say so.
        crop: how the frames were cut out, when known; it travels into bundles, whose phones must do the same.
    """

    subject: NDArray[np.str_]
    role: NDArray[np.str_]
    time_s: NDArray[np.float64]
    affect: NDArray[np.float32]
    frames: Frames | None = None
    features: NDArray[np.float32] | None = None
    origin: str = "table"
    synthetic: bool = False
    crop: CropRecipe | None = None

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_roles()
        self._check_values()

    def __len__(self) -> int:
        return len(self.subject)

    def subjects(self, role: Role | None = None) -> list[str]:
        """Return the people of ``role`` (of both when None), sorted by name."""
        names = self.subject if role is None else self.subject[self.role == role]
        return [str(name) for name in np.unique(names)]

    def rows_of(self, subject: str) -> Rows:
        """Return the row numbers of one person, in order of time.

        Raises:
            BadInput: nobody of that name is in the table.
        """
        rows = np.flatnonzero(self.subject == subject)
        if not len(rows):
            known = ", ".join(self.subjects()[:12])
            raise BadInput(f"{self.origin}: no subject {subject!r}; there are {known}")
        return rows[np.argsort(self.time_s[rows], kind="stable")]

    def rows_with_role(self, role: Role) -> Rows:
        """Return the row numbers of everyone in ``role``."""
        return np.flatnonzero(self.role == role)

    def take(self, rows: Rows) -> SubjectTable:
        """Return the table of these rows only."""
        return replace(
            self,
            subject=self.subject[rows],
            role=self.role[rows],
            time_s=self.time_s[rows],
            affect=self.affect[rows],
            frames=None if self.frames is None else self.frames.take(rows),
            features=None if self.features is None else self.features[rows],
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every row: the data hash that results carry."""
        sha = hashlib.sha256()
        for column in (self.subject, self.role):
            sha.update("\n".join(column.tolist()).encode())
        sha.update(np.ascontiguousarray(self.time_s).tobytes())
        sha.update(np.ascontiguousarray(self.affect).tobytes())
        if self.frames is not None:
            sha.update(self.frames.digest.encode())
        if self.features is not None:
            sha.update(np.ascontiguousarray(self.features).data)
        return sha.hexdigest()

    def _check_shapes(self) -> None:
        rows = len(self.subject)
        if not rows:
            raise BadInput(f"{self.origin}: the table has no rows")
        if (self.frames is None) == (self.features is None):
            raise BadInput(f"{self.origin}: a table holds either frames or features")
        if self.features is not None and self.features.ndim != 2:
            raise BadInput(f"{self.origin}: features must be [N, D_z], not {list(self.features.shape)}")
        if self.affect.shape != (rows, 2):
            raise BadInput(f"{self.origin}: affect must be [{rows}, 2], not {list(self.affect.shape)}")
        content = self.frames if self.frames is not None else self.features
        assert content is not None
        for name, column in (("role", self.role), ("time_s", self.time_s), ("content", content)):
            if len(column) != rows:
                raise BadInput(f"{self.origin}: {rows} subjects but {len(column)} values of {name}")

    def _check_roles(self) -> None:
        for row in np.flatnonzero(~np.isin(self.role, ROLES))[:1]:
            raise BadInput(f"{self.origin}: row {row + 1}: role {str(self.role[row])!r} is not source or target")
        both = set(self.subjects("source")) & set(self.subjects("target"))
        if both:
            raise BadInput(f"{self.origin}: subject {min(both)!r} is both source and target; give it one role")

    def _check_values(self) -> None:
        for column, name in enumerate(("valence", "arousal")):
            values = self.affect[:, column]
            for row in np.flatnonzero(~(np.abs(values) <= 1))[:1]:
                raise BadInput(
                    f"{self.origin}: row {row + 1}: {name} is {values[row]:g}; labels must lie in [-1, 1] "
                    "(rescale them or drop the row)"
                )
        for row in np.flatnonzero(~np.isfinite(self.time_s))[:1]:
            raise BadInput(f"{self.origin}: row {row + 1}: time_s is {self.time_s[row]:g}; give seconds")
        if self.features is not None:
            for row in np.flatnonzero(~np.isfinite(self.features).all(axis=1))[:1]:
                raise BadInput(f"{self.origin}: row {row + 1}: the feature vector holds NaN or infinity")
        order = np.lexsort((self.time_s, self.subject))
        same = (self.subject[order][1:] == self.subject[order][:-1]) & (np.diff(self.time_s[order]) == 0)
        for place in np.flatnonzero(same)[:1]:
            first, second = sorted(order[place : place + 2] + 1)
            raise BadInput(
                f"{self.origin}: rows {first} and {second} are both subject "
                f"{str(self.subject[first - 1])!r} at {self.time_s[first - 1]:g} s; keep one"
            )
