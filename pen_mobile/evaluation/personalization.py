"""Before and after: every target person gets a phone, gives a few labels, and is tested on time not yet seen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.adaptation_splits import adaptation_split
from pen_mobile.data.table import FeatureTable, SubjectTable
from pen_mobile.metrics import Agreement, agreement
from pen_mobile.phone.adaptation.adapt import AdaptationResult
from pen_mobile.phone.phone import Phone
from pen_mobile.types import Floats, Rows
from pen_mobile.utils.progress import SILENT, Progress


@dataclass(frozen=True)
class Trace:
    """The test time of one person.

    Attributes:
        time_s: seconds, ``[T]``.
        affect: what the person felt, ``[T, 2]``.
        before, after: what the phone said with the shipped and with the adapted head, ``[T, 2]``.
        own_mean: the mean of the labels this person gave, repeated, ``[T, 2]``: what knowing only
            *who* it is achieves.
    """

    time_s: NDArray[np.float64]
    affect: Floats
    before: Floats
    after: Floats
    own_mean: Floats


@dataclass(frozen=True)
class PersonResult:
    """One person before and after adaptation.

    Attributes:
        subject: who.
        adaptation: what the phone did with the labels, and whether it accepted.
        before, after, own_mean: agreement with the labels of the test time.
        gate_before, gate_after: mean weight of every expert over the test time, ``[n_s]``.
        trace: the test time itself.
    """

    subject: str
    adaptation: AdaptationResult
    before: Agreement
    after: Agreement
    own_mean: Agreement
    gate_before: Floats
    gate_after: Floats
    trace: Trace

    def as_json(self) -> dict[str, Any]:
        """Return the numbers (without the trace) for a JSON document."""
        return {"subject": self.subject, **_agreements(self), "adaptation": self.adaptation.as_json()}


@dataclass(frozen=True)
class Personalization:
    """Everybody's results, one by one and pooled over the concatenated test times."""

    people: list[PersonResult]
    before: Agreement
    after: Agreement
    own_mean: Agreement
    synthetic: bool

    def as_json(self) -> dict[str, Any]:
        """Return the numbers (without traces) for a JSON document."""
        return {
            "synthetic": self.synthetic,
            "pooled": _agreements(self),
            "people": [person.as_json() for person in self.people],
        }


def personalize(
    bundle: Path, table: SubjectTable, labels: int, seed: int = 0, progress: Progress = SILENT
) -> Personalization:
    """Give every target person a phone with this bundle and an empty store, and see what a few labels change.

    Args:
        bundle: folder of the bundle.
        table: the target people's frames or features.
        labels: how many labelled moments each person gives, drawn from the first half of the recording.
        seed: decides which moments, what is held out, and the batches.
        progress: who is told how far it is.
    """
    people = []
    subjects = table.subjects("target")
    with progress.task("adapting on the phone", len(subjects)) as task:
        for subject in subjects:
            with Phone.open(bundle) as phone:
                people.append(adapt_one(phone, table, subject, labels, seed))
            task.advance(1, subject)
    before, after, own_mean = (_pooled(people, which) for which in ("before", "after", "own_mean"))
    return Personalization(people, before, after, own_mean, table.synthetic)


def adapt_one(
    phone: Phone, table: SubjectTable, subject: str, labels: int, seed: int = 0, strategy: str | None = None
) -> PersonResult:
    """Adapt one phone to one person with labels from the first half in time, and test on the second half.

    Args:
        strategy: one that the phone's bundle carries, or ``auto``; None is the bundle's own choice.

    Raises:
        BadInput: nobody of that name, or a recording too short to have two halves.
    """
    split = adaptation_split(table, subject, "halves", seed)
    taught, test = split.pool[:labels], split.test
    z = features_of(phone, table, test)
    before, gate_before = phone.predict_features(z)
    captured_at = time.time() - table.time_s[taught].max() + table.time_s[taught]  # the recording has just ended
    phone.add_labels(features_of(phone, table, taught), table.affect[taught], captured_at)
    adaptation = phone.adapt(seed=seed, strategy=strategy)
    after, gate_after = phone.predict_features(z)
    own_mean = np.broadcast_to(table.affect[taught].mean(axis=0), after.shape).astype(np.float32)
    affect = table.affect[test]
    return PersonResult(
        subject,
        adaptation,
        before=agreement(before, affect),
        after=agreement(after, affect),
        own_mean=agreement(own_mean, affect),
        gate_before=gate_before.mean(axis=0),
        gate_after=gate_after.mean(axis=0),
        trace=Trace(table.time_s[test], affect, before, after, own_mean),
    )


def features_of(phone: Phone, table: SubjectTable, rows: Rows) -> Floats:
    """Return features of a table's rows: its own, or computed by the phone from its frames."""
    if isinstance(table, FeatureTable):
        return table.features[rows]
    return phone.runtime.features(table.frames.read(rows, phone.manifest.frame_size))


def _pooled(people: list[PersonResult], which: str) -> Agreement:
    estimate = np.concatenate([getattr(person.trace, which) for person in people])
    return agreement(estimate, np.concatenate([person.trace.affect for person in people]))


def _agreements(result: Personalization | PersonResult) -> dict[str, Any]:
    return {which: getattr(result, which)._asdict() for which in ("before", "after", "own_mean")}
