"""The parts of a protocol as tasks of an engine: source learning with each seed, and a cell for each table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pen_mobile.contract.strategy import Strategy
from pen_mobile.data.table import FeatureTable
from pen_mobile.engine.task import Task
from pen_mobile.paper.model_study import run_model_study
from pen_mobile.paper.protocol_input import FeatureStore
from pen_mobile.paper.protocol_plan import CellKey, ProtocolPlan
from pen_mobile.paper.protocol_result import Cell, SourceEvaluation
from pen_mobile.paper.target_evaluation import predict
from pen_mobile.training.fabric import fabric_beyond_cpu
from pen_mobile.training.lambda_search import LambdaCandidate, search_lambdas
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_heads import source_splits
from pen_mobile.training.source_training import learn_source
from pen_mobile.utils.files import write_json
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.progress import Progress
from pen_mobile.utils.threads import one_thread
from pen_mobile.utils.validation import read_json_as


@dataclass(frozen=True)
class SourceKey:
    """Source learning with one seed."""

    seed: int

    def __str__(self) -> str:
        return f"seed-{self.seed}-source"


TaskKey = SourceKey | CellKey


@dataclass(frozen=True, eq=False)
class TaskContext:
    """All that a task needs, in any process.

    Attributes:
        folder: of the protocol.
        plan: settings.
        features: people; their features stay in files.
        device: ``cpu`` or another that torch knows.
        run: folder of the run whose backbone made the features; None for given ones.
    """

    folder: Path
    plan: ProtocolPlan
    features: FeatureStore
    device: str
    run: Path | None = None

    def file(self, key: TaskKey) -> Path:
        """Return where the result of a task goes; it is there when the task has finished."""
        return self.folder / "cells" / f"{key}.json"

    def work(self, key: TaskKey) -> None:
        """Do one task and leave its file."""
        found = self._learn(key.seed) if isinstance(key, SourceKey) else self._measure(key)
        write_json(self.file(key), to_plain(found))

    def learn_source(self, seed: int, folder: Path) -> Run:
        """Learn SN and PEN with one seed, on the rows that the backbone has learned from, where a run made it.

        Args:
            seed: of the run.
            folder: of the run.
        """
        known = ("validation_fraction", "split_seed", "backbone_saw_people")
        of_run = {name: getattr(self.features.record, name) for name in known}  # None where the plan decides
        config = self.plan.source_config(seed).changed(**of_run)
        start = None if self.run is None else Run.open(self.run).backbone_head()
        fabric, table = fabric_beyond_cpu(self.device), self.features.table("source")
        with_prior = Strategy.PRIOR in self.plan.strategies  # minutes of work that nothing else needs
        return learn_source(table, config, folder, fabric, shared_start=start, with_prior=with_prior)

    def _learn(self, seed: int) -> SourceEvaluation:
        table = self.features.table("source")
        run = self.learn_source(seed, self._run_folder(seed))
        _, held_out = run.config.halves(table)
        stages = run.record.stages
        return SourceEvaluation(
            seed,
            validation=run.record.validation,
            gate=_source_gate(run, table.take(held_out)),
            steps={name: stage.steps for name, stage in stages.items()},
            seconds=sum(epoch.seconds for stage in stages.values() for epoch in stage.epochs),
        )

    def _measure(self, key: CellKey) -> Cell:
        table = self.features.table("target")
        if key.study == "comparators":
            from pen_mobile.paper.comparator_study import run_comparator_study

            return run_comparator_study(self.features.table("source"), table, self.plan, key, self.device)
        run = Run.open(self._run_folder(key.seed))
        if key.study == "strategies":
            from pen_mobile.paper.strategy_study import run_strategy_study

            return run_strategy_study(table, self.plan, key, run, self.device)
        if key.study == "learning":
            from pen_mobile.paper.learning_study import run_learning_study

            head = None if self.run is None else Run.open(self.run).backbone_head()
            source = self.features.table("source")
            return run_learning_study(source, table, self.plan, key, run, head, self.device)
        cell, predictions = run_model_study(table, self.plan, key, run, self.device)
        if key.seed != self.plan.seeds[0]:
            return cell
        name = f"predictions/{key}.npz"
        predictions.save(self.folder / name)
        return replace(cell, predictions=name)

    def _run_folder(self, seed: int) -> Path:
        return self.folder / "source" / f"seed-{seed}"


def _source_gate(run: Run, held_out: FeatureTable) -> dict[str, list[float]]:
    """Return the mean gate weights of each source person's held-out rows."""
    features, head_parameters = torch.from_numpy(held_out.features), run.expert_head().head_parameters.detach()
    return {
        name: predict(head_parameters, features, held_out.rows_of(name))[1].mean(axis=0).tolist()
        for name in held_out.subjects()
    }


def lambda_search(context: TaskContext, progress: Progress) -> list[LambdaCandidate]:
    """Return every (lambda_0, lambda_1) of the paper's grid and how it did, the best first."""
    file, seed = context.folder / "lambdas.json", context.plan.seeds[0]
    if not file.exists():
        with one_thread():
            table, run = (
                context.features.table("source"),
                context.learn_source(seed, context.folder / "source" / "lambdas"),
            )
            splits = source_splits(table, table.features, run.config.halves(table), scaling=run.feature_scaling())
            found = search_lambdas(splits, run.shared_mixture(), run.config, progress=progress)
        write_json(file, to_plain(found))
    return read_json_as(list[LambdaCandidate], file)


def task_keys(plan: ProtocolPlan) -> list[TaskKey]:
    """Return all tasks of a plan; every cell comes after the source learning that it needs."""
    keys: list[TaskKey] = []
    for seed in plan.seeds:
        keys.append(SourceKey(seed))
        if plan.comparators:
            keys.append(CellKey(seed, plan.samplings[0], "pooled", "comparators"))
        if plan.learning_strategies:
            keys.append(CellKey(seed, plan.samplings[0], "pooled", "learning"))
        for sampling in plan.samplings:
            if plan.strategies:
                keys.append(CellKey(seed, sampling, "person", "strategies"))
            keys += [CellKey(seed, sampling, scope, "models") for scope in plan.scopes]
    return keys


def task_of(key: TaskKey, context: TaskContext) -> Task[TaskKey]:
    """Return a task for the engine; cells that adapt heads need the source learning of their seed."""
    adapts = isinstance(key, CellKey) and key.study != "comparators"
    return Task(str(key), key, context.file(key), str(SourceKey(key.seed)) if adapts else None)
