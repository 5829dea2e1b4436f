"""Image files are decoded once for a training run and memory-mapped afterwards, when they fit."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pen_mobile.data.frames import ArrayFrames, Frames
from pen_mobile.training.prefetch import prefetch, reading_threads
from pen_mobile.types import Image, Rows
from pen_mobile.utils.files import replacing
from pen_mobile.utils.progress import SILENT, Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # seconds to import, and only training needs it

_CHUNK = 64
_GIB = 1 << 30


def cached_frames(
    fabric: Fabric, frames: Frames, size: int, folder: Path, limit_gb: float, progress: Progress = SILENT
) -> Frames:
    """Return the same frames, decoded and resized once into ``folder``; as they are when that does not fit.

    Frames that are held as an array already are returned as they are. The file name is made of the frames' hash
    and the size, so that new data cannot meet old pixels.

    Args:
        size: side at which the frames will be read, pixels.
        limit_gb: the most that the file may take, GiB; half of the disk's free space if that is less.
        progress: told when the frames do not fit, which makes every epoch slower.
    """
    if isinstance(frames, ArrayFrames):
        return frames
    key = hashlib.sha256(f"{frames.digest}/{size}".encode()).hexdigest()[:16]
    path = folder / f"frames-{key}.npy"
    if fabric.is_global_zero and not path.exists():
        _decode_if_it_fits(frames, size, path, limit_gb, progress)
    fabric.barrier()
    if not path.exists():
        return frames
    return ArrayFrames(np.load(path, mmap_mode="r"), frames.digest)


def _decode_if_it_fits(frames: Frames, size: int, path: Path, limit_gb: float, progress: Progress) -> None:
    wanted = len(frames) * size * size * 3 / _GIB
    path.parent.mkdir(exist_ok=True)
    free = shutil.disk_usage(path.parent).free / _GIB
    if wanted > min(limit_gb, free / 2):
        reason = f"{wanted:.1f} GiB do not fit (frame_cache_gb = {limit_gb:g}, {free:.1f} GiB free)"
    else:
        try:
            return _decode(frames, size, path, progress)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
    return progress.say(f"decoded frames are not kept: {reason}; every epoch decodes them again")


def _decode(frames: Frames, size: int, path: Path, progress: Progress) -> None:
    """Write ``[N, size, size, 3]`` as ``.npy``, from front to back: a full disk is then an error, not a SIGBUS."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(frames), size, size, 3)}
    with (
        replacing(path, private=True) as temporary,
        temporary.open("wb") as stream,
        progress.task("frames", len(frames)) as task,
    ):
        np.lib.format.write_array_header_1_0(stream, header)
        for pixels in all_frames(frames, size):
            stream.write(pixels.data)
            task.advance(len(pixels))


def all_frames(frames: Frames, size: int) -> Iterator[Image]:
    """Yield all frames in order as uint8 ``[B, size, size, 3]``, 64 at a time, read ahead by threads."""

    def read(rows: Rows) -> Image:
        return frames.read(rows, size)

    chunks = np.split(np.arange(len(frames)), range(_CHUNK, len(frames), _CHUNK))
    return prefetch(read, chunks, reading_threads())
