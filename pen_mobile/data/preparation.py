"""Recordings become a prepared folder: face crops and one table, every moment that was left out accounted for.

``crops/<recording>/<row>.jpg`` are the frames, ``parts/<recording>.json`` says what became of one recording,
``table.parquet`` is the canonical table and ``prepared.json`` closes the folder. A folder without
``prepared.json`` is unfinished: the same call goes on with the recordings that have no part yet.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pen_mobile.contract.crop import Crop
from pen_mobile.data.detectors.blazeface import BLAZEFACE
from pen_mobile.data.detectors.choice import open_detector
from pen_mobile.data.detectors.model_file import resolve_model
from pen_mobile.data.faces import Face, FaceDetector, crop_face, make_crop
from pen_mobile.data.images import read_image
from pen_mobile.data.prepared_folder import PREPARED, TABLE, PreparedFolder, PreparedRecording
from pen_mobile.data.readers.ratings import Recording
from pen_mobile.errors import BadInput
from pen_mobile.types import Image
from pen_mobile.utils import provenance
from pen_mobile.utils.files import read_json, replacing, sha256_of_file, write_json
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.validation import read_json_as

NO_FACE = "no face found"
NO_FRAME = "no frame at this time"
_FORMAT = 1
_JPEG_QUALITY = 95


class Part(PreparedRecording):
    """What became of one recording, as kept until the folder is complete.

    Attributes:
        rows: rows of the recording that became frames.
    """

    rows: list[int]


def prepare(
    recordings: Sequence[Recording],
    out: Path,
    recipe: Crop | None = None,
    jobs: int | None = None,
    model: Path | None = None,
    progress: Progress = SILENT,
) -> PreparedFolder:
    """Cut the faces out of recordings, in parallel, into a folder that ``load_table`` reads.

    The same input gives the same bytes, whatever the number of jobs.

    Args:
        recipe: which detector finds the eyes, and where they come to lie in a frame.
        jobs: processes; None takes one for each processor.
        model: weights of the detector; None looks for them when it needs any.

    Returns:
        The contents of ``prepared.json``.

    Raises:
        BadInput: ``out`` is finished already or holds something else, or a recording cannot be read. What
            was prepared before stays; the same call goes on.
    """
    recipe = recipe or make_crop()
    faces = _Faces(recipe, resolve_model(model, progress) if recipe.detector == BLAZEFACE else None)
    try:
        return _prepare(recordings, out, faces, jobs or provenance.core_count(), progress)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise BadInput(f"{error.filename or out}: cannot be written: {reason}; mend that and go on") from None


@dataclass(frozen=True)
class _Faces:
    """How faces are found and cut out."""

    recipe: Crop
    model: Path | None

    @property
    def digest(self) -> str | None:
        """SHA-256 of the detector's weights, None where it has none."""
        return None if self.model is None else sha256_of_file(self.model)

    def settings(self) -> dict[str, Any]:
        """Return everything that the frames depend on, besides the recordings."""
        return {"crop": self.recipe.model_dump(), "detector_sha256": self.digest}


def _prepare(
    recordings: Sequence[Recording], out: Path, faces: _Faces, jobs: int, progress: Progress
) -> PreparedFolder:
    settings = {"format": _FORMAT, **faces.settings(), "recordings": [_identity(one) for one in recordings]}
    _begin(out, settings)
    names = _names(recordings)
    todo = {name: one for name, one in zip(names, recordings, strict=True) if not _part_file(out, name).exists()}
    with progress.task("preparing faces", len(recordings)) as task:
        task.advance(len(recordings) - len(todo))
        started, frames = time.perf_counter(), 0
        for part in _in_parallel(todo, out, faces, jobs):
            frames += part.rated
            task.advance(1, f"{frames / (time.perf_counter() - started):.0f} frames/s")
    return _conclude(out, names, recordings, faces)


def _begin(out: Path, settings: dict[str, Any]) -> None:
    if (out / PREPARED).exists():
        raise BadInput(f"{out} is prepared already; choose another --out or remove it")
    note = out / "unfinished.json"
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is not a folder; choose another --out")
    if not out.exists() or not any(out.iterdir()):
        write_json(note, settings)
    elif not note.exists() or read_json(note) != settings:
        raise BadInput(f"{out} holds something else, or other recordings or settings; choose another --out")
    for folder in ("crops", "parts"):
        (out / folder).mkdir(exist_ok=True)


def _identity(recording: Recording) -> list[Any]:
    return [recording.subject, recording.role, recording.origin, len(recording)]


def _names(recordings: Sequence[Recording]) -> list[str]:
    """Return one folder name for each recording: the subject and, when there are several of one, a number."""
    counts: dict[str, int] = {}
    names = []
    for recording in recordings:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", recording.subject)
        counts[plain] = counts.get(plain, 0) + 1
        names.append(plain if counts[plain] == 1 else f"{plain}.{counts[plain]}")
    return names


def _in_parallel(todo: dict[str, Recording], out: Path, faces: _Faces, jobs: int) -> Iterator[Part]:
    if jobs == 1 or len(todo) < 2:
        for name, recording in todo.items():
            yield _prepare_one(name, recording, out, faces)
        return
    # Spawned, not forked: a fork inherits the locks of threads that other libraries run.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(todo)), fresh, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        futures: list[Future[Part]] = [
            pool.submit(_prepare_one, name, recording, out, faces) for name, recording in todo.items()
        ]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare_one(name: str, recording: Recording, out: Path, faces: _Faces) -> Part:
    """Write one recording's crops, then its part: a part on disk means that all its crops are."""
    folder = out / "crops" / name
    folder.mkdir(exist_ok=True)
    with closing(open_detector(faces.recipe.detector, faces.model)) as detector:
        seen, kept = _write_crops(recording, folder, detector, faces.recipe)
    rated = len(recording)
    dropped = {NO_FRAME: rated - seen, NO_FACE: seen - len(kept)}
    if not kept:
        raise BadInput(f"{recording.video or recording.origin}: no face found in any of {seen} frames")
    part = Part(
        name=name,
        subject=recording.subject,
        role=recording.role,
        rated=rated,
        kept=len(kept),
        dropped=dropped | dict(recording.dropped),
        rows=kept,
    )
    write_json(_part_file(out, name), part.model_dump())
    return part


def _write_crops(recording: Recording, folder: Path, detector: FaceDetector, recipe: Crop) -> tuple[int, list[int]]:
    """Return how many moments had a picture, and the rows whose face became a crop."""
    seen, kept = 0, []
    face: Face | None = None
    for row, pixels in _pictures(recording):
        seen += 1
        found = detector.find(pixels, face)
        if found is not None:
            face = found
            _write_crop(folder / f"{row:06d}.jpg", crop_face(pixels, found, recipe))
            kept.append(row)
    return seen, kept


def _pictures(recording: Recording) -> Iterator[tuple[int, Image]]:
    if recording.video is not None:
        from pen_mobile.data.readers.video import images_at

        yield from images_at(recording.video, recording.time_s)
        return
    assert recording.image_paths is not None
    for row, path in enumerate(recording.image_paths):
        yield row, read_image(path)


def _write_crop(path: Path, crop: Image) -> None:
    done, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    assert done
    path.write_bytes(encoded.tobytes())


def _part_file(out: Path, name: str) -> Path:
    return out / "parts" / f"{name}.json"


def _conclude(out: Path, names: list[str], recordings: Sequence[Recording], faces: _Faces) -> PreparedFolder:
    parts = [read_json_as(Part, _part_file(out, name)) for name in names]
    _write_table(out / TABLE, parts, recordings)
    record = PreparedFolder(
        format=_FORMAT,
        crop=faces.recipe,
        detector_sha256=faces.digest,
        rows=sum(part.kept for part in parts),
        recordings=[PreparedRecording(**part.model_dump(exclude={"rows"})) for part in parts],
        versions=provenance.versions(),
    )
    write_json(out / PREPARED, record.model_dump())
    (out / "unfinished.json").unlink()
    return record


def _write_table(path: Path, parts: Sequence[Part], recordings: Sequence[Recording]) -> None:
    import pyarrow
    from pyarrow import parquet

    columns: dict[str, list[Any]] = {name: [] for name in ("subject", "role", "time_s", "valence", "arousal", "image")}
    for part, recording in zip(parts, recordings, strict=True):
        rows = np.array(part.rows, dtype=np.intp)
        columns["subject"] += [part.subject] * len(rows)
        columns["role"] += [part.role] * len(rows)
        columns["time_s"] += recording.time_s[rows].tolist()
        columns["valence"] += recording.affect[rows, 0].tolist()
        columns["arousal"] += recording.affect[rows, 1].tolist()
        columns["image"] += [f"crops/{part.name}/{row:06d}.jpg" for row in part.rows]
    with replacing(path) as temporary:
        parquet.write_table(pyarrow.table(columns), temporary)
