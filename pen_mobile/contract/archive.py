"""Zip archives without compression: the same files give the same bytes, and unpacking them is safe.

The JVM reads such an archive with its library, Swift with a few lines: nothing is ever decompressed, so no archive is
larger inside than outside. Names are compared with what the caller expects before any of them is joined to a path.
"""

from __future__ import annotations

import filecmp
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from pen_mobile.contract.limits import MAX_BYTES, MAX_FILES
from pen_mobile.errors import BundleError, one_line

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip archive can tell: files carry no date."""
_BLOCK = 1 << 20
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sLQL")
_MAX_DIRECTORY = MAX_FILES * 256


class Content(NamedTuple):
    """What an archive may hold: what that is called, and whether a name belongs there."""

    kind: str
    has: Callable[[str], object]

    def unreadable(self, archive: Path, reason: object) -> BundleError:
        """Return the error of a file that is no archive of this content.

        Args:
            archive: the file.
            reason: why it is none.
        """
        return BundleError(f"{archive} is not a readable archive of {self.kind}: {one_line(reason)}")


def pack(archive: Path, files: Iterable[tuple[str, Path | bytes]]) -> None:
    """Write files, given as path or content, into an archive in this order; the same files give the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for name, content in files:
            with packed.open(_entry(name), "w") as target:
                if isinstance(content, bytes):
                    target.write(content)
                else:
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, target, _BLOCK)


def pack_folder(folder: Path, archive: Path) -> None:
    """Write the files of a folder into an archive, in the order of their names."""
    pack(archive, [(file.name, file) for file in sorted(folder.iterdir())])


def unpack_folder(archive: Path, folder: Path, content: Content) -> None:
    """Unpack what :func:`pack_folder` wrote, and nothing that differs from it by one byte.

    Raises:
        BundleError: it is no such archive, or too large.
    """
    unpack(archive, folder, content)
    again = folder.with_name(f"{folder.name}.zip")
    try:
        pack_folder(folder, again)
        if not filecmp.cmp(archive, again, shallow=False):
            raise BundleError(f"{archive} is not packed as 'pen-mobile export' packs; get it again from its maker")
    finally:
        again.unlink(missing_ok=True)


def unpack(archive: Path, folder: Path, content: Content) -> None:
    """Unpack an archive of stored files; nothing is ever written outside ``folder``.

    Args:
        archive: a zip file that nobody vouches for.
        folder: where the files go; exists and is empty.
        content: what may be there.

    Raises:
        BundleError: it is no archive, is compressed, holds too much, a name twice, or one that does not belong.
    """
    with _reading(archive, content) as packed:
        for entry in packed.infolist():
            with packed.open(entry) as source, _new_file(archive, folder, entry.filename) as target:
                shutil.copyfileobj(source, target, _BLOCK)


@contextmanager
def _reading(archive: Path, content: Content) -> Iterator[zipfile.ZipFile]:
    _check_end(archive, content)
    try:
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                _check_entry(archive, entry, content)
            _check_amount(archive, packed.infolist())
            yield packed
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise content.unreadable(archive, error) from None


def _check_end(archive: Path, content: Content) -> None:
    """Refuse what would make the library read a long list of entries, or one that other libraries do not see."""
    with archive.open("rb") as stream:
        length = stream.seek(0, 2)
        stream.seek(max(0, length - _END.size - _END_64.size))
        tail = stream.read()
    if len(tail) < _END.size or not tail[-_END.size :].startswith(b"PK\x05\x06"):
        raise content.unreadable(archive, "it does not end as one")
    _, _, _, _, count, directory, _, _ = _END.unpack(tail[-_END.size :])
    if directory > length - _END.size:
        raise content.unreadable(archive, "its list of files is cut")
    if count > MAX_FILES or directory > _MAX_DIRECTORY or tail.startswith(b"PK\x06\x07"):
        raise BundleError(
            f"{archive} lists {count} files in {directory:,} bytes; at most {MAX_FILES} files are allowed"
        )


def _check_entry(archive: Path, entry: zipfile.ZipInfo, content: Content) -> None:
    if entry.header_offset < 0:
        raise content.unreadable(archive, "a file starts before it")
    if not content.has(entry.orig_filename):  # the other one ends at the first NUL
        raise BundleError(f"{archive}: {one_line(entry.orig_filename)} does not belong into {content.kind}")
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1:
        raise BundleError(f"{archive}: {entry.filename} is compressed or encrypted; files are stored as they are")


def _check_amount(archive: Path, entries: list[zipfile.ZipInfo]) -> None:
    declared, length = sum(entry.file_size for entry in entries), archive.stat().st_size
    if declared > min(MAX_BYTES, length):
        raise BundleError(f"{archive} says that it holds {declared:,} bytes, but is {length:,} bytes long")


def _new_file(archive: Path, folder: Path, name: str) -> IO[bytes]:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        return target.open("xb")
    except FileExistsError:  # readers disagree on which of the two counts
        raise BundleError(f"{archive}: {name} is in it twice") from None


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3  # the same on every system that exports
    entry.external_attr = 0o644 << 16
    return entry
