"""One adaptation: the bundle's method fits and judges, or gradient steps do, and the report decides."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np

from pen_mobile.contract.adaptation_report import Verdict
from pen_mobile.contract.strategy import Strategy
from pen_mobile.phone.adaptation.acceptance import judge_gradient
from pen_mobile.phone.adaptation.checkpoint import Checkpointer, CheckpointStore
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.cross_validation import CrossValidation, Interrupted
from pen_mobile.phone.adaptation.prior import adapt_with_prior
from pen_mobile.phone.adaptation.result import AdaptationResult, reason_of, targets_of
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Doubles, Floats, Rows

Outcome = tuple[AdaptationResult, Floats | None]

_FAR = 8.0  # times the median norm of the features


def adapt(
    context: AdaptationContext,
    *,
    should_stop: Callable[[], bool] | None = None,
    checkpoints: CheckpointStore | None = None,
) -> Outcome:
    """Adapt the shipped head to the samples, in the bundle's runtime.

    Args:
        context: samples and plan.
        should_stop: asked before every gradient step; the adaptation ends when it returns True.
        checkpoints: keeps gradient steps when they are interrupted, for the next adaptation with the same inputs.

    Returns:
        The result, and the new parameters when they were accepted; otherwise the caller keeps the head in use.
    """
    started, plan, count = time.perf_counter(), context.plan, len(context.samples.labels)
    optimizer = plan.optimizer if plan.strategy == Strategy.GRADIENT else None
    result = AdaptationResult(False, "", count, strategy=plan.strategy, optimizer=optimizer)
    if not count:
        return replace(result, reason="there are no labels"), None
    context = replace(context, samples=_only(context.samples, usable_rows(context.samples.features)))
    result = replace(result, left_out=count - len(context.samples.labels))
    if optimizer is None:
        parameters, report = adapt_with_prior(context)
        result, accepted = _decided(context, result, parameters, report)
    else:
        result, accepted = _adapt_by_gradient(context, result, Checkpointer(context, checkpoints), should_stop)
    reason = result.reason + _shared_times(context.times)
    return replace(result, reason=reason, seconds=round(time.perf_counter() - started, 4)), accepted


def _shared_times(times: Doubles) -> str:
    """Return a remark for labels of which most share their time with others: they count as few, whatever they are."""
    count = len(np.unique(times))
    if 2 * count > len(times):
        return ""
    same = "the same capture time" if count == 1 else f"{count} capture times"
    return f"; {len(times)} labels have {same}, and labels of one time count as one: give captured_at"


def usable_rows(features: Floats) -> Rows:
    """Return rows ``[M]`` whose features have a norm like the others; a broken camera gives another.

    Args:
        features: ``[N, D_z]``.
    """
    norms = np.sqrt(np.einsum("nd,nd->n", features, features, dtype=np.float64))
    return np.flatnonzero(norms <= _FAR * np.median(norms))


def _decided(context: AdaptationContext, result: AdaptationResult, parameters: Floats, report: Floats) -> Outcome:
    """Accept the parameters if a target is adapted, all its own verdicts being in the report."""
    targets = targets_of(report, context.runtime.bundle.manifest.labelling)
    accepted = any(target.verdict == Verdict.ADAPTED for target in targets) and bool(np.isfinite(parameters).all())
    return replace(result.judged(targets), accepted=accepted), parameters if accepted else None


def _adapt_by_gradient(
    context: AdaptationContext,
    result: AdaptationResult,
    checkpointer: Checkpointer,
    should_stop: Callable[[], bool] | None,
) -> Outcome:
    """Take gradient steps; gate and experts belong together, so all targets are adapted or none."""
    checkpoint, discarded = checkpointer.load()
    resumed_from = None if checkpoint is None else checkpoint.steps_so_far
    result = replace(result, resumed_from=resumed_from, discarded=discarded)
    _, report = adapt_with_prior(context)
    validation = CrossValidation(context, checkpointer, checkpoint, should_stop)
    try:
        fit = validation.run()
    except Interrupted:
        steps = validation.checkpoint.steps_so_far
        kept = "the next one goes on from there" if checkpointer.is_kept else "nothing of it is kept"
        reason = f"interrupted after {steps} steps: {kept}; the old head stays"
        return replace(result, reason=reason, interrupted=True, steps=steps), None
    result = replace(result, steps=fit.steps)
    if fit.parameters is None:
        return replace(result, reason="no number of steps was better than none; the old head stays"), None
    result, parameters = _decided(context, result, fit.parameters, judge_gradient(report, fit))
    refused = tuple(target for target in result.targets if target.verdict != Verdict.ADAPTED)
    if not refused:
        return result, parameters
    return replace(result, accepted=False, reason=f"{reason_of(refused)}; all targets keep it"), None


def _only(samples: Samples, rows: Rows) -> Samples:
    if len(rows) == len(samples.labels):
        return samples
    return Samples(*(getattr(samples, field.name)[rows] for field in fields(samples)))


__all__ = ["AdaptationResult", "adapt"]
