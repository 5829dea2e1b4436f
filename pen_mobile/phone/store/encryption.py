"""Blobs at rest: in the clear with a checksum, or under AES-GCM with a key that the host keeps (Keystore, Keychain)."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Protocol

from pen_mobile.errors import BadInput

KEY_BYTES = 32
TAG_BYTES = 16
"""Length of the tag in which every stored blob ends."""
_NONCE_BYTES = 12
_CHECK_PLACE = b"pen-mobile personal store"
_MOMENT_LABEL = b"pen-mobile moment"
_ROWS_LABEL = b"pen-mobile rows"


class KeyRequired(BadInput):
    """The store is encrypted, and no key was given."""


class Cipher(Protocol):
    """How blobs become what the file holds.

    ``place`` names store and row of a blob: a blob of another store or row does not open.
    """

    def seal(self, blob: bytes, place: bytes) -> bytes:
        """Return what to store; its last 16 bytes are the tag."""
        ...

    def open(self, stored: bytes, place: bytes) -> bytes | None:
        """Return the blob, or None when it is not what was sealed for this place."""
        ...

    def digest(self, blob: bytes) -> str:
        """Return 64 hexadecimal digits that are equal for equal blobs."""
        ...

    def rows_hash(self, rows: Iterable[bytes]) -> int:
        """Return the exclusive or of 256 bits for each row, which only the key can make from the row's name and tag."""
        ...

    def key_check(self) -> bytes | None:
        """Return what tells this key from another one; None in the clear."""
        ...


class Plaintext:
    """No encryption: a stored blob is the blob, then the first 16 bytes of SHA-256 over place, a zero byte and blob."""

    def seal(self, blob: bytes, place: bytes) -> bytes:
        return blob + _checksum(blob, place)

    def open(self, stored: bytes, place: bytes) -> bytes | None:
        blob = stored[:-TAG_BYTES]
        return blob if stored[-TAG_BYTES:] == _checksum(blob, place) else None

    def digest(self, blob: bytes) -> str:
        return hashlib.sha256(blob).hexdigest()

    def rows_hash(self, rows: Iterable[bytes]) -> int:
        return reduce(xor, (int.from_bytes(hashlib.sha256(row).digest(), "big") for row in rows), 0)

    def key_check(self) -> bytes | None:
        return None


class AesGcm:
    """AES-256-GCM: a stored blob is ``nonce [12] + ciphertext + tag [16]``, a fresh random nonce for each.

    Digests are HMAC-SHA-256 under ``HMAC-SHA-256(key, "pen-mobile moment")``, hashes of rows under
    ``HMAC-SHA-256(key, "pen-mobile rows")``, so that one key serves all.
    """

    def __init__(self, key: bytes, store: Path) -> None:
        if len(key) != KEY_BYTES:
            raise BadInput(f"{store}: the key has {len(key)} bytes; AES-256 takes {KEY_BYTES}")
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher, self._invalid = AESGCM(key), InvalidTag
        self._moment_key = hmac.digest(key, _MOMENT_LABEL, "sha256")
        self._rows_key = hmac.digest(key, _ROWS_LABEL, "sha256")

    def seal(self, blob: bytes, place: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, blob, place)

    def open(self, stored: bytes, place: bytes) -> bytes | None:
        try:
            return self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], place)
        except (self._invalid, ValueError):
            return None

    def digest(self, blob: bytes) -> str:
        return hmac.digest(self._moment_key, blob, "sha256").hex()

    def rows_hash(self, rows: Iterable[bytes]) -> int:
        key, digest = self._rows_key, hmac.digest
        return reduce(xor, (int.from_bytes(digest(key, row, "sha256"), "big") for row in rows), 0)

    def key_check(self) -> bytes | None:
        return self.seal(b"", _CHECK_PLACE)

    def matches(self, key_check: bytes) -> bool:
        """Return whether ``key_check`` was made with this key."""
        return self.open(key_check, _CHECK_PLACE) == b""


class NoKey:
    """An encrypted store without its key: everything that needs the key raises :class:`KeyRequired`."""

    def __init__(self, store: Path) -> None:
        self._refusal = f"{store} is encrypted; give its key (--key-file)"

    def seal(self, blob: bytes, place: bytes) -> bytes:
        raise KeyRequired(self._refusal)

    def open(self, stored: bytes, place: bytes) -> bytes | None:
        raise KeyRequired(self._refusal)

    def digest(self, blob: bytes) -> str:
        raise KeyRequired(self._refusal)

    def rows_hash(self, rows: Iterable[bytes]) -> int:
        raise KeyRequired(self._refusal)

    def key_check(self) -> bytes | None:
        raise KeyRequired(self._refusal)


def new_cipher(key: bytes | None, store: Path) -> Plaintext | AesGcm:
    """Return the cipher of a new store."""
    return Plaintext() if key is None else AesGcm(key, store)


def matching_cipher(key: bytes | None, key_check: object, store: Path) -> Cipher:
    """Return the cipher of an existing store.

    Args:
        key: 32 bytes, or None.
        key_check: what the store keeps to know its key; None: it is not encrypted.
        store: path of the file, for messages.

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
    if not isinstance(key_check, bytes) or not cipher.matches(key_check):
        raise BadInput(f"{store}: the key is not the store's; nothing was read or changed")
    return cipher


def _checksum(blob: bytes, place: bytes) -> bytes:
    sha = hashlib.sha256(place + b"\0")
    sha.update(blob)
    return sha.digest()[:TAG_BYTES]
