"""A run of a small backbone on synthetic people, and its bundle."""

from __future__ import annotations

from pathlib import Path

from pen_mobile.data.table import FrameTable
from tests.small_world import make_small_bundle

SIZE = 32


def make_world(people: FrameTable, folder: Path) -> None:
    """Make a run and its bundle, in ``run`` and ``bundle``."""
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
    learn_source(people, config, folder / "run")
    make_small_bundle(folder / "run", folder / "bundle")
