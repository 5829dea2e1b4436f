"""Old releases of SQLite, from packages on npm that carry them: as WebAssembly for node, and as C source for Python.

Packages are kept in ``~/.cache/pen-mobile/old-sqlite`` and compared with the hashes below.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pen-mobile" / "old-sqlite"

# sql.js: the SQLite of each is what `SELECT sqlite_version()` says in it.
SQL_JS = {
    "3.22.0": ("0.5.0", "6a6baab63364b068c37fc77b37d49a952fcf81a50d4765ba45b5f42dd5c7a122"),
    "3.28.0": ("1.0.0", "982d86720f9709c313914aa8311bb461bda9d5cd6e8d21be00fe28bc66e294a6"),
    "3.31.1": ("1.2.2", "c65aa012343e8d41194ca1c611e7bc1e85077d7b617c32e9a7d028ccf76aa621"),
    "3.33.0": ("1.4.0", "be39eec8746e3b4e31d7bf1fa18189457dfd95c243a52e9bb4ad88e4ad791117"),
    "3.35.0": ("1.5.0", "7e55e80f1e8fc993757ab7fac827101f5de6ea19d8e93d8f511ec1ba5e9fb288"),
    "3.36.0": ("1.6.2", "db9cf2355af013ef85ac0674fc30f8fa241df610d76ee8207926100d8212e46b"),
}
# better-sqlite3 carries SQLite's amalgamated C source: that of Android 8.0 and 8.1.
SOURCES = {
    "3.18.0": ("2.2.0", "be66950898bd6ef9f68bb1537674a0e906e12f25727364e729bcf2d19fe01be3"),
    "3.19.3": ("3.1.0", "cf587b7329b377d7603cd641827b41c07775296168184c842383236a94afb469"),
}


def sql_js(version: str) -> Path:
    """Return the folder of a package with this SQLite; skip the test where node or the package is missing."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed: old SQLite builds were not tried")
    return _package("sql.js", *SQL_JS[version])


def shared_library(version: str) -> Path:
    """Return this SQLite compiled as a library that Python can be started with."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("gcc on Linux is needed: Python was not tried with old SQLite releases")
    library = CACHE / f"libsqlite3-{version}.so"
    if not library.exists():
        (source,) = (_package("better-sqlite3", *SOURCES[version]) / "deps").glob("sqlite-autoconf-*.tar.gz")
        _compile(source, library)
    return library


def _compile(source: Path, library: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        with tarfile.open(source) as archive:
            member = next(name for name in archive.getnames() if name.endswith("/sqlite3.c"))
            archive.extract(member, folder, filter="data")
        command = ["gcc", "-O1", "-w", "-shared", "-fPIC", "-o", f"{folder}/made.so", f"{folder}/{member}", "-ldl"]
        subprocess.run([*command, "-lpthread"], check=True, capture_output=True)
        Path(f"{folder}/made.so").rename(library)


def _package(name: str, release: str, sha256: str) -> Path:
    folder = CACHE / f"{name}-{release}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as unpacked:
            _unpack(_download(name, release, sha256, Path(unpacked)), Path(unpacked))
            try:
                (Path(unpacked) / "package").rename(folder)
            except OSError:
                assert folder.exists()  # another process was faster
    return folder


def _download(name: str, release: str, sha256: str, folder: Path) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: old SQLite builds were not tried")
    command = ["npm", "pack", f"{name}@{release}", "--silent", "--pack-destination", str(folder)]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if found.returncode != 0:
        pytest.skip(f"npm does not give {name} {release}: old SQLite builds were not tried")
    (file,) = folder.glob("*.tgz")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256, f"{name} {release} is another file"
    return file


def _unpack(file: Path, folder: Path) -> None:
    with tarfile.open(file) as archive:
        archive.extractall(folder, filter="data")
