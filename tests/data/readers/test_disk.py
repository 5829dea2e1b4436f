"""What a disk may refuse, said in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pen_mobile.data.readers.disk import entries, numbered_lines
from pen_mobile.data.readers.formats import read_recordings
from pen_mobile.errors import BadInput

NOBODY = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may read everything: be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "recola"
    (folder / "ratings_gold_standard").mkdir(parents=True)
    (folder / "notes.txt").write_text("text")
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


def test_an_unreadable_folder_is_named(locked: Path) -> None:
    with without_privileges(), pytest.raises(BadInput, match="recola: cannot be read as a folder: Permission denied"):
        entries(locked)


def test_an_unreadable_data_set_is_refused(locked: Path) -> None:
    with without_privileges(), pytest.raises(BadInput, match="recola") as refused:
        read_recordings(locked, "recola")
    assert "\n" not in str(refused.value)


def test_a_file_in_an_unreadable_folder_is_named(locked: Path) -> None:
    with without_privileges(), pytest.raises(BadInput, match=r"notes\.txt: cannot be read: Permission denied"):
        numbered_lines(locked / "notes.txt")


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="file: cannot be read as a folder: Not a directory"):
        entries(tmp_path / "file")
