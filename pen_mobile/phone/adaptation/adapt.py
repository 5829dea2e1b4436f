"""One adaptation: train without some labels, in the bundle's own programs, and accept only what is no worse on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace

from pen_mobile.phone.adaptation.acceptance import rmse_of
from pen_mobile.phone.adaptation.checkpointer import Checkpointer, CheckpointStore
from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.phone.adaptation.label_checks import find_coverage_problem, find_label_problem, usable_rows
from pen_mobile.phone.adaptation.result import AdaptationResult, finite
from pen_mobile.phone.adaptation.runner import AdaptationRunner
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Floats, Rows


def adapt(
    context: AdaptationContext,
    *,
    should_stop: Callable[[], bool] | None = None,
    checkpoints: CheckpointStore | None = None,
) -> tuple[AdaptationResult, Floats | None]:
    """Adapt the head to the owner's samples, in the bundle's runtime.

    Args:
        context: where to start from, samples, plan and seed; optimizer slots start at zero.
        should_stop: asked before every step; the adaptation ends when it returns True.
        checkpoints: keeps the adaptation when it is interrupted, for the next one with the same inputs.

    Returns:
        The result, and the new parameters when they were accepted. With a non-finite or worse result the caller
        keeps the head in use.
    """
    plan = context.plan
    started, count = time.perf_counter(), len(context.samples.labels)
    samples = _only(context.samples, usable_rows(context.samples.features))
    context = replace(context, samples=samples)
    result = AdaptationResult(
        False, "", count, strategy=plan.strategy, seed=context.seed, left_out=count - len(samples.labels)
    )
    if len(samples.labels) < plan.min_labels:
        reason = (
            f"{len(samples.labels)} labels are too few to learn from and to check with; "
            f"at least {plan.min_labels} are needed"
        )
        return replace(result, reason=reason), None
    problem = find_label_problem(samples.labels, context.estimates) or find_coverage_problem(context.blocks)
    if problem is not None:
        error = rmse_of(context.estimates, samples.labels, samples.weight)
        return replace(result, reason=f"{problem}; the old head stays", error_before=finite(error)), None
    runner = AdaptationRunner(context, Checkpointer(context, checkpoints), should_stop)
    result, parameters = runner.run(result)
    return replace(result, seconds=round(time.perf_counter() - started, 4)), parameters


def _only(samples: Samples, rows: Rows) -> Samples:
    if len(rows) == len(samples.labels):
        return samples
    return Samples(*(getattr(samples, field.name)[rows] for field in fields(samples)))


__all__ = ["AdaptationResult", "adapt"]
