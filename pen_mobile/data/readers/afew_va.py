"""AFEW-VA: clips from films as folders of images, rated frame by frame in a JSON file beside them.

``001/00000.png`` and ``001/001.json``, either directly or one folder deeper, as the archives unpack:
``{"actor": ..., "frames": {"00000": {"valence": -10..10, "arousal": -10..10, "landmarks": [[x, y], ...]}}}``.
"""

from __future__ import annotations

import json
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pen_mobile.data.left_out import LeftOut
from pen_mobile.data.readers.disk import entries, printable
from pen_mobile.data.readers.recording import Recording
from pen_mobile.data.table import Role
from pen_mobile.errors import BadInput

FRAMES_PER_SECOND = 25
SECONDS_BETWEEN_CLIPS = 10.0
_FULL_SCALE = 10.0
_MOST_DIGITS = 10

UNRATED = "no rating"


class _Clip(NamedTuple):
    path: Path
    subject: str
    numbers: list[int]
    images: list[Path]
    ratings: list[tuple[float, float]]
    rated: int

    def recording(self, role: Role, start_s: float) -> Recording:
        return Recording(
            subject=self.subject,
            role=role,
            images=self.images,
            time_s=start_s + np.array(self.numbers, dtype=np.float64) / FRAMES_PER_SECOND,
            affect=np.array(self.ratings, dtype=np.float32),
            origin=str(self.path),
            dropped={UNRATED: lost} if (lost := self.rated - len(self.images)) else {},
        )


def read_afew_va(
    root: Path, target_share: float = 0.5, seed: int = 0, left_out: LeftOut | None = None
) -> list[Recording]:
    """Read every clip; the actor is the subject, or the clip itself where none is named.

    Times are frame number / 25. Several clips of one actor follow each other in order of name with ten seconds
    between them, because one person's times may not repeat.

    Args:
        root: the folder that holds the clips.
        target_share: the share of actors, rounded to whole people, who become targets.
        seed: decides which ones, with nothing but their names.
        left_out: gets clips whose JSON file is not as documented, and frames without a rating; None raises the first.

    Raises:
        BadInput: no clip is left.
    """
    left_out = left_out or LeftOut(strict=True)
    if not 0 <= target_share <= 1:
        raise BadInput(f"the share of targets is {target_share:g}; give a number from 0 to 1")
    clips = []
    for path in _json_files(root):
        with left_out.unless_good(path.stem):
            clips.append(_clip(path, left_out))
    if not clips:
        missing = f"{root}: no clip; folders such as 001 with 001.json and 00000.png in it are needed"
        raise BadInput(left_out.first() or missing)
    targets = _drawn({clip.subject for clip in clips}, target_share, seed)
    free_from: dict[str, float] = {}
    recordings = []
    for clip in clips:
        with left_out.unless_good(clip.path.stem):
            start = free_from.get(clip.subject, 0.0)
            recordings.append(clip.recording("target" if clip.subject in targets else "source", start))
            free_from[clip.subject] = float(recordings[-1].time_s[-1]) + SECONDS_BETWEEN_CLIPS
    if not recordings:
        raise BadInput(left_out.first())
    return recordings


def _json_files(root: Path) -> list[Path]:
    folders = [folder for folder in entries(root) if folder.is_dir()]
    folders += [inner for folder in folders for inner in entries(folder) if inner.is_dir()]
    files = [folder / f"{folder.name}.json" for folder in folders]
    return sorted((file for file in files if file.is_file()), key=lambda file: file.name)


def _clip(path: Path, left_out: LeftOut) -> _Clip:
    content = _json(path)
    frames = content.get("frames")
    if not isinstance(frames, dict) or not frames:
        raise BadInput(f"{path}: 'frames' is missing or empty")
    for name in frames:
        if not (name.isascii() and name.isdigit() and len(name) < _MOST_DIGITS):
            raise BadInput(f"{path}: frame {name[:40]!r} is not a number")
    names = sorted(frames, key=int)
    for one, other in pairwise(names):
        if int(one) == int(other):
            raise BadInput(f"{path}: frames {one!r} and {other!r} are one frame; keep one")
    ratings = {}
    for name in names:
        with left_out.unless_good(f"{path.stem}/{name}"):
            ratings[name] = (_rating(frames, name, "valence", path), _rating(frames, name, "arousal", path))
    actor = content.get("actor")
    subject = printable(actor if isinstance(actor, str) and actor.strip() else path.stem)
    images = [path.parent / f"{name}.png" for name in ratings]
    return _Clip(path, subject, [int(name) for name in ratings], images, list(ratings.values()), len(frames))


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise BadInput(f"{path}: not JSON that can be read: too deeply nested") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: line {error.lineno}: not JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not a text file (UTF-8)") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: not a JSON object with 'frames'")
    return content


def _rating(frames: dict[str, Any], name: str, dimension: str, path: Path) -> float:
    value = frames[name].get(dimension) if isinstance(frames[name], dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadInput(f"{path}: frame {name!r}: {dimension} is {value!r}, not a number")
    if not abs(value) <= _FULL_SCALE:
        raise BadInput(f"{path}: frame {name!r}: {dimension} is {value:g}; ratings must lie in [-10, 10]")
    return value / _FULL_SCALE


def _drawn(subjects: set[str], share: float, seed: int) -> set[str]:
    """Return a share of people by lots that hang on the seed and on each name alone."""
    lots = {name: np.random.default_rng([seed, zlib.crc32(name.encode())]).random() for name in subjects}
    return set(sorted(subjects, key=lambda name: (lots[name], name))[: round(share * len(subjects))])
