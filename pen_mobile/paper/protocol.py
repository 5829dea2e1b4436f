"""The whole protocol in a folder: source learning and cells as tasks of an engine, resumable.

``protocol.json`` says what the folder is for; ``source/seed-<k>`` are runs, ``lambdas.json`` a search over lambdas;
``cells/*.json`` is one file for each finished task and ``predictions/*.npz`` the estimates of the first seed's models;
``cache`` may be deleted; ``results.json`` is everything together, ``report.html`` and ``figures`` show it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from pen_mobile.data.splits import validation_split
from pen_mobile.data.table import ROLES, FeatureTable
from pen_mobile.engine.local_processes import LocalProcesses
from pen_mobile.engine.task import Task
from pen_mobile.errors import BadInput
from pen_mobile.paper.model_study import run_model_study
from pen_mobile.paper.protocol_input import FeatureStore, read_people
from pen_mobile.paper.protocol_plan import CellKey, ProtocolPlan
from pen_mobile.paper.protocol_result import Cell, DataRecord, ProtocolResult, SourceEvaluation
from pen_mobile.paper.protocol_summary import Summary, summarize
from pen_mobile.paper.target_evaluation import Target, predict
from pen_mobile.training.fabric import make_fabric
from pen_mobile.training.lambda_search import LambdaCandidate, search_lambdas
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_heads import source_splits
from pen_mobile.training.source_training import learn_source
from pen_mobile.utils import provenance
from pen_mobile.utils.files import read_json, write_json
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.threads import one_thread
from pen_mobile.utils.validation import read_json_as, validated

RESULTS = "results.json"
_ABOUT = "protocol.json"
_CACHE = "cache"
_FORMAT = 2


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
    """

    folder: Path
    plan: ProtocolPlan
    features: FeatureStore
    device: str

    def file(self, key: TaskKey) -> Path:
        """Return where the result of a task goes; it is there when the task has finished."""
        return self.folder / "cells" / f"{key}.json"

    def work(self, key: TaskKey) -> None:
        """Do one task and leave its file."""
        found = self._learn(key.seed) if isinstance(key, SourceKey) else self._measure(key)
        write_json(self.file(key), to_plain(found))

    def _learn(self, seed: int) -> SourceEvaluation:
        table, config = self.features.table("source"), self.plan.source_config(seed)
        run = learn_source(table, config, self._run_folder(seed), make_fabric(self.device))
        _, held_out = validation_split(table, config.validation_fraction, seed)
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

            return run_comparator_study(self.features.table("source"), table, key, self.device)
        run = Run.open(self._run_folder(key.seed))
        if key.study == "strategies":
            from pen_mobile.paper.strategy_study import run_strategy_study

            return run_strategy_study(table, self.plan, key, run, self.device)
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


def run_protocol(
    source: str,
    plan: ProtocolPlan,
    folder: Path,
    *,
    data: str | None = None,
    jobs: int | None = None,
    device: str = "cpu",
    progress: Progress = SILENT,
) -> tuple[ProtocolResult, Summary]:
    """Run what of the protocol is not in the folder yet, and put everything together.

    Args:
        source: a table of features or a run folder (see :func:`read_people`).
        plan: settings.
        folder: made, or gone on with when it holds the same plan and data.
        data: where a run's data are now, when not where they were.
        jobs: processes, each on one thread, so that their number changes no number; None is one for each core.
            On another device than the CPU all runs in this process.
        device: ``auto``, ``cpu`` or ``cuda``; computes features, too.
        progress: who is told how far it is.

    Raises:
        BadInput: the folder holds something else, or the data cannot be evaluated so.
    """
    fabric = make_fabric(device)
    about = _read_about(folder, plan, fabric)
    context = TaskContext(folder, plan, _features(source, data, about, folder, fabric, progress), fabric.device.type)
    keys = task_keys(plan)
    if not all(context.file(key).exists() for key in keys):
        _check_splits(context)
    search = lambda_search(context, progress) if plan.cross_validate else []
    if search:
        best = search[0]
        context = replace(context, plan=replace(plan, lambda_0=best.lambda_0, lambda_1=best.lambda_1))
    engine = LocalProcesses(jobs if context.device == "cpu" else 1)
    engine.map(context.work, [_task(key, context) for key in keys], title="protocol", progress=progress)
    result = _collect(context, keys)
    summary = summarize(result)
    result.save(folder / RESULTS, summary=to_plain(summary), lambda_search=to_plain(search))
    _draw(result, summary, context)
    return result, summary


def _draw(result: ProtocolResult, summary: Summary, context: TaskContext) -> None:
    """Write the page and its figures; matplotlib is loaded here and not in the workers."""
    from pen_mobile.paper.comparator_study import comparison_rows
    from pen_mobile.paper.protocol_report import write_report

    affect = {role: context.features.sides[role].affect for role in ROLES}
    write_report(result, summary, context.folder, affect=affect, comparisons=comparison_rows(result))


def lambda_search(context: TaskContext, progress: Progress) -> list[LambdaCandidate]:
    """Return every (lambda_0, lambda_1) of the paper's grid and how it did, the best first."""
    file, seed = context.folder / "lambdas.json", context.plan.seeds[0]
    if not file.exists():
        table, config = context.features.table("source"), context.plan.source_config(seed)
        with one_thread():
            run = learn_source(table, config, context.folder / "source" / "lambdas", make_fabric(context.device))
            halves = validation_split(table, config.validation_fraction, seed)
            splits = source_splits(table, table.features, halves)
            found = search_lambdas(splits, run.shared_mixture(), config, progress=progress)
        write_json(file, to_plain(found))
    return read_json_as(list[LambdaCandidate], file)


def task_keys(plan: ProtocolPlan) -> list[TaskKey]:
    """Return all tasks of a plan; every cell comes after the source learning that it needs."""
    keys: list[TaskKey] = []
    for seed in plan.seeds:
        keys.append(SourceKey(seed))
        if plan.comparators:
            keys.append(CellKey(seed, plan.samplings[0], "pooled", "comparators"))
        for sampling in plan.samplings:
            if plan.strategies:
                keys.append(CellKey(seed, sampling, "person", "strategies"))
            keys += [CellKey(seed, sampling, scope, "models") for scope in plan.scopes]
    return keys


def _task(key: TaskKey, context: TaskContext) -> Task[TaskKey]:
    """Return a task for the engine; cells that adapt heads need the source learning of their seed."""
    adapts = isinstance(key, CellKey) and key.study != "comparators"
    return Task(str(key), key, context.file(key), str(SourceKey(key.seed)) if adapts else None)


def _check_splits(context: TaskContext) -> None:
    """Raise :class:`BadInput` before hours of work when a sampling can split nobody."""
    table = context.features.table("target")
    for seed in context.plan.seeds:
        for sampling in context.plan.samplings:
            Target.split(table, sampling, seed)


def _read_about(folder: Path, plan: ProtocolPlan, fabric: Fabric) -> dict[str, Any]:
    """Return what the folder is for, as far as it is known before the data are read.

    Raises:
        BadInput: the folder holds something else, or another plan.
    """
    about = {"format": _FORMAT, "plan": to_plain(plan), "device": fabric.device.type}
    if not folder.exists() or (folder.is_dir() and all(file.name == _CACHE for file in folder.iterdir())):
        return about
    if not (folder / _ABOUT).is_file():
        raise BadInput(f"{folder} exists already and holds no protocol; choose another --out")
    old = read_json(folder / _ABOUT)
    if not isinstance(old, dict) or old.get("format") != _FORMAT:
        raise BadInput(f"{folder / _ABOUT} is not of format {_FORMAT}; choose another --out")
    for there, here in ((old["plan"], about["plan"]), (old, about)):
        for name in sorted(here):
            if there.get(name) != here[name] and name != "plan":
                raise BadInput(
                    f"{folder} holds a protocol with another {name} ({there.get(name)!r} there, {here[name]!r} here); "
                    "choose another --out or remove it"
                )
    return old


def _features(
    source: str, data: str | None, about: dict[str, Any], folder: Path, fabric: Fabric, progress: Progress
) -> FeatureStore:
    """Read people, claim the folder for them, and put their features into files.

    Raises:
        BadInput: the folder holds a protocol of other data.
    """
    given = read_people(source, data, progress)
    record = validated(DataRecord, about["data"], str(folder / _ABOUT)) if "data" in about else given.record
    if (record.digest, record.backbone) != (given.record.digest, given.record.backbone):
        raise BadInput(f"{folder} holds a protocol of other data ({record.origin}); choose another --out or remove it")
    write_json(folder / _ABOUT, about | {"data": to_plain(record)})
    return replace(given, record=record).store(folder / _CACHE, fabric, progress)


def _collect(context: TaskContext, keys: list[TaskKey]) -> ProtocolResult:
    files = {key: context.file(key) for key in keys}
    return ProtocolResult(
        plan=context.plan,
        data=context.features.record,
        sources=[read_json_as(SourceEvaluation, file) for key, file in files.items() if isinstance(key, SourceKey)],
        cells=[read_json_as(Cell, file) for key, file in files.items() if isinstance(key, CellKey)],
        command=provenance.command(),
        versions=provenance.versions(),
    )
