"""AFEW-VA clips made as folders of images with a JSON file, read frame by frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pen_mobile.data.frames import FileFrames
from pen_mobile.data.readers.afew_va import read_afew_va
from pen_mobile.errors import BadInput

Ratings = dict[str, tuple[float, float]]
THREE: Ratings = {"00000": (-10, 10), "00001": (2.5, -5), "00003": (0, 1)}


def write_clip(folder: Path, ratings: Ratings, actor: str | None, **changed: Any) -> Path:
    """One image of its own grey level for each frame; returns the JSON file."""
    folder.mkdir(parents=True)
    frames = {}
    for name, (valence, arousal) in ratings.items():
        cv2.imwrite(str(folder / f"{name}.png"), np.full((4, 4, 3), 10 * int(name), np.uint8))
        frames[name] = {"arousal": arousal, "valence": valence, "landmarks": [[1.0, 2.0]] * 68}
    content = {"actor": actor, "frames": frames, "video_id": folder.name} | changed
    path = folder / f"{folder.name}.json"
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return path


def test_frames_times_and_labels(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "001", dict(reversed(THREE.items())), "Jane Doe")
    (clip,) = read_afew_va(tmp_path, target_share=0)
    assert clip.subject == "Jane Doe"
    assert clip.role == "source"
    assert clip.images == [tmp_path / "001" / f"{name}.png" for name in ("00000", "00001", "00003")]
    assert FileFrames(clip.images, 4).read(slice(None))[:, 0, 0, 0].tolist() == [0, 10, 30]
    assert clip.time_s.tolist() == [0.0, 0.04, 0.12]
    assert clip.affect.dtype == np.float32
    assert clip.affect.tolist() == np.float32([[-1, 1], [0.25, -0.5], [0, 0.1]]).tolist()
    assert clip.origin == str(path)
    assert clip.dropped == {}


@pytest.mark.parametrize("actor", [None, "", "  "])
def test_a_clip_without_an_actor_is_a_person_of_its_own(tmp_path: Path, actor: str | None) -> None:
    write_clip(tmp_path / "007", THREE, actor)
    (clip,) = read_afew_va(tmp_path)
    assert clip.subject == "007"


def test_clips_of_one_actor_follow_each_other_ten_seconds_apart(tmp_path: Path) -> None:
    """The first ends at frame 3, 0.12 s; so the second starts at 10.12 s. Others start at 0."""
    write_clip(tmp_path / "001", THREE, "Jane Doe")
    write_clip(tmp_path / "002", THREE, "John Doe")
    write_clip(tmp_path / "003", THREE, "Jane Doe")
    one, two, three = read_afew_va(tmp_path, target_share=1)
    assert [clip.subject for clip in (one, two, three)] == ["Jane Doe", "John Doe", "Jane Doe"]
    assert two.time_s.tolist() == one.time_s.tolist() == [0.0, 0.04, 0.12]
    np.testing.assert_allclose(three.time_s, [10.12, 10.16, 10.24])
    assert {clip.role for clip in (one, two, three)} == {"target"}


def test_clips_one_folder_deeper_are_found_in_order(tmp_path: Path) -> None:
    for name in ("02/051", "01/002", "01/001"):
        write_clip(tmp_path / name, THREE, None)
    (tmp_path / "notes").mkdir()
    (tmp_path / "readme.txt").write_text("")
    assert [clip.subject for clip in read_afew_va(tmp_path)] == ["001", "002", "051"]


def roles(root: Path, share: float, seed: int) -> dict[str, str]:
    return {clip.subject: clip.role for clip in read_afew_va(root, share, seed)}


def test_actors_become_targets_by_share_and_seed(tmp_path: Path) -> None:
    """Ten actors in twelve clips; every clip of an actor has the actor's role."""
    for number in range(12):
        write_clip(tmp_path / f"{number:03d}", {"00000": (0, 0)}, f"actor {number % 10}")
    for share, targets in ((0, 0), (0.3, 3), (0.5, 5), (1, 10)):
        drawn = roles(tmp_path, share, 0)
        assert len(drawn) == 10
        assert sum(role == "target" for role in drawn.values()) == targets
    assert roles(tmp_path, 0.5, 0) == roles(tmp_path, 0.5, 0)
    assert len({tuple(roles(tmp_path, 0.5, seed).values()) for seed in range(5)}) > 1
    by_clip = read_afew_va(tmp_path, 0.5)
    assert by_clip[0].subject == by_clip[10].subject
    assert by_clip[0].role == by_clip[10].role
    smaller = {name for name, role in roles(tmp_path, 0.3, 0).items() if role == "target"}
    assert smaller < {name for name, role in roles(tmp_path, 0.5, 0).items() if role == "target"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("valence", 10.5, r"frame '00001': valence is 10\.5; ratings must lie in \[-10, 10\]"),
        ("arousal", -11, r"frame '00001': arousal is -11; ratings must lie in \[-10, 10\]"),
        ("arousal", float("nan"), "frame '00001': arousal is nan; ratings must lie"),
        ("valence", "2", "frame '00001': valence is '2', not a number"),
        ("valence", None, "frame '00001': valence is None, not a number"),
        ("valence", True, "frame '00001': valence is True, not a number"),
    ],
)
def test_bad_ratings_are_refused_by_file_and_frame(tmp_path: Path, name: str, value: Any, message: str) -> None:
    path = write_clip(tmp_path / "001", THREE, "Jane Doe")
    content = json.loads(path.read_text())
    content["frames"]["00001"][name] = value
    path.write_text(json.dumps(content))
    with pytest.raises(BadInput, match=rf"001\.json: {message}"):
        read_afew_va(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"actor": "A"}', "'frames' is missing or empty"),
        (b'{"frames": {}}', "'frames' is missing or empty"),
        (b'{"frames": []}', "'frames' is missing or empty"),
        (b'{"frames": {"first": {}}}', "frame 'first' is not a number"),
        (b'{"frames": {"00000": 3}}', "frame '00000': valence is None"),
        (b'{"frames":\n{"00000"', "line 2: not JSON"),
        (b"[]", "not a JSON object"),
        (b"", "line 1: not JSON"),
        (b'{"frames": "\xff\xfe\xfa"}', "not a text file"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    write_clip(tmp_path / "001", THREE, "Jane Doe").write_bytes(content)
    with pytest.raises(BadInput, match=rf"001\.json: {message}"):
        read_afew_va(tmp_path)


def test_a_missing_image_is_left_to_the_preparation_which_names_it(tmp_path: Path) -> None:
    write_clip(tmp_path / "001", THREE, "Jane Doe")
    (tmp_path / "001" / "00001.png").unlink()
    (clip,) = read_afew_va(tmp_path)
    assert tmp_path / "001" / "00001.png" in clip.images


def test_two_names_of_one_frame_are_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "001", {"00001": (0, 0), "1": (0, 0)}, "Jane Doe")
    with pytest.raises(BadInput, match=r"001\.json: frames '00001' and '1' are one frame"):
        read_afew_va(tmp_path)


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no clip; folders such as 001"):
        read_afew_va(tmp_path)
    with pytest.raises(BadInput, match="none: cannot be read as a folder"):
        read_afew_va(tmp_path / "none")


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_of_targets_that_is_none_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(BadInput, match=r"the share of targets is .*; give a number from 0 to 1"):
        read_afew_va(tmp_path, share)
