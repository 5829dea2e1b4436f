"""The whole idea in minutes, on invented people: learn, export, verify, adapt, report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.bundle.verification import Verification
from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.evaluation.personalization import Personalization, PersonResult, personalize
from pen_mobile.reports.demo_report import DemoContext, TrainingStage, write_demo_page
from pen_mobile.reports.html import sample_faces
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source, make_fabric
from pen_mobile.utils import provenance
from pen_mobile.utils.files import write_json
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.table import Part, Table

_RECIPE = "android-fp32"


@dataclass(frozen=True)
class DemoSettings:
    """How large the demo is; the defaults take a few minutes on two cores.

    Attributes:
        sources, targets: how many people to learn from, and to adapt to.
        seconds, fps: length of every recording and frames a second.
        learning: settings of source learning. Small frames and Adam for the backbone, because it
            starts from random weights and has a minute.
    """

    sources: int = 9
    targets: int = 6
    seconds: float = 300
    fps: float = 1
    learning: LearningConfig = field(
        default_factory=lambda: LearningConfig(
            backbone="resnet18",
            weights="none",
            input_size=48,
            backbone_optimizer="adam",
            backbone_learning_rate=1e-3,
            backbone_epochs=2,
            optimizer="adam",
            head_epochs=20,
            joint_epochs=20,
        )
    )


@dataclass(frozen=True)
class DemoResult:
    """What the demo leaves behind and what it found."""

    out: Path
    result: Personalization
    verification: Verification
    seconds: dict[str, float]

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.out / "report.html"

    def as_json(self) -> dict[str, Any]:
        """Return the numbers for a JSON document."""
        return {
            "report": str(self.report),
            "seconds": self.seconds,
            "verification": self.verification.as_json(),
            "command": provenance.command(),
            "versions": provenance.versions(),
            **self.result.to_dict(),
        }

    def as_parts(self) -> list[Part]:
        """Return the before/after table and where the report is, for people."""
        result = self.result
        rows = [
            (person.subject, *_cells(person), "accepted" if person.adaptation.accepted else "refused")
            for person in result.people
        ]
        rows.append(("all, pooled", *_cells(result), ""))
        head = ("synthetic person", "CCC before", "after", "own mean", "RMSE before", "after", "own mean", "guard")
        return [
            "Second half of every recording, shipped head against the head adapted on the phone:",
            Table(head, rows),
            "Own mean: always saying the mean of the person's own labels.",
            "These people are synthetic: no number here may be compared with real recordings.",
            f"report: {self.report}",
        ]


def _cells(result: Personalization | PersonResult) -> list[str]:
    three = (result.before, result.after, result.own_mean)
    return [
        *("-" if agreement.ccc is None else f"{agreement.ccc:.3f}" for agreement in three),
        *(f"{agreement.rmse:.3f}" for agreement in three),
    ]


def run_demo(
    out: Path, labels: int = 60, seed: int = 0, progress: Progress = SILENT, settings: DemoSettings | None = None
) -> DemoResult:
    """Run the demo into a folder; one that was interrupted goes on where it stopped.

    Raises:
        BadInput: ``out`` holds a finished demo or something else.
    """
    if labels < 1:
        raise BadInput(f"--labels is {labels}; give at least 1")
    settings = settings or DemoSettings()
    _claim(out)
    clock = _Clock()
    with clock.stage("draw people"):
        invented = SyntheticConfig(
            settings.sources, settings.targets, settings.seconds, settings.fps, settings.learning.input_size, seed
        )
        table = synthetic_table(invented, progress)
    with clock.stage("learn from source people"):
        config = LearningConfig(**{**vars(settings.learning), "seed": seed})
        run = learn_source(table, config, out / "run", make_fabric("cpu"), progress)
    bundle = out / "bundle"
    with clock.stage("export"):
        if not bundle.exists():
            export_bundle(run, load_recipe(_RECIPE), bundle, progress)
    with clock.stage("verify"):
        verification = verify_bundle(open_bundle(bundle))
    with clock.stage("adapt and test on phones"):
        result = personalize(bundle, table, labels, seed, progress=progress)
    demo = DemoResult(out, result, verification, clock.seconds)
    write_json(out / "results.json", demo.as_json())
    write_demo_page(demo.report, result, _demo_context(demo, run, table, labels, seed))
    return demo


def _claim(out: Path) -> None:
    if (out / "report.html").exists():
        raise BadInput(f"{out} holds a finished demo; choose another --out or remove it")
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is not a folder; choose another --out")
    if out.exists() and any(out.iterdir()) and not (out / "run").is_dir():
        raise BadInput(f"{out} holds something else; choose another --out")


def _demo_context(demo: DemoResult, run: Run, table: SubjectTable, labels: int, seed: int) -> DemoContext:
    bundle = open_bundle(demo.out / "bundle")
    stages = [
        TrainingStage(name, len(log["epochs"]) - 1, min(epoch["validation_loss"] for epoch in log["epochs"]))
        for name, log in run.record.stages.items()
    ]
    return DemoContext(
        title="One affect model, made each owner's own",
        synthetic=table.synthetic,
        faces={subject: sample_faces(table, subject) for subject in table.subjects("target")},
        manifest=bundle.manifest,
        verification=demo.verification,
        bundle_bytes={path.name: path.stat().st_size for path in sorted(bundle.path.iterdir())},
        seconds=demo.seconds,
        command=provenance.command(),
        versions=provenance.versions(),
        seed=seed,
        source_subjects=run.record.expert_count,
        stages=stages,
        labels=labels,
    )


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 1)
