"""Run every fault and write what was survived to ``docs/faults.md``:  python -m tests.faults.report [--kills 500]."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import bundle_report, power_loss, soak, store_mutants, trials
from tests.faults.soak import Growth
from tests.faults.trials import REPOSITORY, Trials, where

MAX_GROWTH_MIB = 10

_HEAD = """# Faults that a personal store survives

Written by `python -m tests.faults.report`: each row does the fault to a real SQLite store in a real process and
compares everything in the store with a model that knows which operations were acknowledged. A row is written when
*every* trial ended well: the store opens, its integrity check passes, samples, labels and head versions are bit for bit
those of the acknowledged operations, and at most the one operation under way is there too, whole. `tests/faults`
repeats them, fewer of each, with the other tests. The last rows are long lives of one process (`tests/faults/soak.py`).

| fault | tried | survived | seconds | what was seen |
|---|---|---|---|---|
"""
_FOOT = """
The power losses are simulated: of what a process wrote, an image of the disk holds everything that was synced, and of
each later write all, nothing, or some of its sectors. Not covered: a whole older file in place of the present one, and
a file system that lies about `fsync`. The full disk and, for root, the read-only folder need the right to mount;
without it their tests are skipped.
"""


def scenarios(kills: int) -> dict[str, Callable[[Path], Trials]]:
    return {
        "SIGKILL while opening, capturing, accepting, rejecting, going back, forgetting": lambda folder: (
            trials.kill_while_writing(folder, kills)
        ),
        "SIGKILL while migrating from version 1": lambda folder: trials.kill_while_migrating(folder, 60),
        "SIGKILL while deleting all data": lambda folder: trials.kill_while_erasing(folder, 60),
        "log cut at and inside every page": trials.cut_the_log,
        "log of an encrypted store cut at and inside every page": lambda folder: trials.cut_the_log(
            folder, name="sealed.sqlite"
        ),
        "file size limit in mid-transaction (EFBIG)": lambda folder: trials.limit_file_size(
            folder, [(70 + 13 * k) << 10 for k in range(20)]
        ),
        "disk full in mid-transaction (ENOSPC)": lambda folder: trials.fill_the_disk(
            folder, [(900 + 23 * k) << 10 for k in range(12)]
        ),
        "read-only folder": trials.read_only,
        "power loss: unsynced writes reordered, dropped and torn": lambda folder: power_loss.lose_power(folder, 1000),
        "bytes, rows or objects of the schema changed": lambda folder: store_mutants.mutate_stores(folder, 2000),
    }


def long_lives() -> dict[str, Callable[[Path], Trials]]:
    return {
        "100,000 predictions in one process (2,048 features, nine experts)": lambda folder: _steady(
            soak.alone(soak.feature_predictions, soak.make_bundle(folder, 2048, 9), 100_000)
        ),
        "1,000 adaptations in one process (64 features, three experts)": lambda folder: _steady(
            soak.alone(soak.adaptations, soak.make_bundle(folder, 64, 3), 1_000, 50, 1 / 8)
        ),
        "100 phones opened, used and closed in one process": lambda folder: _steady(
            soak.alone(soak.openings, soak.make_bundle(folder, 64, 3), 100)
        ),
    }


def _steady(growth: Growth) -> Trials:
    assert growth.megabytes < MAX_GROWTH_MIB, growth
    assert growth.descriptors == 0, growth
    return Trials(
        growth.count,
        f"memory grew by {growth.megabytes:.1f} MiB after the warm-up (at most {growth.peak_megabytes:.1f} on the way; "
        f"{MAX_GROWTH_MIB} are allowed), open files by {growth.descriptors}",
    )


def _row(name: str, scenario: Callable[[Path], Trials]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        outcome = scenario(Path(folder))
        seconds = time.perf_counter() - started
    return f"| {name} | {outcome.tried} | {outcome.tried} | {seconds:.0f} | {outcome.detail} |\n"


def _attacks() -> str:
    """Return the list of single attacks, which tests repeat."""
    return "\n" + Path(__file__).with_name("attacks_on_trust.md").read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    everything = scenarios(parser.parse_args().kills) | long_lives()
    rows = [_row(name, scenario) for name, scenario in everything.items()]
    text = _HEAD + "".join(rows) + f"\n{where()}\n" + _FOOT + bundle_report.section() + _attacks()
    (REPOSITORY / "docs" / "faults.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
