"""The frame cache: the same pixels and hash as the files, decoded once, left out when it does not fit."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from lightning_fabric import Fabric

from pen_mobile.data.frames import ArrayFrames, FileFrames
from pen_mobile.errors import BadInput
from pen_mobile.training import frame_cache
from pen_mobile.training.frame_cache import all_frames, cached_frames
from pen_mobile.utils.progress import Task

FABRIC = Fabric(accelerator="cpu", devices=1)
COUNT = 70  # more than one chunk of 64
GIB = 1 << 30


class Listener:
    """Writes down what is said and how many steps each task was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.steps = 0

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        assert (name, total) == ("frames", COUNT)
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.steps += steps

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def files(tmp_path: Path) -> FileFrames:
    """JPEG files of 12 px, each with its own picture."""
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{row}.jpg" for row in range(COUNT)]
    for path in paths:
        cv2.imwrite(str(path), rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    return FileFrames(paths, size=12)


def test_the_map_holds_what_the_files_hold(files: FileFrames, tmp_path: Path) -> None:
    listener = Listener()
    frames = cached_frames(FABRIC, files, 8, tmp_path / "frames", 1.0, listener)
    assert isinstance(frames, ArrayFrames)
    assert isinstance(frames.pixels, np.memmap)
    np.testing.assert_array_equal(frames.read(slice(None)), files.read(slice(None), 8))
    assert frames.digest == files.digest
    assert (listener.said, listener.steps) == ([], COUNT)


def test_files_are_decoded_once(files: FileFrames, tmp_path: Path) -> None:
    cached_frames(FABRIC, files, 8, tmp_path / "frames", 1.0)
    (path,) = (tmp_path / "frames").iterdir()
    written = path.stat().st_mtime_ns
    listener = Listener()
    cached_frames(FABRIC, files, 8, tmp_path / "frames", 1.0, listener)
    assert listener.steps == 0
    assert path.stat().st_mtime_ns == written
    cached_frames(FABRIC, files, 6, tmp_path / "frames", 1.0)
    cached_frames(FABRIC, FileFrames(files.sources[::-1], 12), 8, tmp_path / "frames", 1.0)
    assert len(list((tmp_path / "frames").iterdir())) == 3  # another size, other frames


def test_arrays_are_not_copied(tmp_path: Path) -> None:
    frames = ArrayFrames(np.zeros((2, 4, 4, 3), np.uint8))
    assert cached_frames(FABRIC, frames, 8, tmp_path / "frames", 1.0) is frames
    assert not (tmp_path / "frames").exists()


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize(
    ("limit_gb", "free", "message"),
    [
        (0.5, 100 * GIB, r"1\.0 GiB do not fit \(frame_cache_gb = 0\.5, 100\.0 GiB free\)"),
        (8.0, 2 * GIB - 100, r"1\.0 GiB do not fit \(frame_cache_gb = 8, 2\.0 GiB free\)"),
        (0.0, 100 * GIB, r"1\.0 GiB do not fit \(frame_cache_gb = 0, "),
    ],
)
def test_what_does_not_fit_is_decoded_every_time(
    files: FileFrames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit_gb: float, free: int, message: str
) -> None:
    """70 frames of 8 px take 70 * 8 * 8 * 3 = 13440 bytes; a "GiB" of 13440 bytes makes that 1."""
    monkeypatch.setattr(frame_cache, "_GIB", 13440)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(free * 13440 // GIB))
    listener = Listener()
    assert cached_frames(FABRIC, files, 8, tmp_path / "frames", limit_gb, listener) is files
    (said,) = listener.said
    assert re.search(message, said), said
    assert said.endswith("every epoch decodes them again")
    assert list((tmp_path / "frames").iterdir()) == []


def test_a_disk_that_fills_up_costs_time_not_the_run(
    files: FileFrames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    listener = Listener()
    assert cached_frames(FABRIC, files, 8, tmp_path / "frames", 1.0, listener) is files
    assert "decoded frames are not kept: No space left on device" in listener.said[0]
    assert list((tmp_path / "frames").iterdir()) == []


def test_a_file_that_is_no_image_is_named_and_nothing_is_left(files: FileFrames, tmp_path: Path) -> None:
    files.sources[66].write_text("not pixels")
    with pytest.raises(BadInput, match=r"66\.jpg: not an image"):
        cached_frames(FABRIC, files, 8, tmp_path / "frames", 1.0)
    assert list((tmp_path / "frames").iterdir()) == []


def test_all_frames_come_in_order(files: FileFrames) -> None:
    chunks = list(all_frames(files, 8))
    assert [len(chunk) for chunk in chunks] == [64, 6]
    np.testing.assert_array_equal(np.concatenate(chunks), files.read(slice(None), 8))
