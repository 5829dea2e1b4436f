"""The part of ``docs/faults.md`` that is about bundles; ``tests/faults/report.py`` writes it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pen_mobile.utils.processor import peak_memory
from tests.faults import bundles
from tests.faults.forks import Forks
from tests.faults.memory_bound import MAX_BYTES
from tests.faults.trials import Trials, where
from tests.small_world import make_small_bundle, make_small_run

_HEAD = """
## Faults that a bundle survives

Each row spoils a real bundle in one way after another and opens it as `pen-mobile verify` does: hashes, schema,
programs, golden vectors. A row is written when every trial ended in one line that names the file, or the bundle gave
the golden answers all the same (another name for its recipe, say). None hung, none raised anything else.

| fault | tried | seconds | what was seen |
|---|---|---|---|
"""
_FOOT = """
"Sealed again" means with hashes that fit: what somebody can do who changes a bundle on purpose. A signature stops all
of it before anything else is read. Where it says that the runtime crashed, ExecuTorch ended the process on a program
that its own verification had let through: `pen-mobile verify` runs programs in a process of their own and refuses such
a bundle in a line. An app that must open bundles of strangers checks their signature.
"""


def _memory(forks: Forks) -> str:
    largest, allowed = max(forks.peak, peak_memory()) / 1e6, MAX_BYTES / 1e6
    return f"\nNo process took more than {largest:,.0f} MB; {allowed:,.0f} are allowed. {where()}\n"


_Scenario = Callable[[Path], Trials]


def section() -> str:
    """Run every fault and return what was seen."""
    with tempfile.TemporaryDirectory() as world, Forks() as forks:
        run = make_small_run(Path(world) / "run")
        bundle = make_small_bundle(run, Path(world) / "bundle")
        packages = make_small_bundle(run, Path(world) / "packages", "ios-coreml")
        rows = [_row(name, scenario) for name, scenario in _scenarios(run, bundle, packages, forks).items()]
    return _HEAD + "".join(rows) + _memory(forks) + _FOOT


def _scenarios(run: Path, bundle: Path, packages: Path, forks: Forks) -> dict[str, _Scenario]:
    return {
        "every file cut, longer, changed, missing, a link, another bundle's": lambda folder: bundles.damage_every_file(
            bundle, folder
        ),
        "manifest: keys and values changed, sealed again": lambda folder: bundles.mutate_manifest(bundle, folder, 5000),
        "any file: bytes changed": lambda folder: bundles.mutate_bytes(bundle, folder, 2000),
        "archive: bytes changed": lambda folder: bundles.mutate_archive(bundle, folder, 1500),
        "golden vectors and parameters: bytes changed, sealed again": lambda folder: bundles.mutate_data_resealed(
            bundle, folder, 900
        ),
        "head program: bytes changed, sealed again": lambda folder: bundles.corrupt_programs(
            bundle, folder, 400, forks
        ),
        "Core ML packages of the head: bytes changed, sealed again": lambda folder: bundles.corrupt_packages(
            packages, folder, 300, forks
        ),
        "SIGKILL while exporting a folder": lambda folder: bundles.kill_exports(run, folder, 40, forks),
        "SIGKILL while exporting an archive": lambda folder: bundles.kill_exports(run, folder, 40, forks, archive=True),
    }


def _row(name: str, scenario: _Scenario) -> str:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        outcome = scenario(Path(folder))
        seconds = time.perf_counter() - started
    return f"| {name} | {outcome.tried:,} | {seconds:.0f} | {outcome.detail} |\n"


if __name__ == "__main__":
    print(section())
