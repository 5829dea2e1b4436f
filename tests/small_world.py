"""A run without a backbone, and its bundle: everything about them is small and fast."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pen_mobile.contract.part import OptimizerName
from pen_mobile.contract.strategy import Strategy
from pen_mobile.data.table import FeatureTable

if TYPE_CHECKING:
    from pen_mobile.bundle.recipe import Recipe

LEARNING_RATES: dict[OptimizerName, float] = {"adadelta": 0.1, "sgd": 1e-3, "adam": 1e-3}
"""Of a recipe whose bundles carry every optimizer."""


def make_small_run(folder: Path) -> Path:
    """Learn from 16 invented features of 3 people."""
    from pen_mobile.training.config import LearningConfig
    from pen_mobile.training.source_training import learn_source

    rng = np.random.default_rng(0)
    table = FeatureTable(
        np.repeat(["a", "b", "c"], 40),
        np.full(120, "source"),
        np.tile(np.arange(40.0), 3),
        rng.uniform(-1, 1, (120, 2)).astype(np.float32),
        features=rng.standard_normal((120, 16), dtype=np.float32),
    )
    learn_source(table, LearningConfig(head_epochs=1, joint_epochs=1), folder)
    return folder


def quick_recipe(*optimizers: OptimizerName) -> Recipe:
    """android-fp32 with what is lowered in seconds: one step a call, no method ``adapt``.

    Args:
        optimizers: what the bundle carries; the first is the plan's.
    """
    from pen_mobile.bundle.recipe import load_recipe

    recipe, names = quickened(load_recipe("android-fp32")), optimizers or ("adadelta",)
    rates = {name: LEARNING_RATES[name] for name in names}
    head = recipe.head.model_copy(update={"learning_rate": rates})
    plan = recipe.adaptation.model_copy(update={"optimizer": names[0]})
    return recipe.model_copy(update={"head": head, "adaptation": plan})


def quickened(recipe: Recipe) -> Recipe:
    """Return a recipe whose head is lowered in seconds: one step a call, no method ``adapt``."""
    head = recipe.head.model_copy(update={"steps_per_call": 1, "adapt_labels": 0})
    plan = recipe.adaptation.model_copy(update={"strategy": Strategy.GRADIENT})
    return recipe.model_copy(update={"head": head, "adaptation": plan})


def write_quick_recipe(file: Path, adapt: bool = False, name: str = "android-fp32") -> Path:
    """Write a recipe like :func:`quickened` ones, for commands.

    Args:
        file: to write.
        adapt: keep the method ``adapt``.
        name: of the recipe that is changed.
    """
    from pen_mobile.utils.resources import contract_folder

    text = (contract_folder() / f"{name}.toml").read_text(encoding="utf-8")
    without = (("adapt_labels = 128", "adapt_labels = 0"), ('strategy = "prior"', 'strategy = "gradient"'))
    for slow, quick in (("steps_per_call = 8", "steps_per_call = 1"), *(() if adapt else without)):
        assert text.count(slow) == 1, slow
        text = text.replace(slow, quick)
    file.write_text(text, encoding="utf-8")
    return file


def make_small_bundle(run: Path, folder: Path, recipe: str = "android-fp32") -> Path:
    """Export a run."""
    from pen_mobile.bundle.export import export_bundle
    from pen_mobile.bundle.recipe import load_recipe
    from pen_mobile.training.run_folder import Run

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_bundle(Run.open(run), load_recipe(recipe), folder)
    return folder


def make_small_world(folder: Path) -> None:
    """Make a run and its bundle, in ``run`` and ``bundle``."""
    make_small_bundle(make_small_run(folder / "run"), folder / "bundle")
