"""The result of a benchmark: one table, wherever it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pen_mobile.utils.plain import Result
from pen_mobile.utils.readable import Readable
from pen_mobile.utils.table import Part, Table
from pen_mobile.utils.text import file_size


@dataclass(frozen=True)
class StageTimes:
    """Times of one stage with one number of threads.

    Attributes:
        stage: what a phone does.
        threads: size of the runtime's thread pool; 0 where the runtime chose it.
        load_ms: time to load the method; None where it was not measured.
        p50_ms, p95_ms: half, and 95 %, of the calls were faster.
        calls: number of calls measured.
    """

    stage: str
    threads: int
    load_ms: float | None
    p50_ms: float
    p95_ms: float
    calls: int

    @classmethod
    def of(cls, stage: str, threads: int, load_ms: float | None, milliseconds: Sequence[float]) -> StageTimes:
        """Summarize the calls of a stage.

        Args:
            stage: what a phone does.
            threads: size of the runtime's thread pool.
            load_ms: time to load the method.
            milliseconds: of every call.
        """
        p50, p95 = (round(float(value), 4) for value in np.percentile(milliseconds, (50, 95)))
        return cls(stage, threads, None if load_ms is None else round(load_ms, 3), p50, p95, len(milliseconds))


@dataclass(frozen=True, repr=False)
class BundleBenchmark(Result, Readable):
    """Size and speed of a bundle.

    Attributes:
        bundle: what was measured.
        machine: where, with its instruction set.
        bytes: size of every file of the bundle.
        times: of every stage and number of threads.
        peak_bytes: largest resident memory of a process that ran all stages, by number of threads; empty where it was
            not measured.
        runtime_bytes: resident memory of such a process before it opened the bundle.
    """

    bundle: str
    machine: str
    bytes: dict[str, int]
    times: list[StageTimes]
    peak_bytes: dict[int, int]
    runtime_bytes: int | None = None

    def as_parts(self) -> list[Part]:
        """Return where it was measured, the table of times, sizes and memory."""
        head = ("stage", "threads", "load ms", "p50 ms", "p95 ms", "calls")
        rows = [
            (
                one.stage,
                str(one.threads) if one.threads else "own",
                "-" if one.load_ms is None else f"{one.load_ms:.2f}",
                f"{one.p50_ms:.3f}",
                f"{one.p95_ms:.3f}",
                str(one.calls),
            )
            for one in self.times
        ]
        sizes = Table(("file", "size"), [(name, file_size(count)) for name, count in self.bytes.items()])
        total = f"{file_size(sum(self.bytes.values()))} in all"
        return [f"{self.bundle} on {self.machine}", Table(head, rows), sizes, total, *self._memory()]

    def _memory(self) -> list[str]:
        before = "" if self.runtime_bytes is None else f", {file_size(self.runtime_bytes)} before the bundle was opened"
        return [
            f"peak memory with {threads} thread{'s' * (threads > 1)}: {file_size(peak)}{before}"
            for threads, peak in self.peak_bytes.items()
        ]
