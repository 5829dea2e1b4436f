"""The int8 backbone of a run: quantized, brought inside its budget, lowered, and judged in the runtime."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray

from pen_mobile.bundle.calibration import SourceFrames, source_frames
from pen_mobile.bundle.lowered_cache import LoweredCache
from pen_mobile.bundle.lowering import Lowered, lower
from pen_mobile.bundle.quantize import Quantizer, features_of
from pen_mobile.bundle.recipe import QuantizationRecipe, Recipe
from pen_mobile.bundle.reference import golden_frames
from pen_mobile.bundle.sensitivity import Ladder, Loss, Trial, cosine
from pen_mobile.contract.manifest import QuantizationPart, QuantizationTrial
from pen_mobile.errors import BadInput, PenMobileError
from pen_mobile.learning.batches import Batch, FeatureSamples
from pen_mobile.learning.features import extract_features
from pen_mobile.learning.fit import Stage, fit
from pen_mobile.learning.run import Run
from pen_mobile.metrics import agreement
from pen_mobile.network.backbone import Backbone
from pen_mobile.network.heads import ExpertHead
from pen_mobile.network.losses import source_loss
from pen_mobile.subjects.splits import validation_split

Floats = NDArray[np.float32]

_BLOCK = 256  # frames in memory at once


@dataclass(frozen=True, eq=False)
class Int8:
    """A backbone in int8, as it will ship.

    Attributes:
        lowered: the program.
        part: what the manifest says about it.
        golden: features of the golden frames as torch's int8 graph computes them, ``[G, D_z]``.
        head: the head that ships with it: the run's, or that re-tuned on int8 features.
    """

    lowered: Lowered
    part: QuantizationPart
    golden: Floats
    head: ExpertHead


def make_int8(run: Run, recipe: Recipe, data: str | None, cache: LoweredCache) -> Int8:
    """Quantize a run's backbone, or take what an earlier export of the same run and recipe made.

    Args:
        run: a complete run.
        recipe: one with a ``[quantization]`` table.
        data: where the run's data are now; None where they were.
        cache: programs made before.

    Raises:
        BadInput: the run has no backbone, or its data cannot be had.
        PenMobileError: the budget cannot be met.
    """
    backbone = run.backbone()
    if backbone is None:
        raise BadInput(
            f"recipe {recipe.name} quantizes the backbone, and {run.folder} has none: it was learned on features; "
            "use android-fp32"
        )
    assert recipe.quantization is not None
    key = {
        "backbone": backbone.digest(),
        "head": hashlib.sha256(run.expert_head().packed.detach().numpy().tobytes()).hexdigest(),
        "data": run.record.data["digest"],
        "config": run.record.config,
        "quantization": recipe.quantization.model_dump(),
    }
    return _kept(run, key, cache) or _Maker(run, backbone, recipe, data).make(key, cache)


def _kept(run: Run, key: dict[str, object], cache: LoweredCache) -> Int8 | None:
    lowered, others = cache.get(key), cache.get_arrays(key | {"what": "int8"})
    if lowered is None or others is None:
        return None
    arrays, values = others
    head = run.expert_head()
    head.load_state_dict({"packed": torch.from_numpy(arrays["packed"])})
    return Int8(lowered, QuantizationPart.model_validate(values), arrays["golden"], head)


class _Maker:
    """One quantization.

    Attributes:
        frames: source frames to calibrate and to judge with.
        head: the run's head.
    """

    def __init__(self, run: Run, backbone: Backbone, recipe: Recipe, data: str | None) -> None:
        assert recipe.quantization is not None
        self.run, self.backbone, self.recipe = run, backbone, recipe
        self.settings: QuantizationRecipe = recipe.quantization
        settings = self.settings
        self.frames: SourceFrames = source_frames(
            run, data, settings.cells, settings.frames_per_cell, settings.judged_frames
        )
        self.head = run.expert_head()
        self.budget = Loss(settings.max_ccc_loss, settings.min_cosine)
        self.pixels = self.frames.pixels(self.frames.judged, backbone.input_size)
        self.exact = _features(backbone, self.pixels)
        self.float_ccc = self._ccc(self.exact, self.head)

    def make(self, key: dict[str, object], cache: LoweredCache) -> Int8:
        calibration = self.frames.pixels(self.frames.calibration, self.backbone.input_size)
        quantizer = Quantizer(self.backbone, calibration)
        ladder = Ladder(quantizer, self._loss, self.pixels)
        float_blocks = ladder.fewest_float_blocks(self.budget, calibration)
        if float_blocks is None:
            raise self._over_budget(ladder.trials)
        network = quantizer.quantize(float_blocks)
        size = self.backbone.input_size
        lowered = lower({"forward": (network, (torch.zeros(1, 3, size, size),))})
        # What ships is the program, so its figures count; XNNPACK rounds a little differently from torch.
        shipped = self._loss(runtime_features(lowered, self.pixels))
        trials = [*ladder.trials, Trial(float_blocks, shipped)]
        if not shipped.fits(self.budget):
            raise self._over_budget(trials)
        head, after = self._tuned_head(lowered)
        part = self._part(float_blocks, shipped, trials, len(calibration), after)
        made = Int8(lowered, part, features_of(network, golden_frames(size)), head)
        cache.put(key, lowered)
        packed = head.packed.detach().numpy()
        cache.put_arrays(key | {"what": "int8"}, {"golden": made.golden, "packed": packed}, part.model_dump())
        return made

    def _loss(self, features: Floats) -> Loss:
        return Loss(self.float_ccc - self._ccc(features, self.head), cosine(features, self.exact))

    @torch.no_grad()
    def _ccc(self, features: Floats, head: ExpertHead) -> float:
        affect = self.frames.table.affect[self.frames.judged]
        found = agreement(head(torch.from_numpy(features)).affect.numpy(), affect).ccc
        return float("nan") if found is None else found

    def _part(
        self, float_blocks: list[str], shipped: Loss, trials: list[Trial], calibrated: int, after: float | None
    ) -> QuantizationPart:
        return QuantizationPart(
            float_blocks=float_blocks,
            calibration_frames=calibrated,
            judged_frames=len(self.pixels),
            max_ccc_loss=self.budget.ccc,
            ccc_loss=shipped.ccc,
            min_cosine=self.budget.cosine,
            cosine=shipped.cosine,
            ccc_loss_retuned=after,
            tried=[
                QuantizationTrial(float_blocks=trial.float_blocks, ccc_loss=trial.loss.ccc, cosine=trial.loss.cosine)
                for trial in trials
            ],
        )

    def _over_budget(self, trials: list[Trial]) -> PenMobileError:
        tried = "; ".join(
            f"{len(trial.float_blocks)} blocks in float: CCC loss {trial.loss.ccc:.4f}, cosine {trial.loss.cosine:.4f}"
            for trial in trials
        )
        return PenMobileError(
            f"recipe {self.recipe.name}: int8 allows a CCC loss of {self.budget.ccc:g} and a cosine of "
            f"{self.budget.cosine:g}, and nothing that was tried keeps to it ({tried}); nothing was exported"
        )

    def _tuned_head(self, lowered: Lowered) -> tuple[ExpertHead, float | None]:
        """Go on with the joint stage (Eq. 4) on the features that phones will see, if the recipe says so."""
        if not self.settings.retune_head_epochs:
            return self.head, None
        head = retune(self.run, self.frames, self._all_features(lowered), self.settings.retune_head_epochs)
        features = runtime_features(lowered, self.pixels)
        return head, self.float_ccc - self._ccc(features, head)

    def _all_features(self, lowered: Lowered) -> Floats:
        rows, size = np.arange(len(self.frames.table)), self.backbone.input_size
        blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
        return np.concatenate([runtime_features(lowered, self.frames.pixels(block, size)) for block in blocks])


def runtime_features(lowered: Lowered, pixels: NDArray[np.uint8]) -> Floats:
    """Return features ``[N, D_z]`` of uint8 RGB frames ``[N, S, S, 3]`` from a program in the ExecuTorch runtime."""
    from executorch.runtime import Runtime

    program = Runtime.get().load_program(lowered.buffer)  # freeing it under its method ends the process
    method = program.load_method("forward")
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), dtype=np.float32)
    outputs = [method.execute([torch.from_numpy(planes[row : row + 1])])[0] for row in range(len(planes))]
    return np.concatenate([output.numpy() for output in outputs])


def retune(run: Run, frames: SourceFrames, features: Floats, epochs: int) -> ExpertHead:
    """Return the run's head after more epochs of joint learning (Eq. 4) on other features of the same frames.

    Args:
        run: whose settings and split are used.
        frames: all source rows.
        features: of every row, ``[N, D_z]``.
        epochs: passes at most; the best on the validation rows is kept, the head as it was among them.
    """
    config, table, head = run.config, frames.table, run.expert_head()
    person = torch.from_numpy(np.searchsorted(table.subjects(), table.subject))
    training, held_out = (
        FeatureSamples(torch.from_numpy(features[rows]), torch.from_numpy(table.affect[rows]), person[rows])
        for rows in validation_split(table, config.validation_fraction, config.seed)
    )

    def loss(module: torch.nn.Module, batch: Batch) -> torch.Tensor:
        return source_loss(module(batch.x), batch.affect, batch.subject, config.lambda_0, config.lambda_1)

    stage = Stage(
        "head on int8 features",
        head,
        loss,
        training,
        held_out,
        optimizer=config.optimizer,
        learning_rate=config.learning_rate,
        epochs=epochs,
        patience=config.patience,
        max_steps=None,
        batch_size=config.batch_size,
        seed=config.seed,
    )
    fit(Fabric(accelerator="cpu", devices=1), stage)
    return head


def _features(backbone: Backbone, pixels: NDArray[np.uint8]) -> Floats:
    starts = range(0, len(pixels), 32)
    return np.concatenate([extract_features(backbone, pixels[start : start + 32]) for start in starts])
