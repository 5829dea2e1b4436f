"""Aligned face crops, in memory or on disk, behind one small interface."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.images import ImageSource, encoded_image, read_image
from pen_mobile.errors import BadInput
from pen_mobile.types import Image


class Frames(Protocol):
    """N square RGB crops that can be read a few at a time."""

    @property
    def digest(self) -> str:
        """SHA-256 over every frame."""

    def __len__(self) -> int: ...

    def read(self, rows: Any, size: int | None = None) -> Image:
        """Return some frames.

        Args:
            rows: row numbers, a mask or a slice that picks B frames.
            size: side to which they are resized, pixels; None leaves them as they are.

        Returns:
            uint8 RGB ``[B, S, S, 3]``.
        """

    def take(self, rows: Any) -> Frames:
        """Return these frames only.

        Args:
            rows: row numbers, a mask or a slice.
        """


class ArrayFrames:
    """Frames held as one uint8 array ``[N, S, S, 3]`` (in memory or memory-mapped)."""

    def __init__(self, pixels: Image, digest: str | None = None) -> None:
        """Hold frames.

        Args:
            pixels: uint8 RGB ``[N, S, S, 3]``.
            digest: SHA-256 of these frames when they were hashed before, in another form.

        Raises:
            BadInput: the array has another shape or type.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1] != pixels.shape[2] or pixels.shape[3] != 3:
            raise BadInput(f"frames must be uint8 [N, S, S, 3], not {pixels.dtype} {list(pixels.shape)}")
        self.pixels = pixels
        if digest is not None:
            self.digest = digest

    def __len__(self) -> int:
        return len(self.pixels)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every frame."""
        return hashlib.sha256(np.ascontiguousarray(self.pixels).data).hexdigest()

    def read(self, rows: Any, size: int | None = None) -> Image:
        """Return some frames, uint8 RGB ``[B, S, S, 3]``.

        Args:
            rows: row numbers, a mask or a slice.
            size: side in pixels; None leaves them as they are.
        """
        return resize(self.pixels[rows], size)

    def take(self, rows: Any) -> ArrayFrames:
        """Return these frames only.

        Args:
            rows: row numbers, a mask or a slice.
        """
        return ArrayFrames(self.pixels[rows])


class FileFrames:
    """Frames held as image files, decoded when read and brought to one square size."""

    def __init__(self, sources: Sequence[ImageSource], size: int = 224) -> None:
        """Hold image files.

        Args:
            sources: one file for each frame; it must be square when it is read.
            size: side to which frames are brought unless another is asked for, pixels.
        """
        self.sources = list(sources)
        self.size = size

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the size and every file."""
        sha = hashlib.sha256(str(self.size).encode())
        for source in self.sources:
            sha.update(hashlib.sha256(encoded_image(source)).hexdigest().encode())
        return sha.hexdigest()

    def read(self, rows: Any, size: int | None = None) -> Image:
        """Return some frames, uint8 RGB ``[B, S, S, 3]``.

        Args:
            rows: row numbers, a mask or a slice.
            size: side in pixels; None leaves the size of these frames.
        """
        wanted = size or self.size
        return np.concatenate([resize(_read_frame(source)[None], wanted) for source in self._source_array[rows]])

    def take(self, rows: Any) -> FileFrames:
        """Return these frames only.

        Args:
            rows: row numbers, a mask or a slice.
        """
        return FileFrames(self._source_array[rows].tolist(), self.size)

    @cached_property
    def _source_array(self) -> NDArray[np.object_]:
        """The sources once more, so that any rows can be picked at once."""
        array = np.empty(len(self.sources), dtype=object)
        array[:] = self.sources
        return array


def resize(frames: Image, size: int | None) -> Image:
    """Return frames ``[B, H, W, 3]`` as ``[B, size, size, 3]``: area averaging down, bilinear up.

    Args:
        frames: uint8 ``[B, H, W, 3]``.
        size: side in pixels; None leaves them as they are.

    Raises:
        BadInput: the array has another shape or type.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise BadInput(f"frames must be uint8 [B, H, W, 3], not {frames.dtype} {list(frames.shape)}")
    height, width = frames.shape[1:3]
    if size is None or (height, width) == (size, size):
        return frames
    method = cv2.INTER_AREA if min(height, width) > size else cv2.INTER_LINEAR
    out = np.zeros((len(frames), size, size, 3), dtype=np.uint8)
    for row, frame in enumerate(frames):
        out[row] = cv2.resize(frame, (size, size), interpolation=method)
    return out


def _read_frame(source: ImageSource) -> Image:
    frame = read_image(source)
    height, width = frame.shape[:2]
    if height != width:
        raise BadInput(
            f"{source}: {width} x {height} pixels are not square, so it is no face crop; "
            "'pen-mobile data prepare --format table' cuts the faces out"
        )
    return frame
