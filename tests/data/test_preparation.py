"""From recordings to a prepared folder: nothing lost without a word, resumable, the same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from pyarrow import parquet
from skimage import data

from pen_mobile.data import preparation as room
from pen_mobile.data.faces import make_crop
from pen_mobile.data.load import load_table
from pen_mobile.data.preparation import prepare
from pen_mobile.data.readers.recording import Recording
from pen_mobile.data.recording_frames import NO_FACE, NO_IMAGE
from pen_mobile.errors import BadInput
from pen_mobile.targets import Targets

SMALL = make_crop(size=48)


def face_image() -> np.ndarray:
    """The upper left 320 x 240 of the photograph with the face in it."""
    return np.ascontiguousarray(cv2.resize(data.astronaut()[:360, :480], (320, 240), interpolation=cv2.INTER_AREA))


def write_video(path: Path, faces: list[bool]) -> None:
    """25 frames a second; a frame shows the face, a little further right each time, or a grey wall."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 4_000_000
        for number, face in enumerate(faces):
            image = np.roll(face_image(), number, axis=1) if face else np.full((240, 320, 3), 128, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def recording(subject: str, video: Path, rows: int, role: str = "source") -> Recording:
    time_s = np.arange(rows) * 0.04
    affect = np.stack([np.linspace(-0.5, 0.5, rows), np.linspace(0.2, 0.1, rows)], axis=1).astype(np.float32)
    return Recording(subject, role, video, time_s, affect, f"{subject}.arff")


@pytest.fixture
def two(tmp_path: Path) -> list[Recording]:
    """ann: 8 frames with a face, 10 ratings. ben: 3 faces, 2 walls, 3 faces; 8 ratings."""
    write_video(tmp_path / "ann.mp4", [True] * 8)
    write_video(tmp_path / "ben.mp4", [True] * 3 + [False] * 2 + [True] * 3)
    return [recording("ann", tmp_path / "ann.mp4", 10), recording("ben", tmp_path / "ben.mp4", 8, "target")]


def test_every_moment_is_a_row_or_accounted_for(two: list[Recording], tmp_path: Path) -> None:
    """ann: 10 ratings, 8 frames, so 2 without a frame. ben: 8 ratings, 2 frames without a face. 8 + 6 = 14 rows."""
    record = prepare(two, tmp_path / "out", SMALL, jobs=1)
    assert record.rows == 14
    ann, ben = record.recordings
    assert (ann.rated, ann.kept, ann.dropped) == (10, 8, {NO_IMAGE: 2, NO_FACE: 0})
    assert (ben.rated, ben.kept, ben.dropped) == (8, 6, {NO_IMAGE: 0, NO_FACE: 2})
    table = load_table(str(tmp_path / "out"), frame_size=48)
    assert table.crop == SMALL
    assert table.subjects("target") == ["ben"]
    mine = table.rows_of("ben")
    np.testing.assert_allclose(table.time_s[mine], [0, 0.04, 0.08, 0.2, 0.24, 0.28])
    np.testing.assert_array_equal(table.affect[mine], two[1].affect[[0, 1, 2, 5, 6, 7]])
    frames = table.frames.read(slice(None))
    assert frames.shape == (14, 48, 48, 3)
    assert frames.std(axis=(1, 2, 3)).min() > 20  # pictures, not walls


@pytest.mark.slow
def test_same_bytes_whatever_the_number_of_jobs(two: list[Recording], tmp_path: Path) -> None:
    prepare(two, tmp_path / "one", SMALL, jobs=1)
    prepare(two, tmp_path / "two", SMALL, jobs=2)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 14 + 2 + 2  # crops, parts, table and record
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_strict_stops_at_a_broken_recording_and_the_rest_stays_and_goes_on(
    two: list[Recording], tmp_path: Path
) -> None:
    video = tmp_path / "ben.mp4"
    whole = video.read_bytes()
    video.write_bytes(b"no video at all")
    out = tmp_path / "out"
    with pytest.raises(BadInput, match=r"ben\.mp4"):
        prepare(two, out, SMALL, jobs=1, strict=True)
    assert not (out / "prepared.json").exists()
    with pytest.raises(BadInput, match=r"is not a prepared folder"):
        load_table(str(out))
    done = out / "crops" / "ann" / "000000.jpg"
    written = done.stat().st_mtime_ns
    video.write_bytes(whole)
    assert prepare(two, out, SMALL, jobs=1, strict=True).rows == 14
    assert done.stat().st_mtime_ns == written


def spoil_video(path: Path) -> None:
    path.write_bytes(b"no video at all")


def remove(path: Path) -> None:
    path.unlink()


def hide_every_face(path: Path) -> None:
    write_video(path, [False] * 8)


def lose_the_index(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "jobs"),
    [
        *((spoil, 1) for spoil in (spoil_video, remove, hide_every_face, lose_the_index, become_a_folder)),
        (spoil_video, 2),
        *(
            pytest.param(spoil, 2, marks=pytest.mark.nightly)
            for spoil in (remove, hide_every_face, lose_the_index, become_a_folder)
        ),
    ],
)
def test_a_recording_that_cannot_be_used_is_named_and_the_others_are_prepared(
    two: list[Recording], tmp_path: Path, spoil: Callable[[Path], None], jobs: int
) -> None:
    spoil(tmp_path / "ben.mp4")
    record = prepare(two, tmp_path / "out", SMALL, jobs=jobs)
    assert [one.subject for one in record.recordings] == ["ann"]
    assert record.rows == 8
    ((_, reason),) = record.left_out.items()
    assert "ben" in reason
    assert "\n" not in reason
    assert load_table(str(tmp_path / "out")).subjects() == ["ann"]
    assert json.loads((tmp_path / "out" / "prepared.json").read_text())["left_out"] == record.left_out


def test_what_was_left_out_is_tried_again_by_the_call_that_goes_on(
    two: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder cannot be closed, ben's video is mended, and the same call takes it."""
    whole = (tmp_path / "ben.mp4").read_bytes()
    spoil_video(tmp_path / "ben.mp4")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(room, "_write_table", fail)
        with pytest.raises(BadInput, match="No space left"):
            prepare(two, tmp_path / "out", SMALL, jobs=1)
    (tmp_path / "ben.mp4").write_bytes(whole)
    record = prepare(two, tmp_path / "out", SMALL, jobs=1)
    assert (record.rows, record.left_out) == (14, {})


def cut_image(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])


def web_page(path: Path) -> None:
    path.write_text("<html>404</html>")


def too_large(path: Path) -> None:
    Pillow.new("1", (20_000, 20_000)).save(path)


@pytest.mark.parametrize("spoil", [cut_image, web_page, remove, become_a_folder, too_large])
def test_an_image_that_cannot_be_read_is_named_and_the_others_are_prepared(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """Of five images the third is spoilt: four rows remain, and the reason names the file."""
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path in paths:
        cv2.imwrite(str(path), cv2.cvtColor(face_image(), cv2.COLOR_RGB2BGR))
    spoil(paths[2])
    one = Recording("eve", "source", paths, np.arange(5.0), np.zeros((5, 2), np.float32), "eve.json")
    record = prepare([one], tmp_path / "out", SMALL, jobs=1)
    assert record.rows == 4
    assert record.recordings[0].dropped == {NO_IMAGE: 1, NO_FACE: 0}
    assert list(record.left_out) == [str(paths[2])]
    assert "2.png" in record.left_out[str(paths[2])]
    with pytest.raises(BadInput, match=r"2\.png"):
        prepare([one], tmp_path / "strict", SMALL, jobs=1, strict=True)


def test_a_full_disk_is_said_and_the_run_goes_on(
    two: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full after ten crops: ann's part is whole, ben's is not there, and nothing is lost."""
    written = 0
    original = Path.write_bytes

    def limited(path: Path, content: bytes) -> int:
        nonlocal written
        if path.suffix == ".jpg":
            written += 1
            if written > 10:
                raise OSError(28, "No space left on device")
        return original(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", limited)
        with pytest.raises(BadInput, match="cannot be written: No space left on device; mend that and go on"):
            prepare(two, tmp_path / "out", SMALL, jobs=1)
    assert [path.name for path in (tmp_path / "out" / "parts").iterdir()] == ["ann.json"]
    assert prepare(two, tmp_path / "out", SMALL, jobs=1).rows == 14


def test_a_video_without_any_face_is_named(tmp_path: Path) -> None:
    write_video(tmp_path / "wall.mp4", [False] * 4)
    with pytest.raises(BadInput, match=r"no recording can be used; .*wall\.mp4: no face found in any of 4"):
        prepare([recording("eve", tmp_path / "wall.mp4", 4)], tmp_path / "out", SMALL, jobs=1)


def test_other_settings_or_a_finished_folder_are_refused(two: list[Recording], tmp_path: Path) -> None:
    out = tmp_path / "out"
    room.write_json(out / "unfinished.json", {"other": True})
    with pytest.raises(BadInput, match="other recordings or settings"):
        prepare(two, out, SMALL, jobs=1)
    prepare(two[:1], tmp_path / "done", SMALL, jobs=1)
    before = json.loads((tmp_path / "done" / "prepared.json").read_text())
    with pytest.raises(BadInput, match="is prepared already"):
        prepare(two[:1], tmp_path / "done", SMALL, jobs=1)
    assert json.loads((tmp_path / "done" / "prepared.json").read_text()) == before
    with pytest.raises(BadInput, match=r"holds labels of valence, arousal \(\[-1, 1\]\); asked for are .*\[0, 1\]"):
        load_table(str(tmp_path / "done"), targets=Targets(label_range=(0, 1)))


def test_two_recordings_of_one_person_do_not_overwrite_each_other(two: list[Recording], tmp_path: Path) -> None:
    shifted = Recording("ann", "source", [tmp_path / "p.png"], np.array([9.0]), two[0].affect[:1], "ann-3.json")
    cv2.imwrite(str(tmp_path / "p.png"), cv2.cvtColor(face_image(), cv2.COLOR_RGB2BGR))
    prepare([two[0], shifted], tmp_path / "out", SMALL, jobs=1)
    images = parquet.read_table(tmp_path / "out" / "table.parquet")["image"].to_pylist()
    assert images[0] == "crops/ann/000000.jpg"
    assert images[-1] == "crops/ann.2/000000.jpg"


def test_ratings_shorter_than_the_video_use_what_they_rate(two: list[Recording], tmp_path: Path) -> None:
    """ann has 8 frames; with 5 ratings 5 rows remain, and what follows in the video is not even decoded."""
    record = prepare([recording("ann", tmp_path / "ann.mp4", 5)], tmp_path / "out", SMALL, jobs=1)
    assert record.rows == 5
    assert record.recordings[0].dropped == {NO_IMAGE: 0, NO_FACE: 0}


def test_one_person_alone_can_be_prepared(two: list[Recording], tmp_path: Path) -> None:
    prepare(two[1:], tmp_path / "out", SMALL, jobs=1)
    assert load_table(str(tmp_path / "out")).subjects() == ["ben"]


def test_other_times_or_labels_of_a_recording_do_not_get_the_frames_of_before(tmp_path: Path) -> None:
    """The same file with as many rows, corrected between two calls: frames are numbered by row."""
    cv2.imwrite(str(tmp_path / "face.png"), cv2.cvtColor(face_image(), cv2.COLOR_RGB2BGR))
    (tmp_path / "broken.png").write_bytes(b"no image")
    labels = np.array([[0.1, 0.1], [0.2, 0.2]], np.float32)

    def people(affect: np.ndarray) -> list[Recording]:
        return [
            Recording("ann", "source", [tmp_path / "face.png"] * 2, np.array([0.0, 1.0]), affect, "people.csv"),
            Recording("bob", "source", [tmp_path / "broken.png"], np.array([0.0]), labels[:1], "people.csv"),
        ]

    with pytest.raises(BadInput, match=r"broken\.png"):
        prepare(people(labels), tmp_path / "out", SMALL, jobs=1, strict=True)
    cv2.imwrite(str(tmp_path / "broken.png"), cv2.cvtColor(face_image(), cv2.COLOR_RGB2BGR))
    with pytest.raises(BadInput, match="other recordings"):
        prepare(people(labels[::-1].copy()), tmp_path / "out", SMALL, jobs=1)
