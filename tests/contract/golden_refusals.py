"""Golden refusals: bundles and archives with one thing wrong, each with the reason for which a reader refuses it.

A bundle here has a stub in place of its programs, because every reason is found before a program is loaded.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pen_mobile.contract.archive import pack
from pen_mobile.contract.signature import sign

Files = dict[str, bytes]
MANIFEST, SEAL, SIGNATURE = "manifest.json", "manifest.json.sha256", "manifest.json.sig"


def write_refusals(folder: Path, bundle: Path) -> None:
    """Write one archive for each case, the sound one that they were made from, and ``refused.json``."""
    folder.mkdir(parents=True)
    sound = {path.name: path.read_bytes() for path in bundle.iterdir()}
    sound |= {"head.pte": b"stub", "golden.safetensors": b"stub"}
    sound = _sealed(sound)
    (folder / "sound.zip").write_bytes(_packed(sound))
    cases = []
    for name, (reason, change) in CASES.items():
        (folder / f"{name}.zip").write_bytes(change(dict(sound)))
        cases.append({"file": f"{name}.zip", "reason": reason})
    document = {"what": WHAT, "reasons": REASONS, "sound": "sound.zip", "cases": cases}
    document["signed"] = _write_signed(folder, sound)
    (folder / "refused.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


WHAT = (
    "Archives that a reader refuses without loading a program. sound.zip is whole; in every other one thing is wrong. "
    "Reasons are those of export/BUNDLE.md, in the order in which a reader looks. Archives under signed are opened "
    "with their public key; a reader that checks no signatures leaves them out. Without a key signed.zip is sound."
)
REASONS = {
    "archive": "it is no archive as 'pen-mobile export' packs: its end, its list, a name, a compressed or linked entry",
    "unsigned": "a public key is given, and there is no signature",
    "signature": "the signature is not one of these bytes of the manifest by the holder of the key",
    "missing": "a file that must be there is not",
    "large": "a file is larger than any bundle's",
    "seal": "the manifest is not the one whose hash is beside it",
    "json": "the manifest is no JSON, or a key comes twice in one object",
    "version": "the manifest is of a schema version that is not read",
    "schema": "the manifest does not fit manifest.schema.json",
    "disagree": "two parts of the manifest contradict each other",
    "names": "a file is there that is not listed, or a listed name is one of the manifest's own",
    "size": "a file has another size than the manifest says",
    "hash": "a file has another SHA-256 than the manifest says",
    "parameters": "the head parameters have another size than the head needs",
}


MESSAGES = {
    "archive": r"not a readable archive|not packed as|does not belong into|compressed or encrypted",
    "unsigned": r"is not signed",
    "signature": r"was not signed with this key, or changed since",
    "missing": r"is missing",
    "large": r"is larger than",
    "seal": r"manifest\.json was changed",
    "json": r"is not a valid manifest: (Expecting|Unterminated)|twice",
    "version": r"schema version",
    "schema": r"manifest\.json",
    "disagree": r"targets are named|one name|not ascending|not listed under files|is not among",
    "names": r"is not listed in|no manifest can vouch for",
    "size": r"it has .* bytes, the manifest says",
    "hash": r"SHA-256 is not the manifest's",
    "parameters": r"experts on .* features need",
}
"""How the toolkit's own messages say each reason."""


def _write_signed(folder: Path, sound: Files) -> dict[str, Any]:
    """Write a signed archive, its public key, and one archive for each way in which a signature can be wrong."""
    maker, other = (ec.derive_private_key(number, ec.SECP256R1()) for number in (17, 18))
    public = maker.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(public)
    (folder / "signed.zip").write_bytes(_packed(_signed(sound, maker)))
    cases = []
    for name, (reason, change) in SIGNED_CASES.items():
        files = change(_signed(sound, other if name == "signed-by-another" else maker))
        (folder / f"{name}.zip").write_bytes(_packed(files))
        cases.append({"file": f"{name}.zip", "reason": reason})
    return {"public_key": "public.pem", "sound": "signed.zip", "cases": cases}


def _signed(files: Files, key: ec.EllipticCurvePrivateKey) -> Files:
    return files | {SIGNATURE: sign(files[MANIFEST], key)}


def _resealed(files: Files) -> Files:
    """Change one byte of the manifest, a blank at its end, and seal it again as anybody can."""
    return _sealed(files, text=files[MANIFEST].decode() + " ")


def _packed(files: Files) -> bytes:
    stream = io.BytesIO()
    pack(stream, sorted(files.items()))  # type: ignore[arg-type]
    return stream.getvalue()


def _sealed(files: Files, manifest: dict[str, Any] | None = None, *, text: str | None = None) -> Files:
    """Return the files with a manifest whose sizes and hashes are true, and its seal."""
    values = json.loads(files[MANIFEST]) if manifest is None else manifest
    if manifest is None:
        for name, part in values["files"].items():
            part |= {"bytes": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
    content = (json.dumps(values) if text is None else text).encode()
    seal = f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode()
    return files | {MANIFEST: content, SEAL: seal}


def _manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Files], bytes]:
    """Return a case whose manifest is changed and sealed again."""

    def case(files: Files) -> bytes:
        values = json.loads(files[MANIFEST])
        change(values)
        return _packed(_sealed(files, values))

    return case


def _text(change: Callable[[str], str]) -> Callable[[Files], bytes]:
    return lambda files: _packed(_sealed(files, text=change(files[MANIFEST].decode())))


def _files(change: Callable[[Files], object]) -> Callable[[Files], bytes]:
    """Return a case whose files are changed and not sealed again."""

    def case(files: Files) -> bytes:
        change(files)
        return _packed(files)

    return case


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Files], bytes]:
    return lambda files: change(_packed(files))


def _zip(files: Files, **info: Any) -> bytes:
    """Pack with the standard library, one entry of which has other properties."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for number, (name, content) in enumerate(sorted(files.items())):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            if number == 0:
                for key, value in info.items():
                    setattr(entry, key, value)
            packed.writestr(entry, content)
    return stream.getvalue()


def _flipped(content: bytes) -> bytes:
    """Change the last bit."""
    return content[:-1] + bytes([content[-1] ^ 1])


def _renamed(files: Files, old: str, new: str) -> bytes:
    return _zip({new if name == old else name: content for name, content in files.items()})


def _without_its_optimizer(values: dict[str, Any]) -> None:
    named = values["adaptation"]["optimizer"]
    values["head"]["train"] = [part for part in values["head"]["train"] if part["optimizer"] != named]


CASES: dict[str, tuple[str, Callable[[Files], bytes]]] = {
    "empty": ("archive", lambda files: b""),
    "cut": ("archive", _bytes(lambda packed: packed[:-100])),
    "text": ("archive", lambda files: b"this is not an archive\n" * 10),
    "trailing-bytes": ("archive", _bytes(lambda packed: packed + b"\0")),
    "leading-bytes": ("archive", _bytes(lambda packed: b"\0" + packed)),
    "compressed": ("archive", lambda files: _zip(files, compress_type=zipfile.ZIP_DEFLATED)),
    "linked": ("archive", lambda files: _zip(files, external_attr=0o120777 << 16)),
    "dated": ("archive", lambda files: _zip(files, date_time=(2024, 1, 1, 0, 0, 0))),
    "commented": ("archive", lambda files: _zip(files, comment=b"x")),
    "parent-folder": ("archive", lambda files: _renamed(files, "head.pte", "../head.pte")),
    "capital-letter": ("archive", lambda files: _renamed(files, "head.pte", "Head.pte")),
    "in-a-folder": ("archive", lambda files: _renamed(files, "head.pte", "bundle/head.pte")),
    "no-manifest": ("missing", _files(lambda files: files.pop(MANIFEST))),
    "no-seal": ("missing", _files(lambda files: files.pop(SEAL))),
    "no-program": ("missing", _files(lambda files: files.pop("head.pte"))),
    "no-parameters": ("missing", _files(lambda files: files.pop("head-parameters.f32"))),
    "large-seal": ("large", _files(lambda files: files.update({SEAL: files[SEAL] * 3}))),
    "manifest-changed": ("seal", _files(lambda files: files.update({MANIFEST: files[MANIFEST] + b"\n"}))),
    "seal-of-another-name": ("seal", _files(lambda files: files.update({SEAL: files[SEAL].replace(b"json", b"jsom")}))),
    "seal-in-capitals": ("seal", _files(lambda files: files.update({SEAL: files[SEAL].upper()}))),
    "no-json": ("json", _text(lambda text: text[:-1])),
    "a-half-object": ("json", _text(lambda text: text[: len(text) // 2])),
    "a-key-twice": ("json", _text(lambda text: text[:-1] + ', "recipe": "other"}')),
    "version-1": ("version", _manifest(lambda values: values.update(schema_version=1))),
    "version-3": ("version", _manifest(lambda values: values.update(schema_version=3))),
    "version-as-text": ("version", _manifest(lambda values: values.update(schema_version="2"))),
    "unknown-key": ("schema", _manifest(lambda values: values.update(unknown=1))),
    "no-head": ("schema", _manifest(lambda values: values.pop("head"))),
    "other-format": ("schema", _manifest(lambda values: values.update(format="zip"))),
    "no-targets": ("schema", _manifest(lambda values: values.update(targets=[]))),
    "target-in-capitals": ("schema", _manifest(lambda values: values.update(targets=["Valence", "arousal"]))),
    "experts-below-one": ("schema", _manifest(lambda values: values["head"].update(expert_count=0))),
    "number-as-text": ("schema", _manifest(lambda values: values["head"].update(feature_size="8"))),
    "three-targets": ("disagree", _manifest(lambda values: values.update(targets=["valence", "arousal", "pain"]))),
    "one-target-twice": ("disagree", _manifest(lambda values: values.update(targets=["valence", "valence"]))),
    "range-descends": ("disagree", _manifest(lambda values: values.update(label_range=[9, 1]))),
    "file-not-listed": ("disagree", _manifest(lambda values: values["files"].pop("personal_store.sql"))),
    "optimizer-not-carried": ("disagree", _manifest(_without_its_optimizer)),
    "prior-not-carried": ("disagree", _manifest(lambda values: values["head"].pop("adapt"))),
    "one-file-more": ("names", _files(lambda files: files.update({"more.bin": b"x"}))),
    "lists-its-own-seal": (
        "names",
        _manifest(lambda values: values["files"].update({SEAL: {"bytes": 80, "sha256": "0" * 64}})),
    ),
    "file-cut": ("size", _files(lambda files: files.update({"head.pte": b"stu"}))),
    "byte-changed": ("hash", _files(lambda files: files.update({"head.pte": b"stuB"}))),
    "parameters-of-another-head": (
        "parameters",
        lambda files: _packed(_sealed(files | {"head-parameters.f32": files["head-parameters.f32"][:-4]})),
    ),
}

SIGNED_CASES: dict[str, tuple[str, Callable[[Files], Files]]] = {
    "not-signed": ("unsigned", lambda files: {name: files[name] for name in files if name != SIGNATURE}),
    "signed-by-another": ("signature", lambda files: files),
    "signed-then-changed": ("signature", _resealed),
    "signature-cut": ("signature", lambda files: files | {SIGNATURE: files[SIGNATURE][:-1]}),
    "signature-changed": ("signature", lambda files: files | {SIGNATURE: _flipped(files[SIGNATURE])}),
    "signature-of-nothing": ("signature", lambda files: files | {SIGNATURE: b""}),
    "large-signature": ("large", lambda files: files | {SIGNATURE: files[SIGNATURE] * 2}),
    "signed-file-changed": ("hash", lambda files: files | {"head.pte": b"stuB"}),
}
"""Archives opened with the maker's public key."""
