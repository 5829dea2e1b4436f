"""Aligned face crops, in memory or on disk, behind one small interface."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pen_mobile.errors import BadInput
from pen_mobile.types import Image
from pen_mobile.utils.files import sha256_of_file


class Frames(Protocol):
    """N square RGB crops that can be read a few at a time."""

    @property
    def digest(self) -> str:
        """SHA-256 over every frame."""

    def __len__(self) -> int: ...

    def read(self, rows: Any, size: int | None = None) -> Image:
        """Return frames ``rows`` as uint8 RGB ``[B, S, S, 3]``, resized to ``size`` pixels when given."""

    def take(self, rows: Any) -> Frames:
        """Return these frames only."""


class ArrayFrames:
    """Frames held as one uint8 array ``[N, S, S, 3]`` (in memory or memory-mapped)."""

    def __init__(self, pixels: Image, digest: str | None = None) -> None:
        """Hold ``pixels``; ``digest`` is given when these frames were hashed before, in another form."""
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1] != pixels.shape[2] or pixels.shape[3] != 3:
            raise BadInput(f"frames must be uint8 [N, S, S, 3], not {pixels.dtype} {list(pixels.shape)}")
        self.pixels = pixels
        if digest is not None:
            self.digest = digest

    def __len__(self) -> int:
        return len(self.pixels)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.pixels).data).hexdigest()

    def read(self, rows: Any, size: int | None = None) -> Image:
        return resize(self.pixels[rows], size)

    def take(self, rows: Any) -> ArrayFrames:
        return ArrayFrames(self.pixels[rows])


class FileFrames:
    """Frames held as image files, decoded when read and brought to one square size."""

    def __init__(self, paths: list[Path], size: int = 224) -> None:
        self.paths = paths
        self.size = size

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def digest(self) -> str:
        sha = hashlib.sha256(str(self.size).encode())
        for path in self.paths:
            sha.update(sha256_of_file(path).encode())
        return sha.hexdigest()

    def read(self, rows: Any, size: int | None = None) -> Image:
        wanted = size or self.size
        return np.concatenate([resize(read_image(path)[None], wanted) for path in self._path_array[rows]])

    def take(self, rows: Any) -> FileFrames:
        return FileFrames(self._path_array[rows].tolist(), self.size)

    @cached_property
    def _path_array(self) -> NDArray[np.object_]:
        """The paths once more, so that any rows can be picked at once."""
        return np.array(self.paths, dtype=object)


def read_image(path: Path) -> Image:
    """Read an image file as uint8 RGB ``[H, W, 3]``.

    Raises:
        BadInput: the file is missing or is not an image.
    """
    try:
        encoded = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    pixels: Image | None = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if encoded.size else None
    if pixels is None:
        raise BadInput(f"{path}: not an image that can be decoded (PNG, JPEG, WebP and the like)")
    return pixels


def resize(pixels: Image, size: int | None) -> Image:
    """Return ``[B, H, W, 3]`` frames as ``[B, size, size, 3]``: area averaging down, bilinear up."""
    height, width = pixels.shape[1:3]
    if size is None or (height, width) == (size, size):
        return pixels
    method = cv2.INTER_AREA if min(height, width) > size else cv2.INTER_LINEAR
    out = np.empty((len(pixels), size, size, 3), dtype=np.uint8)
    for row, frame in enumerate(pixels):
        cv2.resize(frame, (size, size), dst=out[row], interpolation=method)
    return out
