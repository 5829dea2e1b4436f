"""Images on disk: every format that the decoder reads, upright, as uint8 RGB; everything else is refused by name."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from pen_mobile.data.jpeg import decode_without_end
from pen_mobile.data.pixel_limit import check_pixels
from pen_mobile.errors import BadInput
from pen_mobile.types import Image

_FORMATS = "png jpg jpeg jpe jfif webp bmp dib tif tiff gif jp2 j2k avif ppm pgm pbm pnm"
IMAGE_SUFFIXES = frozenset(f".{name}" for name in _FORMATS.split())
"""Suffixes, in lower case, of files that are taken for images."""

_MOST_BYTES = 512 << 20
_READABLE = {"PNG", "JPEG", "MPO", "WEBP", "BMP", "DIB", "TIFF", "GIF", "JPEG2000", "AVIF", "PPM"}
_NO_IMAGE = "not an image that can be decoded (PNG, JPEG, WebP and the like)"
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_header_lock = Lock()  # Pillow's limit is one variable for all threads


@dataclass(frozen=True)
class EncodedImage:
    """An image file that is held in memory, as data sets on the web hold them.

    Attributes:
        name: what messages call it.
        content: bytes of the file.
    """

    name: str
    content: bytes

    def __str__(self) -> str:
        return self.name


ImageSource = Path | EncodedImage


def list_images(folder: Path) -> tuple[list[Path], list[Path]]:
    """List the images of a folder by their suffixes, in whatever case.

    Args:
        folder: folders inside it are not entered.

    Returns:
        Files that are taken for images, and all other files and folders, both sorted by name; hidden ones are left out.

    Raises:
        BadInput: the folder cannot be read.
    """
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise BadInput(f"{folder}: cannot be read as a folder: {error.strerror}") from None
    images = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    return images, [path for path in found if path not in set(images)]


def read_image(source: ImageSource) -> Image:
    """Read an image as uint8 RGB ``[H, W, 3]``, turned upright as its metadata say.

    Args:
        source: a file, a pipe, or a file held in memory.

    Raises:
        BadInput: it is missing, is not an image, is cut short, or has too many pixels (:mod:`.pixel_limit`).
    """
    encoded = encoded_image(source)
    kind = _kind(source, encoded)
    if kind == "AVIF":
        return _decode_avif(source, encoded)
    image = _decode(encoded)
    if image is None:
        image = decode_without_end(encoded, _decode)
    if image is None:
        raise BadInput(f"{source}: an image that is cut short or damaged; get it again")
    return image


def encoded_image(source: ImageSource) -> bytes:
    """Return the bytes of an image file.

    Args:
        source: a file, a pipe, or a file held in memory.

    Raises:
        BadInput: it cannot be read, or is larger than any image.
    """
    if isinstance(source, EncodedImage):
        return source.content
    try:
        with source.open("rb") as stream:
            encoded = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{source}: cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise BadInput(f"{str(source)!a}: no file has such a name") from None
    if len(encoded) > _MOST_BYTES:
        raise BadInput(f"{source}: larger than {_MOST_BYTES >> 20} MiB; no image is")
    return encoded


def _kind(source: ImageSource, encoded: bytes) -> str:
    """Return the format's name; refuse formats that are not read, and too many pixels, before any is decoded."""
    kind, size = _header(encoded)
    if kind not in _READABLE:
        if encoded[4:8] == b"ftyp" and encoded[8:12] in _HEIC_BRANDS:
            kind = "HEIC"
        reason = f"{kind} images are not read here; save it as PNG or JPEG" if kind else _NO_IMAGE
        raise BadInput(f"{source}: {reason}")
    check_pixels(source, *size)
    return kind


def _header(encoded: bytes) -> tuple[str, tuple[int, int]]:
    with _header_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
        try:
            image = Pillow.open(io.BytesIO(encoded))
        except Exception:  # noqa: BLE001  a damaged header makes Pillow raise almost anything
            return "", (0, 0)
        finally:
            Pillow.MAX_IMAGE_PIXELS = before
    return image.format or "", image.size


def _decode(encoded: bytes) -> Image | None:
    try:
        image: Image | None = cv2.imdecode(np.frombuffer(encoded, dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        return None
    return image


def _decode_avif(source: ImageSource, encoded: bytes) -> Image:
    """Decode AVIF with Pillow: OpenCV passes over its rotation and mirroring."""
    try:
        with Pillow.open(io.BytesIO(encoded)) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, RuntimeError):
        raise BadInput(f"{source}: an image that is cut short or damaged; get it again") from None
