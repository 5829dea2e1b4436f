"""A backbone's identity: equal exactly when features mean the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pen_mobile.bundle.identity import backbone_identity, int8_numbers
from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.contract.crop import Crop
from pen_mobile.contract.evidence import QuantizationPart, QuantizationTrial
from pen_mobile.training.run_folder import Run

CROP = Crop(detector="lbp-frontal", margin=3.0, eye_height=0.4, size=32)
FLOAT = {"format": "fp32"}
SAME = backbone_identity("a" * 64, CROP, FLOAT)


def test_a_bundles_identity_is_that_of_its_run_whatever_lowered_it(run_folder: Path, bundle_folder: Path) -> None:
    """Nothing of the program goes into it: weights, crop and format are enough to compute it."""
    part, backbone = open_bundle(bundle_folder).manifest.backbone, Run.open(run_folder).backbone()
    assert part is not None
    assert backbone is not None
    assert part.identity == backbone_identity(backbone.digest(), part.crop, FLOAT)


@pytest.mark.parametrize(
    "other",
    [
        backbone_identity("b" * 64, CROP, FLOAT),
        backbone_identity("a" * 64, CROP.model_copy(update={"margin": 3.5}), FLOAT),
        backbone_identity("a" * 64, CROP.model_copy(update={"detector": "blazeface"}), FLOAT),
        backbone_identity("a" * 64, CROP, {"format": "fp16"}),
    ],
    ids=["weights", "margin", "detector", "format"],
)
def test_what_changes_features_changes_it(other: str) -> None:
    assert other != SAME


def test_int8_counts_float_blocks_and_calibration_frames(run_folder: Path) -> None:
    run, recipe = Run.open(run_folder), load_recipe("android-int8").quantization
    assert recipe is not None
    numbers = int8_numbers(run, recipe, _part(["layer1", "conv1"]), b"program")
    assert numbers == int8_numbers(run, recipe, _part(["conv1", "layer1"]), b"lowered by a newer release")
    other_run = Run.open(run_folder)
    other_run.record = replace(other_run.record, data=replace(other_run.record.data, digest="0" * 64))
    for other in (
        int8_numbers(run, recipe, _part(["conv1"]), b"program"),
        int8_numbers(
            run, recipe.model_copy(update={"cells": recipe.cells + 1}), _part(["layer1", "conv1"]), b"program"
        ),
        int8_numbers(other_run, recipe, _part(["layer1", "conv1"]), b"program"),
    ):
        assert other != numbers
    # what the budget allows decides nothing about the features of what shipped
    lenient = recipe.model_copy(update={"max_ccc_loss": 0.5})
    assert numbers == int8_numbers(run, lenient, _part(["layer1", "conv1"]), b"program")


def test_a_network_that_was_tuned_in_int8_is_its_program(run_folder: Path) -> None:
    run, recipe = Run.open(run_folder), load_recipe("android-int8").quantization
    assert recipe is not None
    one, other = (int8_numbers(run, recipe, _part(["conv1"], 2), program) for program in (b"one", b"other"))
    assert one != other


def _part(float_blocks: list[str], qat_epochs: int = 0) -> QuantizationPart:
    trial = QuantizationTrial(float_blocks=float_blocks, ccc_loss=0.0, cosine=1.0, qat_epochs=qat_epochs)
    return QuantizationPart.model_construct(float_blocks=float_blocks, tried=[trial])
