"""The whole protocol in a folder: source learning and cells as tasks of an engine, resumable.

``protocol.json`` says what the folder is for; ``source/seed-<k>`` are runs, ``lambdas.json`` a search over lambdas;
``cells/*.json`` is one file for each finished task and ``predictions/*.npz`` the estimates of the first seed's models;
``cache`` may be deleted; ``results.json`` is everything together, ``report.html`` and ``figures`` show it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pen_mobile.data.table import ROLES
from pen_mobile.engine.local_processes import LocalProcesses
from pen_mobile.errors import BadInput
from pen_mobile.paper.protocol_input import ProtocolInput, read_people
from pen_mobile.paper.protocol_plan import CellKey, ProtocolPlan
from pen_mobile.paper.protocol_result import Cell, DataRecord, ProtocolResult, SourceEvaluation
from pen_mobile.paper.protocol_summary import Summary, summarize
from pen_mobile.paper.protocol_tasks import SourceKey, TaskContext, TaskKey, lambda_search, task_keys, task_of
from pen_mobile.paper.target_evaluation import Target
from pen_mobile.training.fabric import fabric_beyond_cpu
from pen_mobile.utils import provenance
from pen_mobile.utils.files import read_json, write_json
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.validation import read_json_as, validated

if TYPE_CHECKING:
    from lightning_fabric import Fabric

RESULTS = "results.json"
REPORT = "report.html"
_ABOUT = "protocol.json"
_CACHE = "cache"
_FORMAT = 2


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
    context = _context_of(source, plan, folder, data, fabric_beyond_cpu(device), progress)
    keys = task_keys(plan)
    if not all(context.file(key).exists() for key in keys):
        _check_splits(context)
    search = lambda_search(context, progress) if plan.cross_validate else []
    if search:
        best = search[0]
        context = replace(context, plan=replace(plan, lambda_0=best.lambda_0, lambda_1=best.lambda_1))
    engine = LocalProcesses(jobs if context.device == "cpu" else 1)
    engine.map(context.work, [task_of(key, context) for key in keys], title="protocol", progress=progress)
    result = _collect(context, keys)
    summary = summarize(result)
    changed = result.save(folder / RESULTS, summary=to_plain(summary), lambda_search=to_plain(search))
    if changed or not (folder / REPORT).is_file():
        _draw(result, summary, context)
    return result, summary


def _context_of(
    source: str, plan: ProtocolPlan, folder: Path, data: str | None, fabric: Fabric | None, progress: Progress
) -> TaskContext:
    """Read the people and put their features into files; what was read does not stay in memory.

    Raises:
        BadInput: the folder holds something else, or the data cannot be evaluated so.
    """
    device = "cpu" if fabric is None else fabric.device.type
    about = _read_about(folder, plan, device)
    given = _claimed(read_people(source, data, progress), about, folder)
    features = given.store(folder / _CACHE, fabric, progress)
    return TaskContext(folder, plan, features, device, None if given.run is None else given.run.folder)


def _draw(result: ProtocolResult, summary: Summary, context: TaskContext) -> None:
    """Write the page and its figures; matplotlib is loaded here and not in the workers."""
    from pen_mobile.paper.comparison import comparison_rows
    from pen_mobile.paper.protocol_report import write_report

    affect = {role: context.features.sides[role].affect for role in ROLES}
    write_report(result, summary, context.folder, affect=affect, comparisons=comparison_rows(result))


def _check_splits(context: TaskContext) -> None:
    """Raise :class:`BadInput` before hours of work when a sampling can split nobody."""
    table = context.features.table("target")
    for seed in context.plan.seeds:
        for sampling in context.plan.samplings:
            Target.split(table, context.plan, sampling, seed)


def _read_about(folder: Path, plan: ProtocolPlan, device: str) -> dict[str, Any]:
    """Return what the folder is for, as far as it is known before the data are read.

    Raises:
        BadInput: the folder holds something else, or another plan.
    """
    about = {"format": _FORMAT, "plan": to_plain(plan), "device": device}
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


def _claimed(given: ProtocolInput, about: dict[str, Any], folder: Path) -> ProtocolInput:
    """Claim the folder for these people, and return them under the name of the folder's first run.

    Raises:
        BadInput: the folder holds a protocol of other data.
    """
    record = validated(DataRecord, about["data"], str(folder / _ABOUT)) if "data" in about else given.record
    if (record.digest, record.backbone) != (given.record.digest, given.record.backbone):
        raise BadInput(f"{folder} holds a protocol of other data ({record.origin}); choose another --out or remove it")
    write_json(folder / _ABOUT, about | {"data": to_plain(record)})
    return replace(given, record=record)


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
