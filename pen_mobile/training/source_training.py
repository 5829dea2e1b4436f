"""Source learning: the three steps of Algorithm 1, as four stages that can each be resumed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException
from numpy.typing import NDArray
from torch import Tensor, nn

from pen_mobile.data.frames import Frames
from pen_mobile.data.splits import validation_split
from pen_mobile.data.table import FeatureTable, FrameTable, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.metrics import agreement
from pen_mobile.models.backbone import Backbone, make_backbone
from pen_mobile.models.heads import Dense, ExpertHead, SharedHead
from pen_mobile.models.losses import affect_loss, gate_loss, source_loss
from pen_mobile.models.optimizers import OptimizerName
from pen_mobile.training.augmentation import Augmentation
from pen_mobile.training.batches import Batch, FeatureSamples, FrameSamples, Samples
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.features import cached_features
from pen_mobile.training.fit import Loss, Stage, fit
from pen_mobile.training.frame_cache import cached_frames
from pen_mobile.training.run_folder import STAGES, Run, RunData, RunRecord
from pen_mobile.types import Rows
from pen_mobile.utils import provenance
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.progress import SILENT, Progress


def make_fabric(device: str = "auto", devices: int = 1, precision: str = "32-true") -> Fabric:
    """Return a launched Lightning Fabric.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        devices: how many of them; more than one trains data-parallel.
        precision: such as ``32-true`` or ``bf16-mixed``.

    Raises:
        BadInput: this machine has no such device, or does not know the precision.
    """
    try:
        fabric = Fabric(accelerator=device, devices=devices, precision=precision)  # type: ignore[arg-type]
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"--device {device} --devices {devices} --precision {precision}: {reason}") from None
    fabric.launch()
    return fabric


def learn_source(
    table: SubjectTable, config: LearningConfig, folder: Path, fabric: Fabric | None = None, progress: Progress = SILENT
) -> Run:
    """Learn SN and PEN from the source people of a table, into a run folder.

    A table of features skips stage 1. A run that was interrupted goes on where it stopped when it is
    called again with the same table and config.

    Raises:
        BadInput: fewer than two source people, or ``folder`` holds something else.
    """
    people = table.subjects("source")
    if len(people) < 2:
        raise BadInput(f"{table.origin}: {len(people)} source subjects; learning experts needs at least 2")
    fabric = fabric or Fabric(accelerator="cpu", devices=1)
    rows = table.rows_with_role("source")
    source = table if len(rows) == len(table) else table.take(rows)  # a copy of features may be a gigabyte
    # Everything that bad input can stop comes before the folder is made.
    halves = validation_split(source, config.validation_fraction, config.seed)
    network = _new_network(config) if isinstance(source, FrameTable) else None
    with fabric.rank_zero_first():
        run = Run.begin(folder, _record(source, config))
    if not run.record.complete:
        _Learner(fabric, source, config, run, progress, halves).learn(network)
    return run


def _record(source: SubjectTable, config: LearningConfig) -> RunRecord:
    data = RunData(
        digest=source.digest,
        origin=source.origin,
        synthetic=source.synthetic,
        rows=len(source),
        source_subjects=source.subjects("source"),
        crop=to_plain(source.crop) if isinstance(source, FrameTable) and source.crop else None,
    )
    return RunRecord(config, data, command=provenance.command(), versions=provenance.versions())


class _FrameToAffect(nn.Module):
    """Backbone and shared head as one network: ``x -> z -> y~``."""

    def __init__(self, backbone: Backbone, head: SharedHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, frames: Tensor) -> Tensor:
        affect: Tensor = self.head(self.backbone(frames.float()))
        return affect


def _new_network(config: LearningConfig) -> _FrameToAffect:
    torch.manual_seed(config.seed)
    backbone = make_backbone(config.backbone, config.weights, config.input_size)
    return _FrameToAffect(backbone, SharedHead(backbone.feature_size))


def _shared_loss(network: nn.Module, batch: Batch) -> Tensor:
    return affect_loss(network(batch.x), batch.affect)


_Halves = tuple[Samples, Samples]
"""Samples to learn from, samples to validate on."""


@dataclass
class _Learner:
    """Source learning in progress."""

    fabric: Fabric
    source: SubjectTable
    config: LearningConfig
    run: Run
    progress: Progress
    halves: tuple[Rows, Rows]

    def __post_init__(self) -> None:
        self.people = self.source.subjects("source")
        self.affect = torch.from_numpy(self.source.affect)
        self.subject = torch.from_numpy(np.searchsorted(self.people, self.source.subject))
        self.training, self.held_out = self.halves

    def learn(self, learnt: _FrameToAffect | None) -> None:
        """Run all stages; ``learnt`` is the new network, or None when the data are features."""
        if learnt is not None:
            self._learn_backbone(learnt, self._decode_once(learnt.backbone.input_size))
        features = self._features(learnt)
        self.feature_size = features.shape[1]
        samples = self._feature_samples(features)
        shared = self._learn_shared(samples, learnt)
        gate = self._learn_gate(samples)
        experts = self._learn_experts(samples, shared, gate)
        self._conclude(features, shared, experts, learnt.backbone.digest() if learnt else "")

    def _decode_once(self, size: int) -> Frames:
        assert isinstance(self.source, FrameTable)
        limit = self.config.frame_cache_gb
        frames = cached_frames(self.fabric, self.source.frames, size, self.run.frame_folder, limit, self.progress)
        self.source = replace(self.source, frames=frames)
        return frames

    def _learn_backbone(self, network: _FrameToAffect, frames: Frames) -> None:
        """Step 1 of Algorithm 1: backbone and shared head together, on frames."""
        self._fit(
            STAGES[0],
            network,
            _shared_loss,
            self._frame_samples(network.backbone.input_size, frames),
            self.config.backbone_learning_rate,
            optimizer=self.config.backbone_optimizer,
            epochs=self.config.backbone_epochs,
        )

    def _features(self, learnt: _FrameToAffect | None) -> NDArray[np.float32]:
        if isinstance(self.source, FeatureTable):
            return self.source.features
        assert learnt is not None
        folder = self.run.folder / "features"
        return cached_features(self.fabric, learnt.backbone, self.source.frames, folder, self.progress)

    def _learn_shared(self, samples: _Halves, learnt: _FrameToAffect | None) -> SharedHead:
        """Step 2: the shared head alone, on cached features of the frozen backbone."""
        torch.manual_seed(self.config.seed)
        shared = SharedHead(self.feature_size)
        if learnt is not None:
            shared.load_state_dict(learnt.head.state_dict())
        self._fit(STAGES[1], shared, _shared_loss, samples, self.config.learning_rate, epochs=self.config.head_epochs)
        return shared

    def _learn_gate(self, samples: _Halves) -> nn.Linear:
        """Section 3.5: the gate in isolation, with the people's indices as labels (Eqs. 6 and 7)."""
        torch.manual_seed(self.config.seed)
        gate = Dense(self.feature_size, len(self.people))
        lambda_1 = self.config.lambda_1

        def loss(gate: nn.Module, batch: Batch) -> Tensor:
            return gate_loss(gate(batch.x), batch.subject, lambda_1)

        self._fit(STAGES[2], gate, loss, samples, self.config.learning_rate, epochs=self.config.head_epochs)
        return gate

    def _learn_experts(self, samples: _Halves, shared: SharedHead, gate: nn.Linear) -> ExpertHead:
        """Step 3: every expert from the shared head, then gate and experts jointly (Eq. 4), stopped early."""
        head = ExpertHead.from_layers(gate, [shared] * len(self.people))
        lambda_0, lambda_1 = self.config.lambda_0, self.config.lambda_1

        def loss(head: nn.Module, batch: Batch) -> Tensor:
            return source_loss(head(batch.x), batch.affect, batch.subject, lambda_0, lambda_1)

        epochs, patience = self.config.joint_epochs, self.config.patience
        self._fit(STAGES[3], head, loss, samples, self.config.joint_step_size, epochs=epochs, patience=patience)
        return head

    def _fit(
        self,
        name: str,
        module: nn.Module,
        loss: Loss,
        samples: _Halves,
        learning_rate: float | None,
        *,
        epochs: int,
        patience: int | None = None,
        optimizer: OptimizerName | None = None,
    ) -> None:
        """Run one stage with the settings that all stages share, and note how it went."""
        config = self.config
        stage = Stage(
            name,
            module,
            loss,
            *samples,
            optimizer=optimizer or config.optimizer,
            learning_rate=learning_rate,
            epochs=epochs,
            patience=patience,
            max_steps=config.max_steps,
            batch_size=config.batch_size,
            seed=config.seed,
        )
        log = fit(self.fabric, stage, self.run.stage_file(name), self.progress)
        self.run.record.stages[name] = log

    def _frame_samples(self, size: int, frames: Frames) -> _Halves:
        augment = Augmentation(self.config.seed) if self.config.augment else None
        training, held_out = (
            FrameSamples(frames, size, rows, self.affect[rows], self.subject[rows], change)
            for rows, change in ((self.training, augment), (self.held_out, None))
        )
        return training, held_out

    def _feature_samples(self, features: NDArray[np.float32]) -> _Halves:
        training, held_out = (
            FeatureSamples(torch.from_numpy(features[rows]), self.affect[rows], self.subject[rows])
            for rows in (self.training, self.held_out)
        )
        return training, held_out

    @torch.no_grad()
    def _conclude(self, features: NDArray[np.float32], shared: SharedHead, experts: ExpertHead, digest: str) -> None:
        """Measure both models on the held-out rows and mark the run complete."""
        held_out = torch.from_numpy(features[self.held_out])
        record = self.run.record
        record.feature_size, record.expert_count = self.feature_size, len(self.people)
        record.backbone_digest = digest
        for name, estimate in (("s-SN", shared.cpu()(held_out)), ("s-PEN", experts.cpu()(held_out).affect)):
            record.validation[name] = agreement(estimate.numpy(), self.source.affect[self.held_out])
        if self.fabric.is_global_zero:
            self.run.save_feature_statistics(features)
            shutil.rmtree(self.run.frame_folder, ignore_errors=True)  # gigabytes, of use to stage 1 and features only
            record.complete = True
            self.run.save()
        self.fabric.barrier()
