"""Source learning: the three steps of Algorithm 1 as four stages, and the prior as a fifth; each can be resumed."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pen_mobile.data.table import FeatureTable, FrameTable, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.metrics import agreement, scaled
from pen_mobile.models.heads import shared_parameters
from pen_mobile.training.backbone_stage import FrameToAffect, learn_backbone, new_network
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.fabric import make_fabric
from pen_mobile.training.feature_scaling import feature_statistics
from pen_mobile.training.features import cached_features
from pen_mobile.training.frame_cache import cached_frames
from pen_mobile.training.head_training import HeadStage, train_heads
from pen_mobile.training.prior.learn import prior_stage, source_rows
from pen_mobile.training.run_folder import Run
from pen_mobile.training.run_record import STAGES, RunData, RunRecord
from pen_mobile.training.source_experts import expert_stage
from pen_mobile.training.source_heads import gate_stage, shared_stage, source_splits
from pen_mobile.types import Floats, Rows
from pen_mobile.utils import provenance
from pen_mobile.utils.places import relative_place
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.progress import SILENT, Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def learn_source(
    table: SubjectTable,
    config: LearningConfig,
    folder: Path,
    fabric: Fabric | None = None,
    progress: Progress = SILENT,
    *,
    shared_start: Tensor | None = None,
    with_prior: bool = True,
) -> Run:
    """Learn SN and PEN from the source people of a table, into a run folder.

    A table of features skips stage 1. A run that was interrupted goes on where it stopped when it is
    called again with the same table and config.

    Args:
        table: people, with frames or features.
        config: settings.
        folder: of the run; made, or gone on with.
        fabric: where to train; None is this processor, on which only frames need Fabric.
        progress: listener.
        shared_start: for features of a trained backbone, its own shared head as a mixture of one, ``[1 + K, D_z + 1]``;
            stage 2 goes on from it, as Algorithm 1 says. None draws initial weights.
        with_prior: learn stage 5, too; a run without it can be evaluated, but not exported.

    Raises:
        BadInput: fewer than two source people, a layer strategy without frames, or ``folder`` holds something else.
    """
    people = table.subjects("source")
    if len(people) < 2:
        raise BadInput(f"{table.origin}: {len(people)} source subjects; learning experts needs at least 2")
    rows = table.rows_with_role("source")
    source = table if len(rows) == len(table) else table.take(rows)  # a copy of features may be a gigabyte
    # Everything that bad input can stop comes before the folder is made.
    halves = config.halves(source)
    network = new_network(config, len(source.targets.names)) if isinstance(source, FrameTable) else None
    if network is None and config.layer_strategy != "together-then-head":
        raise BadInput(f"layer_strategy {config.layer_strategy!r} needs frames; {table.origin} has features")
    if fabric is None and network is not None:
        fabric = make_fabric("cpu")
    with fabric.rank_zero_first() if fabric else nullcontext():
        run = Run.begin(folder, _record(source, config, folder))
    if not run.record.complete:
        unit = source.on_unit_scale()
        _Learner(fabric, unit, config, run, progress, halves, shared_start, with_prior).learn(network)
    return run


def _record(source: SubjectTable, config: LearningConfig, folder: Path) -> RunRecord:
    data = RunData(
        digest=source.digest,
        origin=relative_place(source.origin, folder),
        synthetic=source.synthetic,
        rows=len(source),
        source_subjects=source.subjects("source"),
        targets=source.targets,
        crop=to_plain(source.crop) if isinstance(source, FrameTable) and source.crop else None,
    )
    stored = replace(config, weights=relative_place(config.weights, folder))
    return RunRecord(stored, data, command=provenance.command(), versions=provenance.versions())


@dataclass
class _Learner:
    """Source learning in progress."""

    fabric: Fabric | None
    source: SubjectTable
    config: LearningConfig
    run: Run
    progress: Progress
    halves: tuple[Rows, Rows]
    shared_start: Tensor | None = None
    with_prior: bool = True

    def learn(self, network: FrameToAffect | None) -> None:
        """Run all stages.

        Args:
            network: with its initial weights; None when the data are features.
        """
        if self.fabric is None:
            self._learn_heads(self._given_features(), None, torch.device("cpu"))
        else:
            self._learn_with(self.fabric, network)
        self.run.reload()

    def _learn_with(self, fabric: Fabric, network: FrameToAffect | None) -> None:
        features = self._learn_features(fabric, network) if network else self._given_features()
        if fabric.is_global_zero:
            self._learn_heads(features, network, fabric.device)
        fabric.barrier()

    def _given_features(self) -> Floats:
        assert isinstance(self.source, FeatureTable)
        return self.source.features

    def _learn_features(self, fabric: Fabric, network: FrameToAffect) -> Floats:
        """Run stage 1 and return the features of all rows."""
        assert isinstance(self.source, FrameTable)
        size, limit = network.backbone.input_size, self.config.frame_cache_gb
        folder = self.run.frame_folder
        frames = cached_frames(fabric, self.source.frames, size, folder, limit, self.progress)
        affect, checkpoint = torch.from_numpy(self.source.affect), self.run.stage_file(STAGES[0])
        logs = learn_backbone(fabric, network, frames, affect, self.halves, self.config, checkpoint, self.progress)
        self.run.record.stages |= logs
        return cached_features(fabric, network.backbone, frames, self.run.folder / "features", self.progress)

    def _learn_heads(self, features: Floats, network: FrameToAffect | None, device: torch.device) -> None:
        """Run stages 2 to 4 in one process, on its device: a step of a head is too short to be shared."""
        config = self.config
        self.run.save_feature_statistics(*feature_statistics(features, self.halves[0]))
        scaling = self.run.feature_scaling()
        splits = source_splits(self.source, features, self.halves, scaling=scaling).to(device)
        start = self.shared_start if network is None else shared_parameters(network.head.cpu())
        lambdas = [(config.lambda_0, config.lambda_1)]
        shared_head = shared_stage(splits, config, start)
        shared = self._train(shared_head.without_steps() if config.layer_strategy == "together" else shared_head)
        gate = self._train(gate_stage(splits, config, lambdas))
        experts = self._train(expert_stage(splits, config, lambdas, shared, gate))
        if self.with_prior:
            self._learn_prior(features, experts[0, 0].cpu(), seen=config.saw_people(has_frames=network is not None))
        self._conclude(features, network.backbone.digest() if network else "")

    def _learn_prior(self, features: Floats, head_parameters: Tensor, *, seen: bool) -> None:
        """Run stage 5: how people differ from the model."""
        source = self.source
        own = [source.rows_of(name) for name in source.subjects()]
        rows = source_rows(features, source.affect, own, source.time_s)
        names = source.targets.names
        prior_stage(self.run.prior_file, head_parameters, rows, names, self.config, seen=seen, progress=self.progress)

    def _train(self, stage: HeadStage) -> Tensor:
        """Run one stage, note how it went, and return its head parameters ``[1, 1, R, D_z + 1]``."""
        name = stage.settings.name
        heads, logs = train_heads(stage, self.run.stage_file(name), self.progress)
        self.run.record.stages[name] = logs[0][0]
        return heads

    @torch.no_grad()
    def _conclude(self, features: Floats, digest: str) -> None:
        """Measure both models on the held-out rows and mark the run complete."""
        record, (_, held_out) = self.run.record, self.halves
        record.feature_size, record.expert_count = features.shape[1], len(self.source.subjects())
        record.backbone_digest = digest
        z, affect = torch.from_numpy(features[held_out]), self.source.affect[held_out]
        estimates = {"s-SN": self.run.shared_head()(z), "s-PEN": self.run.expert_head()(z).affect}
        targets = record.data.targets
        for name, estimate in estimates.items():
            found = agreement(estimate.numpy(), affect, targets.names)
            record.validation[name] = scaled(found, targets.half_width)
        shutil.rmtree(self.run.frame_folder, ignore_errors=True)  # gigabytes, of use to stage 1 and features only
        record.complete = True
        self.run.save()
