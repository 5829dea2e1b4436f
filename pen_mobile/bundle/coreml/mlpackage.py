"""Core ML packages as files: written so that the same program is the same bytes, several to an archive.

A ``.mlpackage`` is a folder; a bundle holds plain files only. So the packages of a bundle lie in zip
archives, stored without compression, with nothing in them but the three files that a package has
(``docs/adr/0009-core-ml-in-a-bundle.md``).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pen_mobile.contract.archive import Content, pack, unpack
from pen_mobile.utils.temporary import temporary_folder

_AUTHOR = "com.apple.CoreML"
_SPECIFICATION = "model.mlmodel"
_MEMBERS = ("Manifest.json", f"Data/{_AUTHOR}/{_SPECIFICATION}", f"Data/{_AUTHOR}/weights/weight.bin")
_MEMBER_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,31}}\.mlpackage/({'|'.join(map(re.escape, _MEMBERS))})")
_PACKAGES = Content("a Core ML package", _MEMBER_NAME.fullmatch)


@dataclass(frozen=True)
class Package:
    """The content of one ``.mlpackage``.

    Attributes:
        specification: the serialized model, program included.
        weights: the blob that the program refers to; empty when all its numbers stand in the program itself.
    """

    specification: bytes
    weights: bytes

    def files(self) -> dict[str, bytes]:
        """Return the package's files by their path inside it, in the order in which archives hold them."""
        contents = (_manifest(bool(self.weights)), self.specification, self.weights)
        return {name: content for name, content in zip(_MEMBERS, contents, strict=True) if content}

    def write(self, folder: Path) -> Path:
        """Write as a folder and return it."""
        for name, content in self.files().items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder


def write_archive(path: Path, packages: Mapping[str, Package]) -> None:
    """Write packages as ``NAME.mlpackage`` into one archive; the same packages give the same bytes."""
    files = [
        (f"{name}.mlpackage/{member}", content)
        for name, package in packages.items()
        for member, content in package.files().items()
    ]
    pack(path, files)


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """Yield a temporary folder with an archive's packages.

    Raises:
        BundleError: it is no archive of packages.
    """
    with temporary_folder() as folder:
        unpack_archive(archive, folder)
        yield folder


def unpack_archive(path: Path, folder: Path) -> None:
    """Unpack an archive of packages; nothing is ever written outside ``folder``.

    Raises:
        BundleError: it is no archive, or holds anything but the files of packages.
    """
    unpack(path, folder, _PACKAGES)


def _manifest(with_weights: bool) -> bytes:
    """Return ``Manifest.json``; coremltools draws its identifiers at random, here they follow from the names."""
    items = {
        _identifier(_SPECIFICATION): _item("CoreML Model Specification", _SPECIFICATION),
    }
    if with_weights:
        items[_identifier("weights")] = _item("CoreML Model Weights", "weights")
    manifest = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": items,
        "rootModelIdentifier": _identifier(_SPECIFICATION),
    }
    return (json.dumps(manifest, indent=4, sort_keys=True) + "\n").encode()


def _item(description: str, name: str) -> dict[str, str]:
    return {"author": _AUTHOR, "description": description, "name": name, "path": f"{_AUTHOR}/{name}"}


def _identifier(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{_AUTHOR}/{name}"))
