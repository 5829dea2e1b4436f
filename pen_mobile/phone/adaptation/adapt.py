"""One adaptation: learn without some labels, in the bundle's own programs, and accept only what is no worse on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace

from pen_mobile.contract.manifest import AdaptationPart
from pen_mobile.phone.adaptation.acceptance import rmse_of
from pen_mobile.phone.adaptation.blocks import blocks_of
from pen_mobile.phone.adaptation.checkpointing import Desk, Work
from pen_mobile.phone.adaptation.label_checks import usable, why_doubt, why_one_sided
from pen_mobile.phone.adaptation.result import AdaptationResult, finite
from pen_mobile.phone.adaptation.runner import Trial
from pen_mobile.phone.adaptation.strategies import check_strategy
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.phone.store.samples import Samples
from pen_mobile.types import Floats, Rows


def adapt(
    runtime: BundleRuntime,
    parameters: Floats,
    samples: Samples,
    plan: AdaptationPart,
    seed: int = 0,
    *,
    stop: Callable[[], bool] | None = None,
    desk: Desk | None = None,
) -> tuple[AdaptationResult, Floats | None]:
    """Adapt the head to the owner's samples, in the bundle's runtime.

    Args:
        parameters: where to start from, ``[1, 3 n_s, D_z + 1]``; optimizer slots start at zero.
        plan: the way, how long, how much to hold out, and the margin of acceptance.
        seed: decides what is held out and the order of batches.
        stop: asked before every step; the adaptation ends when it says True.
        desk: keeps the adaptation when it is interrupted, and gives it back to the next one with the same inputs.

    Returns:
        What happened, and the new parameters when they were accepted. With a non-finite or worse result the
        caller keeps what it had.

    Raises:
        BadInput: the bundle does not carry the plan's strategy.
    """
    check_strategy(runtime.bundle.manifest.head, plan.strategy)
    started, count = time.perf_counter(), len(samples.labels)
    samples = _only(samples, usable(samples.features))
    result = AdaptationResult(False, "", count, strategy=plan.strategy, seed=seed, left_out=count - len(samples.labels))
    if len(samples.labels) < plan.min_labels:
        reason = (
            f"{len(samples.labels)} labels are too few to learn from and to check with; "
            f"at least {plan.min_labels} are needed"
        )
        return replace(result, reason=reason), None
    estimate, _ = runtime.predict(parameters, samples.features)
    doubt = why_doubt(samples.labels, estimate) or why_one_sided(blocks_of(samples))
    if doubt is not None:
        error = rmse_of(estimate, samples.labels, samples.weight)
        return replace(result, reason=f"{doubt}; the old head stays", error_before=finite(error)), None
    work = Work(desk, runtime, parameters, samples, plan, seed)
    result, new = Trial(runtime, parameters, samples, plan, seed, estimate, work, stop).run(result)
    return replace(result, seconds=round(time.perf_counter() - started, 4)), new


def _only(samples: Samples, rows: Rows) -> Samples:
    if len(rows) == len(samples.labels):
        return samples
    return Samples(*(getattr(samples, field.name)[rows] for field in fields(samples)))


__all__ = ["AdaptationResult", "adapt"]
