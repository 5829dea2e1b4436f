"""Temporary folders: private, gone after use, and swept when their owner was killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pen_mobile.contract.archive import pack_folder
from pen_mobile.utils import temporary
from pen_mobile.utils.temporary import TemporaryFolder, temporary_folder

_FOLDER = """
import sys, time
from pathlib import Path
from pen_mobile.utils.temporary import temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder:
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_text("mine")
    print(folder, flush=True)
    time.sleep(60)
"""
_FILE = """
import sys, time
from pathlib import Path
from pen_mobile.utils.files import replacing
with replacing(Path(sys.argv[1]) / "file") as path:
    path.write_text("half of it")
    print(path.parent, flush=True)
    time.sleep(60)
"""
_ARCHIVE = """
import sys, time
from pathlib import Path
from pen_mobile.contract.bundle_folder import open_bundle
opened = open_bundle(Path(sys.argv[1]) / "bundle.zip")
print(opened.path.parent, flush=True)
time.sleep(60)
"""


@contextmanager
def owner(program: str, place: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Yield a process that has made a temporary folder, and the folder."""
    command = [sys.executable, "-c", program, str(place)]
    environment = os.environ | {"TMPDIR": str(place)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def open_files() -> int:
    """Return how many files this process has open; 0 where nobody can tell."""
    return sum(1 for _ in Path("/proc/self/fd").glob("*"))


def start_anew(place: Path) -> None:
    """Do what the first temporary folder of another process does."""
    temporary._sweep.cache_clear()
    with temporary_folder(place):
        pass


@pytest.mark.parametrize("program", [_FOLDER, _FILE, _ARCHIVE])
def test_what_a_killed_process_left_is_gone_when_the_next_one_starts(
    program: str, small_bundle: Path, tmp_path: Path
) -> None:
    """SIGKILL: while its owner lives nobody removes the folder, afterwards the next one that makes a folder does."""
    pack_folder(small_bundle, tmp_path / "bundle.zip")
    with owner(program, tmp_path) as (process, folder):
        start_anew(tmp_path)
        assert folder.parent == tmp_path
        assert folder.is_dir()
        process.send_signal(signal.SIGKILL)
    assert folder.is_dir()
    start_anew(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.zip"]


def test_a_process_that_is_killed_while_it_exports_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    with owner(_FILE, tmp_path) as (process, _):
        process.send_signal(signal.SIGKILL)
    with owner(_FILE, tmp_path) as (_, folder):
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    "name", [".pen-mobile", ".pen-mobile.1.short", "pen-mobile-abcdefgh", ".pen-mobile.x.abcdefgh"]
)
def test_nothing_else_is_swept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    start_anew(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_and_a_file_are_not_swept(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / ".pen-mobile.1.abcdefgh").symlink_to(tmp_path / "precious")
    (tmp_path / ".pen-mobile.2.abcdefgh").write_text("mine")
    start_anew(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_is_private_and_gone_after_the_block(tmp_path: Path) -> None:
    before = open_files()
    with temporary_folder(tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert f".{os.getpid()}." in folder.name
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before


def test_a_folder_with_another_name_stays(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as folder:
        folder.rename(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_is_gone_when_nobody_refers_to_it(tmp_path: Path) -> None:
    folder = TemporaryFolder(tmp_path)
    assert folder.path.is_dir()
    del folder
    assert list(tmp_path.iterdir()) == []
