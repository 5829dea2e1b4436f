"""The log of a phone, read back into the table of a benchmark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.errors import BadInput
from pen_mobile.evaluation.benchmark.phone_folder import MARK, XCODE_STAGE
from pen_mobile.evaluation.benchmark.result import BundleBenchmark, StageTimes
from pen_mobile.evaluation.benchmark.stages import Stage, stages_of
from pen_mobile.utils.text import counted

_STAGE = re.compile(rf"{MARK} (\d+) threads (\d+)")
_LOADED = re.compile(r"Model loaded in ([\d.]+) ms")
_CALL = re.compile(r"Iteration \d+ of \d+: ([\d.]+) ms")
_XCTEST = re.compile(rf"test_(load|forward)_{XCODE_STAGE}(\d+)(\w*).*?Time, s\].*?values: \[([\d., e-]+)\]")
_MACHINE = re.compile(r"pen-mobile machine (.+)")
_MOST = 64 << 20


def read_phone_log(bundle: BundleFolder, log: Path) -> BundleBenchmark:
    """Return the benchmark that a phone's log holds.

    The first calls of a stage, a tenth of them, warm the phone up and are left out.

    Args:
        bundle: which was measured.
        log: what ``benchmark.sh`` or ``xcodebuild test`` printed.

    Raises:
        BadInput: the log cannot be read, or holds no times of this bundle's stages.
    """
    text = _read(log)
    stages = stages_of(bundle)
    times = [*_times(text, stages, log), *_xcode_times(text, stages, log)]
    if not times:
        raise BadInput(f"{log}: holds no times of executor_runner after lines {MARK!r}, and none of ExecuTorch's app")
    machine = _MACHINE.search(text)
    return BundleBenchmark(
        bundle=str(bundle.origin),
        machine="a phone" if machine is None else machine[1].strip(),
        bytes={name: part.bytes for name, part in bundle.manifest.files.items()},
        times=times,
        peak_bytes={},
    )


def _times(text: str, stages: list[Stage], log: Path) -> Iterator[StageTimes]:
    parts = _STAGE.split(text)  # what comes before, then number, threads and lines of each run
    for number, threads, lines in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        name = _name(int(number), stages, log)
        calls = [float(value) for value in _CALL.findall(lines)]
        if not calls:
            raise BadInput(f"{log}: stage {name} with {threads} threads has no times: {_last_line(lines)}")
        loaded = _LOADED.search(lines)
        measured = calls[len(calls) // 10 :]
        yield StageTimes.of(name, int(threads), None if loaded is None else float(loaded[1]), measured)


def _xcode_times(text: str, stages: list[Stage], log: Path) -> Iterator[StageTimes]:
    """Yield what XCTest measured; the app leaves the number of threads to the runtime, which counts as 0 here."""
    seconds: dict[tuple[str, int], list[float]] = {}
    for kind, number, _, values in _XCTEST.findall(text):
        seconds[kind, int(number)] = [1e3 * float(value) for value in values.split(",")]
    for (kind, number), calls in seconds.items():
        if kind == "forward":
            loads = seconds.get(("load", number))
            load_ms = None if loads is None else sorted(loads)[len(loads) // 2]
            yield StageTimes.of(_name(number, stages, log), 0, load_ms, calls)


def _name(number: int, stages: list[Stage], log: Path) -> str:
    if number >= len(stages):
        raise BadInput(f"{log}: stage {number}, but this bundle has {counted(len(stages), 'stage')}; another's log")
    return stages[number].name


def _last_line(lines: str) -> str:
    return next((line.strip()[:200] for line in reversed(lines.splitlines()) if line.strip()), "nothing was printed")


def _read(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            content = stream.read(_MOST + 1)
    except OSError as error:
        raise BadInput(f"{log}: cannot be read: {error.strerror}") from None
    if len(content) > _MOST:
        raise BadInput(f"{log}: larger than {_MOST >> 20} MB, which no log of this benchmark is")
    return content.decode("utf-8", errors="replace")
