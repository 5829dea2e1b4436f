"""Files in the clear that only their user may read, and that are there whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from pen_mobile.utils.files import flush, refuse_existing
from pen_mobile.utils.temporary import temporary_folder


def write_private(out: Path, files: Mapping[str, bytes]) -> None:
    """Write files to a new folder (mode 700), or to a new archive (mode 600) when ``out`` ends in ``.zip``.

    On Linux no content has a name before all of it is on the disk, so a process that is killed while it writes leaves
    nothing. Killed while a folder's files get their names, which takes microseconds, it leaves a temporary folder of
    mode 700, as elsewhere; the next export to the same place removes it.

    Args:
        out: path of the folder or archive.
        files: contents by name.

    Raises:
        BadInput: ``out`` exists already.
    """
    refuse_existing(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    archived = out.suffix.lower() == ".zip"
    with temporary_folder(out.parent) as folder:
        _write_all(folder, {out.name: _zipped(files)} if archived else files)
        refuse_existing(out)
        (folder / out.name if archived else folder).rename(out)
        flush(out.parent)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write every file without a name, then give them all their names."""
    with contextlib.ExitStack() as opened:
        nameless = {}
        for name, content in files.items():
            handle = _nameless(folder)
            if handle is None:
                _write(_named(folder / name), content)
                continue
            opened.callback(os.close, handle)
            _write(os.dup(handle), content)
            nameless[name] = handle
        _link(folder, nameless)
    flush(folder)


def _nameless(folder: Path) -> int | None:
    """Return a new file of mode 600 without a name, or None where there are none."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except (AttributeError, OSError):  # another system, or a file system without nameless files
        return None


def _named(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _write(handle: int, content: bytes) -> None:
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _link(folder: Path, nameless: Mapping[str, int]) -> None:
    target = os.open(folder, os.O_RDONLY)
    try:
        for name, handle in nameless.items():
            os.link(f"/proc/self/fd/{handle}", name, dst_dir_fd=target)  # with it, the link of /proc is followed
    finally:
        os.close(target)
