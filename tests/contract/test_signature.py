"""A signature says who made a bundle; only the right kind of key is ever used."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pen_mobile.contract.archive import pack_folder
from pen_mobile.contract.bundle_folder import MANIFEST, SIGNATURE, open_bundle, sign_bundle
from pen_mobile.contract.signature import is_signed_by, read_private_key, read_public_key, sign
from pen_mobile.errors import BadInput, BundleError

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()


def write_keys(folder: Path, name: str, key: object | None = None) -> tuple[Path, Path]:
    """Write a pair of keys, P-256 unless given; returns private and public file."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(key.private_bytes(PEM, PKCS8, PLAIN))  # type: ignore[attr-defined]
    public.write_bytes(
        key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    )
    return private, public


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return write_keys(tmp_path, "maker")


@pytest.fixture
def signed(small_bundle: Path, keys: tuple[Path, Path], tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    shutil.copytree(small_bundle, folder)
    sign_bundle(folder, read_private_key(keys[0]))
    return folder


def test_a_signed_bundle_opens_with_its_makers_key_and_without_any(signed: Path, keys: tuple[Path, Path]) -> None:
    assert open_bundle(signed, keys[1]).signed
    assert open_bundle(signed).signed


def test_a_signed_archive_opens_with_its_makers_key(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    pack_folder(signed, tmp_path / "bundle.zip")
    bundle = open_bundle(tmp_path / "bundle.zip", keys[1])
    assert bundle.origin == tmp_path / "bundle.zip"
    where = bundle.path
    assert where.is_dir()
    del bundle
    assert not where.exists()


def test_another_key_no_signature_and_a_changed_manifest_are_refused(
    signed: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    _, other = write_keys(tmp_path, "other")
    with pytest.raises(BundleError, match=r"manifest\.json was not signed with this key"):
        open_bundle(signed, other)
    manifest = (signed / MANIFEST).read_bytes()
    (signed / MANIFEST).write_bytes(manifest + b"\n")
    with pytest.raises(BundleError, match="was not signed with this key, or changed since"):
        open_bundle(signed, keys[1])
    (signed / MANIFEST).write_bytes(manifest)
    signature = (signed / SIGNATURE).read_bytes()
    for damaged in (b"", signature[:-1], signature + b"\0", bytes(72), b"x" * 81):
        (signed / SIGNATURE).write_bytes(damaged)
        with pytest.raises(BundleError, match=r"not signed with this key|larger than 80 bytes"):
            open_bundle(signed, keys[1])
    (signed / SIGNATURE).unlink()
    with pytest.raises(BundleError, match=r"is not signed: manifest\.json\.sig is missing"):
        open_bundle(signed, keys[1])
    outside = tmp_path / "outside"
    outside.write_bytes(signature)
    (signed / SIGNATURE).symlink_to(outside)
    with pytest.raises(BundleError, match=r"manifest\.json\.sig is a link, and a bundle holds plain files"):
        open_bundle(signed, keys[1])


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "secp256k1", "Ed25519", "RSA"],
)
def test_other_kinds_of_keys_are_refused(key: object, tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, "wrong", key)
    with pytest.raises(BadInput, match=r"wrong\.pem holds another kind of key; an elliptic-curve key on P-256"):
        read_private_key(private)
    with pytest.raises(BadInput, match=r"wrong\.pub\.pem holds another kind of key; an elliptic-curve key on P-256"):
        read_public_key(public)


def test_files_that_are_no_such_keys_are_one_line(keys: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"maker\.pub\.pem is no PEM private key"):
        read_private_key(keys[1])
    with pytest.raises(BadInput, match=r"maker\.pem is a private key; give the public one"):
        read_public_key(keys[0])
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        read_public_key(tmp_path / "nothing")
    protected = tmp_path / "protected.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    protected.write_bytes(key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"secret")))
    with pytest.raises(BadInput, match="protected by a passphrase"):
        read_private_key(protected)
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    with pytest.raises(BadInput, match="no PEM public key"):
        read_public_key(tmp_path / "noise")


def test_the_same_bytes_give_the_same_signature_in_der(keys: tuple[Path, Path]) -> None:
    """DER: a SEQUENCE (0x30) of its length, of two INTEGERs (0x02); Android and CryptoKit read exactly this."""
    key = read_private_key(keys[0])
    signature = sign(b"content", key)
    assert signature == sign(b"content", key)
    assert (signature[0], signature[1], signature[2]) == (0x30, len(signature) - 2, 0x02)
    assert is_signed_by(b"content", signature, read_public_key(keys[1]))
    assert not is_signed_by(b"contents", signature, read_public_key(keys[1]))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_makes_keys_and_checks_signatures(tmp_path: Path) -> None:
    """The commands of ``export/BUNDLE.md``; an implementation that is not ours accepts what we sign."""
    make = "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out key.pem"
    subprocess.run(["sh", "-c", make], cwd=tmp_path, check=True)
    subprocess.run(["openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"], cwd=tmp_path, check=True)
    (tmp_path / MANIFEST).write_bytes(b"content")
    (tmp_path / SIGNATURE).write_bytes(sign(b"content", read_private_key(tmp_path / "key.pem")))
    assert is_signed_by(b"content", (tmp_path / SIGNATURE).read_bytes(), read_public_key(tmp_path / "public.pem"))
    check = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", SIGNATURE, MANIFEST]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=True).stdout == b"Verified OK\n"
