"""The personal store: real SQLite, nothing accepted is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.errors import BadInput
from pen_mobile.phone.binding import binding_of
from pen_mobile.phone.store.store import Store


@pytest.fixture
def bundle(bundle_folder: Path) -> BundleFolder:
    return open_bundle(bundle_folder)


def _samples(bundle: BundleFolder, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    size = bundle.manifest.head.feature_size
    return rng.standard_normal((count, size), np.float32), rng.uniform(-1, 1, (count, 2)).astype(np.float32)


def _head(bundle: BundleFolder, value: float) -> np.ndarray:
    return np.full(bundle.manifest.head.parameters_shape, value, np.float32)


def _accept(store: Store, head: np.ndarray, report: dict[str, object]) -> int:
    return store.accept(head.tobytes(), report, "adam", started_from=store.heads.active())


def test_samples_come_back_bit_for_bit(bundle: BundleFolder, tmp_path: Path) -> None:
    z, affect = _samples(bundle, 5)
    store = Store(tmp_path / "me.sqlite", binding_of(bundle))
    store.add(z, affect)
    store.close()
    again = Store(tmp_path / "me.sqlite", binding_of(bundle)).samples()
    np.testing.assert_array_equal(again.features, z)
    np.testing.assert_array_equal(again.labels, affect)
    assert again.weight.tolist() == [1.0] * 5


def test_the_same_moment_labelled_again_keeps_the_newer_label(bundle: BundleFolder, tmp_path: Path) -> None:
    z, affect = _samples(bundle, 3)
    store = Store(tmp_path / "me.sqlite", binding_of(bundle))
    store.add(z, affect)
    store.add(z[1:2], -affect[1:2])
    samples = store.samples()
    assert len(samples.labels) == 3
    row = int(np.flatnonzero((samples.features == z[1]).all(axis=1))[0])
    np.testing.assert_array_equal(samples.labels[row], -affect[1])


def test_one_bad_label_keeps_all_out(bundle: BundleFolder, tmp_path: Path) -> None:
    z, affect = _samples(bundle, 3)
    affect[2, 1] = 1.01
    store = Store(tmp_path / "me.sqlite", binding_of(bundle))
    with pytest.raises(BadInput, match="label 3"):
        store.add(z, affect)
    z[0, 0] = np.inf
    with pytest.raises(BadInput, match="sample 1"):
        store.add(z, np.zeros_like(affect))
    assert len(store.samples().labels) == 0


def test_accept_supersedes_and_reject_changes_nothing(bundle: BundleFolder, tmp_path: Path) -> None:
    store = Store(tmp_path / "me.sqlite", binding_of(bundle))
    assert store.active_parameters()[1] is None
    first = _accept(store, _head(bundle, 1.0), {"reason": "better"})
    store.reject({"reason": "worse"}, "adam", started_from=store.heads.active())
    second = _accept(store, _head(bundle, 2.0), {"reason": "better again"})
    active = store.active_parameters()[1]
    assert active is not None
    assert active == _head(bundle, 2.0).tobytes()
    history = store.heads.history()
    assert [entry["status"] for entry in history] == ["superseded", "rejected", "active"]
    assert [entry["parent"] for entry in history] == [None, first, first]
    assert history[-1]["version"] == second
    assert [entry["reason"] for entry in history] == ["better", "worse", "better again"]


def test_a_damaged_state_is_noticed(bundle: BundleFolder, tmp_path: Path) -> None:
    store = Store(tmp_path / "me.sqlite", binding_of(bundle))
    _accept(store, _head(bundle, 1.0), {})
    other = sqlite3.connect(tmp_path / "me.sqlite")
    with other:
        other.execute("UPDATE head_version SET parameters = zeroblob(length(parameters))")
    with pytest.raises(BadInput, match="head version 1 is damaged"):
        store.active_parameters()


def test_files_that_are_no_store(bundle: BundleFolder, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("my notes, longer than an SQLite header would be")
    with pytest.raises(BadInput, match="not a usable personal store"):
        Store(text, binding_of(bundle))
    assert text.read_text().startswith("my notes")
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    before = other.read_bytes()
    with pytest.raises(BadInput, match="not a personal store"):
        Store(other, binding_of(bundle))
    assert other.read_bytes() == before
    with pytest.raises(BadInput, match="is not a folder"):
        Store(tmp_path / "nowhere" / "me.sqlite", binding_of(bundle))


def test_a_store_of_another_backbone_is_refused(bundle: BundleFolder, tmp_path: Path) -> None:
    Store(tmp_path / "me.sqlite", binding_of(bundle)).close()
    with sqlite3.connect(tmp_path / "me.sqlite") as db:
        db.execute("UPDATE bundle_binding SET backbone = ?", ("0" * 64,))
    with pytest.raises(BadInput, match="made with another backbone"):
        Store(tmp_path / "me.sqlite", binding_of(bundle))
