"""Bundles as the Kotlin core opens them: the whole ones, and those that it must refuse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pen_mobile.contract.archive import pack_folder
from pen_mobile.contract.bundle_folder import MANIFEST, SEAL, SIGNATURE, sign_bundle
from tests.android.kotlin import Harness, needs_kotlin
from tests.android.resealing import changed_copy

needs_kotlin()


@pytest.fixture
def bundle(small_bundle: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


def public_key(key: ec.EllipticCurvePrivateKey, file: Path) -> Path:
    """Write the public half of a key."""
    file.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return file


def test_folder_and_archive_are_opened(kotlin: Harness, bundle: Path, tmp_path: Path) -> None:
    pack_folder(bundle, tmp_path / "bundle.zip")
    for path in (bundle, tmp_path / "bundle.zip"):
        assert kotlin.ask("check", bundle=path) == {"targets": ["valence", "arousal"]}


def test_a_bundle_with_a_backbone_is_opened(kotlin: Harness, bundle_folder: Path) -> None:
    assert kotlin.ask("check", bundle=bundle_folder) == {"targets": ["valence", "arousal"]}


def test_a_signature_is_the_makers_or_nobodys(kotlin: Harness, bundle: Path, tmp_path: Path) -> None:
    maker, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    own, foreign = public_key(maker, tmp_path / "own.pem"), public_key(other, tmp_path / "other.pem")
    assert kotlin.ask("check", bundle=bundle, public_key=own)["problem"] == "NOT_SIGNED"
    sign_bundle(bundle, maker)
    assert "targets" in kotlin.ask("check", bundle=bundle, public_key=own)
    assert kotlin.ask("check", bundle=bundle, public_key=foreign)["problem"] == "FORGED"
    (bundle / SIGNATURE).write_bytes(b"no signature")
    assert kotlin.ask("check", bundle=bundle, public_key=own)["problem"] == "FORGED"


def test_a_key_on_another_curve_is_refused(kotlin: Harness, bundle: Path, tmp_path: Path) -> None:
    for curve in (ec.SECP384R1(), ec.SECP256K1()):
        key = public_key(ec.generate_private_key(curve), tmp_path / f"{curve.name}.pem")
        assert kotlin.ask("check", bundle=bundle, public_key=key)["problem"] == "BAD_INPUT"


@pytest.mark.parametrize("name", ["head.pte", "head-parameters.f32", "personal_store.sql", MANIFEST, SEAL])
def test_a_changed_byte_is_found(kotlin: Harness, bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    answer = kotlin.ask("check", bundle=bundle)
    assert answer["problem"] == "BUNDLE_DAMAGED"
    assert name in answer["message"]


def test_files_must_be_those_of_the_manifest(kotlin: Harness, bundle: Path) -> None:
    (bundle / "more.bin").write_bytes(b"")
    assert "more.bin" in kotlin.ask("check", bundle=bundle)["message"]
    (bundle / "more.bin").unlink()
    (bundle / "head.pte").rename(bundle.parent / "head.pte")
    assert kotlin.ask("check", bundle=bundle)["problem"] == "BUNDLE_DAMAGED"
    (bundle / "head.pte").symlink_to(bundle.parent / "head.pte")
    assert kotlin.ask("check", bundle=bundle)["problem"] == "BUNDLE_DAMAGED"


def test_a_manifest_of_another_meaning_is_refused(kotlin: Harness, small_bundle: Path, tmp_path: Path) -> None:
    later = changed_copy(small_bundle, tmp_path / "later", lambda values: values.update(schema_version=99))
    assert kotlin.ask("check", bundle=later)["problem"] == "BUNDLE_NEWER"
    unknown = changed_copy(small_bundle, tmp_path / "unknown", lambda values: values.update(unknown=1))
    assert "unknown is unknown" in kotlin.ask("check", bundle=unknown)["message"]
    other = changed_copy(small_bundle, tmp_path / "other", lambda values: values["targets"].reverse())
    assert kotlin.ask("check", bundle=other) == {"targets": ["arousal", "valence"]}


def test_an_archive_that_differs_by_one_byte_is_refused(kotlin: Harness, bundle: Path, tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    pack_folder(bundle, archive)
    whole = archive.read_bytes()
    places = [*range(30), len(whole) - 1, len(whole) - 22, whole.index(b"PK\x01\x02") + 5, len(whole) // 2]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 0x41
        archive.write_bytes(changed)
        assert "problem" in kotlin.ask("check", bundle=archive), place
    for content in (whole[:-1], whole + b"\0", b"", b"PK", whole[:100]):
        archive.write_bytes(content)
        assert kotlin.ask("check", bundle=archive)["problem"] == "NOT_A_BUNDLE"
