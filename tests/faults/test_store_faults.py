"""A personal store under faults: kills, cut logs, full and read-only disks."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import pytest

from pen_mobile.errors import BadInput
from tests.faults import power_loss, store_mutants, trials
from tests.nightly import times

needs_gcc = pytest.mark.skipif(sys.platform != "linux" or not shutil.which("gcc"), reason="this needs gcc on Linux")
needs_mount = pytest.mark.skipif(not trials.can_mount(), reason="this process may not mount file systems")


@pytest.mark.slow
def test_killed_at_random_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """Every operation that was acknowledged is there bit for bit, and at most one more, whole."""
    kills = times(100, nightly=300)
    assert trials.kill_while_writing(tmp_path, kills).tried == kills


@pytest.mark.slow
@pytest.mark.parametrize("name", ["me.sqlite", "sealed.sqlite"])
def test_a_log_cut_anywhere_leaves_whole_operations(tmp_path: Path, name: str) -> None:
    operations = times(8, nightly=24)
    assert trials.cut_the_log(tmp_path, operations, name).tried > 10 * operations


@pytest.mark.slow
def test_writes_beyond_a_size_limit_lose_nothing(tmp_path: Path) -> None:
    trials.limit_file_size(tmp_path, [(70 + 37 * k) << 10 for k in range(8)])


@pytest.mark.slow
@needs_mount
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    trials.fill_the_disk(tmp_path, [(900 + 41 * k) << 10 for k in range(6)])


@needs_mount
def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    trials.read_only(tmp_path)


@pytest.mark.slow
def test_killed_while_migrating(tmp_path: Path) -> None:
    trials.kill_while_migrating(tmp_path, times(20, nightly=40))


@pytest.mark.slow
def test_killed_while_erasing(tmp_path: Path) -> None:
    trials.kill_while_erasing(tmp_path, times(15, nightly=40))


@pytest.mark.slow
def test_changed_stores_are_one_line_or_right(tmp_path: Path) -> None:
    count = times(300, nightly=2000)
    assert store_mutants.mutate_stores(tmp_path, count).tried == count


@needs_gcc
@pytest.mark.slow
def test_power_losses_lose_nothing_acknowledged(tmp_path: Path) -> None:
    images = times(200, nightly=1000)
    assert power_loss.lose_power(tmp_path, images).tried == images


@needs_gcc
def test_the_simulated_power_loss_finds_what_was_not_synced(tmp_path: Path) -> None:
    """The same life on a disk that ignores every sync: something acknowledged is missing, or the file is damaged."""
    notes = power_loss.live(power_loss.build(tmp_path), tmp_path / "me.sqlite", 20)
    unsynced = [note for note in notes if note.kind != "S" or Path(note.file).is_dir()]
    contents, rng, lost = power_loss.contents_of(20), random.Random(0), 0
    for number in range(20):
        disk = power_loss.disk_after(unsynced, rng)
        try:
            power_loss.look(tmp_path / f"image-{number}", "me.sqlite", disk, contents, notes)
        except (AssertionError, BadInput):
            lost += 1
    assert lost > 10
