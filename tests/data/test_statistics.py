"""Inspection: numbers that can be worked out by hand, and every warning with and without its defect."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pen_mobile.data.frames import ArrayFrames
from pen_mobile.data.label_statistics import label_edges
from pen_mobile.data.statistics import covered_spans, table_statistics
from pen_mobile.data.statistics_record import SubjectStatistics, TableStatistics
from pen_mobile.data.table import FeatureTable, FrameTable, SubjectTable
from pen_mobile.types import Image
from pen_mobile.utils.files import to_json
from pen_mobile.utils.text import duration

ROWS = 200
STEP = 0.2


def varied(rows: int = ROWS) -> NDArray[np.float32]:
    """Labels that change with every row."""
    steps = np.arange(rows, dtype=np.float32)
    return np.stack([0.4 * np.sin(steps), 0.3 * np.cos(steps)], axis=1)


def person(role: str, affect: NDArray[Any] | None = None, time_s: NDArray[Any] | None = None) -> tuple[Any, ...]:
    affect = varied() if affect is None else np.asarray(affect, np.float32)
    return role, affect, np.arange(len(affect)) * STEP if time_s is None else np.asarray(time_s, np.float64)


def table(features: NDArray[np.float32] | None = None, **people: tuple[Any, ...]) -> SubjectTable:
    """Make a table of people, of random features unless given."""
    counts = [len(affect) for _, affect, _ in people.values()]
    if features is None:
        features = np.random.default_rng(0).standard_normal((sum(counts), 3), np.float32)
    return FeatureTable(
        subject=np.repeat(list(people), counts),
        role=np.repeat([role for role, _, _ in people.values()], counts),
        time_s=np.concatenate([time_s for _, _, time_s in people.values()]),
        affect=np.concatenate([affect for _, affect, _ in people.values()]),
        features=features,
    )


def sound(**people: tuple[Any, ...]) -> SubjectTable:
    """Two sources and a target without any defect, and whoever is given instead or besides."""
    return table(**({"a": person("source"), "b": person("source"), "t": person("target")} | people))


def named(statistics: TableStatistics, subject: str) -> SubjectStatistics:
    return next(person for person in statistics.people if person.subject == subject)


def test_times_and_labels_of_one_person() -> None:
    """Rows at 1, 2, 3, 5, 9 s: 8 s covered, steps 1 1 2 4, so the median is 1.5 and the largest gap 4 s from 5 s on.

    Valence 0 0.5 0.5 0.5 -1: mean 0.1, variance (0 + 3 * 0.25 + 1) / 5 - 0.01 = 0.34; the run of 0.5 has 3 of 5
    rows, from 2 s to 5 s. Arousal never repeats: its longest run is the first row. The rows are stored out of order.
    """
    shuffled = [3, 0, 4, 1, 2]
    affect = np.array([[0, 0.25], [0.5, 0.5], [0.5, -0.25], [0.5, 0], [-1, 0.75]])[shuffled]
    time_s = np.array([1.0, 2, 3, 5, 9])[shuffled]
    found = named(table_statistics(table(a=person("source", affect, time_s))), "a")
    assert (found.role, found.rows, found.first_s, found.last_s, found.seconds) == ("source", 5, 1, 9, 8)
    assert (found.median_step_s, found.largest_gap_s, found.gap_start_s) == (1.5, 4, 5)
    assert found.labels["valence"].mean == pytest.approx(0.1)
    assert found.labels["valence"].std == pytest.approx(0.34**0.5)
    assert (found.labels["valence"].min, found.labels["valence"].max) == (-1, 0.5)
    run = found.labels["valence"].constant_run
    assert (run.value, run.rows, run.share, run.start_s, run.seconds) == (0.5, 3, 0.6, 2, 3)
    assert (found.labels["arousal"].constant_run.rows, found.labels["arousal"].constant_run.seconds) == (1, 0)


def test_one_row_has_no_steps() -> None:
    found = named(table_statistics(table(a=person("source", np.zeros((1, 2))))), "a")
    assert (found.seconds, found.median_step_s, found.largest_gap_s, found.gap_start_s) == (0, None, None, None)
    assert found.labels["valence"].constant_run.rows == 1


def test_labels_on_a_grid_of_tenths_fall_in_the_bins_that_begin_there() -> None:
    """-1, -0.9 ... 1 once each: one row in every bin of width 0.1, and 1 beside 0.9 in the last.

    0.7 as float32 is a little less than 0.7; it still belongs to [0.7, 0.8). Arousal is 0 throughout, bin 10, so
    the joint histogram has one full column.
    """
    affect = np.stack([np.linspace(-1, 1, 21), np.zeros(21)], axis=1)
    labels = table_statistics(table(a=person("source", affect))).labels["source"]
    assert labels.histograms["valence"] == (*(1,) * 19, 2)
    assert labels.histograms["arousal"] == (*(0,) * 10, 21, *(0,) * 9)
    assert [line[10] for line in labels.joint] == list(labels.histograms["valence"])
    assert sum(map(sum, labels.joint)) == 21
    assert len(label_edges((1, 9))) == 21


def test_distance_is_how_far_labels_must_move() -> None:
    """Targets are the sources moved by 0.25 in valence; in arousal, half of {0, 0} moves by 0.5 to give {0, 0.5}."""
    source = np.array([[0.0, 0], [0.5, 0]])
    target = np.array([[0.25, 0], [0.75, 0.5]])
    distance = table_statistics(table(a=person("source", source), t=person("target", target))).distance
    assert distance == {"valence": pytest.approx(0.25), "arousal": pytest.approx(0.25)}
    alone = table_statistics(table(a=person("source", source)))
    assert alone.distance is None
    assert set(alone.labels) == {"source"}


def test_features_are_summed_up() -> None:
    """Column 0 is 3 throughout and column 2 is 0: two of four are constant. Lengths 3, 5, 5: the median is 5."""
    features = np.array([[3, 0, 0, 0], [3, 4, 0, 0], [3, 0, 0, 4]], np.float32)
    found = table_statistics(table(features, a=person("source", varied(3)))).features
    assert found is not None
    assert (found.size, found.constant_share, found.norm_median) == (4, 0.5, 5)


def test_duplicates_count_within_a_person() -> None:
    """Rows x x y x of a: two repeat an earlier one. b's x z hold no duplicate, because a is somebody else."""
    x, y, z = [1.0, 2], [3.0, 4], [5.0, 6]
    features = np.array([x, x, y, x, x, z], np.float32)
    found = table_statistics(table(features, a=person("source", varied(4)), b=person("source", varied(2))))
    assert [person.duplicates for person in found.people] == [2, 0]


class CountedFrames(ArrayFrames):
    """Frames that remember how many were read at once."""

    most = 0

    def read(self, rows: Any, size: int | None = None) -> Image:
        CountedFrames.most = max(CountedFrames.most, len(rows))
        return super().read(rows, size)


def test_frames_are_compared_a_few_at_a_time() -> None:
    """600 frames that differ in one pixel, except that frame 599 is frame 0 again, in another batch."""
    rows = 600
    pixels = np.zeros((rows, 4, 4, 3), np.uint8)
    pixels[:, 1, 2, 0], pixels[:, 3, 0, 1] = np.arange(rows) % 256, np.arange(rows) // 256
    pixels[599] = pixels[0]
    steps = np.arange(rows) * STEP
    subjects = FrameTable(np.full(rows, "a"), np.full(rows, "source"), steps, varied(rows), CountedFrames(pixels))
    found = table_statistics(subjects)
    assert found.people[0].duplicates == 1
    assert found.features is None
    assert 0 < CountedFrames.most <= 256


def test_json_holds_everything(people: FrameTable) -> None:
    """3 source and 2 target people of 80 rows each."""
    document = json.loads(to_json(table_statistics(people).to_dict()))
    assert (document["rows"], document["people_per_role"]) == (400, {"source": 3, "target": 2})
    assert (document["synthetic"], document["digest"]) == (True, people.digest)
    assert [person["subject"] for person in document["people"]] == people.subjects("source") + people.subjects("target")
    assert sum(document["labels"]["source"]["histograms"]["valence"]) == 240
    assert set(document["people"][0]["labels"]["valence"]["constant_run"]) == {
        "value",
        "rows",
        "share",
        "start_s",
        "seconds",
    }


@pytest.mark.parametrize(
    ("times", "usual", "spans"),
    [
        ([0, 0, 0, 1, 1, 2, 2, 2], 1, 1),  # several rows at one instant
        ([5, 5, 5], 0, 1),  # all rows at one instant
        ([0, 0, 1, 1, 30, 30], 15, 1),
        ([0, 0, 1, 1, 2, 2, 3, 3, 60, 60], 1, 2),
        ([0, 2], 2, 1),
    ],
)
def test_rows_at_one_instant_are_no_steps(times: list[float], usual: float, spans: int) -> None:
    """Somebody who answers several questions at once is not somebody with gaps; steps of 1 and 29 have median 15."""
    seconds = np.array(times, np.float64)
    found = named(table_statistics(table(a=person("source", varied(len(times)), seconds))), "a")
    assert found.median_step_s == usual
    assert len(covered_spans(seconds)) == spans


def test_spans_end_at_gaps_of_more_than_ten_median_steps() -> None:
    """Steps 1 1 10 1 11 1: the median is 1, so only the step of 11 s breaks."""
    times = np.cumsum([0.0, 1, 1, 10, 1, 11, 1])
    assert covered_spans(times) == [(0, 13), (24, 25)]
    assert covered_spans(np.array([4.0])) == [(4, 4)]


def test_durations_are_short() -> None:
    assert [duration(value) for value in (0, 0.04, 2.5, 12.345, 1234.5)] == [
        "0 s",
        "0.04 s",
        "2.5 s",
        "12.3 s",
        "1,234.5 s",
    ]


class TestWarnings:
    """Each defect gives one sentence; the same table without it gives none."""

    def test_a_sound_table_has_none(self) -> None:
        assert table_statistics(sound()).warnings == []

    def test_few_rows(self) -> None:
        """49 rows are too few, 50 are not."""
        [warning] = table_statistics(sound(t=person("target", varied(49)))).warnings
        assert warning.startswith("t has only 49 rows")
        assert table_statistics(sound(t=person("target", varied(50)))).warnings == []
        [warning] = table_statistics(sound(t=person("target", varied(1)))).warnings
        assert warning.startswith("t has only 1 row;")

    def test_a_constant_label(self) -> None:
        """Said once: a constant label is not also called stuck."""
        affect = varied()
        affect[:, 0] = 0.125
        [warning] = table_statistics(sound(t=person("target", affect))).warnings
        assert warning.startswith("t: valence is 0.125 in all 200 rows")
        affect[7, 0] = 0.5
        assert not any("in all" in warning for warning in table_statistics(sound(t=person("target", affect))).warnings)

    def test_a_stuck_label(self) -> None:
        """Rows 20 to 71 at 0.2 s: 51 steps are 10.2 s and 52 of 200 rows are 26 %. Up to row 70 it is 10 s: no more."""
        affect = varied()
        affect[20:72, 1] = 0.25
        [warning] = table_statistics(sound(t=person("target", affect))).warnings
        assert warning.startswith("t: arousal stays at 0.25 for 10.2 s from 4 s on, 26% of the rows")
        affect[71, 1] = 0.5
        assert table_statistics(sound(t=person("target", affect, np.arange(ROWS) / 5))).warnings == []

    def test_a_stuck_label_must_be_more_than_a_moment_of_the_recording(self) -> None:
        """52 of 1,040 rows are exactly 5 %, which is not too much; 52 of 1,039 are more."""
        affect = varied(1040)
        affect[20:72, 1] = 0.25
        assert table_statistics(sound(t=person("target", affect))).warnings == []
        assert len(table_statistics(sound(t=person("target", affect[:-1]))).warnings) == 1

    def test_a_gap(self) -> None:
        """Quarter seconds, then nothing for 2.75 s, which is 11 steps; 2.5 s are ten and pass."""
        time_s = np.arange(ROWS) / 4
        time_s[100:] += 2.5
        [warning] = table_statistics(sound(t=person("target", time_s=time_s))).warnings
        assert warning.startswith("t: nothing for 2.75 s from 24.8 s on, where rows are usually 0.25 s apart")
        time_s[100:] -= 0.25
        assert table_statistics(sound(t=person("target", time_s=time_s))).warnings == []

    def test_missing_roles(self) -> None:
        source, target = person("source"), person("target")
        [warning] = table_statistics(table(a=source, b=source)).warnings
        assert warning.startswith("there are no target people")
        [warning] = table_statistics(table(s=target, t=target)).warnings
        assert warning.startswith("there are no source people")
        [warning] = table_statistics(table(a=source, t=target)).warnings
        assert warning.startswith("there is only one source person, a:")
