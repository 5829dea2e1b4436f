"""Measure a bundle in the real runtime of this machine, each number of threads in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.errors import BundleError, PenMobileError
from pen_mobile.evaluation.benchmark.result import BundleBenchmark, StageTimes
from pen_mobile.evaluation.benchmark.stages import Stage, stages_of
from pen_mobile.utils.processor import instruction_set, peak_memory, processor_name
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.subprocesses import Limits, Listener, SubprocessFailed, SubprocessKilled, run_in_subprocess

_WARM_UP = 0.1
_DEADLINE_S = 3_600.0  # for each number of threads


class _Measured(NamedTuple):
    times: list[StageTimes]
    peak: int
    before: int


def benchmark_bundle(
    bundle: BundleFolder, threads: Sequence[int] = (1, 2), calls: int = 50, progress: Progress = SILENT
) -> BundleBenchmark:
    """Return size, times and memory of a bundle on this machine.

    Args:
        bundle: opened; for ExecuTorch.
        threads: sizes of the thread pool to measure.
        calls: of every stage, after some to warm up.
        progress: shows how many numbers of threads are done.

    Raises:
        BadInput: a Core ML bundle.
        BundleError: a program ends the process that runs it.
    """
    stages_of(bundle)  # refuses what cannot be measured before a process is started
    measured: dict[int, _Measured] = {}
    with progress.task("measuring", len(threads)) as task:
        for count in threads:
            measured[count] = _in_subprocess(bundle, count, calls)
            task.advance(1)
    return BundleBenchmark(
        bundle=str(bundle.origin),
        machine=f"{processor_name()} ({instruction_set()})",
        bytes={name: part.bytes for name, part in bundle.manifest.files.items()},
        times=[times for one in measured.values() for times in one.times],
        peak_bytes={count: one.peak for count, one in measured.items()},
        runtime_bytes=next((one.before for one in measured.values()), None),
    )


def _in_subprocess(bundle: BundleFolder, threads: int, calls: int) -> _Measured:
    try:
        return run_in_subprocess(_measure, bundle, threads, calls, limits=Limits(_DEADLINE_S))
    except SubprocessKilled as error:
        raise BundleError(f"{bundle.origin}: a program of it broke the runtime ({error})") from None
    except SubprocessFailed as error:
        raise PenMobileError(f"{bundle.origin}: cannot be measured: {error}") from None


def _measure(bundle: BundleFolder, threads: int, calls: int, tell: Listener) -> _Measured:
    from pen_mobile.phone.executorch_runtime import use_threads

    use_threads(threads)
    before = peak_memory()
    times = [_times(stage, bundle.content(stage.file), threads, calls) for stage in stages_of(bundle)]
    return _Measured(times, peak_memory(), before)


def _times(stage: Stage, content: bytes, threads: int, calls: int) -> StageTimes:
    import torch

    from pen_mobile.phone.executorch_runtime import executorch_runtime

    started = time.perf_counter()
    program = executorch_runtime().load_program(content)
    method = program.load_method(stage.method)
    load_ms = 1e3 * (time.perf_counter() - started)
    if method is None:
        raise BundleError(f"{stage.file}: method {stage.method} cannot be loaded")
    inputs = [torch.from_numpy(array) for array in stage.inputs]
    milliseconds = []
    for call in range(-max(1, round(calls * _WARM_UP)), calls):
        started = time.perf_counter()
        method.execute(inputs)
        if call >= 0:
            milliseconds.append(1e3 * (time.perf_counter() - started))
    return StageTimes.of(stage.name, threads, load_ms, milliseconds)
