"""The int8 backbone of a run: from an earlier export, or built anew."""

from __future__ import annotations

import hashlib

from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.quantization.int8_backbone import Int8Backbone
from pen_mobile.bundle.quantization.int8_builder import Int8Builder
from pen_mobile.bundle.recipe import Recipe
from pen_mobile.errors import BadInput
from pen_mobile.training.run_folder import Run
from pen_mobile.utils.plain import to_plain


def make_int8(run: Run, recipe: Recipe, data: str | None, cache: LoweredCache) -> Int8Backbone:
    """Quantize a run's backbone, or take what an earlier export of the same run and recipe made.

    Args:
        run: a complete run.
        recipe: one with a ``[quantization]`` table.
        data: where the run's data are now; None where they were.
        cache: programs made before.

    Raises:
        BadInput: the run has no backbone, or its data cannot be had.
        Refused: the budget cannot be met.
    """
    backbone = run.trained_backbone()
    if backbone is None:
        raise BadInput(
            f"recipe {recipe.name} quantizes the backbone, and {run.folder} has none: it was learned on features; "
            "use android-fp32"
        )
    assert recipe.quantization is not None
    key = {
        "backbone": backbone.digest(),
        "head": hashlib.sha256(run.expert_head().head_parameters.detach().numpy().tobytes()).hexdigest(),
        "data": run.record.data.digest,
        "config": to_plain(run.record.config),
        "quantization": recipe.quantization.model_dump(),
    }
    known = Int8Backbone.load(run.expert_head(), key, cache)
    return known or Int8Builder(run, backbone.network(), recipe, data).make(key, cache)
