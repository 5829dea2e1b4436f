"""The page of a demo: a personalization from beginning to end, in one file that loads nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from pen_mobile.bundle.verification import Verification
from pen_mobile.contract.manifest import Manifest
from pen_mobile.data.label_statistics import has_plane
from pen_mobile.evaluation.person_result import Personalization, PersonResult
from pen_mobile.evaluation.verdict import (
    headline,
    label_counts,
    overall,
    person_sentence,
    verdicts,
)
from pen_mobile.phone.adaptation.target_verdict import SAME, own_mean_words
from pen_mobile.reports import demo_tables
from pen_mobile.reports.before_after_figure import before_after_figure
from pen_mobile.reports.gate_figure import gate_figure, gate_is_unchanged
from pen_mobile.reports.html import number, render
from pen_mobile.reports.person_figures import affect_plane_figure, trace_figure
from pen_mobile.reports.sample_faces import SampleFace
from pen_mobile.training.prior.summary import PriorSummary
from pen_mobile.training.stage_log import StageLog
from pen_mobile.utils.files import replacing
from pen_mobile.utils.text import counted

_OPEN = 2  # people whose figures are shown without a click


@dataclass(frozen=True)
class DemoContext:
    """Facts of a demo besides its results.

    Attributes:
        title: title of the window and of the page.
        synthetic: True when any person in it is invented.
        source_subjects: number of people that trained the model.
        labels: number of labelled moments that each person was asked for.
        manifest: manifest of the bundle.
        verification: comparison of the bundle with the float model.
        bundle_bytes: size of every file of the bundle.
        seconds: duration of every step, in order.
        stages: logs of the stages of training, in order.
        prior: summary of how people differ; None where the run has none.
        command: command line that made it.
        versions: versions of the packages that decide a result.
        seed: seed of every random choice.
        faces: sample faces of each person, see :func:`pen_mobile.reports.sample_faces.sample_faces`.
    """

    title: str
    synthetic: bool
    source_subjects: int
    labels: int
    manifest: Manifest
    verification: Verification
    bundle_bytes: Mapping[str, int]
    seconds: Mapping[str, float]
    stages: Mapping[str, StageLog]
    command: str
    versions: Mapping[str, str]
    seed: int
    prior: PriorSummary | None = None
    faces: Mapping[str, Sequence[SampleFace]] = field(default_factory=dict)

    def page(self, result: Personalization) -> dict[str, Any]:
        """Return the variables of the template.

        Args:
            result: results of all people.
        """
        accepted = [person for person in result.people if person.adaptation.accepted]
        standing = own_mean_words(verdicts(result), "each person's own mean")
        return {
            "context": self,
            "result": result,
            "version": self.versions.get("pen-mobile", ""),
            "synthetic": self.synthetic or result.synthetic or self.manifest.source.synthetic,
            "headline": headline(result),
            "caveat": f"After adaptation, {standing}.",
            "fewer_labels": fewer_labels(result, self.labels),
            "labels": label_counts(result),
            "verdicts": verdicts(result),
            "same": SAME * result.targets.half_width,
            "accepted": len(accepted),
            "people": [self._person(place, person) for place, person in enumerate(result.people)],
            "figures": {
                measure: [Markup(before_after_figure(result, target, measure)) for target in result.targets.names]
                for measure in ("rmse", "ccc")
            },
            "gate": Markup(gate_figure(result)),
            "gate_is_unchanged": gate_is_unchanged(result),
            "methods": sorted({person.adaptation.method for person in accepted}),
            "margin": number(self._margin(), 2),
            "milliseconds": _median_milliseconds(result),
            "tables": {
                "stages": demo_tables.stages_table(self.stages),
                "prior": None if self.prior is None else demo_tables.prior_table(self.prior),
                "errors": demo_tables.errors_table(result),
                "decisions": demo_tables.decisions_table(result),
                "seconds": demo_tables.seconds_table(self.seconds),
                "files": demo_tables.files_table(self.bundle_bytes, _roles(self.manifest)),
                "checks": self.verification.check_table(),
            },
            "facts": {
                "seed": self.seed,
                "SHA-256 of the source data": self.manifest.source.data_digest,
                **self.versions,
            },
        }

    def _person(self, place: int, person: PersonResult) -> dict[str, Any]:
        """Return the template's variables of one person."""
        return {
            "subject": person.subject,
            "sentence": person_sentence(person),
            "overall": overall(person) if person.adaptation.accepted else "refused",
            "numbers": demo_tables.person_table(person),
            "faces": self.faces.get(person.subject, ()),
            "plane": Markup(affect_plane_figure(person)) if has_plane(person.targets) else None,
            "trace": Markup(trace_figure(person)),
            "open": place < _OPEN,
        }

    def _margin(self) -> float:
        """Return the margin of acceptance; 0 where the bundle states none."""
        adapt = self.manifest.head.adapt
        return 0.0 if adapt is None else adapt.margin


def write_demo_page(path: Path, result: Personalization, context: DemoContext) -> None:
    """Write the page; an older one at ``path`` stays until the new one is complete.

    Args:
        path: file to write.
        result: results of all people.
        context: facts besides the results.
    """
    page = render("demo.html.j2", context.page(result))
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def fewer_labels(result: Personalization, wanted: int) -> str | None:
    """Return a sentence when people gave fewer labels than they were asked for, or None.

    Args:
        result: results of all people.
        wanted: number of labels that each person was asked for.
    """
    if all(person.labels_given == wanted for person in result.people):
        return None
    return (
        f"{counted(wanted, 'label')} of each person were asked for; the first halves of the recordings hold fewer "
        f"moments, so the phones had {label_counts(result)}."
    )


def _median_milliseconds(result: Personalization) -> float | None:
    """Return the duration of a typical adaptation, or None when none was tried."""
    seconds = [person.adaptation.seconds for person in result.people if person.adaptation.targets]
    return float(np.median(seconds)) * 1e3 if seconds else None


def _roles(manifest: Manifest) -> dict[str, str]:
    """Return the purpose of every file of a bundle."""
    head = manifest.head
    roles = {
        "manifest.json": "facts for the phone, with a hash of every other file",
        "manifest.json.sha256": "hash of the manifest",
        head.file: f"the head: predict, and strategies of adaptation ({', '.join(head.strategies)})",
        head.head_parameters: f"its {math.prod(head.parameters_shape):,} parameters as shipped",
        manifest.golden.file: "inputs with the float model's answers",
        manifest.store_schema: "tables of a personal store",
    }
    if manifest.backbone is not None:
        roles[manifest.backbone.file] = f"{manifest.backbone.name}: a frame becomes {head.feature_size} features"
    return roles
