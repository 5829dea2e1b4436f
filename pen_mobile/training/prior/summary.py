"""What a prior says about people, in numbers for a JSON file and in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from pen_mobile.training.prior.candidates import OwnMean
from pen_mobile.training.prior.spreads import Spreads
from pen_mobile.utils.validation import read_json_as


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TargetSummary:
    """What source people say about one target; everything with heads that have not seen them.

    Attributes:
        level_spread: standard deviation of people's mean labels.
        gain: of a person's deviations from the mean, how much of the model's output holds on average.
        gain_spread: standard deviation of that over people.
        error_not_adapted: RMSE of heads as they are, geometric mean over simulated adaptations.
        error_own_mean: RMSE of the mean of the labels given.
        error_adapted: RMSE after adapting with the learned spreads.
        shared_noise: share of the error's variance that neighbouring moments have in common.
        noise_length_s: seconds over which errors of neighbouring moments are alike.
    """

    level_spread: float
    gain: float
    gain_spread: float
    error_not_adapted: float
    error_own_mean: float
    error_adapted: float
    shared_noise: float
    noise_length_s: float


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PriorSummary:
    """The readable half of a prior.

    Attributes:
        people: number of source people.
        learned: False where people were too few and stated defaults are used.
        backbone_saw_people: True when the backbone was trained on them: spreads are then lower bounds.
        targets: name -> what was found.
        text: all of it in sentences.
    """

    people: int
    learned: bool
    backbone_saw_people: bool
    targets: dict[str, TargetSummary]
    text: str


def read_summary(file: Path) -> PriorSummary:
    """Return the summary beside a prior.

    Args:
        file: ``5-prior.safetensors`` of a run.

    Raises:
        BadInput: there is none, or it holds something else.
    """
    return read_json_as(PriorSummary, file.with_suffix(".json"))


def summarise(
    names: Sequence[str],
    spreads: Sequence[Spreads],
    own_means: Sequence[OwnMean],
    errors: Sequence[tuple[float, float, float]],
    **facts: Any,
) -> PriorSummary:
    """Return a summary.

    Args:
        names: of the targets.
        spreads, own_means: of each target.
        errors: of each target, not adapted, own mean and adapted.
        facts: ``people``, ``learned`` and ``backbone_saw_people`` of :class:`PriorSummary`.
    """
    targets = {
        name: TargetSummary(
            level_spread=float(np.sqrt(own.level_variance)),
            gain=found.gain,
            gain_spread=found.gain_spread,
            error_not_adapted=before,
            error_own_mean=mean,
            error_adapted=after,
            shared_noise=found.shared_noise**2 / (found.shared_noise**2 + found.noise**2),
            noise_length_s=found.noise_length,
        )
        for name, found, own, (before, mean, after) in zip(names, spreads, own_means, errors, strict=True)
    }
    return PriorSummary(targets=targets, text=_text(targets, **facts), **facts)


def _text(targets: dict[str, TargetSummary], *, people: int, learned: bool, backbone_saw_people: bool) -> str:
    lines = [f"{name}: {_sentence(found)}" for name, found in targets.items()]
    if not learned:
        lines.insert(0, f"{people} source people are too few to learn from; the prior has stated, weak defaults.")
    if backbone_saw_people:
        lines.append(
            "The backbone was trained on these people; heads for this table were not. Other people differ by more than "
            "the spreads say: the prior leaves room for that, and does not judge how much labels surprise."
        )
    else:
        lines.append(
            "These people are taken as unknown to the backbone. If it was trained on them, train with "
            "--backbone-saw-people: otherwise phones decline labels that they should accept."
        )
    return "\n".join(lines)


def _sentence(found: TargetSummary) -> str:
    return (
        f"on these people, a model's output holds for {found.gain:.0%} (give or take {found.gain_spread:.0%}) of how "
        f"labels change; people's levels differ by {found.level_spread:.2f}; errors are alike for "
        f"{_duration(found.noise_length_s)}. RMSE not adapted {found.error_not_adapted:.3f}, own mean "
        f"{found.error_own_mean:.3f}, adapted {found.error_adapted:.3f}."
    )


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"
