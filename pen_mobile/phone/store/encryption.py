"""Blobs at rest: in the clear, or under AES-GCM with a key that the host keeps (Keystore, Keychain)."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from typing import Protocol

from pen_mobile.errors import BadInput

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
SEAL_BYTES = _NONCE_BYTES + _TAG_BYTES
"""Number of bytes by which an encrypted blob is longer."""
_CHECK_IDENTITY = b"pen-mobile personal store"
_DIGEST_LABEL = b"pen-mobile moment"


class KeyRequired(BadInput):
    """The store is encrypted, and no key was given."""


class Cipher(Protocol):
    """How blobs become what the file holds.

    ``identity`` names the row that a blob belongs to; a blob moved to another row does not open.
    """

    def seal(self, blob: bytes, identity: bytes) -> bytes:
        """Return what to store."""
        ...

    def open(self, stored: bytes, identity: bytes) -> bytes:
        """Return the blob; BadInput when it is not what was sealed for this row."""
        ...

    def digest(self, blob: bytes) -> str:
        """Return 64 hexadecimal digits that tell equal blobs; they tell nothing to anybody without the key."""
        ...

    def key_check(self) -> bytes | None:
        """Return what tells this key from another one; None in the clear."""
        ...


class Plaintext:
    """No encryption: the file holds the blobs themselves."""

    def seal(self, blob: bytes, identity: bytes) -> bytes:
        return blob

    def open(self, stored: bytes, identity: bytes) -> bytes:
        return stored

    def digest(self, blob: bytes) -> str:
        return hashlib.sha256(blob).hexdigest()

    def key_check(self) -> bytes | None:
        return None


class AesGcm:
    """AES-256-GCM: a stored blob is ``nonce [12] + ciphertext + tag [16]``, a fresh random nonce for each.

    Digests are HMAC-SHA-256 under ``HMAC-SHA-256(key, "pen-mobile moment")``, so that one key serves both.
    """

    def __init__(self, key: bytes, store: Path) -> None:
        self._store = store
        if len(key) != KEY_BYTES:
            raise BadInput(f"{store}: the key has {len(key)} bytes; AES-256 takes {KEY_BYTES}")
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)
        self._digest_key = hmac.digest(key, _DIGEST_LABEL, "sha256")

    def seal(self, blob: bytes, identity: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, blob, identity)

    def open(self, stored: bytes, identity: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], identity)
        except (InvalidTag, ValueError):
            raise BadInput(f"{self._store}: {identity.decode()} is damaged, or was sealed with another key") from None

    def digest(self, blob: bytes) -> str:
        return hmac.digest(self._digest_key, blob, "sha256").hex()

    def key_check(self) -> bytes | None:
        return self.seal(b"", _CHECK_IDENTITY)

    def matches(self, key_check: bytes) -> bool:
        """Return whether ``key_check`` was made with this key."""
        try:
            return self.open(key_check, _CHECK_IDENTITY) == b""
        except BadInput:
            return False


class NoKey:
    """An encrypted store without its key: what needs no blob works, what needs one raises :class:`KeyRequired`."""

    def __init__(self, store: Path) -> None:
        self._refusal = f"{store} is encrypted; give its key (--key-file)"

    def seal(self, blob: bytes, identity: bytes) -> bytes:
        raise KeyRequired(self._refusal)

    def open(self, stored: bytes, identity: bytes) -> bytes:
        raise KeyRequired(self._refusal)

    def digest(self, blob: bytes) -> str:
        raise KeyRequired(self._refusal)

    def key_check(self) -> bytes | None:
        raise KeyRequired(self._refusal)


def new_cipher(key: bytes | None, store: Path) -> Plaintext | AesGcm:
    """Return the cipher of a new store."""
    return Plaintext() if key is None else AesGcm(key, store)


def matching_cipher(key: bytes | None, key_check: bytes | None, store: Path) -> Cipher:
    """Return the cipher of an existing store.

    Raises:
        BadInput: the key is another one, or a key is given for a store in the clear.
    """
    if key_check is None:
        if key is not None:
            raise BadInput(f"{store}: the store is not encrypted, but a key was given; open it without one")
        return Plaintext()
    if key is None:
        return NoKey(store)
    cipher = AesGcm(key, store)
    if not cipher.matches(key_check):
        raise BadInput(f"{store}: the key is not the store's; nothing was read or changed")
    return cipher
