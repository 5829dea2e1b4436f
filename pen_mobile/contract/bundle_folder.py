"""A bundle on disk: sealed when written, checked byte by byte before anything in it is used."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pen_mobile.contract.archive import Content, unpack_folder
from pen_mobile.contract.head_state import parameter_bytes
from pen_mobile.contract.limits import (
    MAX_BYTES,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    MAX_SEAL_BYTES,
    MAX_SIGNATURE_BYTES,
)
from pen_mobile.contract.manifest import Manifest
from pen_mobile.contract.manifest_json import manifest_from_json
from pen_mobile.contract.part import FILE_NAME, FilePart
from pen_mobile.errors import BundleError, one_line
from pen_mobile.utils.files import sha256_of_file
from pen_mobile.utils.large_buffer import large_buffer
from pen_mobile.utils.temporary import TemporaryFolder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

MANIFEST = "manifest.json"
SEAL = "manifest.json.sha256"
SIGNATURE = "manifest.json.sig"
"""Present in signed bundles only (``signature.py``)."""

_BLOCK = 1 << 18
_BUNDLE = Content("a bundle", re.compile(FILE_NAME).fullmatch)


@dataclass(frozen=True)
class BundleFolder:
    """A bundle whose every byte is what its maker sealed.

    Attributes:
        path: the folder with its files; a private temporary one when an archive was opened.
        manifest: what it says of itself.
        origin: what was opened, for messages: the folder or the archive.
        signed: it carries a signature; only :func:`open_bundle` with a public key says whose.
    """

    path: Path
    manifest: Manifest
    origin: Path
    signed: bool = False
    _programs: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _unpacked: TemporaryFolder | None = field(default=None, repr=False, compare=False)

    def file(self, name: str) -> Path:
        """Return the path of a file that the manifest names; what lies there now, nobody vouches for."""
        return self.path / name

    def content(self, name: str) -> bytes:
        """Return the bytes of a file that the manifest names, exactly those whose hash it lists.

        Programs and parameters are those that were hashed when the bundle was opened; other files are read and hashed
        again.

        Args:
            name: of the file.

        Raises:
            BundleError: the file was changed since.
        """
        kept = self._programs.get(name)
        return _read_listed(self.path / name, self.origin / name, self.manifest.files[name]) if kept is None else kept


def describe_files(folder: Path) -> dict[str, FilePart]:
    """Return size and hash of every file in a folder, by name."""
    return {
        path.name: FilePart(bytes=path.stat().st_size, sha256=sha256_of_file(path)) for path in sorted(folder.iterdir())
    }


def seal(folder: Path, manifest: Manifest) -> None:
    """Write the manifest and, beside it, its hash in the format of ``sha256sum``."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    digest = sha256_of_file(folder / MANIFEST)
    (folder / SEAL).write_text(_seal_text(digest), encoding="ascii")


def sign_bundle(folder: Path, key: EllipticCurvePrivateKey) -> None:
    """Sign a sealed bundle: the manifest's bytes, which vouch for every file."""
    from pen_mobile.contract.signature import sign

    (folder / SIGNATURE).write_bytes(sign((folder / MANIFEST).read_bytes(), key))


def refuse_no_bundle(path: Path) -> None:
    """Raise :class:`BundleError` where there is nothing that could be a bundle.

    Args:
        path: bundle folder or archive.
    """
    if not path.is_dir() and not path.is_file():
        raise BundleError(f"{path} is not a bundle folder or archive; make one with 'pen-mobile export'")


def open_bundle(path: Path, public_key: Path | None = None) -> BundleFolder:
    """Check a bundle completely and return it.

    Args:
        path: a bundle folder, or an archive of one; that is unpacked into a temporary folder which lives as long as
            what is returned.
        public_key: PEM file with the key of the maker; then a bundle without its signature is refused.

    Raises:
        BundleError: it is no bundle, of another version, incomplete, not signed by the key, or any byte differs; the
            message names the file.
        BadInput: ``public_key`` is no such key.
    """
    key = None
    if public_key is not None:
        from pen_mobile.contract.signature import read_public_key

        key = read_public_key(public_key)
    refuse_no_bundle(path)
    if path.is_dir():
        return _Opening(path, path).check(key)
    temporary = TemporaryFolder()
    folder = temporary.path / "bundle"
    folder.mkdir()
    unpack_folder(path, folder, _BUNDLE)
    return replace(_Opening(folder, path).check(key), _unpacked=temporary)


class _Opening:
    """The checks of one folder, in the order in which ``export/BUNDLE.md`` lists them."""

    def __init__(self, folder: Path, origin: Path) -> None:
        self.folder, self.origin = folder, origin

    def check(self, key: EllipticCurvePublicKey | None) -> BundleFolder:
        content = self._read(MANIFEST, MAX_MANIFEST_BYTES)
        if key is not None:
            self._check_signature(content, key)
        if self._read(SEAL, MAX_SEAL_BYTES) != _seal_text(hashlib.sha256(content).hexdigest()).encode():
            raise _changed(self.origin / MANIFEST, f"its SHA-256 is not the one in {SEAL}")
        manifest = manifest_from_json(content, str(self.origin / MANIFEST))
        self._check_names(manifest)
        programs = {}
        for name, part in manifest.files.items():
            content = _read_listed(self.folder / name, self.origin / name, part)
            if name in _run_by_a_phone(manifest):
                programs[name] = content
        self._check_parameters(manifest)
        return BundleFolder(self.folder, manifest, self.origin, (self.folder / SIGNATURE).exists(), programs)

    def _read(self, name: str, limit: int) -> bytes:
        """Read a small file of which nothing is known yet."""
        self._check_plain(name)
        with (self.folder / name).open("rb") as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise BundleError(f"{self.origin / name} is larger than {limit:,} bytes; no bundle has such a file")
        return content

    def _check_signature(self, content: bytes, key: EllipticCurvePublicKey) -> None:
        from pen_mobile.contract.signature import is_signed_by

        if not (self.folder / SIGNATURE).exists():
            raise BundleError(f"{self.origin} is not signed: {SIGNATURE} is missing; get it from its maker again")
        if not is_signed_by(content, self._read(SIGNATURE, MAX_SIGNATURE_BYTES), key):
            raise BundleError(f"{self.origin / MANIFEST} was not signed with this key, or changed since: do not use it")

    def _check_names(self, manifest: Manifest) -> None:
        size = sum(part.bytes for part in manifest.files.values())
        if len(manifest.files) > MAX_FILES or size > MAX_BYTES:
            raise BundleError(
                f"{self.origin} holds {len(manifest.files)} files of {size:,} bytes; at most {MAX_FILES} of "
                f"{MAX_BYTES:,} are allowed"
            )
        own = {MANIFEST, SEAL, SIGNATURE}
        there = {entry.name for entry in islice(self.folder.iterdir(), MAX_FILES + len(own) + 1)} - own
        for name in sorted(there - set(manifest.files)):
            raise BundleError(f"{self.origin}: {one_line(name)} is not listed in {MANIFEST}; remove it")
        for name in manifest.files:
            if name in own:
                raise BundleError(f"{self.origin / MANIFEST} lists {name}, which no manifest can vouch for")
            self._check_plain(name)
        if (self.folder / SIGNATURE).exists():
            self._read(SIGNATURE, MAX_SIGNATURE_BYTES)

    def _check_plain(self, name: str) -> None:
        try:
            mode = (self.folder / name).lstat().st_mode
        except FileNotFoundError:
            raise BundleError(f"{self.origin / name} is missing; export the bundle again") from None
        if stat.S_ISLNK(mode):
            raise BundleError(
                f"{self.origin / name} is a link, and a bundle holds plain files; copy it with what the links lead to: "
                f"cp -rL {self.origin} COPY"
            )
        if not stat.S_ISREG(mode):
            raise BundleError(f"{self.origin / name} is not a plain file; export the bundle again")

    def _check_parameters(self, manifest: Manifest) -> None:
        head = manifest.head
        name, expected = head.head_parameters, parameter_bytes(head)
        if manifest.files[name].bytes != expected:
            raise BundleError(
                f"{self.origin / name} has {manifest.files[name].bytes:,} bytes; {head.expert_count} experts on "
                f"{head.feature_size} features need {expected:,}"
            )


def _run_by_a_phone(manifest: Manifest) -> set[str]:
    """Return the files that a phone runs or loads; a Core ML bundle is run on Apple's systems only."""
    if manifest.runtime != "executorch":
        return {manifest.head.head_parameters}
    programs = {part.file for part in (manifest.backbone, manifest.face) if part is not None}
    return {manifest.head.file, manifest.head.head_parameters} | programs


def _read_listed(path: Path, origin: Path, part: FilePart) -> bytes:
    """Return the content of a file; refuse it unless it is what the manifest lists."""
    try:
        size = path.stat().st_size
        if size != part.bytes:
            raise _changed(origin, f"it has {size:,} bytes, the manifest says {part.bytes:,}")
        content, digest = _read_and_hash(path, size)
    except OSError as error:
        raise BundleError(f"{origin} cannot be read: {error.strerror}") from None
    if digest != part.sha256:
        raise _changed(origin, "its SHA-256 is not the manifest's")
    return content


def _read_and_hash(path: Path, size: int) -> tuple[bytes, str]:
    """Return the first bytes of a file, zeros where it is shorter, and their SHA-256."""
    digest, content, start = hashlib.sha256(), large_buffer(size), 0
    with content.getbuffer() as view, path.open("rb", buffering=0) as stream:
        while count := stream.readinto(view[start : start + _BLOCK]):
            digest.update(view[start : start + count])  # while it is in the processor's cache
            start += count
    return content.getvalue(), digest.hexdigest()  # not a copy


def _changed(origin: Path, reason: str) -> BundleError:
    return BundleError(f"{origin} was changed: {reason}; export it again")


def _seal_text(digest: str) -> str:
    return f"{digest}  {MANIFEST}\n"
