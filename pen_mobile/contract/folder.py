"""A bundle on disk: sealed when written, checked byte by byte before anything in it is used."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pen_mobile.contract.manifest import SCHEMA_VERSION, FilePart, Manifest
from pen_mobile.errors import BundleError
from pen_mobile.files import sha256_of_file

MANIFEST = "manifest.json"
SEAL = "manifest.json.sha256"
_MANIFEST_LIMIT = 1 << 20


@dataclass(frozen=True)
class BundleFolder:
    """A bundle whose every byte is what its maker sealed."""

    path: Path
    manifest: Manifest

    def file(self, name: str) -> Path:
        """Return the path of a file that the manifest names."""
        return self.path / name


def describe_files(folder: Path) -> dict[str, FilePart]:
    """Return size and hash of every file in a folder, by name."""
    return {
        path.name: FilePart(bytes=path.stat().st_size, sha256=sha256_of_file(path)) for path in sorted(folder.iterdir())
    }


def seal(folder: Path, manifest: Manifest) -> None:
    """Write the manifest and, beside it, its hash in the format of ``sha256sum``."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    digest = sha256_of_file(folder / MANIFEST)
    (folder / SEAL).write_text(f"{digest}  {MANIFEST}\n", encoding="ascii")


def open_bundle(path: Path) -> BundleFolder:
    """Check a bundle folder completely and return it.

    Raises:
        BundleError: it is no bundle, of another version, incomplete, or any byte differs; the
            message names the file.
    """
    if not path.is_dir():
        raise BundleError(f"{path} is not a bundle folder; make one with 'pen-mobile export'")
    manifest = _read_manifest(path)
    _check_names(path, manifest)
    for name, part in manifest.files.items():
        file = path / name
        if file.stat().st_size != part.bytes:
            raise BundleError(
                f"{file} has {file.stat().st_size} bytes, the manifest says {part.bytes}; export it again"
            )
        if sha256_of_file(file) != part.sha256:
            raise BundleError(f"{file} was changed: its SHA-256 is not the manifest's; export it again")
    return BundleFolder(path, manifest)


def _read_manifest(path: Path) -> Manifest:
    file = path / MANIFEST
    for name in (MANIFEST, SEAL):
        if not (path / name).is_file() or (path / name).is_symlink():
            raise BundleError(f"{path} is not a whole bundle: {name} is missing")
    if file.stat().st_size > _MANIFEST_LIMIT:
        raise BundleError(f"{file} is larger than {_MANIFEST_LIMIT} bytes; this is no manifest")
    if (path / SEAL).read_bytes() != f"{sha256_of_file(file)}  {MANIFEST}\n".encode():
        raise BundleError(f"{file} was changed: its SHA-256 is not the one in {SEAL}; export it again")
    try:
        values = json.loads(file.read_bytes())
        version = values.get("schema_version") if isinstance(values, dict) else None
        if version != SCHEMA_VERSION:
            raise BundleError(f"{file} has schema version {version}; this release reads {SCHEMA_VERSION}")
        return Manifest.model_validate(values)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{file} is not a valid manifest: {_first_line(error)}") from None


def _check_names(path: Path, manifest: Manifest) -> None:
    there = {entry.name for entry in path.iterdir()} - {MANIFEST, SEAL}
    for name in sorted(set(manifest.files) - there):
        raise BundleError(f"{path / name} is missing; export the bundle again")
    for name in sorted(there - set(manifest.files)):
        raise BundleError(f"{path / name} is not listed in {MANIFEST}; remove it")
    for name in manifest.files:
        if (path / name).is_symlink() or not (path / name).is_file():
            raise BundleError(f"{path / name} is not a plain file")


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error).splitlines()[0]
