"""A store that may not grow: what does not fit is refused in one line, and what was kept stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import StoreFull
from pen_mobile.phone.store.bundle_binding import BundleBinding
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import in_use

SIZE = 4096
BINDING = BundleBinding("b" * 64, SIZE, 4000)
QUOTA = 400_000


def feature(number: int) -> np.ndarray:
    return np.full((1, SIZE), number, np.float32)


def fill(opened: Store) -> int:
    """Add one sample after another until the store refuses; returns how many it took."""
    for taken in range(1000):
        try:
            opened.add(feature(taken), np.zeros((1, 2), np.float32))
        except StoreFull:
            return taken
    raise AssertionError("the store took everything")


def test_a_full_store_refuses_and_keeps_everything(tmp_path: Path) -> None:
    """A sample is 16 KB and ends on a page of its own, 20 KB; the schema takes up to 16 pages: 14 to 23 fit."""
    path = tmp_path / "me.sqlite"
    with Store(path, BINDING, StoreOptions(quota_bytes=QUOTA)) as opened:
        version = opened.accept(bytes(4000), {"reason": "better"}, started_from=opened.heads.active())
        taken = fill(opened)
        assert 14 <= taken <= 23
        with pytest.raises(StoreFull, match="may hold 400,000 bytes; what was kept before is safe"):
            opened.accept(b"1" * 100_000, {"reason": "too large"}, started_from=opened.heads.active())
        assert in_use(opened) == (version, bytes(4000))
    assert path.stat().st_size <= QUOTA
    with Store(path, BINDING) as opened:  # without a quota there is room again
        assert opened.samples().features[:, 0].tolist() == list(range(taken))
        opened.add(feature(taken), np.zeros((1, 2), np.float32))
        assert opened.status().samples == taken + 1


def test_a_store_larger_than_its_quota_opens_and_grows_no_more(tmp_path: Path) -> None:
    """30 samples of more than 16 KB are more than the quota."""
    path = tmp_path / "me.sqlite"
    many = np.arange(30, dtype=np.float32)[:, None] * np.ones((1, SIZE), np.float32)
    with Store(path, BINDING) as opened:
        opened.add(many, np.zeros((30, 2), np.float32))
    before = path.stat().st_size
    assert before > QUOTA
    with Store(path, BINDING, StoreOptions(quota_bytes=QUOTA)) as opened:
        with pytest.raises(StoreFull):
            opened.add(many + 1000, np.zeros((30, 2), np.float32))
        assert opened.status().samples == 30
    assert path.stat().st_size == before


def test_a_full_store_can_be_emptied(tmp_path: Path) -> None:
    """Deleting one's data needs no room, and makes room."""
    with Store(tmp_path / "me.sqlite", BINDING, StoreOptions(quota_bytes=QUOTA)) as opened:
        taken = fill(opened)
        assert opened.delete_all() == {"samples": taken, "heads": 0}
        assert fill(opened) >= taken - 1
