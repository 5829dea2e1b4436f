"""Who a backbone is: two exports whose features mean the same have one identity, whatever lowered them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pen_mobile.bundle.recipe import QuantizationRecipe
from pen_mobile.contract.crop import Crop
from pen_mobile.contract.evidence import QuantizationPart
from pen_mobile.training.run_folder import Run


def backbone_identity(weights: str, crop: Crop, numbers: dict[str, Any]) -> str:
    """Return the SHA-256 over what decides features: weights, how a face becomes a frame, and the number format.

    Args:
        weights: :meth:`Backbone.digest`, which covers network and input size.
        crop: detector and geometry of the frames.
        numbers: the number format, such as ``{"format": "fp32"}``; for int8 what :func:`int8_numbers` says.
    """
    facts = {"weights": weights, "crop": crop.model_dump(), "numbers": numbers}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def int8_numbers(run: Run, recipe: QuantizationRecipe, part: QuantizationPart, program: bytes) -> dict[str, Any]:
    """Return what decides an int8 backbone's numbers.

    That is the blocks in float and the frames that set the ranges; or the program itself when the network was tuned in
    int8, for then it has weights of its own.
    """
    if part.tried[-1].qat_epochs:
        return {"format": "int8", "program": hashlib.sha256(program).hexdigest()}
    calibration = {
        "data": run.record.data.digest,
        "seed": run.config.seed,
        "validation_fraction": run.config.validation_fraction,
        "cells": recipe.cells,
        "frames": recipe.calibration_frames,
    }
    return {"format": "int8", "float_blocks": sorted(part.float_blocks), "calibration": calibration}
