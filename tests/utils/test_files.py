"""Files and folders: all of them or none, and never over what is there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pen_mobile.errors import BadInput
from pen_mobile.utils.files import new_folder, read_json, refuse_existing, replacing, sha256_of_file, write_json


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_replaced_file_is_the_new_one_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "head.bin"
    path.write_text("old")
    with replacing(path) as temporary:
        assert temporary.parent.parent == path.parent  # the same file system, or the last step could not be atomic
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["head.bin"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_name_is_on_the_disk_before_the_call_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system may keep a new name in memory only: the folder is flushed after the file has it."""
    flushed: list[tuple[bool, list[str]]] = []

    def flush(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        flushed.append((is_folder, [name for name in names(tmp_path) if not name.startswith(".")]))

    monkeypatch.setattr(os, "fsync", flush)
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("x")
    assert flushed == [(False, []), (True, ["file"])]
    flushed.clear()
    with new_folder(tmp_path / "folder") as folder:
        (folder / "inside").write_text("x")
    assert flushed == [(False, ["file"]), (True, ["file"]), (True, ["file", "folder"])]


def test_a_private_file_is_for_its_user_alone(tmp_path: Path) -> None:
    with replacing(tmp_path / "page.html", private=True) as temporary:
        temporary.write_text("a face")
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o600


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_replacement_keeps_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "head.bin"
    path.write_text("old")

    def fail_halfway() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(error):
        fail_halfway()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["head.bin"]


def test_a_failed_first_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), replacing(tmp_path / "head.bin"):
        raise ValueError("stop")
    assert names(tmp_path) == []


def test_folders_above_a_file_are_made(tmp_path: Path) -> None:
    with replacing(tmp_path / "a" / "b" / "head.bin") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a" / "b" / "head.bin").read_text() == "new"


def test_a_new_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a" / "bundle"
    with new_folder(path) as temporary:
        (temporary / "inner").mkdir(0o700)
        (temporary / "inner" / "head.bin").write_text("all")
        (temporary / "inner" / "head.bin").chmod(0o600)
        assert not path.exists()
    assert (path / "inner" / "head.bin").read_text() == "all"
    assert names(path.parent) == ["bundle"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert stat.S_IMODE((path / "inner").stat().st_mode) == 0o755
    assert stat.S_IMODE((path / "inner" / "head.bin").stat().st_mode) == 0o644


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_folder_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def fail_halfway() -> None:
        with new_folder(tmp_path / "bundle") as temporary:
            (temporary / "head.bin").write_text("half")
            raise error

    with pytest.raises(error):
        fail_halfway()
    assert names(tmp_path) == []


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_what_exists_is_not_touched(tmp_path: Path, make: object) -> None:
    path = tmp_path / "bundle"
    make(path)  # type: ignore[operator]
    with pytest.raises(BadInput, match="bundle exists already; choose another --out or remove it"):
        refuse_existing(path)
    with pytest.raises(BadInput, match="bundle exists already"), new_folder(path):
        pytest.fail("the block must not run")
    assert names(tmp_path) == ["bundle"]


def test_what_came_to_exist_meanwhile_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "bundle"

    def be_late() -> None:
        with new_folder(path) as temporary:
            (temporary / "head.bin").write_text("mine")
            path.mkdir()

    with pytest.raises(BadInput, match="bundle exists already"):
        be_late()
    assert names(tmp_path) == ["bundle"]
    assert names(path) == []


def test_refusal_lets_new_names_pass(tmp_path: Path) -> None:
    refuse_existing(tmp_path / "bundle")
    assert names(tmp_path) == []


def test_json_comes_back(tmp_path: Path) -> None:
    value = {"name": "süß", "numbers": [1, 0.1, None, True], "inner": {"a": "b"}}
    write_json(tmp_path / "run.json", value)
    assert read_json(tmp_path / "run.json") == value
    assert (tmp_path / "run.json").read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_say_keeps_the_old_file(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "run.json", {"loss": 1.0})
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "run.json", {"loss": value})
    assert read_json(tmp_path / "run.json") == {"loss": 1.0}
    assert names(tmp_path) == ["run.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "does not exist"), (b"", "is not readable as JSON"), (b"{", "is not readable"), (b"\xff\xfe", "readable")],
)
def test_bad_json_is_refused_by_name(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=rf"run\.json .*{message}"):
        read_json(path)


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    """The example of FIPS 180-2, appendix B.1: SHA-256 of "abc"."""
    (tmp_path / "abc").write_text("abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of_file(tmp_path / "abc") == expected


def test_sha256_of_more_than_one_block(tmp_path: Path) -> None:
    """FIPS 180-2, appendix B.3: a million letters a; and one letter more in the second block of 2^20 changes it."""
    path = tmp_path / "many"
    path.write_text("a" * 1_000_000)
    assert sha256_of_file(path) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    path.write_text("a" * ((1 << 20) + 5))
    longer = sha256_of_file(path)
    path.write_text("a" * ((1 << 20) + 4) + "b")
    assert sha256_of_file(path) != longer
