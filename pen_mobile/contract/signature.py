"""Who made a bundle: ECDSA over P-256 and the SHA-256 of the manifest's bytes, in a file beside the manifest.

The signature is DER (X9.62), as ``Signature.getInstance("SHA256withECDSA")`` on Android and
``P256.Signing.ECDSASignature(derRepresentation:)`` of CryptoKit read it. The manifest holds the hash of every other
file, so the signature covers the whole bundle. Keys are PEM files::

    openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out key.pem
    openssl pkey -in key.pem -pubout -out public.pem
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from pen_mobile.errors import BadInput

_MAX_KEY_BYTES = 1 << 14
_CURVE = "an elliptic-curve key on P-256 (prime256v1)"


def read_private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read the key that signs.

    Raises:
        BadInput: it is not an unencrypted PEM private key on P-256.
    """
    content = _read(path)
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError:
        raise BadInput(f"{path} is protected by a passphrase; give a key without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput(f"{path} is no PEM private key; {_CURVE} is needed to sign") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadInput(f"{path} holds another kind of key; {_CURVE} is needed to sign")
    return key


def read_public_key(path: Path) -> ec.EllipticCurvePublicKey:
    """Read the key by which a signature is checked.

    Raises:
        BadInput: it is not a PEM public key on P-256.
    """
    content = _read(path)
    if b"PRIVATE KEY" in content:
        raise BadInput(f"{path} is a private key; give the public one: openssl pkey -in {path} -pubout")
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput(f"{path} is no PEM public key; {_CURVE} is needed to check a signature") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadInput(f"{path} holds another kind of key; {_CURVE} is needed to check a signature")
    return key


def sign(content: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the signature of some bytes in DER; the same bytes and key give the same signature (RFC 6979)."""
    return key.sign(content, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def is_signed_by(content: bytes, signature: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether the holder of a key signed exactly these bytes."""
    try:
        key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
