"""Timing that can be trusted on a noisy machine: one core, warm, all variants interleaved, medians and quartiles."""

from __future__ import annotations

import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pen_mobile.utils.processor import instruction_set, processor_name
from pen_mobile.utils.provenance import versions

HERE = Path(__file__).parent


def pin_to_one_core() -> None:
    """Run on one processor only, where the system can; call before torch is imported."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def hush() -> None:
    """Let libraries keep warnings, notes and progress bars to themselves; call before any of them converts anything."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ["TQDM_DISABLE"] = "1"


def interleave(variants: dict[str, Callable[[], Any]], rounds: int, calls: int) -> dict[str, list[float]]:
    """Time every variant in turn, round after round; one round is ``calls`` calls after a warm-up.

    Returns:
        Seconds of one call, per variant and round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, call in variants.items():
            for _ in range(max(1, calls // 10)):
                call()
            started = time.perf_counter()
            for _ in range(calls):
                call()
            seconds[name].append((time.perf_counter() - started) / calls)
    return seconds


def summary(values: list[float]) -> dict[str, float]:
    """Return median and quartiles."""
    if len(values) < 2:
        return {"median": values[0], "lower": values[0], "upper": values[0]}
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "lower": lower, "upper": upper}


def mean_of_people(values: Any, digits: int) -> dict[str, float]:
    """Return the mean of a number of each person with its 95 % bootstrap interval over people, rounded.

    Args:
        values: one of each person, ``[P]``.
        digits: behind the point.
    """
    from pen_mobile.paper.differences import bootstrap_interval

    lower, upper = bootstrap_interval(values[:, None]) or (float("nan"), float("nan"))
    found = {"mean": values.mean(), "lower": lower, "upper": upper}
    return {name: round(float(value), digits) for name, value in found.items()}


def record(question: str, rows: list[dict[str, Any]], **facts: Any) -> Path:
    """Write what one benchmark found, with all that is needed to repeat it."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    script = Path(sys.argv[0])
    arguments = [Path(said).name if Path(said).is_absolute() else said for said in sys.argv[1:]]
    document = {
        "question": question,
        "command": " ".join(["python", f"benchmarks/{script.name}", *arguments]),
        "commit": commit.stdout.strip(),
        "machine": f"{processor_name()}, {os.cpu_count()} cores, {platform.system()}",
        "instruction_set": instruction_set(),
        "versions": versions(),
        **facts,
        "rows": rows,
    }
    path = HERE / "results" / instruction_set() / f"{script.stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path
