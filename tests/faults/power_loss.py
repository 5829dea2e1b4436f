"""Power losses, simulated: what a disk may hold when unsynced writes were reordered, dropped and torn.

A library notes every write and sync of a process that lives through a diary. An image of the disk is made for a moment
of it: each file holds what was synced, and of each write since then all, nothing, or some of its sectors, in any order.
A name that its folder did not sync may be missing.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.diary import Clock, Expected, content_of, open_store
from tests.faults.trials import REPOSITORY, Trials

SECTOR = 512
_HEAD = struct.Struct("<cIqq")


@dataclass(frozen=True)
class Note:
    """One thing that a process did: a write, a truncation, a sync, a removal, or a line that it said."""

    kind: str
    file: str
    offset: int
    content: bytes


@dataclass
class _File:
    """A file on a disk: what is safe, and what was written since.

    ``named`` says whether its folder was synced after it was made; ``removed`` whether it was removed since.
    """

    safe: bytearray = field(default_factory=bytearray)
    pending: list[Note] = field(default_factory=list)
    named: bool = False
    removed: bool = False


def lose_power(folder: Path, images: int, operations: int = 120, seed: int = 0) -> Trials:
    """Live through a diary, plain and encrypted, and look at the disk as it may be after a power loss.

    Args:
        folder: for the stores.
        images: of disks, half of them with an encrypted store.
        operations: of the diary.
        seed: of the moments and of what is lost.
    """
    library, rng, extra = build(folder), random.Random(seed), 0
    for name in ("me.sqlite", "sealed.sqlite"):
        notes = live(library, folder / name, operations)
        contents = contents_of(operations)
        moments = sorted(rng.randrange(1, len(notes) + 1) for _ in range(images // 2))
        for number, moment in enumerate(moments):
            extra += look(folder / f"image-{number}", name, disk_after(notes[:moment], rng), contents, notes[:moment])
    return Trials(
        images,
        f"of {operations} operations, plain and encrypted; nothing acknowledged was lost, in {extra} images the "
        "operation under way was there, too",
    )


def build(folder: Path) -> Path:
    """Compile the library that notes; return its path."""
    library = folder / "power_trace.so"
    source = Path(__file__).with_name("power_trace.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def live(library: Path, store: Path, operations: int) -> list[Note]:
    """Let a process do the first operations of a diary; return what it did to its files."""
    trace = store.with_suffix(".trace")
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "POWER_TRACE": str(trace),
        "POWER_FOLDER": str(store.parent),
    }
    command = [sys.executable, "-m", "tests.faults.writer", str(store), "life", str(operations)]
    found = subprocess.run(
        command, cwd=REPOSITORY, env=environment, input="0\n", text=True, capture_output=True, check=False, timeout=300
    )
    assert found.returncode == 0, found.stderr
    return read_notes(trace)


def read_notes(trace: Path) -> list[Note]:
    """Read what the library noted."""
    content, at, names, notes = trace.read_bytes(), 0, {0: ""}, []
    while at < len(content):
        kind, file, offset, length = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        part = content[at : at + length] if kind in b"NWA" else b""
        at += len(part)
        if kind == b"N":
            names[file] = part.decode()
        else:
            notes.append(Note(kind.decode(), names[file], offset, part))
    return notes


def contents_of(operations: int) -> list[dict[str, Any]]:
    """Return what a store must hold after 0, 1, 2, ... operations."""
    expected, contents = Expected(), [Expected().content()]
    for n in range(operations + 1):
        expected.perform(n)
        contents.append(expected.content())
    return contents


def acknowledged(notes: list[Note]) -> int:
    """Return how many operations a process had acknowledged."""
    lines = b"".join(note.content for note in notes if note.kind == "A").decode().splitlines()
    return sum(line.isdigit() for line in lines)


def disk_after(notes: list[Note], rng: random.Random) -> dict[str, bytes]:
    """Return files that a disk may hold when the power went after these notes."""
    files: dict[str, _File] = {}
    for note in notes:
        if note.kind != "A":
            _follow(files, note)
    shared = [name for name in files if name.endswith("-shm")]  # memory that processes share; never synced
    return {
        name: _torn(file, rng)
        for name, file in files.items()
        if name not in shared and (file.named or rng.random() < 0.5) and not (file.removed and rng.random() < 0.5)
    }


def _follow(files: dict[str, _File], note: Note) -> None:
    if note.kind == "S" and Path(note.file).is_dir():
        for name, file in list(files.items()):
            if file.removed:
                del files[name]
            elif Path(name).parent == Path(note.file):
                file.named = True
        return
    file = files.setdefault(note.file, _File())
    if note.kind == "S":
        for write in file.pending:
            _apply(file.safe, write)
        file.pending = []
    elif note.kind == "U":
        file.removed = True
    else:
        if file.removed:
            files[note.file] = file = _File()
        file.pending.append(note)


def _torn(file: _File, rng: random.Random) -> bytes:
    content, writes = bytearray(file.safe), list(file.pending)
    if rng.random() < 0.5:
        rng.shuffle(writes)
    share = rng.choice([0.0, 0.5, 0.9, 1.0])
    for write in writes:
        if rng.random() < share:
            _apply(content, write)
        elif write.kind == "W" and rng.random() < 0.5:
            for at in range(0, len(write.content), SECTOR):
                if rng.random() < 0.5:
                    _apply(content, Note("W", write.file, write.offset + at, write.content[at : at + SECTOR]))
    return bytes(content)


def _apply(content: bytearray, note: Note) -> None:
    if note.kind == "T":
        size = note.offset
        content[:] = content[:size] + bytes(max(0, size - len(content)))
        return
    end = note.offset + len(note.content)
    content.extend(bytes(max(0, end - len(content))))
    content[note.offset : end] = note.content


def look(image: Path, name: str, disk: dict[str, bytes], contents: list[dict[str, Any]], notes: list[Note]) -> int:
    """Put files into a folder and open the store there; return 1 when the operation under way is there.

    Args:
        image: folder to make.
        name: of the store.
        disk: files that survived.
        contents: what a store must hold after 0, 1, 2, ... operations.
        notes: what had happened until then.
    """
    image.mkdir()
    for file, content in disk.items():
        (image / Path(file).name).write_bytes(content)
    done, found = acknowledged(notes), None
    if (image / name).exists():
        open_store(image / name, Clock()).close()
        found = content_of(image / name)
    assert found in contents[done : done + 2] or (found is None and done == 0), f"{image}: {done} operations"
    shutil.rmtree(image)
    return int(found == contents[done + 1])
