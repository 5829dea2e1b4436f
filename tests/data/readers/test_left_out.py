"""One bad recording, image or row: every reader names it and reads the others; strict stops at it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pen_mobile.data.left_out import LeftOut
from pen_mobile.data.readers.formats import read_recordings
from pen_mobile.data.readers.recording import Recording
from pen_mobile.errors import BadInput

ARFF_HEAD = (
    "@relation GOLDSTANDARD\n@attribute Instance_name string\n@attribute frameTime numeric\n"
    "@attribute GoldStandard numeric\n@data\n"
)
APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X\xff\xfe"

Spoil = Callable[[Path], object]


def recola(root: Path) -> None:
    """train_1, train_2 and dev_1, two ratings each; reading opens no video."""
    for dimension in ("valence", "arousal"):
        folder = root / "ratings_gold_standard" / dimension
        folder.mkdir(parents=True)
        for name in ("train_1", "train_2", "dev_1"):
            (folder / f"{name}.arff").write_text(f"{ARFF_HEAD}{name},0,0.1\n{name},0.04,0.2\n")
    (root / "recordings_video").mkdir()
    for name in ("train_1", "train_2", "dev_1"):
        (root / "recordings_video" / f"{name}.mp4").touch()


def afew_va(root: Path) -> None:
    """Clips 001, 002 and 003 of two frames each."""
    for number, actor in enumerate(("Ann", "Bob", "Eve"), 1):
        folder = root / f"{number:03d}"
        folder.mkdir()
        frames = {f"{frame:05d}": {"valence": frame, "arousal": -frame} for frame in range(2)}
        (folder / f"{folder.name}.json").write_text(json.dumps({"actor": actor, "frames": frames}))
        for name in frames:
            cv2.imwrite(str(folder / f"{name}.png"), np.zeros((4, 4, 3), np.uint8))


def aff_wild2(root: Path) -> None:
    """v1 and v2 in Train_Set, v3 in Validation_Set, with crops."""
    for name, part in (("v1", "Train_Set"), ("v2", "Train_Set"), ("v3", "Validation_Set")):
        (root / part).mkdir(exist_ok=True)
        (root / part / f"{name}.txt").write_text("valence,arousal\n0.1,0.2\n0.3,0.4\n")
        crops = root / "cropped_aligned" / name
        crops.mkdir(parents=True)
        for number in (1, 2):
            (crops / f"{number:05d}.jpg").touch()


CSV = "subject,role,valence,arousal,image\nann,source,0.1,0.2,a.png\nbob,source,0.3,0.4,b.png\neve,target,0,0,c.png\n"


def table(root: Path) -> None:
    (root / "people.csv").write_text(CSV)


def replaced(file: str, old: str, new: str) -> Spoil:
    def spoil(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new))

    return spoil


def removed(file: str) -> Spoil:
    return lambda root: (root / file).unlink()


def written(file: str, content: bytes) -> Spoil:
    return lambda root: (root / file).write_bytes(content)


VALENCE, AROUSAL = "ratings_gold_standard/valence", "ratings_gold_standard/arousal"
MAKE = {"recola": recola, "afew-va": afew_va, "aff-wild2": aff_wild2, "table": table}
SPOILT: list[tuple[str, str, str, Spoil]] = [
    ("recola", "train_2", "train_2.mp4 is missing", removed("recordings_video/train_2.mp4")),
    ("recola", "train_2", "train_2.arff is missing", removed(f"{VALENCE}/train_2.arff")),
    ("recola", "train_2", "train_2.arff is missing", removed(f"{AROUSAL}/train_2.arff")),
    ("recola", "train_2", "ratings must lie in", replaced(f"{VALENCE}/train_2.arff", "0.2", "2")),
    ("recola", "train_2", "not a gold standard", written(f"{VALENCE}/train_2.arff", b"@relation x\n")),
    ("recola", "train_2", "not a text file", written(f"{AROUSAL}/train_2.arff", b"\xff\xfe\xff")),
    ("recola", "train_2", "0.05 s", replaced(f"{AROUSAL}/train_2.arff", "0.04", "0.05")),
    ("recola", "train_2", "rates 2 times but", replaced(f"{AROUSAL}/train_2.arff", "train_2,0.04,0.2\n", "")),
    ("afew-va", "002", "not JSON", written("002/002.json", b'{"frames": {')),
    ("afew-va", "002", "not a text file", written("002/002.json", b"\xff\xfe\xff")),
    ("afew-va", "002", "'frames' is missing or empty", written("002/002.json", b"{}")),
    ("afew-va", "002", "too deeply nested|not JSON", written("002/002.json", b"[" * 100_000)),
    ("afew-va", "002", "is not a number", replaced("002/002.json", "00001", "one")),
    ("aff-wild2", "v2", "the header must be", written("Train_Set/v2.txt", b"0.1,0.2\n")),
    ("aff-wild2", "v2", "not a text file", written("Train_Set/v2.txt", b"\xff\xfe\xff")),
    ("aff-wild2", "v2", "no ratings follow", written("Train_Set/v2.txt", b"valence,arousal\n")),
    ("aff-wild2", "v2", "'high', not a number", replaced("Train_Set/v2.txt", "0.3", "high")),
    ("aff-wild2", "v2", "ratings must lie in", replaced("Train_Set/v2.txt", "0.3", "3")),
    ("aff-wild2", "v2", "no rated moment is left", written("Train_Set/v2.txt", b"valence,arousal\n-5,-5\n")),
    ("table", "bob", "role 'owner' is not", replaced("people.csv", "bob,source", "bob,owner")),
    ("table", "bob", "no row of 'bob' can be used", replaced("people.csv", "0.3,0.4", ",0.4")),
    ("table", "bob", "no row of 'bob' can be used", replaced("people.csv", "0.3,0.4", "0.3,4")),
    ("table", "bob", "no row of 'bob' can be used", replaced("people.csv", "b.png", "")),
    ("table", "people.csv: row 2", "subject is empty", replaced("people.csv", "bob,", ",")),
    ("table", "bob", "both source and target", replaced("people.csv", "eve,target", "bob,target")),
]


def read(root: Path, kind: str, left_out: LeftOut) -> list[Recording]:
    return read_recordings(root / "people.csv" if kind == "table" else root, kind, left_out=left_out)


@pytest.mark.parametrize(("kind", "name", "message", "spoil"), SPOILT)
def test_what_cannot_be_used_is_named_and_the_others_are_read(
    tmp_path: Path, kind: str, name: str, message: str, spoil: Spoil
) -> None:
    MAKE[kind](tmp_path)
    whole = read(tmp_path, kind, LeftOut(strict=True))
    spoil(tmp_path)
    left_out = LeftOut()
    recordings = read(tmp_path, kind, left_out)
    assert 1 <= len(recordings) < len(whole)
    reasons = [reason for place, reason in left_out.reasons.items() if place.endswith(name)]
    assert len(reasons) == 1
    assert any(part in reasons[0] for part in message.split("|"))
    assert "\n" not in "".join(left_out.reasons.values())
    with pytest.raises(BadInput):
        read(tmp_path, kind, LeftOut(strict=True))


@pytest.mark.parametrize("kind", sorted(MAKE))
def test_when_nothing_is_left_the_first_reason_is_the_error(tmp_path: Path, kind: str) -> None:
    MAKE[kind](tmp_path)
    for file in tmp_path.rglob("*"):
        if file.suffix in (".arff", ".json", ".txt"):
            file.write_bytes(b"\xff")
    if kind == "table":
        (tmp_path / "people.csv").write_text(CSV.replace("source", "x").replace("target", "y"))
    with pytest.raises(BadInput, match=r"not a text file|role 'x' is not"):
        read(tmp_path, kind, LeftOut())


@pytest.mark.parametrize("kind", ["recola", "afew-va", "aff-wild2"])
@pytest.mark.parametrize("hidden", ["._{}", ".{}.swp", ".DS_Store"])
def test_hidden_files_are_passed_over(tmp_path: Path, kind: str, hidden: str) -> None:
    """As macOS leaves them on foreign file systems and in archives, and editors beside what they edit."""
    MAKE[kind](tmp_path)
    for file in list(tmp_path.rglob("*")):
        if file.is_file():
            (file.parent / hidden.format(file.name)).write_bytes(APPLE_DOUBLE)
    assert len(read(tmp_path, kind, LeftOut(strict=True))) == 3


def test_a_frame_without_a_rating_costs_that_frame_only(tmp_path: Path) -> None:
    afew_va(tmp_path)
    replaced("002/002.json", '"00001": {"valence": 1', '"00001": {"valence": null')(tmp_path)
    left_out = LeftOut()
    recordings = read(tmp_path, "afew-va", left_out)
    assert [len(one) for one in recordings] == [2, 1, 2]
    assert list(left_out.reasons) == ["002/00001"]
    assert sum(recordings[1].dropped.values()) == 1
