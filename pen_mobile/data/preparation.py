"""Recordings become a prepared folder: frames and one table, every moment that was left out accounted for.

``crops/<recording>/<row>.jpg`` are the frames, ``parts/<recording>.json`` says what became of one recording,
``table.parquet`` is the canonical table and ``prepared.json`` closes the folder. A folder without
``prepared.json`` is unfinished: the same call goes on with the recordings that have no part yet.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.contract.crop import Crop
from pen_mobile.data.detectors.blazeface import BLAZEFACE
from pen_mobile.data.detectors.choice import open_detector
from pen_mobile.data.detectors.model_file import resolve_model
from pen_mobile.data.faces import make_crop
from pen_mobile.data.left_out import LeftOut
from pen_mobile.data.prepared_folder import PREPARED, TABLE, PreparedFolder, PreparedRecording
from pen_mobile.data.readers.recording import Recording
from pen_mobile.data.recording_frames import Part, RecordingFrames
from pen_mobile.engine.local_processes import LocalProcesses
from pen_mobile.engine.task import Task
from pen_mobile.errors import BadInput
from pen_mobile.utils import provenance
from pen_mobile.utils.files import read_json, replacing, sha256_of_file, write_json
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.validation import read_json_as

_FORMAT = 2
_MOST_CHARACTERS = 80


@dataclass(frozen=True)
class _Faces:
    """How faces are found and cut out.

    Attributes:
        crop: which detector finds the eyes, and where they come to lie.
        model: weights of the detector; None where it has none.
        strict: stop at the first recording or image that cannot be used.
    """

    crop: Crop
    model: Path | None
    strict: bool

    @property
    def digest(self) -> str | None:
        """SHA-256 of the detector's weights, None where it has none."""
        return None if self.model is None else sha256_of_file(self.model)


def prepare(
    recordings: Sequence[Recording],
    out: Path,
    crop: Crop | None = None,
    jobs: int | None = None,
    model: Path | None = None,
    progress: Progress = SILENT,
    *,
    left_out: LeftOut | None = None,
    strict: bool = False,
) -> PreparedFolder:
    """Cut the faces out of recordings, in parallel, into a folder that ``load_table`` reads.

    The same input gives the same bytes, whatever the number of jobs. A recording without any face, and an image that
    cannot be read, are left out and named; the call that goes on after an interruption tries them again.

    Args:
        recordings: whole images and their ratings.
        out: folder to make, or to go on with.
        crop: which detector finds the eyes, and where they come to lie in a frame.
        jobs: processes; None takes one for each processor.
        model: weights of the detector; None looks for them when it needs any.
        progress: shows how many recordings are done.
        left_out: what the reader left out; it is noted in the folder, too.
        strict: stop at the first recording or image that cannot be used.

    Returns:
        The contents of ``prepared.json``.

    Raises:
        BadInput: ``out`` is finished already or holds something else, or no recording can be used. What was prepared
            before stays; the same call goes on.
    """
    crop = crop or make_crop()
    faces = _Faces(crop, resolve_model(model, progress) if crop.detector == BLAZEFACE else None, strict)
    try:
        names = _names(recordings)
        _begin(out, recordings, names, faces)
        tasks = [Task(name, (name, one), _part_file(out, name)) for name, one in zip(names, recordings, strict=True)]
        work = partial(_prepare_one, out=out, faces=faces)
        LocalProcesses(jobs).map(work, tasks, title="preparing faces", progress=progress, note=_rate())
        return _conclude(out, names, recordings, faces, left_out or LeftOut())
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise BadInput(f"{error.filename or out}: cannot be written: {reason}; mend that and go on") from None


def _rate() -> Callable[[Task[tuple[str, Recording]]], str]:
    """Return a note that counts rated moments a second."""
    started, done = time.perf_counter(), 0

    def note(task: Task[tuple[str, Recording]]) -> str:
        nonlocal done
        done += len(task.item[1])
        return f"{done / (time.perf_counter() - started):.0f} frames/s"

    return note


def _begin(out: Path, recordings: Sequence[Recording], names: Sequence[str], faces: _Faces) -> None:
    if (out / PREPARED).exists():
        raise BadInput(f"{out} is prepared already; choose another --out or remove it")
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is not a folder; choose another --out")
    note, settings = out / "unfinished.json", _settings(recordings, faces)
    if not out.exists() or not any(out.iterdir()):
        write_json(note, settings)
    elif not note.exists() or read_json(note) != settings:
        raise BadInput(f"{out} holds something else, or other recordings or settings; choose another --out")
    for folder in ("crops", "parts"):
        (out / folder).mkdir(exist_ok=True)
    for part in (_part_file(out, name) for name in names):
        if part.exists() and read_json_as(Part, part).left_out:
            part.unlink()


def _settings(recordings: Sequence[Recording], faces: _Faces) -> dict[str, Any]:
    """Return everything that the folder depends on."""
    identities = [[one.subject, one.role, one.origin, len(one), _digest(one)] for one in recordings]
    crop = faces.crop.model_dump()
    settings = {"format": _FORMAT, "crop": crop, "detector_sha256": faces.digest, "recordings": identities}
    targets = recordings[0].targets
    return settings if targets.is_default else settings | {"targets": to_plain(targets)}


def _digest(recording: Recording) -> str:
    """Return SHA-256 of what belongs together in a recording: times, images and labels."""
    sources = [recording.images] if isinstance(recording.images, Path) else recording.images
    digest = hashlib.sha256(recording.time_s.tobytes() + np.ascontiguousarray(recording.affect).tobytes())
    for source in sources:
        digest.update(hashlib.sha256(source if isinstance(source, bytes) else str(source).encode()).digest())
    return digest.hexdigest()


def _names(recordings: Sequence[Recording]) -> list[str]:
    """Return one folder name for each recording: the subject and, when there are several of one, a number."""
    counts: dict[str, int] = {}
    names = []
    for recording in recordings:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", recording.subject)[:_MOST_CHARACTERS]
        counts[plain] = counts.get(plain, 0) + 1
        names.append(plain if counts[plain] == 1 else f"{plain}.{counts[plain]}")
    return names


def _prepare_one(item: tuple[str, Recording], out: Path, faces: _Faces) -> None:
    """Write one recording's frames, then its part: a part on disk means that all its frames are."""
    name, recording = item
    folder = out / "crops" / name
    folder.mkdir(exist_ok=True)
    with closing(open_detector(faces.crop.detector, faces.model)) as detector:
        found = RecordingFrames(recording, LeftOut(faces.strict))
        found.write(folder, detector, faces.crop)
    write_json(_part_file(out, name), found.part(name).model_dump())


def _part_file(out: Path, name: str) -> Path:
    return out / "parts" / f"{name}.json"


def _conclude(
    out: Path, names: Sequence[str], recordings: Sequence[Recording], faces: _Faces, left_out: LeftOut
) -> PreparedFolder:
    parts = [read_json_as(Part, _part_file(out, name)) for name in names]
    reasons = left_out.reasons | {name: reason for part in parts for name, reason in part.left_out.items()}
    if not any(part.kept for part in parts):
        raise BadInput(f"{out}: no recording can be used; the first: {next(iter(reasons.values()))}")
    _write_table(out / TABLE, parts, recordings)
    record = PreparedFolder(
        format=_FORMAT,
        crop=faces.crop,
        detector_sha256=faces.digest,
        rows=sum(part.kept for part in parts),
        recordings=[PreparedRecording(**part.model_dump(exclude={"rows", "left_out"})) for part in parts if part.kept],
        left_out=reasons,
        versions=provenance.versions(),
        targets=recordings[0].targets,
    )
    write_json(out / PREPARED, record.model_dump())
    (out / "unfinished.json").unlink()
    return record


def _write_table(path: Path, parts: Sequence[Part], recordings: Sequence[Recording]) -> None:
    import pyarrow
    from pyarrow import parquet

    targets = recordings[0].targets.names
    columns: dict[str, list[Any]] = {name: [] for name in ("subject", "role", "time_s", *targets, "image")}
    for part, recording in zip(parts, recordings, strict=True):
        rows = np.array(part.rows, dtype=np.intp)
        columns["subject"] += [part.subject] * len(rows)
        columns["role"] += [part.role] * len(rows)
        columns["time_s"] += recording.time_s[rows].tolist()
        for name, labels in zip(targets, recording.affect[rows].T, strict=True):
            columns[name] += labels.tolist()
        columns["image"] += [f"crops/{part.name}/{row:06d}.jpg" for row in part.rows]
    with replacing(path) as temporary:
        parquet.write_table(pyarrow.table(columns), temporary)
