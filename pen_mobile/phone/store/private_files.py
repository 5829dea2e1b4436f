"""Files in the clear that only their user may read, and that are there whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from pen_mobile.utils.files import refuse_existing


def write_private(out: Path, files: Mapping[str, bytes]) -> None:
    """Write files to a new folder (mode 700), or to a new archive (mode 600) when ``out`` ends in ``.zip``.

    Killed in between, no file is left under another name: on Linux a file has no name until it is complete. A folder
    is complete when its last file is there.

    Args:
        out: path of the folder or archive.
        files: contents by name, in the order of writing.

    Raises:
        BadInput: ``out`` exists already.
    """
    refuse_existing(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".zip":
        _write_file(out, _zipped(files))
        return
    out.mkdir(mode=0o700)
    try:
        for name, content in files.items():
            _write_file(out / name, content)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise


def _zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _write_file(path: Path, content: bytes) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        try:
            handle = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o600)
        except (AttributeError, OSError):  # another system, or a file system without nameless files
            _write_beside(path, content)
        else:
            _write_nameless(handle, folder, path.name, content)
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_nameless(handle: int, folder: int, name: str, content: bytes) -> None:
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
        os.link(f"/proc/self/fd/{stream.fileno()}", name, dst_dir_fd=folder)  # with it, the link of /proc is followed


def _write_beside(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        refuse_existing(path)
        Path(name).rename(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
