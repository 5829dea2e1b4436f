"""SIGKILL while a head is trained: nothing accepted is lost, and the next process goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.phone.store.store import Store
from tests.faults.trainer import LABELS, give_labels, open_phone
from tests.faults.trials import REPOSITORY

KILLS, CALL_S = 4, 0.1


def kill_while_training(bundle: Path, store: Path, after_s: float) -> None:
    command = [sys.executable, "-m", "tests.faults.trainer", str(bundle), str(store), str(CALL_S)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert any(line.strip() == "ready" for line in child.stdout)
        time.sleep(after_s)
        child.kill()


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_it_never_was(small_bundle: Path, tmp_path: Path) -> None:
    """Five folds and a last one with a pause at every call; each kill hits a training, and each goes further."""
    with open_phone(small_bundle, None) as undisturbed:
        give_labels(undisturbed)
        expected = undisturbed.adapt()
        adapted = undisturbed.parameters.copy()
    store, rng, before = tmp_path / "me.sqlite", random.Random(0), -1
    with open_phone(small_bundle, store) as phone:
        give_labels(phone)
    for _ in range(KILLS):
        kill_while_training(small_bundle, store, rng.uniform(0.3, 0.6))
        with Store(store) as opened:  # opening checks every page
            assert opened.status().samples == LABELS
            assert opened.heads.history() == []
            left = opened.checkpoints(opened.heads.active()).load("")
        if left is not None:
            trainer = left.progress["trainer"]
            steps = left.progress["steps"] + (trainer["steps"] if trainer else 0)
            assert steps >= before
            before = steps
    assert 0 < before < expected.steps
    with open_phone(small_bundle, store) as phone:
        result = phone.adapt()
        assert result.resumed_from == before
        assert (result.accepted, result.steps, result.targets) == (True, expected.steps, expected.targets)
        np.testing.assert_array_equal(phone.parameters, adapted)
        assert [state["status"] for state in phone.history()] == ["active"]
