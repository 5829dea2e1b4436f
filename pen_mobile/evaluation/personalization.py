"""Before and after: every target subject gets a phone, gives a few labels, and is tested on the rest."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.data.adaptation_splits import adaptation_split
from pen_mobile.data.table import FeatureTable, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.evaluation.person_result import Personalization, PersonResult, Trace
from pen_mobile.metrics import Agreement, agreement, scaled
from pen_mobile.phone.phone import Phone
from pen_mobile.targets import Targets
from pen_mobile.types import Doubles, Floats, Rows
from pen_mobile.utils.progress import SILENT, Progress


def personalize(
    bundle: Path | BundleFolder, table: SubjectTable, labels: int, seed: int = 0, progress: Progress = SILENT
) -> Personalization:
    """Adapt a phone with an empty store to every target subject, and compare estimates before and after.

    Args:
        bundle: folder or archive of the bundle, or one that is open already.
        table: frames or features of the target subjects.
        labels: how many labelled moments each subject gives, drawn from the first half of the recording.
        seed: decides which moments.
        progress: shows how many subjects are done.
    """
    opened = bundle if isinstance(bundle, BundleFolder) else open_bundle(bundle)
    people = []
    subjects = table.subjects("target")
    if not subjects:
        raise BadInput(f"{table.origin}: nobody has the role 'target', so there is nobody to adapt to")
    with progress.task("adapting on the phone", len(subjects)) as task:
        for subject in subjects:
            with Phone.open(opened) as phone:
                people.append(adapt_one(phone, table, subject, labels, seed))
            task.advance(1, subject)
    targets = opened.manifest.labelling
    before, after, own_mean = (_pooled(people, which, targets) for which in ("before", "after", "own_mean"))
    return Personalization(people, before, after, own_mean, table.synthetic, targets)


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
        seed: decides which moments.
        strategy, optimizer: as in :meth:`Phone.plan`.

    Raises:
        BadInput: the bundle does not carry the strategy or has other targets than the table, no such subject, no
            labels, or a recording too short to have two halves.
    """
    if labels < 1 or seed < 0:
        raise BadInput(f"labels is {labels} and seed is {seed}; give at least 1 and 0")
    _check_targets(phone, table)
    phone.plan(strategy, optimizer)  # a wrong name is refused before labels are added
    split = adaptation_split(table, subject, "halves", seed)
    taught, test = split.pool[:labels], split.test
    z = features_of(phone, table, test)
    before, gate_before = phone.runtime.predict(phone.parameters, z)
    z_taught, time_s = features_of(phone, table, taught), table.time_s[taught]
    phone.add_labels(z_taught, table.affect[taught], _start(phone, z_taught, time_s) + time_s)
    adaptation = phone.adapt(strategy=strategy, optimizer=optimizer)
    after, gate_after = phone.runtime.predict(phone.parameters, z)
    targets = phone.manifest.labelling
    own_mean = np.broadcast_to(targets.to_unit(table.affect[taught]).mean(axis=0), after.shape).astype(np.float32)
    affect = targets.to_unit(table.affect[test])
    return PersonResult(
        subject,
        adaptation,
        before=_agreement(before, affect, targets),
        after=_agreement(after, affect, targets),
        own_mean=_agreement(own_mean, affect, targets),
        gate_before=gate_before.mean(axis=0),
        gate_after=gate_after.mean(axis=0),
        trace=Trace(table.time_s[test], affect, before, after, own_mean),
        labels_given=len(taught),
        synthetic=table.synthetic,
        targets=targets,
    )


def _check_targets(phone: Phone, table: SubjectTable) -> None:
    wanted = phone.manifest.labelling
    if table.targets != wanted:
        raise BadInput(f"{table.origin}: the labels are {table.targets.text}; the bundle's are {wanted.text}")


def _start(phone: Phone, z: Floats, time_s: Doubles) -> float:
    """Return when the recording began, Unix seconds: as labels kept of it say, or else so that it has just ended."""
    kept = phone.store.sample_table.read()
    known = {row.tobytes(): float(when) for row, when in zip(kept.features, kept.captured_at, strict=True)}
    moments = zip((row.tobytes() for row in z), time_s.tolist(), strict=True)
    return next((known[row] - when for row, when in moments if row in known), time.time() - float(time_s.max()))


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


def _pooled(people: list[PersonResult], which: str, targets: Targets) -> Agreement:
    estimate = np.concatenate([getattr(person.trace, which) for person in people])
    return _agreement(estimate, np.concatenate([person.trace.affect for person in people]), targets)


def _agreement(estimate: Floats, affect: Floats, targets: Targets) -> Agreement:
    """Return the agreement of values on the scale from -1 to 1, with errors on the labels' own scale."""
    return scaled(agreement(estimate, affect, targets.names), targets.half_width)
