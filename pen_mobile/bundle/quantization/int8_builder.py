"""One quantization of a backbone: brought inside its budget, lowered, and judged in the runtime."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import GraphModule

from pen_mobile.bundle.golden_reference import golden_frames
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.programs.lowering import Lowered, lower
from pen_mobile.bundle.programs.simplify import simplify
from pen_mobile.bundle.quantization.calibration import SourceFrames, source_frames
from pen_mobile.bundle.quantization.graph_runs import features_of
from pen_mobile.bundle.quantization.int8_backbone import Int8Backbone, head_ccc, runtime_features
from pen_mobile.bundle.quantization.quantizer import Quantizer
from pen_mobile.bundle.quantization.sensitivity import Loss, SensitivitySearch, Trial, cosine
from pen_mobile.bundle.recipe import QuantizationRecipe, Recipe
from pen_mobile.contract.evidence import QuantizationPart
from pen_mobile.errors import Refused
from pen_mobile.models.backbone import Backbone
from pen_mobile.models.heads import ExpertHead
from pen_mobile.training.features import extract_features, known_features
from pen_mobile.training.run_folder import Run
from pen_mobile.types import Floats

_BLOCK = 256  # frames in memory at once
_TRIES = 3  # programs to make before giving up


@dataclass(frozen=True, eq=False)
class _Attempt:
    """A network in int8, as torch and as the runtime compute it."""

    network: GraphModule
    lowered: Lowered
    shipped: Trial

    def fits(self, budget: Loss) -> bool:
        return self.shipped.loss.fits(budget)


class Int8Builder:
    """One quantization.

    Attributes:
        frames: source frames to calibrate and to judge with.
        head: the run's head.
        trials: everything that was tried.
    """

    def __init__(self, run: Run, backbone: Backbone, recipe: Recipe, data: str | None) -> None:
        assert recipe.quantization is not None
        self.run, self.backbone, self.recipe = run, backbone, recipe
        self.settings: QuantizationRecipe = recipe.quantization
        settings = self.settings
        self.frames: SourceFrames = source_frames(
            run, data, settings.cells, settings.calibration_frames, settings.judged_frames
        )
        self.head = run.expert_head()
        self.budget = Loss(settings.max_ccc_loss, settings.min_cosine)
        self.pixels = self.frames.pixels(self.frames.judged, backbone.input_size)
        self.calibration = self.frames.pixels(self.frames.calibration, backbone.input_size)
        self.exact = self._float_features()
        self.float_ccc = self._ccc(self.exact, self.head)
        self.trials: list[Trial] = []

    def make(self, key: dict[str, object], cache: LoweredCache) -> Int8Backbone:
        attempt = self._within_budget()
        lowered, network = attempt.lowered, attempt.network
        head, after = self._tuned_head(lowered)
        part = self._part(attempt.shipped, after)
        made = Int8Backbone(lowered, part, features_of(network, golden_frames(self.backbone.input_size)), head)
        made.save(key, cache)
        return made

    def _within_budget(self) -> _Attempt:
        network, epochs = simplify(self.backbone), self.settings.qat_epochs
        quantizer = Quantizer(network, self.calibration)
        attempt = self._attempt(quantizer, 0)
        if attempt is None and epochs:
            steps = epochs * math.ceil(len(self.frames.training) / self.run.config.batch_size)
            tuned = quantizer.fine_tune(self._lessons(epochs), steps, self.settings.qat_learning_rate)
            attempt = self._attempt(Quantizer(tuned, self.calibration), epochs)
        if attempt is None:
            raise self._over_budget()
        return attempt

    def _float_features(self) -> Floats:
        """Return the float model's features of the judged frames, from the run when it still has them."""
        frames, digest = self.frames.table.frames, self.run.record.backbone_digest
        known = known_features(digest, frames, self.run.folder / "features")
        return _features(self.backbone, self.pixels) if known is None else np.array(known[self.frames.judged])

    def _attempt(self, quantizer: Quantizer, qat_epochs: int) -> _Attempt | None:
        """Keep as few blocks in float as the budget allows; what ships is the program, so its figures count.

        Everything in int8 is tried at once. When that is over budget, the ladder finds by simulation what to try next.
        XNNPACK rounds a little differently from torch; what that costs is taken off the budget of the simulation.
        """
        whole = self._ship(quantizer, [], qat_epochs)
        if whole.fits(self.budget):
            return whole
        ladder = SensitivitySearch(quantizer, self._loss, self.pixels, self.calibration, self.settings.max_float_share)
        budget = self.budget
        for _ in range(_TRIES):
            known = len(ladder.trials)
            trial = ladder.fewest_float_blocks(budget)
            self.trials += [replace(tried, qat_epochs=qat_epochs) for tried in ladder.trials[known:]]
            if trial is None:
                return None
            made = self._ship(quantizer, trial.float_blocks, qat_epochs) if trial.float_blocks else whole
            if made.fits(self.budget):
                return made
            budget = self.budget.less(trial.loss, made.shipped.loss)
        return None

    def _ship(self, quantizer: Quantizer, float_blocks: list[str], qat_epochs: int) -> _Attempt:
        """Make the program with these blocks in float, and judge it in the runtime."""
        network = quantizer.quantize(float_blocks)
        lowered = self._lower(network)
        shipped = Trial(float_blocks, self._loss(runtime_features(lowered, self.pixels)), qat_epochs)
        self.trials.append(shipped)
        return _Attempt(network, lowered, shipped)

    def _lower(self, network: GraphModule) -> Lowered:
        frame = torch.zeros(1, 3, self.backbone.input_size, self.backbone.input_size)
        return lower({"forward": (network, (frame,))})

    def _lessons(self, epochs: int) -> Iterator[tuple[NDArray[np.uint8], Floats]]:
        """Yield training frames with the float model's features, in an order that the run's seed decides."""
        rng = np.random.default_rng(self.run.config.seed)
        for _ in range(epochs):
            rows = rng.permutation(self.frames.training)
            for start in range(0, len(rows), self.run.config.batch_size):
                chosen = np.sort(rows[start : start + self.run.config.batch_size])
                pixels = self.frames.pixels(chosen, self.backbone.input_size)
                yield pixels, _features(self.backbone, pixels)

    def _loss(self, features: Floats) -> Loss:
        return Loss(self.float_ccc - self._ccc(features, self.head), cosine(features, self.exact))

    def _ccc(self, features: Floats, head: ExpertHead) -> float:
        return head_ccc(head, features, self.frames.table.affect[self.frames.judged])

    def _part(self, shipped: Trial, after: float | None) -> QuantizationPart:
        return QuantizationPart(
            float_blocks=shipped.float_blocks,
            calibration_frames=len(self.calibration),
            judged_frames=len(self.pixels),
            max_ccc_loss=self.budget.ccc,
            ccc_loss=shipped.loss.ccc,
            min_cosine=self.budget.cosine,
            cosine=shipped.loss.cosine,
            ccc_loss_retuned=after,
            tried=[trial.record() for trial in self.trials],
        )

    def _over_budget(self) -> Refused:
        tried = "; ".join(map(str, self.trials))
        hint = "" if self.settings.qat_epochs else "; qat_epochs above 0 would fine-tune the backbone"
        return Refused(
            f"recipe {self.recipe.name}: int8 allows a CCC loss of {self.budget.ccc:g} and a cosine of "
            f"{self.budget.cosine:g}, and nothing that was tried keeps to it ({tried}){hint}; nothing was exported"
        )

    def _tuned_head(self, lowered: Lowered) -> tuple[ExpertHead, float | None]:
        """Go on with the joint stage (Eq. 4) on the features that phones will see, if the recipe says so.

        The tuned head ships only if it is no worse on the judged rows.
        """
        if not self.settings.retune_head_epochs:
            return self.head, None
        from pen_mobile.bundle.quantization.fine_tuning import retune

        features = runtime_features(lowered, self.pixels)
        head = retune(self.run, self.frames, self._all_features(lowered), self.settings.retune_head_epochs)
        before, after = self._ccc(features, self.head), self._ccc(features, head)
        return (head if after >= before else self.head), self.float_ccc - max(before, after)

    def _all_features(self, lowered: Lowered) -> Floats:
        rows, size = np.arange(len(self.frames.table)), self.backbone.input_size
        blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
        return np.concatenate([runtime_features(lowered, self.frames.pixels(block, size)) for block in blocks])


def _features(backbone: Backbone, pixels: NDArray[np.uint8]) -> Floats:
    starts = range(0, len(pixels), 32)
    return np.concatenate([extract_features(backbone, pixels[start : start + 32]) for start in starts])
