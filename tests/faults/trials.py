"""Faults done to a real store. Every function returns how many were tried; what a store does not survive raises."""

from __future__ import annotations

import hashlib
import os
import platform
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pen_mobile.phone.store.schema import schema_of
from tests.faults.diary import (
    BINDING,
    Clock,
    Expected,
    captured,
    content_of,
    content_of_version_1,
    feature,
    open_store,
    perform,
    state_blob,
)

REPOSITORY = Path(__file__).parent.parent.parent
_FRAME = 24 + 4096  # bytes of one page in the write-ahead log, after a header of 32


@dataclass(frozen=True)
class Trials:
    """How many faults of one kind were tried, all survived, and what else is worth knowing."""

    tried: int
    detail: str


def where() -> str:
    """Return on which code, day and machine faults are tried, for a page."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    day = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"Commit {commit.stdout.strip()}, {day}, {system}, SQLite {sqlite3.sqlite_version}, seed 0."


class Writer:
    """One process of ``tests/faults/writer.py``."""

    def __init__(self, *arguments: object, inside: tuple[str, ...] = ()) -> None:
        command = [*inside, sys.executable, "-m", "tests.faults.writer", *map(str, arguments)]
        self._said = b""
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def go(self, n: int = 0) -> None:
        """Wait until it is ready, then let it begin with operation n."""
        self.wait_for_line()
        self._said = b""
        self._write(str(n))

    def wait_for_line(self) -> None:
        while b"\n" not in self._said:
            self._hear()

    def finish(self) -> list[str]:
        """Let it end by itself; returns what it said."""
        self._said += self._process.communicate(timeout=60)[0]
        lines = self._said.decode().splitlines()
        assert self._process.returncode == 0, lines
        return lines

    def _hear(self) -> None:
        assert self._process.stdout is not None
        block = self._process.stdout.read(4096)
        assert block, "the writer ended"
        self._said += block

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())


class Victims(Writer):
    """A process that has loaded everything and forks one writer after another, so that killing one costs little."""

    def __enter__(self) -> Victims:
        self.wait_for_line()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # it reads no further line: it kills the writer and ends

    def send(self, store: Path, task: str, *numbers: int, n: int = 0) -> None:
        """Let a new writer begin with operation n."""
        self._said = b""
        self._write("\t".join(map(str, (store, task, *numbers))))
        self._write(str(n))

    def kill(self) -> list[str]:
        """SIGKILL the writer; returns the lines it had said."""
        self._write("kill")
        while not (ended := re.search(rb"^ended (-?\d+)\n", self._said, re.MULTILINE)):
            self._hear()
        self.killed = ended[1] == b"-9"
        return self._said[: ended.start()].decode().splitlines()


def kill_while_writing(folder: Path, kills: int, seed: int = 0) -> Trials:
    """SIGKILL at random instants: while opening, making, committing and moving the log into the file.

    Every other store is encrypted.
    """
    rng, acknowledged, extra = random.Random(seed), 0, 0
    with Victims() as victims:
        for trial in range(kills):
            if trial % 40 == 0:
                store, expected, n = _numbered(folder, trial // 40), Expected(), 0
            victims.send(store, "diary", rng.choice([10, 1000]), n=n)
            lines = _kill(victims, rng)
            for line in lines:
                assert line == str(n), line
                expected.perform(n)
                n += 1
            acknowledged += len(lines)
            taken = _agrees(store, expected, n)
            extra += taken
            n += taken
    detail = (
        f"{acknowledged:,} acknowledged operations, all there; in {extra} kills the one under way had been written too"
    )
    return Trials(kills, detail)


def _numbered(folder: Path, number: int) -> Path:
    return folder / f"{number}{'-sealed' if number % 2 else ''}.sqlite"


def _kill(victims: Victims, rng: random.Random) -> list[str]:
    if rng.random() < 0.75:
        victims.wait_for_line()  # it is at work; else it may still be opening the store
    time.sleep(rng.uniform(0, 0.06))
    lines = victims.kill()
    assert victims.killed, lines
    return lines


def _agrees(store: Path, expected: Expected, n: int) -> int:
    """Check that the store holds all acknowledged operations, or those and number n; returns which (0 or 1)."""
    open_store(store, Clock()).close()  # checks integrity
    found = content_of(store)
    if found == expected.content():
        return 0
    expected.perform(n)
    assert found == expected.content(), f"{store}: neither with nor without operation {n}"
    return 1


def cut_the_log(folder: Path, operations: int = 24, name: str = "me.sqlite") -> Trials:
    """Copy file and log while a store is open, cut the log at every page and inside pages, and open the copy."""
    store, clock = folder / name, Clock()
    expected, contents = Expected(), [Expected().content()]
    opened = open_store(store, clock)
    opened._rows.database.execute("PRAGMA wal_autocheckpoint = 0")
    for n in range(operations):
        perform(opened, n, clock)
        expected.perform(n)
        contents.append(expected.content())
    image, log = store.read_bytes(), store.with_name(f"{name}-wal").read_bytes()
    opened.close()
    cuts = sorted({0, len(log)} | {start + part for start in range(32, len(log), _FRAME) for part in (0, 2000)})
    reached = [_operations_in(folder / f"copy-{name}", image, log[:cut], contents) for cut in cuts]
    assert reached == sorted(reached)
    assert (reached[0], reached[-1]) == (0, operations)
    return Trials(len(cuts), f"each a whole number of operations, 0 to {operations}, never fewer with more of the log")


def _operations_in(copy: Path, image: bytes, log: bytes, contents: list[dict[str, Any]]) -> int:
    copy.write_bytes(image)
    copy.with_name(copy.name + "-wal").write_bytes(log)
    copy.with_name(copy.name + "-shm").unlink(missing_ok=True)
    open_store(copy, Clock()).close()
    return contents.index(content_of(copy))


def limit_file_size(folder: Path, limits: list[int]) -> Trials:
    """RLIMIT_FSIZE: a write ends in EFBIG in the middle of a transaction; the same connection goes on with room."""
    for limit in limits:
        store = folder / f"{limit}.sqlite"
        _refused_and_goes_on(store, Writer(store, "refused", limit))
    return Trials(len(limits), f"limits of {min(limits) >> 10} to {max(limits) >> 10} KiB")


def fill_the_disk(folder: Path, sizes: list[int]) -> Trials:
    """A file system of a few hundred KiB that is full (ENOSPC) in the middle of a transaction."""
    for size in sizes:
        disk, copy = folder / f"disk-{size}", folder / f"copy-{size}"
        disk.mkdir()
        copy.mkdir()
        script = (
            f'mount -t tmpfs -o size={size} none "{disk}" && head -c 614400 /dev/zero > "{disk}/ballast" && "$@" '
            f'&& cp "{disk}"/me.sqlite* "{copy}"'
        )
        child = Writer(disk / "me.sqlite", "refused", 0, inside=("unshare", "--mount", "sh", "-c", script, "disk"))
        _refused_and_goes_on(copy / "me.sqlite", child)
    return Trials(len(sizes), f"file systems of {min(sizes) >> 10} to {max(sizes) >> 10} KiB")


def _refused_and_goes_on(store: Path, child: Writer) -> None:
    child.go()
    *lines, last = output = child.finish()
    refusals = [line for line in lines if line.startswith("refused")]
    assert len(refusals) == 1, output
    assert "what was kept before is safe" in refusals[0]
    done = [int(line) for line in lines if not line.startswith("refused")]
    assert (last, done) == ("done", list(range(len(done))))
    expected = Expected()
    for n in done:
        expected.perform(n)
    assert _agrees(store, expected, len(done)) == 0


def can_mount() -> bool:
    """Return whether this process may make file systems of its own."""
    probe = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def read_only(folder: Path) -> Trials:
    """A store in a folder that cannot be written is refused in one line, and no byte of it changes."""
    store = folder / "me.sqlite"
    opened, clock = open_store(store, Clock()), Clock()
    for n in range(12):
        perform(opened, n, clock)
    opened.close()
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for target in (store, folder / "new.sqlite"):
        line = _open_read_only(folder, target)
        assert line.startswith("closed "), line
        assert "is its folder" in line, line
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    return Trials(2, "an existing store and a new one; refused in one line each")


def _open_read_only(folder: Path, store: Path) -> str:
    if os.geteuid() == 0:  # permissions do not stop root, a mount does
        script = f'mount --bind "{folder}" "{folder}" && mount -o remount,bind,ro "{folder}" && exec "$@"'
        child = Writer(store, "refused", 0, inside=("unshare", "--mount", "sh", "-c", script, "read-only"))
        return _only_line(child)
    folder.chmod(0o555)
    try:
        return _only_line(Writer(store, "refused", 0))
    finally:
        folder.chmod(0o755)


def _only_line(child: Writer) -> str:
    child.go()
    (line,) = child.finish()
    return line


def kill_while_migrating(folder: Path, kills: int, seed: int = 0) -> Trials:
    """SIGKILL while a store of version 1 is brought to the present schema."""
    rng, finished = random.Random(seed), 0
    content = make_version_1(folder / "old.sqlite")
    with Victims() as victims:
        for trial in range(kills):
            store = folder / f"{trial}.sqlite"
            shutil.copyfile(folder / "old.sqlite", store)
            victims.send(store, "migrate")
            finished += "done" in _kill_soon(victims, rng, 0.015)
            open_store(store, Clock()).close()
            assert content_of(store) == content
    return Trials(kills, f"every sample and state there each time; {finished} had finished before the kill")


def make_version_1(path: Path) -> dict[str, Any]:
    """Write a store as release 0.1 made it; returns its content."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(schema_of(1))
    db.execute(
        "INSERT INTO bundle VALUES (1, ?, ?, ?)", (BINDING.backbone, BINDING.feature_size, 3 * BINDING.head_bytes)
    )
    for n in range(60):
        z = feature(f"{n}").tobytes()
        values = (z, hashlib.sha256(z).hexdigest(), n / 100, n / 100, 1.0, n)
        db.execute(
            "INSERT INTO sample (feature, sha256, valence, arousal, weight, captured_at) VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )
    for version in range(1, 7):
        rejected, blob = version % 3 == 2, 3 * state_blob(version)  # Adadelta's slots followed the parameters
        status = "rejected" if rejected else "active" if version == 6 else "superseded"
        stored = (None, None) if rejected else (blob, hashlib.sha256(blob).hexdigest())
        db.execute(
            "INSERT INTO head_state VALUES (?, ?, ?, ?, ?, ?, ?)",
            (version, version - 1 or None, status, *stored, '{"reason": "old"}', version),
        )
    db.close()
    return content_of_version_1(path)


def kill_while_erasing(folder: Path, kills: int, seed: int = 0) -> Trials:
    """SIGKILL while data are deleted: everything is still there, or no byte of it is left once it is opened again."""
    rng, untouched, finished = random.Random(seed), 0, 0
    clock, expected, model = Clock(), Expected(), folder / "model.sqlite"
    opened = open_store(model, clock)
    for n in range(68):
        perform(opened, n, clock)
        expected.perform(n)
    assert traces(model)  # the search finds what is there
    files = {end: model.with_name(model.name + end).read_bytes() for end in ("", "-wal")}
    opened.close()
    with Victims() as victims:
        for trial in range(kills):
            store = folder / f"{trial}.sqlite"
            for end, content in files.items():
                store.with_name(store.name + end).write_bytes(content)
            victims.send(store, "erase")
            finished += "done" in _kill_soon(victims, rng, 0.02)
            open_store(store, Clock()).close()
            if content_of(store) == expected.content():
                untouched += 1
            else:
                assert content_of(store) == {"samples": [], "states": []}
                assert not traces(store)
    return Trials(kills, f"{untouched} before anything was deleted, {finished} after the end, the others in between")


def traces(store: Path) -> list[str]:
    """Return what of 68 operations can still be found in the bytes of a store's files."""
    raw = b"".join(file.read_bytes() for file in store.parent.glob(store.name + "*"))
    blobs = {f"feature {moment}": feature(moment).tobytes() for n in range(68) for moment in captured(n)}
    blobs |= {f"state {n}": state_blob(n) for n in range(68)}
    return [name for name, blob in blobs.items() if any(blob[at : at + 16] in raw for at in range(0, len(blob), 200))]


def _kill_soon(victims: Victims, rng: random.Random, within: float) -> list[str]:
    time.sleep(rng.uniform(0, within))
    return victims.kill()
