"""The personal store of one bundle: samples and head states of one owner, so that a crash loses nothing accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.folder import BundleFolder
from pen_mobile.contract.head_state import State, state_from_bytes, state_to_bytes
from pen_mobile.errors import BadInput
from pen_mobile.phone.retention import Retention
from pen_mobile.phone.vault import IN_MEMORY, Format, Owner, Samples, StoreStatus, Vault

Floats = NDArray[np.float32]


class PersonalStore:
    """One open store, in the terms of its bundle: states are tensors.

    Attributes:
        vault: the file itself, with everything that needs no bundle.
    """

    def __init__(
        self,
        path: Path,
        bundle: BundleFolder,
        *,
        key: bytes | None = None,
        retention: Retention | None = None,
        feature_format: Format = "float32",
    ) -> None:
        """Open the store at ``path`` for this bundle, making it when it is not there.

        Args:
            key: 32 bytes from the host's keystore; a store made with a key holds no blob in the clear.
            retention: how much it keeps, and for how long.
            feature_format: how new features are kept; float16 halves them.

        Raises:
            BadInput: the file is not a personal store, is damaged, or belongs to another backbone, head or key.
        """
        self.path, self._head, self._format = path, bundle.manifest.head, feature_format
        self.vault = Vault(path, _owner(bundle), key=key, retention=retention)
        if self.vault.locked:
            self.vault.close()
            raise BadInput(f"{path} is encrypted; give its key")

    def close(self) -> None:
        """Close the file."""
        self.vault.close()

    def add(self, features: Floats, affect: Floats, weight: float = 1.0, origin: str = "owner") -> None:
        """Keep labelled samples, features ``[N, D_z]`` and affect ``[N, 2]``, all or none.

        A moment that is in the store already gets the new label.

        Raises:
            BadInput: a label is out of range or NaN, or a feature is not finite.
        """
        self.vault.add(features, affect, weight, origin, feature_format=self._format)

    def samples(self) -> Samples:
        """Return all samples that retention lets live."""
        self.vault.forget()
        return self.vault.samples()

    def active_state(self) -> State | None:
        """Return the state that was accepted last, or None before the first.

        Raises:
            BadInput: its bytes are not those that were written.
        """
        active = self.vault.active_state()
        return None if active is None else state_from_bytes(active[1], self._head)

    def accept(self, state: State, report: dict[str, Any]) -> int:
        """Make ``state`` the active one, in one transaction; returns its version."""
        return self.vault.accept(state_to_bytes(state), report, self._head.train.optimizer)

    def reject(self, report: dict[str, Any]) -> int:
        """Note an attempt that was not accepted; the active state stays. Returns the attempt's version."""
        return self.vault.reject(report, self._head.train.optimizer)

    def rollback(self, reason: str = "asked for") -> int | None:
        """Take the parent of the active state back into use; returns its version, None for the initial head."""
        return self.vault.rollback(reason)

    def reset(self, reason: str = "asked for") -> None:
        """Go back to the bundle's initial head; every state stays in the history."""
        self.vault.reset(reason)

    def status(self) -> StoreStatus:
        """Say how the store stands."""
        return self.vault.status()

    def history(self) -> list[dict[str, Any]]:
        """Return every attempt, oldest first."""
        return self.vault.history()


def _owner(bundle: BundleFolder) -> Owner:
    manifest = bundle.manifest
    backbone = manifest.source.data_digest
    if manifest.backbone is not None:
        backbone = manifest.files[manifest.backbone.file].sha256
    state_bytes = 4 * sum(int(np.prod(tensor.shape)) for tensor in manifest.head.state)
    return Owner(backbone, manifest.head.feature_size, state_bytes)


__all__ = ["IN_MEMORY", "PersonalStore", "Samples"]
