"""RECOLA as AVEC 2016 hands it out: videos, gold standard ratings, and what each rater gave.

``recordings_video/train_1.mp4`` and ``ratings_gold_standard/{arousal,valence}/train_1.arff``; people of ``train``
are sources, people of ``dev`` are targets, ``test`` has no labels and every other file is passed over.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.left_out import LeftOut
from pen_mobile.data.readers.arff import GoldStandard, read_gold_standard
from pen_mobile.data.readers.disk import entries, finite_number, numbered_lines
from pen_mobile.data.readers.recording import Recording
from pen_mobile.data.readers.video_files import is_video
from pen_mobile.data.table import Role
from pen_mobile.errors import BadInput

LAGGED_PAST_THE_END = "no rating one lag later"

_RATED = re.compile(r"(train|dev)_(\d+)\.arff", re.IGNORECASE)
_ROLES: dict[str, Role] = {"train": "source", "dev": "target"}
_SAME_TIME_S = 1e-6


def read_recola(
    root: Path, lag_s: tuple[float, float] = (0.0, 0.0), left_out: LeftOut | None = None
) -> list[Recording]:
    """Read every rated recording: ``train_1``, ``train_2``, ... and then ``dev_1``, ...

    Args:
        root: the folder that holds ``recordings_video`` and ``ratings_gold_standard``.
        lag_s: how many seconds raters of valence and of arousal are behind. The label at time t is the rating
            nearest to t + lag, at most half a step away; moments that have none, at the end, are dropped.
        left_out: gets recordings without a video or a dimension, and those with a damaged file; None raises the first.

    Raises:
        BadInput: no recording is left.
    """
    left_out = left_out or LeftOut(strict=True)
    for lag, name in zip(lag_s, ("valence", "arousal"), strict=True):
        if not (math.isfinite(lag) and lag >= 0):
            raise BadInput(f"the lag of {name} is {lag:g} s; give seconds, 0 or more")
    folder = root / "ratings_gold_standard"
    valence, arousal = _rated(folder / "valence"), _rated(folder / "arousal")
    for name in sorted(set(valence) ^ set(arousal)):
        lacking = "arousal" if name in valence else "valence"
        left_out.add(name, f"{folder / lacking / name}.arff is missing; the other dimension has it")
    recordings = []
    for name in (name for name in valence if name in arousal):
        with left_out.unless_good(name):
            recordings.append(_recording(root, name, valence[name], arousal[name], lag_s))
    if not recordings:
        raise BadInput(left_out.first() or f"{folder}: no train_k.arff and no dev_k.arff in valence and arousal")
    return recordings


def read_individual_ratings(path: Path) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Read the ratings of each rater, from ``ratings_individual/{arousal,valence}/*.csv``.

    Args:
        path: text with semicolons: a header with ``time`` and the raters' names, then one line for each time.

    Returns:
        The raters' names, the times in seconds ``[T]``, and the ratings ``[T, R]``.

    Raises:
        BadInput: the header or a line is not one time and one number for each rater.
    """
    lines = numbered_lines(path)
    if len(lines) < 2:
        raise BadInput(f"{path}: no ratings; a header and one line for each time are needed")
    header = [name.strip() for name in lines[0][1].split(";")]
    if header[0].lower() != "time" or len(header) < 2:
        raise BadInput(f"{path}: line {lines[0][0]}: give the header time;rater;rater;..., not {lines[0][1][:60]!r}")
    rows = []
    for line, text in lines[1:]:
        fields = [field.strip() for field in text.split(";")]
        if len(fields) != len(header):
            raise BadInput(f"{path}: line {line}: {len(fields)} values where the header names {len(header)}")
        rows.append([finite_number(field, name, path, line) for field, name in zip(fields, header, strict=True)])
    values = np.array(rows)
    return header[1:], values[:, 0], values[:, 1:]


def _rated(folder: Path) -> dict[str, Path]:
    """Return the labelled files of one dimension by recording, train before dev, in order of number."""
    found = [(match, path) for path in entries(folder) if (match := _RATED.fullmatch(path.name))]
    found.sort(key=lambda item: (item[0][1].lower() == "dev", int(item[0][2])))
    return {path.stem: path for _, path in found}


def _recording(root: Path, name: str, valence: Path, arousal: Path, lag_s: tuple[float, float]) -> Recording:
    video = _video(root / "recordings_video", name, valence)
    ratings = (read_gold_standard(valence), read_gold_standard(arousal))
    _check_same_times(ratings[0], ratings[1], valence, arousal)
    time_s = ratings[0].time_s
    later = [_rows_at(time_s, time_s + lag) for lag in lag_s]
    kept = (later[0] >= 0) & (later[1] >= 0)
    affect = np.stack([one.values[rows[kept]] for one, rows in zip(ratings, later, strict=True)], axis=1)
    lost = int(np.count_nonzero(~kept))
    return Recording(
        subject=name,
        role=_ROLES[name.partition("_")[0].lower()],
        images=video,
        time_s=time_s[kept],
        affect=affect.astype(np.float32),
        origin=str(valence),
        dropped={LAGGED_PAST_THE_END: lost} if lost else {},
    )


def _video(folder: Path, name: str, valence: Path) -> Path:
    found = [path for path in entries(folder) if path.stem == name and is_video(path)] if folder.is_dir() else []
    if not found:
        raise BadInput(f"{folder / name}.mp4 is missing; {valence.name} rates it")
    return found[0]


def _rows_at(time_s: NDArray[np.float64], wanted_s: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return for each wanted time the row nearest to it, or -1 where none is within half a usual step."""
    rows = np.rint(np.interp(wanted_s, time_s, np.arange(len(time_s)))).astype(np.intp)
    half_step = np.median(np.diff(time_s)) / 2 if len(time_s) > 1 else 0.0
    return np.where(np.abs(time_s[rows] - wanted_s) <= half_step + _SAME_TIME_S, rows, -1)


def _check_same_times(one: GoldStandard, other: GoldStandard, valence: Path, arousal: Path) -> None:
    if len(one.time_s) != len(other.time_s):
        raise BadInput(f"{valence} rates {len(one.time_s)} times but {arousal} rates {len(other.time_s)}")
    row = one.first_other_time(other, _SAME_TIME_S)
    if row is not None:
        raise BadInput(f"{valence} and {arousal}: row {row + 1}: {one.time_s[row]:g} s and {other.time_s[row]:g} s")
