"""Before and after: every target subject gets a phone, gives a few labels, and is tested on the rest."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.data.adaptation_splits import adaptation_split
from pen_mobile.data.table import FeatureTable, SubjectTable
from pen_mobile.metrics import Agreement, agreement
from pen_mobile.phone.adaptation.adapt import AdaptationResult
from pen_mobile.phone.phone import Phone
from pen_mobile.types import Floats, Rows
from pen_mobile.utils.plain import Result, to_plain
from pen_mobile.utils.progress import SILENT, Progress


@dataclass(frozen=True)
class Trace:
    """The test part of one recording.

    Attributes:
        time_s: seconds, ``[T]``.
        affect: labels ``[T, 2]``.
        before, after: estimates with the shipped and with the adapted head, ``[T, 2]``.
        own_mean: the mean of the labels that this subject gave, repeated, ``[T, 2]``: a baseline without a model.
    """

    time_s: NDArray[np.float64]
    affect: Floats
    before: Floats
    after: Floats
    own_mean: Floats


@dataclass(frozen=True)
class PersonResult(Result):
    """One subject before and after adaptation.

    Attributes:
        subject: the name.
        adaptation: the result on the phone.
        before, after, own_mean: agreement with the labels of the test part.
        gate_before, gate_after: mean weight of every expert over the test part, ``[n_s]``.
        trace: the test part itself; not in :meth:`to_dict`.
        labels_given: how many labelled moments the subject gave.
        synthetic: whether the subject is invented.
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


@dataclass(frozen=True)
class Personalization:
    """The results of all subjects, one by one and pooled over the concatenated test parts.

    Attributes:
        people: one result a subject.
        before, after, own_mean: agreement over the concatenated test parts.
        synthetic: whether the people are invented.
    """

    people: list[PersonResult]
    before: Agreement
    after: Agreement
    own_mean: Agreement
    synthetic: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers (without traces) as plain values."""
        pooled = {"before": self.before, "after": self.after, "own_mean": self.own_mean}
        return {
            "synthetic": self.synthetic,
            "pooled": to_plain(pooled),
            "people": [person.to_dict() for person in self.people],
        }


def personalize(
    bundle: Path | BundleFolder, table: SubjectTable, labels: int, seed: int = 0, progress: Progress = SILENT
) -> Personalization:
    """Adapt a phone with an empty store to every target subject, and compare estimates before and after.

    Args:
        bundle: folder or archive of the bundle, or one that is open already.
        table: frames or features of the target subjects.
        labels: how many labelled moments each subject gives, drawn from the first half of the recording.
        seed: decides which moments, what is held out, and the batches.
        progress: shows how many subjects are done.
    """
    opened = bundle if isinstance(bundle, BundleFolder) else open_bundle(bundle)
    people = []
    subjects = table.subjects("target")
    with progress.task("adapting on the phone", len(subjects)) as task:
        for subject in subjects:
            with Phone.open(opened) as phone:
                people.append(adapt_one(phone, table, subject, labels, seed))
            task.advance(1, subject)
    before, after, own_mean = (_pooled(people, which) for which in ("before", "after", "own_mean"))
    return Personalization(people, before, after, own_mean, table.synthetic)


def adapt_one(
    phone: Phone,
    table: SubjectTable,
    subject: str,
    labels: int,
    seed: int = 0,
    *,
    strategy: str | None = None,
    optimizer: str | None = None,
) -> PersonResult:
    """Adapt one phone to one subject with labels from the first half in time, and test on the second half.

    Args:
        phone: with an empty store.
        table: frames or features of the subject.
        subject: the name.
        labels: how many labelled moments the subject gives.
        seed: decides which moments, what is held out, and the batches.
        strategy, optimizer: as in :meth:`Phone.plan`.

    Raises:
        BadInput: the bundle does not carry the strategy, no such subject, or a recording too short to have two halves.
    """
    phone.plan(strategy, optimizer)  # a wrong name is refused before labels are added
    split = adaptation_split(table, subject, "halves", seed)
    taught, test = split.pool[:labels], split.test
    z = features_of(phone, table, test)
    before, gate_before = phone.predict_features(z)
    captured_at = time.time() - table.time_s[taught].max() + table.time_s[taught]  # the recording has just ended
    phone.add_labels(features_of(phone, table, taught), table.affect[taught], captured_at)
    adaptation = phone.adapt(seed=seed, strategy=strategy, optimizer=optimizer)
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
        labels_given=len(taught),
        synthetic=table.synthetic,
    )


def features_of(phone: Phone, table: SubjectTable, rows: Rows) -> Floats:
    """Return features ``[N, D_z]`` of a table's rows: its own, or computed by the phone from its frames.

    Args:
        phone: with a backbone, where the table holds frames.
        table: of frames or features.
        rows: row numbers ``[N]``.
    """
    if isinstance(table, FeatureTable):
        return table.features[rows]
    return phone.runtime.features(table.frames.read(rows, phone.manifest.frame_size))


def _pooled(people: list[PersonResult], which: str) -> Agreement:
    estimate = np.concatenate([getattr(person.trace, which) for person in people])
    return agreement(estimate, np.concatenate([person.trace.affect for person in people]))
