"""Writing files so that a reader sees all of them or none."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pen_mobile.errors import BadInput
from pen_mobile.utils.strict_json import parse_strictly
from pen_mobile.utils.temporary import temporary_folder

_MAX_JSON_BYTES = 1 << 28  # a record with a line for each row of millions


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal.

    Args:
        path: the file.
    """
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield a path in a temporary folder beside ``path``, which takes its place when the block succeeds.

    The old file, if any, stays as it was until the new one is complete and flushed to disk.

    Args:
        path: file to write; its folder is made when it is not there.
        private: nobody else may read the file, as when it shows faces.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path.parent) as folder:
        temporary = folder / path.name
        temporary.touch(0o600, exist_ok=False)
        yield temporary
        flush(temporary)
        temporary.chmod(0o600 if private else 0o644)
        temporary.replace(path)
        flush(path.parent)  # the name, too, is on the disk then


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` when the block succeeds, and vanishes otherwise.

    Args:
        path: folder to make.

    Raises:
        BadInput: ``path`` exists already.
    """
    refuse_existing(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path.parent) as temporary:
        yield temporary
        for file in temporary.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)  # some libraries write files that nobody else may read
            if file.is_file():
                flush(file)
        temporary.chmod(0o755)
        flush(temporary)
        refuse_existing(path)
        temporary.rename(path)
        flush(path.parent)


def refuse_existing(path: Path, flag: str = "--out") -> None:
    """Refuse to write over a file or folder.

    Args:
        path: file or folder to be written.
        flag: option that names it.

    Raises:
        BadInput: it is there already.
    """
    if path.exists():
        raise BadInput(f"{path} exists already; choose another {flag} or remove it")


def refuse_foreign(path: Path, mark: bytes) -> None:
    """Refuse to replace a file that this package did not write.

    Args:
        path: file to be written.
        mark: bytes that stand near the beginning of every file of this kind.

    Raises:
        BadInput: there is a file, or a folder, without the mark.
    """
    if not path.exists():
        return
    if path.is_dir():
        raise BadInput(f"{path} is a folder; give the name of a file")
    with path.open("rb") as stream:
        if mark not in stream.read(4096):
            raise BadInput(f"{path} exists and is not a page of pen-mobile; choose another name or remove it")


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all.

    Args:
        path: file to write.
        value: of JSON types; NaN and infinities are refused.
    """
    with replacing(path) as temporary:
        temporary.write_text(to_json(value), encoding="utf-8")


def to_json(value: Any) -> str:
    """Return a value as indented JSON text ending in a newline.

    Args:
        value: of JSON types; NaN and infinities are refused.
    """
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Args:
        path: the file.

    Raises:
        BadInput: the file is missing or is not JSON.
    """
    try:
        return parse_strictly(path.read_bytes(), _MAX_JSON_BYTES)
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not readable as JSON: {error}") from None


def flush(path: Path) -> None:
    """Write a file's content, or a folder's names, to the disk.

    Args:
        path: file or folder.
    """
    if path.is_dir() and os.name == "nt":
        return  # it has no such call
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
