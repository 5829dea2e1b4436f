"""One page that tells a personalization from beginning to end, in a single file that loads nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from markupsafe import Markup

from pen_mobile.bundle.verification import Verification
from pen_mobile.contract.manifest import Manifest
from pen_mobile.evaluation.personalization import Personalization, PersonResult
from pen_mobile.reports.adaptation_figures import affect_plane_figure, before_after_figure, gate_figure, trace_figure
from pen_mobile.reports.html import SampleFace, counted, data_uri, environment, number, rounded
from pen_mobile.utils.files import replacing

Outcome = Literal["better", "worse", "unchanged", "refused"]
_OPEN = 2  # people whose figures are shown without a click


class TrainingStage(NamedTuple):
    """How one stage of source learning went."""

    name: str
    epochs: int
    best_validation_loss: float


@dataclass(frozen=True)
class DemoContext:
    """Everything the page needs besides the results.

    Attributes:
        title: headline and window title.
        synthetic: True when anybody in it is invented.
        source_subjects: how many people the model learned from.
        labels: how many labelled moments each person was asked for.
        manifest, verification: the bundle and the proof that it computes what the float model does.
        bundle_bytes: size of every file of the bundle.
        seconds: what ran and for how long, in order.
        stages: source learning, in order.
        command, versions, seed: how to get this again.
        faces: sample faces of every person who has some (see :func:`sample_faces`).
    """

    title: str
    synthetic: bool
    source_subjects: int
    labels: int
    manifest: Manifest
    verification: Verification
    bundle_bytes: Mapping[str, int]
    seconds: Mapping[str, float]
    stages: Sequence[TrainingStage]
    command: str
    versions: Mapping[str, str]
    seed: int
    faces: Mapping[str, Sequence[SampleFace]] = field(default_factory=dict)


def write_demo_page(path: Path, result: Personalization, context: DemoContext) -> None:
    """Write the page; an older one at ``path`` stays until the new one is complete."""
    page = environment().get_template("demo.html.j2").render(_page(result, context))
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def _page(result: Personalization, context: DemoContext) -> dict[str, Any]:
    """Return the variables of the template."""
    outcomes = [_outcome(person) for person in result.people]
    return {
        "context": context,
        "result": result,
        "synthetic": context.synthetic or result.synthetic or context.manifest.source.synthetic,
        "headline": headline(result, context.labels),
        "caveat": _caveat(result),
        "count": {outcome: outcomes.count(outcome) for outcome in ("better", "worse", "unchanged", "refused")},
        "people": [_person(place, person, context) for place, person in enumerate(result.people)],
        "figures": {
            "ccc": Markup(before_after_figure(result, "ccc")),
            "rmse": Markup(before_after_figure(result, "rmse")),
            "gate": Markup(gate_figure(result)),
        },
        "roles": _roles(context.manifest),
        "milliseconds": _median_milliseconds(result),
    }


def _person(place: int, person: PersonResult, context: DemoContext) -> dict[str, Any]:
    """Return what the template shows of one person."""
    return {
        "result": person,
        "outcome": _outcome(person),
        "faces": [(face, data_uri(face.image)) for face in context.faces.get(person.subject, ())],
        "plane": Markup(affect_plane_figure(person)),
        "trace": Markup(trace_figure(person)),
        "open": place < _OPEN,
    }


def headline(result: Personalization, labels: int) -> str:
    """Return one sentence that says what the labels changed, good or bad."""
    before, after = result.before, result.after
    changes = _movement("RMSE", before.rmse, after.rmse)
    if before.ccc is not None and after.ccc is not None:
        changes = f"{_movement('CCC', before.ccc, after.ccc)} and {changes}"
    return f"With {counted(labels, 'label')} each, {_verdict(result)}: over all people, {changes}; {_tally(result)}."


def _verdict(result: Personalization) -> str:
    """Say whether CCC and RMSE, rounded as they are shown, got better, worse, or one of each."""
    gains = [rounded(result.before.rmse) - rounded(result.after.rmse)]
    if result.before.ccc is not None and result.after.ccc is not None:
        gains.append(rounded(result.after.ccc) - rounded(result.before.ccc))
    better, worse = any(gain > 0 for gain in gains), any(gain < 0 for gain in gains)
    return {
        (True, False): "the phones came closer to what people felt",
        (False, True): "the phones moved away from what people felt",
        (True, True): "the result is mixed",
        (False, False): "the phones stayed as they were",
    }[better, worse]


def _movement(name: str, before: float, after: float) -> str:
    change = rounded(after) - rounded(before)
    if change == 0:
        return f"{name} stayed at {number(after)}"
    return f"{name} {'rose' if change > 0 else 'fell'} from {number(before)} to {number(after)}"


def _tally(result: Personalization) -> str:
    """Say how many people got better, worse, and stayed as they were."""
    outcomes = [_outcome(person) for person in result.people]
    better, worse, unchanged, refused = (
        outcomes.count(outcome) for outcome in ("better", "worse", "unchanged", "refused")
    )
    parts = [f"{better} of {counted(len(outcomes), 'person', 'people')} got better", f"{worse} got worse"]
    if unchanged:
        parts.append(f"{unchanged} stayed the same")
    parts.append(f"{counted(refused, 'phone')} refused to change")
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def _outcome(person: PersonResult) -> Outcome:
    """Judge one person by CCC, or by RMSE where CCC is undefined."""
    if not person.adaptation.accepted:
        return "refused"
    gain = person.before.rmse - person.after.rmse
    if person.before.ccc is not None and person.after.ccc is not None:
        gain = person.after.ccc - person.before.ccc
    return "better" if gain > 0 else "worse" if gain < 0 else "unchanged"


def _caveat(result: Personalization) -> str:
    """Say how the adapted model does against knowing only each person's mean label."""
    after, own_mean = result.after.rmse, result.own_mean.rmse
    standing = "worse than" if after > own_mean else "better than" if after < own_mean else "equal to"
    return (
        f"Always answering the mean of a person's own labels would give an RMSE of {number(own_mean)}; "
        f"after adaptation the model is {standing} that, at {number(after)}."
    )


def _median_milliseconds(result: Personalization) -> float | None:
    """Return what a typical adaptation took, or None when none was tried."""
    seconds = [person.adaptation.seconds for person in result.people if person.adaptation.steps]
    return float(np.median(seconds)) * 1e3 if seconds else None


def _roles(manifest: Manifest) -> dict[str, str]:
    """Say what every file of a bundle is for."""
    head = manifest.head
    roles = {
        "manifest.json": "what a phone must know, with a hash of every other file",
        head.file: f"the head: predict, and ways to adapt: {', '.join(head.strategies)}",
        head.head_parameters: f"its {math.prod(head.parameters_shape):,} parameters as shipped",
        manifest.golden.file: "inputs with the float model's answers",
        manifest.store_schema: "the tables of a personal store",
    }
    if manifest.backbone is not None:
        roles[manifest.backbone.file] = f"{manifest.backbone.name}: a face becomes {head.feature_size} features"
    return roles
