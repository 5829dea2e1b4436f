"""What all pages share: the template engine, faces as data, numbers and words as people read them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pen_mobile.data.images import resize
from pen_mobile.data.table import FrameTable, SubjectTable
from pen_mobile.types import Image

DASH = "\N{EN DASH}"
_FACE_SIZE = 96  # pixels; larger sample faces are shrunk to keep the page small


class SampleFace(NamedTuple):
    """A frame, uint8 RGB ``[S, S, 3]``, and what was felt in it."""

    valence: float
    arousal: float
    image: Image


def sample_faces(table: SubjectTable, subject: str, count: int = 5) -> list[SampleFace]:
    """Pick frames of one person that lie far apart on the affect plane, from negative to positive valence.

    The first is the calmest; each further one is the frame farthest from all picked so far. A table of
    features has no faces and gives an empty list.
    """
    if not isinstance(table, FrameTable):
        return []
    rows = table.rows_of(subject)
    affect = table.affect[rows]
    picked = [int(np.argmin(np.linalg.norm(affect, axis=1)))]
    while len(picked) < min(count, len(rows)):
        distance = np.linalg.norm(affect[:, None] - affect[picked], axis=2).min(axis=1)
        picked.append(int(np.argmax(distance)))
    chosen = rows[sorted(picked, key=lambda row: (affect[row, 0], row))]
    images = table.frames.read(chosen)
    images = resize(images, min(images.shape[1], _FACE_SIZE))
    return [
        SampleFace(float(valence), float(arousal), image)
        for (valence, arousal), image in zip(table.affect[chosen], images, strict=True)
    ]


def environment() -> Environment:
    """Return the template engine: everything is escaped, and an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, size=file_size, counted=counted)
    return environment


def data_uri(image: Image) -> str:
    """Return an RGB image as a PNG inside a URI."""
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))
    if not done:
        raise ValueError(f"an image of shape {list(image.shape)} cannot be written as PNG")
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def number(value: float | None, digits: int = 2) -> str:
    """Format a number for people; None, which is an undefined CCC, becomes a dash."""
    if value is None:
        return DASH
    text = f"{value:.{digits}f}"
    return (text[1:] if float(text) == 0 and text[0] == "-" else text).replace("-", "\N{MINUS SIGN}")


def rounded(value: float) -> float:
    """Return a value as it is shown."""
    return round(value, 2)


def file_size(count: int) -> str:
    """Format a number of bytes."""
    for unit, bytes_each in (("MB", 10**6), ("kB", 10**3)):
        if count >= bytes_each:
            return f"{count / bytes_each:.1f} {unit}"
    return f"{count} bytes"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun in the right number."""
    return f"{count} {one if count == 1 else many or one + 's'}"
