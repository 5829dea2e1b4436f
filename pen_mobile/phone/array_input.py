"""Images, features and labels as applications give them: converted, or refused with what was given and is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.images import read_image
from pen_mobile.errors import BadInput
from pen_mobile.types import Doubles, Floats, Image

_WANTED = "an image is a path, a PIL image, or RGB pixels [H, W, 3], uint8 or float in 0..1"
_CHANNELS = (1, 3, 4)
_FLOAT32 = np.dtype(np.float32)
_LONGEST_RECORDING_S = 1e8
_LONGEST_SIDE = 32_766  # OpenCV's crop goes no further


def to_image(given: Any, name: str = "image") -> Image:
    """Return an image as uint8 RGB pixels ``[H, W, 3]``, contiguous in memory.

    Grey images get three equal channels, a fourth channel (alpha) is dropped, channels may come first. Floats in 0..1
    are scaled to 0..255, floats and integers in 0..255 rounded, 16-bit images with values above 255 scaled.

    Args:
        given: path, PIL image, numpy array, torch tensor, or nested lists.
        name: of the image, for messages.

    Raises:
        BadInput: it is none of these, of another shape, or has values outside the range.
    """
    if isinstance(given, (str, Path)):
        return read_image(Path(given))
    pixels = _channels_last(_to_numbers(_from_pil(given), name), name)
    if max(pixels.shape[:2]) > _LONGEST_SIDE:
        raise BadInput(f"{name} is {pixels.shape[1]} x {pixels.shape[0]}; at most {_LONGEST_SIDE:,} pixels a side")
    scaled = _to_uint8(pixels, name)
    return np.ascontiguousarray(np.repeat(scaled, 3, axis=2) if scaled.shape[2] == 1 else scaled[:, :, :3])


def to_images(given: Any) -> Sequence[Any]:
    """Return several images as a sequence, each still as it was given.

    Args:
        given: a list of images, or an array or tensor ``[N, H, W, 3]``.

    Raises:
        BadInput: it is a single image.
    """
    if isinstance(given, (str, bytes, Path)) or not hasattr(given, "__len__"):
        raise BadInput(f"{_described(given)} is not a list of images; put a single one into a list")
    if getattr(given, "ndim", 4) == 3 and (given.shape[2] in _CHANNELS or given.shape[0] in _CHANNELS):
        raise BadInput(f"{_described(given)} is one image, not a list of images; put it into a list")
    images: Sequence[Any] = given
    return images


def to_matrix(given: Any, width: int, name: str) -> Floats:
    """Return numbers as float32 ``[N, width]``, contiguous in memory; NaN and infinity stay.

    Args:
        given: numpy array, torch tensor, or nested lists.
        width: how many numbers in a row.
        name: what they are, for messages, in the plural.

    Raises:
        BadInput: they are no numbers, or of another shape.
    """
    if _is_matrix(given, width):  # what a phone gives at every prediction
        return given
    values = _to_numbers(given, name)
    if values.size == 0 and values.ndim <= 2:
        return np.empty((0, width), np.float32)
    if values.ndim != 2 or values.shape[1] != width:
        raise BadInput(f"{name} are {list(values.shape)}; [N, {width}] is wanted")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, np.float32)


def _is_matrix(given: Any, width: int) -> TypeGuard[Floats]:
    fits = type(given) is np.ndarray and given.dtype == _FLOAT32 and given.shape[1:] == (width,)
    return fits and given.flags.c_contiguous


def to_times(given: Any, count: int) -> Doubles:
    """Return times in seconds, float64 ``[count]``.

    Args:
        given: one for all or one for each: seconds, ``datetime`` objects, or numpy's ``datetime64``.
        count: how many are wanted.

    Raises:
        BadInput: they are no times, or not as many.
    """
    if hasattr(given, "timestamp"):
        given = given.timestamp()
    elif isinstance(given, (list, tuple)):
        given = [time.timestamp() if hasattr(time, "timestamp") else time for time in given]
    values = np.asarray(given)
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]").astype(np.int64) / 1e6
    values = _to_numbers(values, "captured_at").astype(np.float64)
    if values.shape not in ((), (count,)):
        raise BadInput(f"captured_at is {list(values.shape)}; one time, or [{count}], one for each label, is wanted")
    return np.array(np.broadcast_to(values, (count,)))


def to_unix_times(times: Doubles, now: float, recording_start: float | None) -> tuple[Doubles, float | None]:
    """Return Unix times; seconds since the start of a recording are counted from that start.

    Times below 10^8 (three years) are since the start of a recording. Where its start is not known, the recording has
    just ended. A clock that shows less itself has its own zero, and nothing is changed.

    Args:
        times: seconds ``[N]``.
        now: what the clock shows.
        recording_start: Unix time, known from earlier labels of the same recording; None when there are none.

    Returns:
        Unix times ``[N]``, and the start of the recording.

    Raises:
        BadInput: a time is not finite or negative, or the two kinds are mixed.
    """
    for row in np.flatnonzero(~(np.isfinite(times) & (times >= 0)))[:1]:
        raise BadInput(f"captured_at of label {row + 1} is {times[row]:g}; give seconds, Unix time")
    relative = times < _LONGEST_RECORDING_S
    if now < _LONGEST_RECORDING_S or not relative.any():
        return times, recording_start
    if not relative.all():
        raise BadInput("captured_at mixes Unix time and seconds since the start of a recording; give one of them")
    start = now - times.max() if recording_start is None else recording_start
    return start + times, start


def _from_pil(given: Any) -> Any:
    """Return a PIL image upright, in a mode whose array is RGB or grey; anything else as it is."""
    if not (hasattr(given, "getbands") and hasattr(given, "convert")):
        return given
    from PIL import ImageOps

    given = ImageOps.exif_transpose(given)
    deep = given.mode.startswith(("I", "F"))
    return np.asarray(given if deep else given.convert("RGB"))


def _to_numbers(given: Any, name: str) -> NDArray[Any]:
    """Return integers or floats as an array of any shape."""
    if hasattr(given, "detach"):
        given = given.detach().cpu()
    try:
        values = np.asarray(given)
    except (TypeError, ValueError, RuntimeError):
        raise BadInput(f"{name}: {_described(given)} does not form an array of numbers") from None
    if values.dtype.kind not in "iuf":
        wanted = f"; {_WANTED}" if name.startswith("image") else ""
        raise BadInput(f"{name}: {_described(given)} does not hold numbers{wanted}")
    return values


def _channels_last(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim == 3 and pixels.shape[2] not in _CHANNELS and pixels.shape[0] in _CHANNELS:
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.ndim != 3 or pixels.shape[2] not in _CHANNELS or not pixels.size:
        raise BadInput(f"{name} is {pixels.dtype} {list(pixels.shape)}; {_WANTED}")
    return pixels


def _to_uint8(pixels: NDArray[Any], name: str) -> Image:
    if pixels.dtype == np.uint8:
        return pixels
    lowest, highest = float(pixels.min()), float(pixels.max())
    scale = 1.0
    if pixels.dtype.kind == "f" and highest <= 2:  # between 1 and 2 it is neither 0..1 nor 0..255, and refused below
        scale = 255.0
    elif pixels.dtype == np.uint16 and highest > 255:
        scale = 1 / 257
    if not (lowest >= 0 and highest * scale <= 255):  # NaN fails both
        raise BadInput(f"{name} is {pixels.dtype} with values from {lowest:g} to {highest:g}; {_WANTED}")
    scaled: Image = np.rint(pixels * scale).astype(np.uint8)
    return scaled


def _described(given: Any) -> str:
    shape = getattr(given, "shape", None)
    return type(given).__name__ if shape is None else f"{getattr(given, 'dtype', '')} {list(shape)}".strip()
