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
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "instruction_set": instruction_set(),
        "versions": versions(),
        **facts,
        "rows": rows,
    }
    path = HERE / "results" / instruction_set() / f"{script.stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path


def instruction_set(flags: set[str] | None = None) -> str:
    """Return the widest vector instructions of this processor, which decide the order of two libraries.

    Args:
        flags: of the processor, as ``/proc/cpuinfo`` names them; None asks this one.
    """
    flags = set((_cpu_fact("flags") or _cpu_fact("Features")).split()) if flags is None else flags
    known = (("avx512-amx", "amx_int8"), ("avx512", "avx512f"), ("avx2", "avx2"), ("sve", "sve"), ("neon", "asimd"))
    return next((name for name, flag in known if flag in flags), platform.machine().lower())


def _processor() -> str:
    return _cpu_fact("model name") or platform.processor() or platform.machine()


def _cpu_fact(name: str) -> str:
    """Return one line of ``/proc/cpuinfo``, or nothing where there is none."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
