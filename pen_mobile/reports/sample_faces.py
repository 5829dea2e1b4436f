"""Sample faces of one person, spread over the affect plane."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pen_mobile.data.frames import resize
from pen_mobile.data.table import FrameTable, SubjectTable
from pen_mobile.reports.html import data_uri
from pen_mobile.targets import Targets
from pen_mobile.types import Image
from pen_mobile.utils.text import decimal

_FACE_SIZE = 96  # pixels; larger sample faces are shrunk to keep the page small


class SampleFace(NamedTuple):
    """A frame, uint8 RGB ``[S, S, 3]``, and its labels on the scale from -1 to 1."""

    affect: tuple[float, ...]
    image: Image

    @property
    def uri(self) -> str:
        """The frame as a ``data:`` address for a page."""
        return data_uri(self.image)

    def words(self, targets: Targets) -> str:
        """Return the labels on their own scale, such as ``valence 0.30, arousal -0.10``.

        Args:
            targets: of the labels.
        """
        labels = targets.to_labels(np.array(self.affect, np.float32)).tolist()
        return ", ".join(f"{name} {decimal(label, 2)}" for name, label in zip(targets.names, labels, strict=True))


def sample_faces(table: SubjectTable, subject: str, count: int = 5) -> list[SampleFace]:
    """Return frames of one person that lie far apart by their labels, in order of the first target.

    The first is the calmest; each further one is the frame farthest from all picked so far.

    Args:
        table: recordings; a table of features has no faces and gives an empty list.
        subject: the person.
        count: number of frames; fewer if the person has fewer.
    """
    if not isinstance(table, FrameTable):
        return []
    rows = table.rows_of(subject)
    affect = table.targets.to_unit(table.affect[rows])
    picked = [int(np.argmin(np.linalg.norm(affect, axis=1)))]
    while len(picked) < min(count, len(rows)):
        distance = np.linalg.norm(affect[:, None] - affect[picked], axis=2).min(axis=1)
        picked.append(int(np.argmax(distance)))
    chosen = rows[sorted(picked, key=lambda row: (affect[row, 0], row))]
    affect_of_chosen = table.targets.to_unit(table.affect[chosen])
    images = table.frames.read(chosen)
    images = resize(images, min(images.shape[1], _FACE_SIZE))
    return [SampleFace(tuple(labels.tolist()), image) for labels, image in zip(affect_of_chosen, images, strict=True)]
