"""An adaptation that is interrupted goes on and ends where it would have ended; or nothing of it is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.phone.adaptation.adapt import AdaptationResult
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.head_versions import ConcurrentUpdateError
from pen_mobile.phone.store.options import StoreOptions

KEY = bytes(range(32))
COUNT, NOW = 40, 1.7e9


class Killed(BaseException):
    """Stands for the end of the process: nobody catches it, nothing is tidied up."""


def stop_after(calls: int, error: type[BaseException] | None = None) -> Callable[[], bool]:
    """Return what says False so many times, and then True, or raises."""
    left = iter(range(calls))

    def should_stop() -> bool:
        if next(left, None) is not None:
            return False
        if error is not None:
            raise error
        return True

    return should_stop


def open_phone(bundle: Path, store: Path | None, key: bytes | None = None, **changes: Any) -> Phone:
    """Open a phone whose recipe saves every evaluation, but for the changes."""
    phone = Phone.open(bundle, store, options=StoreOptions(key=key, clock=lambda: NOW))
    plan = {"strategy": "gradient", "optimizer": "adadelta", "steps": 40, "save_seconds": 0.0} | changes
    adaptation = phone.manifest.adaptation.model_copy(update=plan)
    phone.manifest = phone.manifest.model_copy(update={"adaptation": adaptation})
    return phone


def give_labels(phone: Phone, seed: int = 0) -> None:
    """One label in a minute of a person who is 0.3 above the head."""
    z = np.random.default_rng(seed).standard_normal((COUNT, 16)).astype(np.float32)
    affect = np.clip(phone.predict_features(z)[0] + 0.3, -1, 1)
    phone.add_labels(z, affect, NOW - 9000 * (seed + 1) + 60.0 * np.arange(COUNT))


@pytest.fixture(scope="module")
def undisturbed(small_bundle: Path) -> tuple[AdaptationResult, np.ndarray]:
    with open_phone(small_bundle, None) as phone:
        give_labels(phone)
        return phone.adapt(), phone.parameters


@pytest.fixture
def store(small_bundle: Path, tmp_path: Path) -> Path:
    path = tmp_path / "me.sqlite"
    with open_phone(small_bundle, path) as phone:
        give_labels(phone)
    return path


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.3, 0.5, 0.8, 0.95])
def test_it_goes_on_from_any_evaluation_and_ends_the_same(
    small_bundle: Path, store: Path, undisturbed: tuple[AdaptationResult, np.ndarray], share: float
) -> None:
    """Five folds of 40 steps and a last training: the stops lie before, in the first, in later ones and the last."""
    expected, parameters = undisturbed
    assert expected.accepted, expected.reason
    with open_phone(small_bundle, store) as phone:
        each = phone.manifest.head.trainer("adadelta").steps
        stopped = phone.adapt(should_stop=stop_after(int(share * expected.steps / each)))
        assert (stopped.accepted, stopped.interrupted) == (False, True)
        assert f"interrupted after {stopped.steps} steps: the next one goes on from there" in stopped.reason
        assert phone.store.events.entries()[-1]["kind"] == "interrupted"
        assert phone.history() == []
    with open_phone(small_bundle, store) as phone:
        result = phone.adapt()
        assert result.resumed_from == stopped.steps
        assert (result.accepted, result.steps, result.targets) == (True, expected.steps, expected.targets)
        np.testing.assert_array_equal(phone.parameters, parameters)
        assert phone.store.checkpoints(phone.store.heads.active()).load("") is None


@pytest.mark.parametrize("error", [Killed, KeyboardInterrupt])
def test_a_kill_loses_the_steps_since_the_last_evaluation(
    small_bundle: Path, store: Path, undisturbed: tuple[AdaptationResult, np.ndarray], error: type[BaseException]
) -> None:
    with open_phone(small_bundle, store) as phone:
        trainer = phone.manifest.head.trainer("adadelta")
        every = -(-phone.manifest.adaptation.check_every // trainer.steps) * trainer.steps
        calls = 58 // trainer.steps
        with pytest.raises(error):
            phone.adapt(should_stop=stop_after(calls, error))
    with open_phone(small_bundle, store) as phone:
        result = phone.adapt()
        assert result.resumed_from == calls * trainer.steps // every * every
        np.testing.assert_array_equal(phone.parameters, undisturbed[1])


def test_other_labels_or_another_plan_discard_it_and_say_so(small_bundle: Path, store: Path) -> None:
    with open_phone(small_bundle, store) as phone:
        assert phone.adapt(should_stop=stop_after(9)).interrupted
    with open_phone(small_bundle, store, steps=48) as phone:
        result = phone.adapt(should_stop=stop_after(9))
        assert result.resumed_from is None
        assert result.discarded == "an interrupted adaptation was discarded: labels, head or plan are others now"
        give_labels(phone, seed=1)
        result = phone.adapt()
        assert (result.resumed_from, result.discarded is None) == (None, False)
        assert phone.history()[-1]["discarded"] == result.discarded


def test_the_recipe_may_say_that_nothing_is_kept(small_bundle: Path, store: Path) -> None:
    with open_phone(small_bundle, store, on_interrupt="discard") as phone:
        assert "nothing of it is kept" in phone.adapt(should_stop=stop_after(9)).reason
        assert phone.store.checkpoints(phone.store.heads.active()).load("") is None
        result = phone.adapt()
        assert (result.accepted, result.resumed_from, result.discarded) == (True, None, None)


def test_one_call_under_the_prior_is_not_interrupted(small_bundle: Path, store: Path) -> None:
    with open_phone(small_bundle, store, strategy="prior") as phone:
        result = phone.adapt(should_stop=lambda: True)
        assert (result.accepted, result.interrupted, result.resumed_from) == (True, False, None)


def test_what_is_unfinished_is_sealed_in_an_encrypted_store(small_bundle: Path, tmp_path: Path) -> None:
    """The checkpoint is there, and neither its blob nor the digest of the labels stands in it in the clear."""
    path = tmp_path / "sealed.sqlite"
    blobs = {}
    for key in (KEY, None):
        store = path if key else tmp_path / "clear.sqlite"
        with open_phone(small_bundle, store, key) as phone:
            give_labels(phone)
            assert phone.adapt(should_stop=stop_after(9)).interrupted
        with sqlite3.connect(store) as db:
            blobs[key] = db.execute("SELECT record, content FROM checkpoint").fetchone()
        db.close()
    assert len(blobs[KEY][1]) == len(blobs[None][1]) + 12  # a nonce; both end in a tag of 16 bytes
    assert b'"inputs"' in blobs[None][0]
    assert b'"inputs"' not in blobs[KEY][0]
    assert blobs[None][1][:64] not in blobs[KEY][1]


def test_deleting_all_data_deletes_it_and_what_trains_on_is_not_kept(small_bundle: Path, store: Path) -> None:
    with open_phone(small_bundle, store) as phone:
        assert phone.adapt(should_stop=stop_after(9)).interrupted
        phone.store.delete_all()
        assert phone.store.checkpoints(phone.store.heads.active()).load("") is None
        give_labels(phone)
        calls = stop_after(9)

        def erase_in_between() -> bool:
            if calls():
                phone.store.delete_all()
            return False

        with pytest.raises(ConcurrentUpdateError):
            phone.adapt(should_stop=erase_in_between)
        assert phone.store.checkpoints(phone.store.heads.active()).load("") is None
        assert phone.history() == []
