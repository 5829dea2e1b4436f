"""Aff-Wild2, valence and arousal: one text file for each person in a video, one line for each frame.

``Train_Set/VIDEO.txt`` and ``Validation_Set/VIDEO.txt``, directly or under ``VA_Estimation_Challenge`` as handed
out; people of the first are sources, people of the second are targets. Line 1 is a header, line 2 rates frame 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.left_out import LeftOut
from pen_mobile.data.readers.disk import entries, finite_number, label, numbered_lines, printable
from pen_mobile.data.readers.recording import Recording
from pen_mobile.data.readers.video import presentation_times
from pen_mobile.data.readers.video_files import is_video
from pen_mobile.data.table import Role
from pen_mobile.errors import BadInput
from pen_mobile.types import Rows
from pen_mobile.utils.progress import SILENT, Progress

INVALID = "marked invalid (-5)"
NO_CROP = "no cropped face"
AFTER_THE_VIDEO = "after the end of the video"

_ROLES: dict[str, Role] = {"Train_Set": "source", "Validation_Set": "target"}
_HEADER = ["valence", "arousal"]
_MARK = -5.0
_ONE_OF_SEVERAL = ("_left", "_right")


class _Images(NamedTuple):
    """The images of one person: a time for each frame, or NaN, and either a video or crops."""

    images: Path | list[Path]
    time_s: NDArray[np.float64]
    lacking: str

    def of_frames(self, rows: Rows) -> Path | list[Path]:
        """Return the crops of some frames, or the video."""
        return self.images if isinstance(self.images, Path) else [self.images[row] for row in rows]


def read_aff_wild2(
    root: Path, fps: float = 30.0, progress: Progress = SILENT, left_out: LeftOut | None = None
) -> list[Recording]:
    """Read every rated video; each is a person of its own, and what was kept is said line by line.

    Pictures come from ``cropped_aligned/VIDEO/00001.jpg``, where that folder is there, at ``fps`` frames a second;
    otherwise from ``VIDEO.mp4`` or another video (in the root or one folder below) at its own presentation timestamps.

    Args:
        root: the folder as the data set is handed out.
        fps: frames a second of the crops.
        progress: told what was kept of each video.
        left_out: gets videos with a line that is not two numbers in [-1, 1] or -5, and those without images; None
            raises the first.

    Raises:
        BadInput: there are no ratings, or no video is left.
    """
    left_out = left_out or LeftOut(strict=True)
    if not fps > 0:
        raise BadInput(f"{fps:g} frames a second; give a positive number")
    files = _rating_files(root)
    if not files:
        raise BadInput(f"{root}: no ratings in Train_Set or Validation_Set, nor in VA_Estimation_Challenge")
    videos = _videos(root)
    recordings = []
    for path, role in files:
        with left_out.unless_good(printable(path.stem)):
            affect = read_ratings(path)
            recordings.append(_recording(path, role, affect, _images(root, path, len(affect), videos, fps)))
            progress.say(_account(recordings[-1], len(affect)))
    if not recordings:
        raise BadInput(left_out.first())
    return recordings


def read_ratings(path: Path) -> NDArray[np.float64]:
    """Return valence and arousal of every frame ``[F, 2]``; frames marked -5 in either are NaN in both.

    Args:
        path: ``VIDEO.txt``.

    Raises:
        BadInput: the header or a line is not as documented.
    """
    lines = numbered_lines(path)
    if not lines or [name.strip().lower() for name in lines[0][1].split(",")] != _HEADER:
        raise BadInput(f"{path}: line 1: the header must be valence,arousal")
    if len(lines) == 1:
        raise BadInput(f"{path}: no ratings follow the header")
    for expected, (line, _) in enumerate(lines, 1):
        if line != expected:  # a line less would move every later rating to another frame
            raise BadInput(
                f"{path}: line {expected}: is empty; every frame needs a line, -5,-5 where there is no rating"
            )
    return np.array([_ratings(text, path, line) for line, text in lines[1:]])


def _ratings(text: str, path: Path, line: int) -> tuple[float, float]:
    fields = text.split(",")
    if len(fields) != len(_HEADER):
        raise BadInput(f"{path}: line {line}: {len(fields)} values where valence,arousal are needed")
    named = list(zip([field.strip() for field in fields], _HEADER, strict=True))
    if _MARK in [finite_number(field, name, path, line) for field, name in named]:
        return np.nan, np.nan
    valence, arousal = (label(field, name, path, line) for field, name in named)
    return valence, arousal


def _rating_files(root: Path) -> list[tuple[Path, Role]]:
    entries(root)
    folders = [
        (folder, role)
        for name, role in _ROLES.items()
        for pattern in (name, f"VA*/{name}", f"*/VA*/{name}")
        for folder in sorted(root.glob(pattern))
    ]
    return [(path, role) for folder, role in folders for path in entries(folder) if path.suffix.lower() == ".txt"]


def _videos(root: Path) -> dict[str, Path]:
    inner = [path for folder in entries(root) if folder.is_dir() for path in entries(folder)]
    return {path.stem: path for path in [*inner, *entries(root)] if is_video(path)}


def _images(root: Path, path: Path, count: int, videos: dict[str, Path], fps: float) -> _Images:
    name = path.stem
    folder = root / "cropped_aligned" / name
    if folder.is_dir():
        crops = [folder / f"{number:05d}.jpg" for number in range(1, count + 1)]
        present = {crop.name for crop in entries(folder)}
        times = [frame / fps if crop.name in present else np.nan for frame, crop in enumerate(crops)]
        return _Images(crops, np.array(times), NO_CROP)
    if name.endswith(_ONE_OF_SEVERAL):
        raise BadInput(f"{path}: one of several people in a video; their faces are needed in {folder}")
    if name not in videos:
        raise BadInput(f"{path}: neither {folder} nor a video {name}.mp4 or {name}.avi is there")
    shown = presentation_times(videos[name])[:count]
    times_s = np.concatenate([shown, np.full(count - len(shown), np.nan)])
    return _Images(videos[name], times_s, AFTER_THE_VIDEO)


def _recording(path: Path, role: Role, affect: NDArray[np.float64], images: _Images) -> Recording:
    valid, shown = np.isfinite(affect[:, 0]), np.isfinite(images.time_s)
    kept = np.flatnonzero(valid & shown)
    counts = {INVALID: int(np.count_nonzero(~valid)), images.lacking: int(np.count_nonzero(valid & ~shown))}
    return Recording(
        subject=printable(path.stem),
        role=role,
        images=images.of_frames(kept),
        time_s=images.time_s[kept],
        affect=affect[kept].astype(np.float32),
        origin=str(path),
        dropped={reason: count for reason, count in counts.items() if count},
    )


def _account(recording: Recording, rated: int) -> str:
    lost = ", ".join(f"{count} {reason}" for reason, count in recording.dropped.items())
    return f"{recording.subject}: {len(recording)} of {rated} rated frames kept" + (f"; {lost}" if lost else "")
