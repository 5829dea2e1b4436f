"""The canonical table: subject, role, time, affect, and either a frame or a feature vector of each row."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.crop import Crop
from pen_mobile.data.frames import Frames
from pen_mobile.errors import BadInput
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.types import Doubles, Floats, Rows
from pen_mobile.utils.frames import pandas
from pen_mobile.utils.suggestions import choices
from pen_mobile.utils.text import counted

if TYPE_CHECKING:
    from pandas import DataFrame

Role = Literal["source", "target"]
ROLES: tuple[Role, Role] = ("source", "target")

Self = TypeVar("Self", bound="BaseTable")


@dataclass(frozen=True, eq=False)
class BaseTable(ABC):
    """N observations of subjects, validated when made: what both kinds of table share.

    Attributes:
        subject: name of each row's subject, str ``[N]``.
        role: ``source`` or ``target`` of each row, str ``[N]``; one role for each subject.
        time_s: seconds since the start of that subject's recording, float64 ``[N]``. Several rows of a subject at
            one instant stay in the order of the table.
        affect: labels within the range of the targets, on their own scale, float32 ``[N, K]``.
        origin: the file or generator of the rows; errors name it.
        synthetic: True for synthetic subjects; results must say so.
        targets: names of the K labels, and their range.
    """

    subject: NDArray[np.str_]
    role: NDArray[np.str_]
    time_s: Doubles
    affect: Floats
    _: KW_ONLY
    origin: str = "table"
    synthetic: bool = False
    targets: Targets = VALENCE_AROUSAL

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_roles()
        self._check_values()

    def __len__(self) -> int:
        return len(self.subject)

    def to_frame(self) -> DataFrame:
        """Return subject, role, time and labels of every row as a pandas data frame.

        Raises:
            BadInput: pandas is not installed.
        """
        columns = {"subject": self.subject, "role": self.role, "time_s": self.time_s}
        labels = {name: self.affect[:, column] for column, name in enumerate(self.targets.names)}
        return pandas().DataFrame(columns | labels)

    def subjects(self, role: Role | None = None) -> list[str]:
        """Return names of subjects, sorted.

        Args:
            role: only subjects of this role; None is both.
        """
        names = self.subject if role is None else self.subject[self.role == role]
        return [str(name) for name in np.unique(names)]

    def rows_of(self, subject: str) -> Rows:
        """Return the row numbers of one subject, in order of time.

        Args:
            subject: name.

        Raises:
            BadInput: the table has no subject of that name.
        """
        rows = np.flatnonzero(self.subject == subject)
        if not len(rows):
            raise BadInput(f"{self.origin}: no subject {subject!r}; {choices(subject, self.subjects())}")
        return rows[np.argsort(self.time_s[rows], kind="stable")]

    def __repr__(self) -> str:
        """Return kind, size and origin in one line."""
        people = counted(len(self.subjects()), "person", "people")
        return f"<{type(self).__name__}: {counted(len(self), 'row')} of {people}, {self.origin}>"

    def rows_with_role(self, role: Role) -> Rows:
        """Return the row numbers of every subject in a role.

        Args:
            role: source or target.
        """
        return np.flatnonzero(self.role == role)

    def take(self: Self, rows: Rows) -> Self:
        """Return the table of some rows only.

        Args:
            rows: row numbers.
        """
        return replace(
            self,
            subject=self.subject[rows],
            role=self.role[rows],
            time_s=self.time_s[rows],
            affect=self.affect[rows],
            **self._content_of(rows),
        )

    def on_unit_scale(self: Self) -> Self:
        """Return the table with labels on the scale from -1 to 1, on which heads work."""
        labels = self.targets.to_unit(self.affect)
        return self if labels is self.affect else replace(self, affect=labels, targets=Targets(self.targets.names))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every row: the data hash in results."""
        sha = hashlib.sha256()
        for column in (self.subject, self.role):
            sha.update("\n".join(column.tolist()).encode())
        sha.update(np.ascontiguousarray(self.time_s).tobytes())
        sha.update(np.ascontiguousarray(self.affect).tobytes())
        if not self.targets.is_default:
            sha.update(repr(self.targets).encode())
        sha.update(self._content_bytes())
        return sha.hexdigest()

    @abstractmethod
    def content(self, rows: Rows) -> NDArray[Any]:
        """Return frames or features of some rows, one array for each row.

        Args:
            rows: row numbers.
        """

    @abstractmethod
    def _content_of(self, rows: Rows) -> dict[str, Any]:
        """Return the fields of the subclass for these rows only."""

    @abstractmethod
    def _content_bytes(self) -> Any:
        """Return what the content adds to the digest, bytes or a buffer."""

    @abstractmethod
    def _content_length(self) -> int:
        """Return how many frames or feature vectors there are."""

    def _check_shapes(self) -> None:
        rows = len(self.subject)
        if not rows:
            raise BadInput(f"{self.origin}: the table has no rows")
        count = len(self.targets.names)
        if self.affect.shape != (rows, count):
            raise BadInput(f"{self.origin}: affect must be [{rows}, {count}], not {list(self.affect.shape)}")
        counts = {"role": len(self.role), "time_s": len(self.time_s), "content": self._content_length()}
        for name, count in counts.items():
            if count != rows:
                raise BadInput(f"{self.origin}: {rows} subjects but {count} values of {name}")

    def _check_roles(self) -> None:
        for row in np.flatnonzero(~np.isin(self.role, ROLES))[:1]:
            raise BadInput(f"{self.origin}: row {row + 1}: role {str(self.role[row])!r} is not source or target")
        both = set(self.subjects("source")) & set(self.subjects("target"))
        if both:
            raise BadInput(f"{self.origin}: subject {min(both)!r} is both source and target; give it one role")

    def _check_values(self) -> None:
        for values, name in zip(self.affect.T, self.targets.names, strict=True):
            for row in np.flatnonzero(self.targets.outside(values))[:1]:
                raise BadInput(
                    f"{self.origin}: row {row + 1}: {name} is {values[row]:g}; labels must lie in "
                    f"{self.targets.range_text} (drop the row, or declare their range with --label-range)"
                )
        for row in np.flatnonzero(~np.isfinite(self.time_s))[:1]:
            raise BadInput(f"{self.origin}: row {row + 1}: time_s is {self.time_s[row]:g}; give seconds")


@dataclass(frozen=True, eq=False, repr=False)
class FrameTable(BaseTable):
    """A table with an aligned face crop in each row.

    Attributes:
        frames: N aligned face crops.
        crop: how the frames were cut out, when known; it travels into bundles, whose phones must do the same.
    """

    frames: Frames
    _: KW_ONLY
    crop: Crop | None = None

    def content(self, rows: Rows) -> NDArray[Any]:
        """Return frames, uint8 RGB ``[B, S, S, 3]``.

        Args:
            rows: row numbers.
        """
        return self.frames.read(rows)

    def _content_of(self, rows: Rows) -> dict[str, Any]:
        return {"frames": self.frames.take(rows)}

    def _content_bytes(self) -> bytes:
        return self.frames.digest.encode()

    def _content_length(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, eq=False, repr=False)
class FeatureTable(BaseTable):
    """A table with a feature vector in each row.

    Attributes:
        features: backbone outputs z, float32 ``[N, D_z]``.
    """

    features: Floats

    def content(self, rows: Rows) -> NDArray[Any]:
        """Return feature vectors, float32 ``[B, D_z]``.

        Args:
            rows: row numbers.
        """
        return self.features[rows]

    def _content_of(self, rows: Rows) -> dict[str, Any]:
        return {"features": self.features[rows]}

    def _content_bytes(self) -> Any:
        return np.ascontiguousarray(self.features).data

    def _content_length(self) -> int:
        return len(self.features)

    def _check_shapes(self) -> None:
        if self.features.ndim != 2:
            raise BadInput(f"{self.origin}: features must be [N, D_z], not {list(self.features.shape)}")
        super()._check_shapes()

    def _check_values(self) -> None:
        super()._check_values()
        for row in np.flatnonzero(~np.isfinite(self.features).all(axis=1))[:1]:
            raise BadInput(f"{self.origin}: row {row + 1}: the feature vector holds NaN or infinity")


SubjectTable = FrameTable | FeatureTable
"""A table of either kind; ``isinstance`` tells which."""
