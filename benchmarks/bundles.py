"""Bundles for benchmarks: any backbone and precision, weights as they are before training, features alive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.recipe import Recipe, load_recipe
from pen_mobile.data.detectors.blazeface import BLAZEFACE
from pen_mobile.data.detectors.lbp import LBP_FRONTAL
from pen_mobile.data.detectors.model_file import resolve_model
from pen_mobile.data.faces import make_crop
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import FeatureTable
from pen_mobile.errors import BadInput
from pen_mobile.models.backbone import Backbone, make_backbone
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source

EXPERTS = 9
PRECISIONS = {"fp32": "android-fp32", "int8": "android-int8"}


@torch.no_grad()
def keep_statistics(backbone: Backbone, frames: np.ndarray) -> None:
    """Let batch norms average over some frames, as the first steps of a training do.

    Without it a MobileNet with random weights gives features near 1e-8, which int8 rounds to zero.
    """
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the plain mean over all batches
            module.reset_running_stats()
    backbone.train()
    for start in range(0, len(frames), 16):
        backbone(torch.from_numpy(frames[start : start + 16]).permute(0, 3, 1, 2).float())
    backbone.eval()


def run_of_backbone(name: str, size: int, folder: Path, experts: int = EXPERTS, seconds: int = 4) -> Run:
    """Return a run of a backbone that saw invented people, a frame a second, and learned next to nothing from them."""
    people = synthetic_table(SyntheticConfig(experts, 0, seconds=seconds, fps=1, size=size, seed=0))
    people = replace(people, crop=make_crop(usual_detector(), size=size))
    torch.manual_seed(0)
    backbone = make_backbone(name, "none", size)
    keep_statistics(backbone, people.frames.read(slice(None)))
    weights = folder.with_suffix(".safetensors")
    folder.parent.mkdir(parents=True, exist_ok=True)
    save_file(backbone.network.state_dict(), weights)
    config = _one_step(backbone=name, weights=str(weights), input_size=size)
    return learn_source(people, config, folder)


def run_of_features(feature_size: int, folder: Path, experts: int = EXPERTS) -> Run:
    """Return a run on random features of invented people."""
    rng = np.random.default_rng(0)
    names = np.repeat([f"source-{number}" for number in range(experts)], 20)
    table = FeatureTable(
        names,
        np.full(len(names), "source"),
        np.tile(np.arange(20.0), experts),
        rng.uniform(-1, 1, (len(names), 2)).astype(np.float32),
        features=rng.random((len(names), feature_size), np.float32),
        synthetic=True,
    )
    return learn_source(table, _one_step(), folder)


def usual_detector() -> str:
    """Return the detector of real bundles, or the one that needs no download where it cannot be had."""
    try:
        resolve_model()
    except BadInput:
        return LBP_FRONTAL
    return BLAZEFACE


def make_bundle(run: Run, precision: str, out: Path) -> Path:
    """Export a run so that a phone takes all of its steps; a bundle that is there is taken as it is.

    What int8 costs is judged elsewhere, on trained weights: here it may cost anything.
    """
    if not out.exists():
        export_bundle(run, lenient(load_recipe(PRECISIONS[precision])), out)
    return out


def lenient(recipe: Recipe) -> Recipe:
    """Return a recipe that accepts untrained weights."""
    changes: dict[str, object] = {}
    if recipe.quantization is not None:
        changes["quantization"] = recipe.quantization.model_copy(update={"max_ccc_loss": 1.0, "min_cosine": -1.0})
        changes["tolerance"] = recipe.tolerance.model_copy(update={"features": 0.5, "targets": 0.5})
    return recipe.model_copy(update=changes)


def owners_labels(estimate: np.ndarray) -> np.ndarray:
    """Return labels of somebody who feels more than the shipped head says, and a little otherwise, ``[N, 2]``.

    A phone declines labels that do not go with the estimate at all, and accepts only what there is to learn.
    """
    standard = (estimate - estimate.mean(axis=0)) / estimate.std(axis=0)
    return np.clip(0.3 * standard + (0.3, -0.2), -1, 1).astype(np.float32)


def _one_step(**settings: object) -> LearningConfig:
    small = {"backbone_optimizer": "sgd", "backbone_learning_rate": 1e-6, "optimizer": "adam", "max_steps": 1}
    return LearningConfig(**{**small, **settings})  # type: ignore[arg-type]
