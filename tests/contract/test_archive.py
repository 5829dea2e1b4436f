"""An archive is a bundle in one file: the same bytes for the same files, and nothing else gets through."""

from __future__ import annotations

import hashlib
import shutil
import struct
import warnings
import zipfile
from pathlib import Path

import pytest

from pen_mobile.contract.archive import Content, pack, pack_folder, unpack, unpack_folder
from pen_mobile.contract.limits import MAX_BYTES, MAX_FILES
from pen_mobile.errors import BundleError

LETTERS = Content("letters", str.isalpha)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "b").write_bytes(b"two")
    (made / "a").write_bytes(b"")
    return made


def _unpacked(archive: Path, tmp_path: Path, content: Content = LETTERS) -> dict[str, bytes]:
    target = tmp_path / "target"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    unpack_folder(archive, target, content)
    return {file.name: file.read_bytes() for file in target.iterdir()}


def test_every_byte_of_an_archive_is_decided_by_its_files(folder: Path, tmp_path: Path) -> None:
    """Two local headers of 30 + 1 bytes, 0 + 3 of content, two entries of 46 + 1, an end of 22: 181 bytes.

    The digest is of what Python 3.11 writes: another release that writes other bytes could not open older archives.
    """
    pack_folder(folder, tmp_path / "x.zip")
    content = (tmp_path / "x.zip").read_bytes()
    assert len(content) == 2 * 31 + 3 + 2 * 47 + 22
    assert hashlib.sha256(content).hexdigest() == "759058525e9c95f1f5af99731adb1027c378a75871c1f3fea3fb99e910f52596"
    assert _unpacked(tmp_path / "x.zip", tmp_path) == {"a": b"", "b": b"two"}


@pytest.mark.slow
def test_any_other_byte_is_refused(folder: Path, tmp_path: Path) -> None:
    """Every byte changed in two ways, content and every field of the zip format alike; cut, and with one more."""
    archive = tmp_path / "x.zip"
    pack_folder(folder, archive)
    whole = archive.read_bytes()
    changed = [
        whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :]
        for place in range(len(whole))
        for mask in (0x01, 0xFF)
    ]
    for content in [*changed, *(whole[:length] for length in range(len(whole))), whole + b"\0", b"\0" + whole]:
        archive.write_bytes(content)
        with pytest.raises(BundleError, match=r"x\.zip"):
            _unpacked(archive, tmp_path)
        assert {file.name for file in tmp_path.iterdir()} == {"folder", "target", "x.zip"}


@pytest.mark.parametrize("name", ["../a", "/a", "a/b", "a\\b", ".", "", "a\0b", "C:a", "a\n"])
def test_names_that_do_not_belong_never_become_paths(name: str, tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("placeholder", b"x")
    raw = archive.read_bytes().replace(b"placeholder", name.encode().ljust(11, b"/")[:11])
    archive.write_bytes(raw)
    with pytest.raises(BundleError, match="does not belong into letters"):
        _unpacked(archive, tmp_path)
    assert list((tmp_path / "target").iterdir()) == []


def test_a_name_of_sixty_thousand_bytes_makes_no_long_line(tmp_path: Path) -> None:
    """What stands before a file says another length of its name; the error of ``zipfile`` would show all of it."""
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as spoiled:
        spoiled.writestr("a", b"x" * 70_000)
    content = bytearray(archive.read_bytes())
    content[26:28] = struct.pack("<H", 60_000)
    archive.write_bytes(content)
    with pytest.raises(BundleError, match="is not a readable archive of") as refusal:
        _unpacked(archive, tmp_path)
    assert len(str(refusal.value)) < 400


def test_a_link_is_refused(tmp_path: Path) -> None:
    """Unpacking writes plain files only, so the link would come out as one; its attributes give it away."""
    entry = zipfile.ZipInfo("a")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr(entry, "/etc/passwd")
    with pytest.raises(BundleError, match="not packed as"):
        _unpacked(tmp_path / "x.zip", tmp_path)


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pack(tmp_path / "x.zip", [("a", b"1"), ("a", b"2")])
    with pytest.raises(BundleError, match="a is in it twice"):
        _unpacked(tmp_path / "x.zip", tmp_path)


def test_compression_and_encryption_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a", bytes(1 << 20))
    with pytest.raises(BundleError, match="compressed or encrypted"):
        _unpacked(tmp_path / "x.zip", tmp_path)
    pack(tmp_path / "x.zip", [("a", b"x")])
    content = bytearray((tmp_path / "x.zip").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(BundleError, match="compressed or encrypted"):
        _unpacked(tmp_path / "x.zip", tmp_path)


def test_a_bomb_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    """64 entries that all point at the same megabyte, and one that declares a gigabyte: more than the archive has."""
    once = tmp_path / "once.zip"
    pack(once, [("a", bytes(1 << 20))])
    whole, archive = once.read_bytes(), tmp_path / "x.zip"
    start = whole.index(b"PK\x01\x02")
    entry = whole[start : start + 47]
    names = [bytes([first]) for first in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    entries = b"".join(entry[:46] + name for name in names)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(names), len(names), len(entries), start, 0)
    archive.write_bytes(whole[:start] + entries + end)
    with pytest.raises(BundleError, match="says that it holds 54,525,952 bytes"):  # 52 x 2^20
        _unpacked(archive, tmp_path)
    size = struct.pack("<2L", MAX_BYTES, MAX_BYTES)
    archive.write_bytes(whole[:start] + entry[:20] + size + entry[28:] + whole[start + 47 :])
    with pytest.raises(BundleError, match="says that it holds 1,073,741,824 bytes"):
        _unpacked(archive, tmp_path)
    assert list((tmp_path / "target").iterdir()) == []


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    pack(tmp_path / "x.zip", [(f"{number:03}", b"") for number in range(MAX_FILES + 1)])
    with pytest.raises(BundleError, match="lists 65 files"):
        _unpacked(tmp_path / "x.zip", tmp_path, Content("numbers", str.isdigit))


def test_members_of_packages_keep_their_order_and_folders(tmp_path: Path) -> None:
    pack(tmp_path / "x.zip", [("p/b", b"1"), ("p/a", b"2")])
    (tmp_path / "target").mkdir()
    unpack(tmp_path / "x.zip", tmp_path / "target", Content("parts", lambda name: name in {"p/a", "p/b"}))
    assert (tmp_path / "target" / "p" / "b").read_bytes() == b"1"
