"""What others reported on RECOLA, as data: never measured by this project, and to be shown apart from what is.

Every number is a CCC on real people of RECOLA as used in AVEC 2016 (9 training, 9 development, 9 test recordings).
They differ in what they were measured on, and the paper itself says of its Table 2 that its rows "may not directly
be comparable because of possibly different evaluation settings".
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

DATASET = "RECOLA (AVEC 2016), real people"

PAPER_URL = "https://doi.org/10.1007/978-3-319-96133-0_24"
END2YOU_URL = "https://arxiv.org/abs/1802.01115"
AVEC_2016_URL = "https://arxiv.org/abs/1605.01600"

Partition = Literal["dev", "dev, half of each recording", "test"]
"""Which people: the development people, a random half of their frames, or the test people."""


@dataclass(frozen=True)
class PublishedResult:
    """One row of somebody's table.

    Attributes:
        model: as the source calls it.
        valence, arousal: CCC.
        measured_on: which people and how much of them.
        reported_in: the table that was read.
        url: where it is, or where its numbers come from.
        note: what a reader should know before comparing.
        dataset: always RECOLA.
        kind: always ``published``, so that a report cannot take it for a measurement.
    """

    model: str
    valence: float
    arousal: float
    measured_on: Partition
    reported_in: str
    url: str
    note: str = ""
    dataset: str = DATASET
    kind: Literal["published"] = "published"

    @property
    def printed_average(self) -> str:
        """Mean CCC as the paper prints it: two digits, halves rounded up."""
        halves = round(100 * self.valence) + round(100 * self.arousal)
        return f"{(halves + halves % 2) / 200:.2f}"

    @property
    def average(self) -> float:
        """Mean CCC of the two dimensions."""
        return (self.valence + self.arousal) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return the row for a JSON document."""
        return asdict(self)


_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)


def _row(*values: float) -> tuple[tuple[float, float], ...]:
    """Return (share, CCC); what was not adapted to nothing begins with 5 %."""
    return tuple(zip(_SHARES[-len(values) :], values, strict=True))


TABLE_1: dict[str, dict[str, tuple[tuple[float, float], ...]]] = {
    "valence": {
        "s-SN": _row(0.72, 0.80, 0.80, 0.82, 0.82, 0.82),
        "s-PEN": _row(0.71, 0.80, 0.82, 0.84, 0.85, 0.86),
        "t-SN": _row(0.71, 0.77, 0.8, 0.81, 0.82),
        "t-PEN": _row(0.75, 0.79, 0.81, 0.82, 0.83),
    },
    "arousal": {
        "s-SN": _row(0.66, 0.79, 0.80, 0.81, 0.82, 0.82),
        "s-PEN": _row(0.65, 0.79, 0.81, 0.83, 0.84, 0.85),
        "t-SN": _row(0.73, 0.77, 0.79, 0.81, 0.81),
        "t-PEN": _row(0.76, 0.79, 0.8, 0.81, 0.82),
    },
}
"""The paper's Table 1: dimension -> model -> (share of the labels, CCC); real people of RECOLA."""

_TABLE_2 = "Table 2 of the paper"

TABLE_2: tuple[PublishedResult, ...] = (
    PublishedResult(
        "s-PEN, 0 % of the target people's frames", 0.71, 0.65, "dev, half of each recording", _TABLE_2, PAPER_URL
    ),
    PublishedResult(
        "s-PEN, 5 % of the target people's frames",
        0.80,
        0.79,
        "dev, half of each recording",
        _TABLE_2,
        PAPER_URL,
        "adapted with frames drawn at random among those it is tested on; neighbouring frames are nearly copies",
    ),
    PublishedResult(
        "End2You", 0.58, 0.41, "dev", _TABLE_2, END2YOU_URL, "quoted by the paper as of 'the same target subjects'"
    ),
    PublishedResult(
        "AVEC 2016 baseline",
        0.61,
        0.38,
        "dev",
        _TABLE_2,
        AVEC_2016_URL,
        "the face-geometry row of AVEC_2016_BASELINE, rounded; tuned on the people it is scored on",
    ),
)
"""The paper's Table 2, in its order."""


def _baseline(features: str, partition: Partition, valence: float, arousal: float) -> PublishedResult:
    note = "complexity, window and post-processing were tuned on these people" if partition == "dev" else ""
    model, source = f"AVEC 2016 baseline, {features}", "AVEC 2016 baseline paper"
    return PublishedResult(model, valence, arousal, partition, source, AVEC_2016_URL, note)


AVEC_2016_BASELINE: tuple[PublishedResult, ...] = (
    _baseline("face appearance", "dev", valence=0.474, arousal=0.483),
    _baseline("face appearance", "test", valence=0.486, arousal=0.343),
    _baseline("face geometry", "dev", valence=0.612, arousal=0.379),
    _baseline("face geometry", "test", valence=0.507, arousal=0.272),
)
"""The video rows of the AVEC 2016 baseline: linear SVR, then median filter, centring, scaling."""
