"""Samples: number formats, any number of targets, long features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, KEY, query, samples, tamper

HALF = StoreOptions(feature_format="float16")


def test_float16_is_half_and_near(tmp_path: Path) -> None:
    """float16 has 11 significant bits: a relative error of at most 2^-11. A tag takes 16 bytes."""
    z, labels = samples(5)
    with Store(tmp_path / "me.sqlite", BINDING, HALF) as store:
        store.add(z[:3], labels[:3])
    store = Store(tmp_path / "me.sqlite", BINDING)
    store.add(z[3:], labels[3:])
    lengths = query(tmp_path / "me.sqlite", "SELECT length(feature) FROM sample ORDER BY id")
    assert lengths == [(32,)] * 3 + [(48,)] * 2
    kept = store.samples().features
    np.testing.assert_allclose(kept[:3], z[:3], rtol=2**-11, atol=2**-24)
    np.testing.assert_array_equal(kept[3:], z[3:])
    store.add(z[:1], labels[:1])  # the same moment in another format is the same moment
    assert len(store.samples().weight) == 5


def test_what_float16_cannot_hold_keeps_all_out(tmp_path: Path) -> None:
    store = Store(tmp_path / "me.sqlite", BINDING, HALF)
    z = np.array([[1] * 8, [70_000] * 8], np.float32)
    with pytest.raises(BadInput, match="does not fit float16"):
        store.add(z, np.zeros((2, 2), np.float32))
    with pytest.raises(BadInput, match=r"this store takes \[N, 8\]"):
        store.add(np.zeros((1, 9), np.float32), np.zeros((1, 2), np.float32))
    assert len(store.samples().weight) == 0


@pytest.mark.parametrize("options", [StoreOptions(), HALF, StoreOptions(key=KEY), replace(HALF, key=KEY)])
@pytest.mark.parametrize("column", ["record", "feature"])
def test_one_flipped_bit_is_noticed_in_every_format(tmp_path: Path, options: StoreOptions, column: str) -> None:
    path = tmp_path / "me.sqlite"
    with Store(path, BINDING, options) as store:
        store.add(*samples(2))
    ((content,),) = query(path, f"SELECT {column} FROM sample WHERE id = 2")
    for at in (0, 5, len(content) // 2):
        spoiled = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        tamper(path, f"UPDATE sample SET {column} = ? WHERE id = 2", (spoiled,))
        with Store(path, BINDING, options) as store, pytest.raises(BadInput, match="sample 2 is damaged"):
            store.samples()


@pytest.mark.parametrize("targets", [("engagement",), ("valence", "arousal", "dominance"), tuple("abcdefgh")])
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_one_to_eight_targets_by_name(tmp_path: Path, targets: tuple[str, ...], key: bytes | None) -> None:
    binding, options = replace(BINDING, targets=targets), StoreOptions(key=key)
    z, labels = samples(4)[0], np.linspace(-1, 1, 4 * len(targets), dtype=np.float32).reshape(4, -1)
    with Store(tmp_path / "me.sqlite", binding, options) as store:
        store.add(z, labels, weight=0.5)
    with Store(tmp_path / "me.sqlite", binding, options) as store:
        assert store.targets == targets
        np.testing.assert_array_equal(store.samples().labels, labels)
        assert store.samples().weight.tolist() == [0.5] * 4
        with pytest.raises(BadInput, match=rf"this store takes \[N, {len(targets)}\]: {', '.join(targets)}"):
            store.add(z, np.zeros((4, len(targets) + 1), np.float32))


def test_an_empty_store_has_samples_of_the_right_shape(tmp_path: Path) -> None:
    with Store(tmp_path / "me.sqlite", replace(BINDING, targets=("a", "b", "c"))) as store:
        found = store.samples()
        assert (found.features.shape, found.labels.shape, found.weight.shape) == ((0, 8), (0, 3), (0,))


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_feature_of_any_length_lies_in_rows_that_android_can_read(tmp_path: Path, key: bytes | None) -> None:
    """600,000 numbers are 2,400,000 bytes, three pieces."""
    size, path = 600_000, tmp_path / "me.sqlite"
    z = np.random.default_rng(0).standard_normal((2, size), np.float32)
    with Store(path, replace(BINDING, feature_size=size), StoreOptions(key=key)) as store:
        store.add(z, np.zeros((2, 2), np.float32))
        np.testing.assert_array_equal(store.samples().features, z)
        assert query(path, "SELECT count(*) FROM piece WHERE length(content) < 1100000") == [(4,)]
        store.sample_table.delete([1])
        assert query(path, "SELECT DISTINCT row_id FROM piece") == [(2,)]
        np.testing.assert_array_equal(store.samples().features, z[1:])


def test_a_write_that_came_to_nothing_leaves_nothing_in_memory(tmp_path: Path) -> None:
    store = Store(tmp_path / "me.sqlite", BINDING, HALF)
    z, labels = samples(3)
    z[2] = 70_000
    with pytest.raises(BadInput, match="does not fit"):
        store.add(z, labels)
    assert store.sample_table.records() == {}
    assert store.status().samples == 0
