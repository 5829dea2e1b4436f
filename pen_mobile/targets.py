"""What a model estimates: targets by name, and the range of their labels."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pen_mobile.errors import BadInput

MAX_TARGETS = 8
TARGET_NAME = r"[a-z][a-z0-9_-]{0,31}"
DEFAULT_TARGETS = ("valence", "arousal")
DEFAULT_RANGE = (-1.0, 1.0)
_TAKEN = {"subject", "role", "time_s", "image", "feature", "z", "y"}


@dataclass(frozen=True)
class Targets:
    """Names of K targets, and the scale on which people label them.

    Heads, programs and stores work on the scale from -1 to 1, whatever the labels' own scale is: a label y stands for
    ``2 (y - low) / (high - low) - 1``.

    Attributes:
        names: of the targets, 1 to 8, in the order of every output and label.
        label_range: smallest and largest label of every target, on the labels' own scale.
    """

    names: tuple[str, ...] = DEFAULT_TARGETS
    label_range: tuple[float, float] = DEFAULT_RANGE

    def __post_init__(self) -> None:
        """Refuse names that cannot be columns, and a range that does not ascend."""
        if not 1 <= len(self.names) <= MAX_TARGETS:
            raise BadInput(f"{len(self.names)} targets are named; a model estimates 1 to {MAX_TARGETS}")
        for name in self.names:
            if not re.fullmatch(TARGET_NAME, name) or name in _TAKEN:
                raise BadInput(f"target {name!r}: give a letter, then up to 31 of a-z, 0-9, _ and -; no other column")
        if len(set(self.names)) < len(self.names):
            raise BadInput(f"targets {', '.join(self.names)}: two have one name")
        if not np.isfinite(self.label_range).all() or not self.label_range[0] < self.label_range[1]:
            raise BadInput(f"the range of labels {self.range_text} does not ascend; give it as 1,9")

    @classmethod
    def parse(cls, names: str | None, label_range: str | None) -> Targets | None:
        """Read options of the command line.

        Args:
            names: such as ``valence,arousal``; None is the default.
            label_range: such as ``1,9``; None is the default.

        Returns:
            None when neither was given.

        Raises:
            BadInput: a name or the range cannot be.
        """
        if names is None and label_range is None:
            return None
        own = DEFAULT_TARGETS if names is None else tuple(name.strip().lower() for name in names.split(","))
        return cls(own, DEFAULT_RANGE if label_range is None else _range(label_range))

    @property
    def is_default(self) -> bool:
        """True for valence and arousal from -1 to 1."""
        return self == Targets()

    @property
    def half_width(self) -> float:
        """Length on the labels' own scale of 1 on the scale from -1 to 1."""
        return (self.label_range[1] - self.label_range[0]) / 2

    @property
    def middle(self) -> float:
        """Middle of the range."""
        return sum(self.label_range) / 2

    @property
    def range_text(self) -> str:
        """The range for messages, such as ``[-1, 1]``."""
        return f"[{self.label_range[0]:g}, {self.label_range[1]:g}]"

    @property
    def text(self) -> str:
        """Names and range for messages, such as ``valence, arousal ([-1, 1])``."""
        return f"{', '.join(self.names)} ({self.range_text})"

    def to_unit(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return labels on the scale from -1 to 1, those of that scale bit by bit.

        Args:
            labels: on their own scale, float32.
        """
        if self.label_range == DEFAULT_RANGE:
            return labels
        return ((labels.astype(np.float64) - self.middle) / self.half_width).astype(np.float32)

    def to_labels(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values from the scale from -1 to 1 on the labels' own scale.

        Args:
            unit: float32.
        """
        if self.label_range == DEFAULT_RANGE:
            return unit
        return (unit.astype(np.float64) * self.half_width + self.middle).astype(np.float32)

    def outside(self, labels: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which labels lie outside of the range or are no numbers.

        Args:
            labels: on their own scale.
        """
        return ~((labels >= self.label_range[0]) & (labels <= self.label_range[1]))


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"--label-range {text}: give the smallest and the largest label, such as 1,9") from None
    return low, high


VALENCE_AROUSAL = Targets()
"""What a model estimates unless somebody says otherwise."""
