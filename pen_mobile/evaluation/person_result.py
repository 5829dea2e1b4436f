"""Results of a personalization: one person, and everybody."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from pen_mobile.evaluation.verdict import agreement_table, headline, people_table, person_sentence
from pen_mobile.metrics import Agreement
from pen_mobile.phone.adaptation.result import AdaptationResult
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.types import Doubles, Floats, Rows
from pen_mobile.utils.frames import Tabular
from pen_mobile.utils.plain import Result, to_plain
from pen_mobile.utils.readable import Readable
from pen_mobile.utils.table import Part, invented


@dataclass(frozen=True)
class Trace:
    """The test part of one recording.

    Attributes:
        time_s: seconds, ``[T]``.
        affect: labels on the scale from -1 to 1, ``[T, K]``, as all that follow.
        before: estimates with the shipped head, ``[T, K]``.
        after: estimates with the adapted head, ``[T, K]``.
        own_mean: the mean of the labels that this subject gave, repeated, ``[T, K]``: a baseline without a model.
    """

    time_s: Doubles
    affect: Floats
    before: Floats
    after: Floats
    own_mean: Floats

    def of_rows(self, rows: Rows) -> Trace:
        """Return some of the moments.

        Args:
            rows: their numbers.
        """
        return Trace(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, repr=False)
class PersonResult(Readable, Result):
    """One subject before and after adaptation.

    Attributes:
        subject: the name.
        adaptation: the result on the phone.
        before: agreement of the shipped head with the labels of the test part.
        after: agreement of the head in use after the adaptation.
        own_mean: agreement of always answering the mean of the labels that the subject gave.
        gate_before: mean weight of every expert over the test part, ``[n_s]``.
        gate_after: the same with the head in use after the adaptation.
        trace: the test part itself; not in :meth:`to_dict`.
        labels_given: how many labelled moments the subject gave.
        synthetic: whether the subject is invented.
        targets: names and range of the labels.
    """

    subject: str
    adaptation: AdaptationResult
    before: Agreement
    after: Agreement
    own_mean: Agreement
    gate_before: Floats
    gate_after: Floats
    trace: Trace = field(repr=False)
    labels_given: int
    synthetic: bool
    targets: Targets = field(default=VALENCE_AROUSAL, repr=False)

    def as_parts(self) -> list[Part]:
        """Return the verdict, and CCC and RMSE before and after."""
        return [f"{self.subject}: {person_sentence(self)}", agreement_table(self)]


@dataclass(frozen=True, repr=False)
class Personalization(Tabular, Readable):
    """The results of all subjects, one by one and pooled over the concatenated test parts.

    Attributes:
        people: one result a subject.
        before: agreement of the shipped head over the concatenated test parts.
        after: agreement of the heads in use after the adaptation.
        own_mean: agreement of always answering each person's own mean.
        synthetic: whether the people are invented.
        targets: names and range of the labels.
    """

    rows_key = "people"

    people: list[PersonResult]
    before: Agreement
    after: Agreement
    own_mean: Agreement
    synthetic: bool
    targets: Targets = VALENCE_AROUSAL

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers (without traces) as plain values."""
        pooled = {"before": self.before, "after": self.after, "own_mean": self.own_mean}
        return {
            "synthetic": self.synthetic,
            "pooled": to_plain(pooled),
            "people": [person.to_dict() for person in self.people],
        }

    def as_parts(self) -> list[Part]:
        """Return the verdict, CCC and RMSE of every person before and after, and a sentence about each."""
        sentences = [f"{person.subject}: {person_sentence(person)}" for person in self.people]
        return [headline(self) + invented(self.synthetic), people_table(self), *sentences]
