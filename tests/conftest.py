"""One tiny world for all tests: invented people, a run learned from them, a bundle exported from it."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

# One thread for each test process and its children: tests run side by side, and sums come out alike.
os.environ["OMP_NUM_THREADS"] = "1"

# Some images forbid Python to keep bytecode; hundreds of commands would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell that runs the tests in the background has Ctrl-C ignored, for all their children, too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest

from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import FrameTable
from tests.made_once import made_once
from tests.small_world import make_small_world
from tests.world import SIZE, make_world


@pytest.hookimpl(trylast=True)  # after tests that were not asked for have left the list
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files of tests into the order in which no worker waits for another.

    The documents' commands take minutes: first. One file makes the large world, one the small, one compiles the Kotlin
    core; all others that need one of the worlds come last, when it is there.
    """
    needs = {path: _needs(list(tests)) for path, tests in itertools.groupby(items, lambda item: item.path)}
    kotlin = {path for path in needs if path.name.startswith("test_kotlin")}
    python = [path for path in needs if path not in kotlin]
    makers = {next((path for path in python if needs[path] == {world}), None) for world in _WORLDS}
    makers |= {path for path in kotlin if path.name == "test_kotlin_units.py"}

    def place(item: pytest.Item) -> tuple[bool, bool, bool]:
        first = item.path.name.startswith("test_documents")
        return not first, item.path not in makers, bool(needs[item.path])

    items.sort(key=place)


_WORLDS = ("world", "small_world")


def _needs(tests: list[pytest.Item]) -> set[str]:
    return {name for test in tests for name in getattr(test, "fixturenames", ()) if name in _WORLDS}


@pytest.fixture(scope="session")
def people() -> FrameTable:
    """3 source and 2 target people, 40 s at 2 frames a second: 80 rows each, 32 px."""
    return synthetic_table(SyntheticConfig(sources=3, targets=2, seconds=40, fps=2, size=SIZE, seed=1))


@pytest.fixture(scope="session")
def blazeface_model() -> Path:
    """BlazeFace's weights, from the cache or fetched into it; where none can be had, what needs them is skipped."""
    from pen_mobile.data.detectors.model_file import resolve_model
    from pen_mobile.errors import BadInput

    try:
        return resolve_model()
    except BadInput as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def world(people: FrameTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small backbone on ``people`` and its bundle for android-fp32, in ``run`` and ``bundle``."""
    return made_once(tmp_path_factory, "world", lambda folder: make_world(people, folder))


@pytest.fixture(scope="session")
def run_folder(world: Path) -> Path:
    """A complete run of a small backbone on ``people``; tests must not change it."""
    return world / "run"


@pytest.fixture(scope="session")
def bundle_folder(world: Path) -> Path:
    """The bundle of ``run_folder`` for android-fp32; tests must not change it."""
    return world / "bundle"


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 16 synthetic features of 3 people and its bundle, in ``run`` and ``bundle``."""
    return made_once(tmp_path_factory, "small", make_small_world)


@pytest.fixture(scope="session")
def small_run(small_world: Path) -> Path:
    """A run on 16 synthetic features of 3 people, without a backbone; tests must not change it."""
    return small_world / "run"


@pytest.fixture(scope="session")
def small_bundle(small_world: Path) -> Path:
    """The bundle of ``small_run`` for android-fp32, some tens of kilobytes; tests must not change it."""
    return small_world / "bundle"
