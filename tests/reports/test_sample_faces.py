"""Sample faces lie far apart on the affect plane."""

from __future__ import annotations

import numpy as np

from pen_mobile.data.frames import ArrayFrames
from pen_mobile.data.table import FeatureTable, FrameTable
from pen_mobile.reports.sample_faces import sample_faces


def table_of(affect: np.ndarray, size: int = 128) -> FrameTable:
    count = len(affect)
    pixels = np.zeros((count, size, size, 3), np.uint8)
    pixels[:] = np.arange(count, dtype=np.uint8)[:, None, None, None]
    names, roles = np.repeat("me", count), np.repeat("target", count)
    return FrameTable(names, roles, np.arange(count, dtype=float), affect.astype(np.float32), ArrayFrames(pixels))


def test_sample_faces_are_spread_over_the_plane() -> None:
    corners = [(-0.9, 0.9), (0.9, 0.9), (-0.8, -0.8), (0.8, -0.8)]
    crowd = [(0.01 * row, 0.0) for row in range(20)]
    faces = sample_faces(table_of(np.array(crowd + corners)), "me", count=5)
    found = [tuple(round(label, 2) for label in face.affect) for face in faces]
    assert found == sorted([(0.0, 0.0), *corners])  # the calmest and the four corners, by valence
    assert [int(face.image[0, 0, 0]) for face in faces] == [20, 22, 0, 23, 21]  # each with its own frame
    assert {face.image.shape for face in faces} == {(96, 96, 3)}


def test_sample_faces_of_few_frames_and_of_none() -> None:
    few = table_of(np.zeros((2, 2)), size=40)
    assert [face.image.shape for face in sample_faces(few, "me")] == [(40, 40, 3)] * 2
    assert (
        sample_faces(FeatureTable(few.subject, few.role, few.time_s, few.affect, np.zeros((2, 4), np.float32)), "me")
        == []
    )
