"""One tiny world for all tests: invented people, a run learned from them, a bundle exported from it."""

from __future__ import annotations

import os
import signal
import warnings
from pathlib import Path

# One thread for each test process and its children: tests run side by side, and sums come out alike.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell that runs the tests in the background has Ctrl-C ignored, for all their children, too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest

from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import FrameTable
from tests.small_world import make_small_bundle, make_small_run

SIZE = 32


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The documents' commands take minutes: first, so that no worker is left alone with them in the end."""
    items.sort(key=lambda item: not item.path.name.startswith("test_documents"))


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
def run_folder(people: FrameTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of a small backbone on ``people``; tests must not change it."""
    from pen_mobile.training.config import LearningConfig
    from pen_mobile.training.source_training import learn_source

    config = LearningConfig(
        backbone="resnet18",
        weights="none",
        input_size=SIZE,
        backbone_optimizer="adam",
        backbone_learning_rate=1e-3,
        backbone_epochs=3,
        optimizer="adam",
        joint_learning_rate=1e-3,  # there is not a minute to be careful
        head_epochs=3,
        joint_epochs=3,
    )
    folder = tmp_path_factory.mktemp("world") / "run"
    learn_source(people, config, folder)
    return folder


@pytest.fixture(scope="session")
def bundle_folder(run_folder: Path) -> Path:
    """The bundle of ``run_folder`` for android-fp32; tests must not change it."""
    from pen_mobile.bundle.export import export_bundle
    from pen_mobile.bundle.recipe import load_recipe
    from pen_mobile.training.run_folder import Run

    folder = run_folder.parent / "bundle"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_bundle(Run.open(run_folder), load_recipe("android-fp32"), folder)
    return folder


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 16 invented features of 3 people, without a backbone; tests must not change it."""
    return make_small_run(tmp_path_factory.mktemp("small") / "run")


@pytest.fixture(scope="session")
def small_bundle(small_run: Path) -> Path:
    """The bundle of ``small_run`` for android-fp32, some tens of kilobytes; tests must not change it."""
    return make_small_bundle(small_run, small_run.parent / "bundle")
