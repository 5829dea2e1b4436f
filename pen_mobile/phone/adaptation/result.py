"""The result of one adaptation, for its caller and for the history in the store."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.contract.strategy import Strategy
from pen_mobile.phone.adaptation.target_verdict import TargetVerdict, own_mean_words
from pen_mobile.targets import Targets
from pen_mobile.types import Floats
from pen_mobile.utils.plain import Result
from pen_mobile.utils.text import joined

_DECLINED = {
    "NO_LABELS": (
        "no label can be used: the faces are far from all that the model learned from (another camera, light or crop?)"
    ),
    "CONTRADICTS_HEAD": (
        "the labels contradict the shipped head: they may be inverted, or belong to other moments or another person"
    ),
    "WORSE_LEFT_OUT": "it would get worse",
    "TOO_ROUGH": "the labels jump from moment to moment more than labels do: they may belong to other moments",
    "SURPRISING": (
        "the labels are farther from what this face usually shows than people's labels are: they may be inverted, or "
        "belong to other moments or another person"
    ),
    "ALL_ALIKE": "all labels are the same; they say nothing about what changes a face",
}


@dataclass(frozen=True)
class JudgedTarget(TargetVerdict):
    """One target on labels that were left out of training, each stretch of time in its turn.

    Attributes:
        verdict: whether the target is adapted, or why it keeps its head.
        uncertainty: standard error of ``after - before``.
        effective_labels: independent labels that the labels are worth; labels close in time share one.
        check: agreement of the labels with the shipped head, in standard deviations of honest label sets.
    """

    verdict: Verdict
    uncertainty: float
    effective_labels: float
    check: float

    @property
    def refusal(self) -> str:
        """Why the target keeps its head."""
        if not math.isfinite(self.after):
            return "its error on labels left out is not a number"
        why = _DECLINED[self.verdict.name]
        return f"{why} ({self.numbers})" if self.verdict == Verdict.WORSE_LEFT_OUT else why


@dataclass(frozen=True)
class AdaptationResult(Result):
    """The result of one adaptation.

    Attributes:
        accepted: whether the new head replaces the old one.
        reason: why, in words for the owner.
        labels: labels in the store.
        targets: one verdict for each target; empty when nothing was tried.
        error_before, error_after: RMSE of the shipped and of the adapted head over all targets, on labels left out;
            None when nothing was tried, or when it is not finite.
        strategy: prior or gradient.
        optimizer: of gradient steps; None for the prior.
        steps: optimizer steps, of all trainings together.
        seconds: wall time.
        left_out: labels that were not used, because their features are unlike all others.
        interrupted: whether it was stopped before its end.
        resumed_from: optimizer steps that an interrupted adaptation had done already.
        discarded: why an interrupted adaptation was not continued.
    """

    accepted: bool
    reason: str
    labels: int
    targets: tuple[JudgedTarget, ...] = ()
    error_before: float | None = None
    error_after: float | None = None
    strategy: Strategy = Strategy.PRIOR
    optimizer: str | None = None
    steps: int = 0
    seconds: float = 0.0
    left_out: int = 0
    interrupted: bool = False
    resumed_from: int | None = None
    discarded: str | None = None

    @property
    def method(self) -> str:
        """Strategy and optimizer in words."""
        return f"{self.strategy}, {self.optimizer}" if self.optimizer else str(self.strategy)

    @property
    def effective_labels(self) -> float:
        """Independent labels that the labels are worth, the fewest of all targets."""
        return min((target.effective_labels for target in self.targets), default=0.0)

    def judged(self, targets: tuple[JudgedTarget, ...]) -> AdaptationResult:
        """Return the result with verdicts and their errors.

        Args:
            targets: one verdict for each target.
        """
        before, after = (_over_all([getattr(target, when) for target in targets]) for when in ("before", "after"))
        return replace(self, targets=targets, error_before=before, error_after=after, reason=reason_of(targets))


def _over_all(errors: list[float]) -> float | None:
    error = math.sqrt(sum(error**2 for error in errors) / len(errors))
    return error if math.isfinite(error) else None


def targets_of(report: Floats, targets: Targets) -> tuple[JudgedTarget, ...]:
    """Return the verdicts of a report.

    Args:
        report: ``[R, K]``, as the method ``adapt`` returns it.
        targets: their names, and the range of labels, in whose units errors are said.
    """
    columns, unit = np.nan_to_num(report.astype(np.float64), nan=np.inf, posinf=np.inf).T, targets.half_width
    return tuple(
        JudgedTarget(
            name,
            before=unit * float(column[ReportRow.ERROR_NOT_ADAPTED]),
            after=unit * float(column[ReportRow.ERROR_ADAPTED]),
            own_mean=unit * float(column[ReportRow.ERROR_OWN_MEAN]),
            verdict=_verdict(column[ReportRow.VERDICT]),
            uncertainty=unit * float(column[ReportRow.UNCERTAINTY]),
            effective_labels=float(column[ReportRow.EFFECTIVE_LABELS]),
            check=float(column[ReportRow.CHECK]),
            unit=unit,
        )
        for name, column in zip(targets.names, columns, strict=True)
    )


def _verdict(number: float) -> Verdict:
    """Return the verdict of that number; what a program must not say counts as worse."""
    return next((verdict for verdict in Verdict if verdict == number), Verdict.WORSE_LEFT_OUT)


def reason_of(targets: tuple[JudgedTarget, ...]) -> str:
    """Return in words what happened to each target.

    Args:
        targets: at least one.
    """
    adapted = [target for target in targets if target.verdict == Verdict.ADAPTED]
    refused = [target for target in targets if target.verdict != Verdict.ADAPTED]
    parts = []
    if adapted:
        changes = joined([target.words for target in adapted])
        parts.append(f"on labels left out, {changes}; {own_mean_words(adapted, 'your own mean')}")
    for refusal in dict.fromkeys(target.refusal for target in refused):
        names = joined([target.target for target in refused if target.refusal == refusal])
        parts.append(f"{names} {'keeps' if ' and ' not in names else 'keep'} the old head: {refusal}")
    return "; ".join(parts)
