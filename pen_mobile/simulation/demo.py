"""The demo: training, export, verification, adaptation and report, in minutes, on synthetic people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.bundle.verification import Verification
from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.detectors.model_file import resolve_model_quickly
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.evaluation.person_result import Personalization
from pen_mobile.evaluation.personalization import personalize
from pen_mobile.evaluation.verdict import headline, people_table, person_sentence
from pen_mobile.reports.demo_report import DemoContext, fewer_labels, write_demo_page
from pen_mobile.reports.sample_faces import sample_faces
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.fabric import make_fabric
from pen_mobile.training.prior.summary import read_summary
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source
from pen_mobile.utils import provenance
from pen_mobile.utils.files import write_json
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.table import Part

_RECIPE = "android-fp32"


@dataclass(frozen=True)
class DemoSettings:
    """Size of the demo; the defaults take a few minutes on two cores.

    Attributes:
        sources: number of people that train the model.
        targets: number of people whose phones adapt.
        seconds: length of every recording.
        fps: frames per second.
        learning: settings of training. Small frames, and Adam for the backbone, because it starts from random weights
            and has a minute.
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

    def people(self, seed: int) -> SyntheticConfig:
        """Return the people to draw.

        Args:
            seed: seed of every random choice.
        """
        return SyntheticConfig(self.sources, self.targets, self.seconds, self.fps, self.learning.input_size, seed)

    def training(self, seed: int) -> LearningConfig:
        """Return the settings of training.

        Args:
            seed: seed of every random choice.
        """
        return replace(self.learning, seed=seed)


@dataclass(frozen=True)
class DemoResult:
    """Results of a demo.

    Attributes:
        out: folder with the report, the run and the bundle.
        result: errors of every person before and after adaptation.
        verification: comparison of the bundle with the float model.
        seconds: duration of every step, in order.
        labels: number of labels that each person was asked for.
    """

    out: Path
    result: Personalization
    verification: Verification
    seconds: dict[str, float]
    labels: int

    @property
    def report(self) -> Path:
        """Path of the HTML report."""
        return self.out / "report.html"

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values."""
        return {
            "report": str(self.report),
            "seconds": self.seconds,
            "verification": self.verification.to_dict(),
            "command": provenance.command(),
            "versions": provenance.versions(),
            **self.result.to_dict(),
        }

    def as_parts(self) -> list[Part]:
        """Return table and sentences for a terminal."""
        fewer = fewer_labels(self.result, self.labels)
        return [
            "Second half of every recording, shipped head against the head adapted on the phone:",
            people_table(self.result),
            "Own mean: always answering the mean of the person's own labels.",
            *([fewer] if fewer else []),
            "",
            headline(self.result),
            *(f"{person.subject}: {person_sentence(person)}" for person in self.result.people),
            "",
            "These people are synthetic: no number here may be compared with real recordings.",
            f"report: {self.report}",
        ]


def run_demo(
    out: Path,
    labels: int = 60,
    seed: int = 0,
    progress: Progress = SILENT,
    settings: DemoSettings | None = None,
    targets: Targets = VALENCE_AROUSAL,
) -> DemoResult:
    """Run the demo into a folder; an interrupted demo resumes where it stopped.

    Args:
        out: folder to make, or to resume.
        labels: labelled moments that each target person gives.
        seed: seed of every random choice.
        progress: display of the progress.
        settings: size of the demo.
        targets: what the people's labels are.

    Raises:
        BadInput: ``out`` holds a finished demo or something else.
    """
    if labels < 1:
        raise BadInput(f"--labels is {labels}; give at least 1")
    settings = settings or DemoSettings()
    _claim(out)
    clock = _Clock()
    with clock.step("draw people"):
        table = synthetic_table(settings.people(seed), progress, targets)
    with clock.step("train on source people"):
        run = learn_source(table, settings.training(seed), out / "run", make_fabric("cpu"), progress)
    bundle = out / "bundle"
    with clock.step("export"):
        if not bundle.exists():
            resolve_model_quickly(progress)  # the export takes the face detector whose weights are here
            export_bundle(run, load_recipe(_RECIPE), bundle, progress)
    with clock.step("verify"):
        verification = verify_bundle(open_bundle(bundle))
    with clock.step("adapt and test on phones"):
        result = personalize(bundle, table, labels, seed, progress=progress)
    demo = DemoResult(out, result, verification, clock.seconds, labels)
    write_json(out / "results.json", demo.to_dict())
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
    return DemoContext(
        title="PEN Mobile demo: one affect model, adapted on each phone",
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
        stages=run.record.stages,
        prior=read_summary(run.prior_file),
        labels=labels,
    )


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 1)
