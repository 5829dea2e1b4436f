"""The canonical table: what it hands out, and what it refuses to hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pen_mobile.data.frames import ArrayFrames
from pen_mobile.data.table import FeatureTable, FrameTable, SubjectTable
from pen_mobile.errors import BadInput

COLUMNS: dict[str, Any] = {
    "subject": ["bea", "bea", "al", "al", "al"],
    "role": ["target", "target", "source", "source", "source"],
    "time_s": [0.0, 0.5, 2.0, 1.0, 0.0],
    "affect": [[0.1, 0.2], [-1, 1], [0, 0], [0.5, -0.5], [0.3, 0.3]],
    "features": [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]],
}
KINDS = {"subject": str, "role": str, "time_s": np.float64, "affect": np.float32, "features": np.float32}


def table(origin: str = "people.npz", **changed: Any) -> SubjectTable:
    """A small valid table, of frames when they are given, but for the columns given."""
    columns = {
        name: np.array(values, KINDS[name])
        for name, values in (COLUMNS | changed).items()
        if name in KINDS and not (name == "features" and "frames" in changed)
    }
    if "frames" in changed:
        return FrameTable(origin=origin, **columns, frames=changed["frames"])
    return FeatureTable(origin=origin, **columns)


def frames(count: int = 5) -> ArrayFrames:
    return ArrayFrames(np.arange(count * 4 * 4 * 3, dtype=np.uint8).reshape(count, 4, 4, 3))


def test_people_are_listed_by_role_and_name() -> None:
    assert table().subjects() == ["al", "bea"]
    assert table().subjects("source") == ["al"]
    assert table().subjects("target") == ["bea"]
    assert len(table()) == 5


def test_rows_of_a_person_come_in_order_of_time() -> None:
    """al's rows 2, 3, 4 were seen at 2 s, 1 s and 0 s."""
    assert table().rows_of("al").tolist() == [4, 3, 2]
    assert table().rows_of("bea").tolist() == [0, 1]


def test_rows_with_role() -> None:
    assert table().rows_with_role("source").tolist() == [2, 3, 4]
    assert table().rows_with_role("target").tolist() == [0, 1]


def test_rows_at_one_instant_stay_in_order() -> None:
    """al's rows 2 and 4 were both seen at 2 s."""
    assert table(time_s=[0.0, 0.5, 2.0, 1.0, 2.0]).rows_of("al").tolist() == [3, 2, 4]


def test_unknown_person_is_answered_with_those_there_are() -> None:
    with pytest.raises(BadInput, match=r"people\.npz: no subject 'cy'; there are al and bea"):
        table().rows_of("cy")


def test_take_keeps_every_column_together() -> None:
    part = table().take(np.array([3, 0]))
    assert part.subject.tolist() == ["al", "bea"]
    assert part.role.tolist() == ["source", "target"]
    assert part.time_s.tolist() == [1.0, 0.0]
    np.testing.assert_array_equal(part.affect, np.array([[0.5, -0.5], [0.1, 0.2]], np.float32))
    assert part.features.tolist() == [[6, 7], [0, 1]]
    assert part.origin == "people.npz"


def test_take_chooses_among_frames_too() -> None:
    whole = table(frames=frames())
    part = whole.take(np.array([4, 1]))
    np.testing.assert_array_equal(part.frames.read(slice(None)), frames().pixels[[4, 1]])


def test_digest_is_of_the_content_not_of_the_object() -> None:
    assert table().digest == table(origin="elsewhere").digest


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": ["bee", "bee", "al", "al", "al"]},
        {"role": ["source"] * 5},
        {"time_s": [0.0, 0.25, 2.0, 1.0, 0.0]},
        {"affect": [[0.1, 0.2], [-1, 1], [0, 0], [0.5, -0.5], [0.3, 0.4]]},
        {"features": [[0, 1], [2, 3], [4, 5], [6, 7], [8, 8]]},
        {"frames": frames()},
    ],
    ids=lambda changed: "+".join(changed),
)
def test_digest_changes_with_every_column(changed: dict[str, Any]) -> None:
    assert table(**changed).digest != table().digest


def test_digest_changes_with_one_pixel() -> None:
    pixels = frames().pixels.copy()
    pixels[2, 1, 1, 0] ^= 1
    changed = table(frames=ArrayFrames(pixels))
    assert changed.digest != table(frames=frames()).digest


def test_two_people_may_be_seen_at_the_same_time() -> None:
    """al and bea both have a row at 0 s: only a person's own times must differ."""
    assert table().time_s.tolist().count(0.0) == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"subject": [], "role": [], "time_s": [], "affect": np.zeros((0, 2)), "features": np.zeros((0, 1))},
            "no rows",
        ),
        ({"features": [0, 1, 2, 3, 4]}, r"features must be \[N, D_z\], not \[5\]"),
        ({"affect": [[0.1], [0.1], [0.1], [0.1], [0.1]]}, r"affect must be \[5, 2\], not \[5, 1\]"),
        ({"features": [[0, 1]]}, "5 subjects but 1 values of content"),
        ({"frames": frames(4)}, "5 subjects but 4 values of content"),
        ({"time_s": [0.0, 0.5]}, "5 subjects but 2 values of time_s"),
        ({"role": ["target"]}, "5 subjects but 1 values of role"),
        ({"role": ["target", "target", "source", "sauce", "source"]}, "row 4: role 'sauce' is not source or target"),
        ({"role": ["target", "source", "source", "source", "source"]}, "subject 'bea' is both source and target"),
        (
            {"affect": [[0, 0], [1.5, 0], [0, 0], [0, 0], [0, 0]]},
            r"row 2: valence is 1\.5; labels must lie in \[-1, 1\]",
        ),
        ({"affect": [[0, 0], [0, 0], [0, np.nan], [0, 0], [0, 0]]}, "row 3: arousal is nan"),
        ({"affect": [[0, 0], [0, 0], [0, 0], [0, 0], [-np.inf, 0]]}, "row 5: valence is -inf"),
        ({"time_s": [0.0, 0.5, np.inf, 1.0, 0.0]}, "row 3: time_s is inf"),
        ({"features": [[0, 1], [2, 3], [4, np.nan], [6, 7], [8, 9]]}, "row 3: the feature vector holds NaN"),
    ],
)
def test_what_cannot_be_is_refused_by_file_and_row(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=rf"^people\.npz: .*{message}"):
        table(**changed)
