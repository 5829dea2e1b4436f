"""The personal store of one bundle: samples and head states of one owner, so that a crash loses nothing accepted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.contract.head_state import parameter_bytes, parameters_from_bytes, parameters_to_bytes
from pen_mobile.errors import BadInput
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.vault import (
    IN_MEMORY,
    ActiveHead,
    ConcurrentUpdateError,
    Format,
    OnOtherBackbone,
    Owner,
    Samples,
    StoreStatus,
    Vault,
)
from pen_mobile.types import Floats


class PersonalStore:
    """One open store, in the terms of its bundle: a head is the packed matrix ``[1, 3 n_s, D_z + 1]``.

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
        clock: Callable[[], float] = time.time,
        quota_bytes: int | None = None,
        on_other_backbone: OnOtherBackbone = "refuse",
    ) -> None:
        """Open the store at ``path`` for this bundle, making it when it is not there.

        Args:
            key: 32 bytes from the host's keystore; a store made with a key holds no blob in the clear.
            retention: how much it keeps, and for how long.
            feature_format: how new features are kept; float16 halves them.
            clock: says when things happen, Unix seconds.
            quota_bytes: how large the file may grow; None is no limit.
            on_other_backbone: ``forget`` deletes samples and heads of another backbone instead of refusing the store.

        Raises:
            BadInput: the file is not a personal store, is damaged, or belongs to another backbone or key.
        """
        self.path, self._head, self._format = path, bundle.manifest.head, feature_format
        self.vault = Vault(
            path,
            owner_of(bundle),
            key=key,
            retention=retention,
            clock=clock,
            quota_bytes=quota_bytes,
            on_other_backbone=on_other_backbone,
        )
        if self.vault.locked:
            self.vault.close()
            raise BadInput(f"{path} is encrypted; give its key (--key-file)")

    @property
    def change(self) -> str | None:
        """What opening it with another bundle than before has changed, for people; None for nothing."""
        return self.vault.change

    def close(self) -> None:
        """Close the file."""
        self.vault.close()

    def add(
        self,
        features: Floats,
        affect: Floats,
        weight: float = 1.0,
        origin: str = "owner",
        captured_at: float | NDArray[np.float64] | None = None,
    ) -> None:
        """Keep labelled samples, features ``[N, D_z]`` and affect ``[N, 2]``, all or none.

        A moment that is in the store already gets the new label.

        Args:
            captured_at: when, Unix seconds, of each sample or of all; None is now.

        Raises:
            BadInput: a label is out of range or NaN, or a feature is not finite.
        """
        self.vault.add(features, affect, weight, origin, captured_at, feature_format=self._format)

    def samples(self) -> Samples:
        """Return all samples that retention lets live."""
        self.vault.forget()
        return self.vault.samples()

    def active_head(self) -> tuple[ActiveHead, Floats | None]:
        """Return which head is in use, and its parameters ``[1, 3 n_s, D_z + 1]``; None is the bundle's initial head.

        Raises:
            BadInput: its bytes are not those that were written.
        """
        with self.vault.frozen():
            head = self.vault.active_head()
            if head.version is None:
                return head, None
            blob = self.vault.state_blob(head.version)
        # older releases kept an optimizer's slots behind the parameters
        return head, parameters_from_bytes(blob[: parameter_bytes(self._head)], self._head)

    def accept(self, parameters: Floats, report: dict[str, Any], strategy: str, started_from: ActiveHead) -> int:
        """Make a head the active one, in one transaction; returns its version.

        Args:
            started_from: the head in use when training began, which the new one was compared with.

        Raises:
            ConcurrentUpdateError: another head is in use by now; the attempt is in the history, with the reason.
        """
        return self.vault.accept(parameters_to_bytes(parameters), report, strategy, started_from=started_from)

    def reject(self, report: dict[str, Any], strategy: str, started_from: ActiveHead) -> int:
        """Note an attempt that was not accepted; the active state stays. Returns the attempt's version.

        Raises:
            ConcurrentUpdateError: the data that it learned from were deleted; nothing is noted.
        """
        return self.vault.reject(report, strategy, started_from=started_from)

    def desk(self, started_from: ActiveHead) -> StoreDesk:
        """Return where an adaptation that starts from a head keeps what an interruption must not lose."""
        return StoreDesk(self.vault, started_from)

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


class StoreDesk:
    """A store as the desk of an adaptation that started from one head."""

    def __init__(self, vault: Vault, started_from: ActiveHead) -> None:
        self._vault, self._started_from = vault, started_from

    def load(self, inputs: str) -> Checkpoint | None:
        """Return what an interrupted adaptation left; its inputs are empty when they were others than these."""
        return self._vault.unfinished(inputs)

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep the adaptation under way."""
        self._vault.keep_unfinished(checkpoint, started_from=self._started_from)

    def clear(self) -> None:
        """Forget it."""
        self._vault.drop_unfinished()


def owner_of(bundle: BundleFolder) -> Owner:
    """Return what a store notes of a bundle, to know it again."""
    manifest = bundle.manifest
    head, backbone = manifest.head, manifest.backbone
    program = None if backbone is None else manifest.files[backbone.file].sha256
    return Owner(
        backbone=(backbone and backbone.identity) or program or manifest.source.data_digest,
        feature_size=head.feature_size,
        head_bytes=parameter_bytes(head),
        head=manifest.files[head.head_parameters].sha256,
        program=program,
    )


__all__ = ["IN_MEMORY", "ActiveHead", "ConcurrentUpdateError", "PersonalStore", "Samples"]
