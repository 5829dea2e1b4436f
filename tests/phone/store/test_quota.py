"""A store that may not grow: what does not fit is refused in one line, and what was kept stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import StoreFull
from pen_mobile.phone.store.vault import Owner, Vault

SIZE = 4096
OWNER = Owner("b" * 64, SIZE, 4000)
QUOTA = 400_000


def feature(number: int) -> np.ndarray:
    return np.full((1, SIZE), number, np.float32)


def fill(vault: Vault) -> int:
    """Add one sample after another until the store refuses; returns how many it took."""
    for taken in range(1000):
        try:
            vault.add(feature(taken), np.zeros((1, 2), np.float32))
        except StoreFull:
            return taken
    raise AssertionError("the store took everything")


def test_a_full_store_refuses_and_keeps_everything(tmp_path: Path) -> None:
    """A sample is 16 KB and ends on a page of its own, 20 KB; the schema takes up to 16 pages: 14 to 23 fit."""
    path = tmp_path / "me.sqlite"
    with Vault(path, OWNER, quota_bytes=QUOTA) as vault:
        version = vault.accept(bytes(4000), {"reason": "better"}, started_from=vault.active_head())
        taken = fill(vault)
        assert 14 <= taken <= 23
        with pytest.raises(StoreFull, match="may hold 400,000 bytes; what was kept before is safe"):
            vault.accept(b"1" * 100_000, {"reason": "too large"}, started_from=vault.active_head())
        assert vault.active_state() == (version, bytes(4000))
    assert path.stat().st_size <= QUOTA
    with Vault(path, OWNER) as vault:  # without a quota there is room again
        assert vault.samples().features[:, 0].tolist() == list(range(taken))
        vault.add(feature(taken), np.zeros((1, 2), np.float32))
        assert vault.status().samples == taken + 1


def test_a_store_larger_than_its_quota_opens_and_grows_no_more(tmp_path: Path) -> None:
    """30 samples of more than 16 KB are more than the quota."""
    path = tmp_path / "me.sqlite"
    many = np.arange(30, dtype=np.float32)[:, None] * np.ones((1, SIZE), np.float32)
    with Vault(path, OWNER) as vault:
        vault.add(many, np.zeros((30, 2), np.float32))
    before = path.stat().st_size
    assert before > QUOTA
    with Vault(path, OWNER, quota_bytes=QUOTA) as vault:
        with pytest.raises(StoreFull):
            vault.add(many + 1000, np.zeros((30, 2), np.float32))
        assert vault.status().samples == 30
    assert path.stat().st_size == before


def test_a_full_store_can_be_emptied(tmp_path: Path) -> None:
    """Deleting one's data needs no room, and makes room."""
    with Vault(tmp_path / "me.sqlite", OWNER, quota_bytes=QUOTA) as vault:
        taken = fill(vault)
        assert vault.erase() == {"samples": taken, "states": 0}
        assert fill(vault) >= taken - 1
