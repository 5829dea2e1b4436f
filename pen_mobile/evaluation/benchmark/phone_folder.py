"""The same benchmark for a phone: programs, inputs, and the steps for ExecuTorch's own runner."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.evaluation.benchmark.stages import Stage, stages_of
from pen_mobile.utils.files import new_folder, refuse_existing
from pen_mobile.utils.resources import contract_folder

STAGES, SCRIPT = "stages.json", "benchmark.sh"
MARK = "pen-mobile stage"
"""Beginning of the line that the script prints before each stage."""
XCODE_STAGE = "pen_stage_"
"""Beginning of the names of programs for ExecuTorch's app, which calls a test after each."""


def write_phone_folder(bundle: BundleFolder, folder: Path, threads: Sequence[int] = (1, 2), calls: int = 50) -> None:
    """Write what a phone needs to run the stages of a bundle with ExecuTorch's ``executor_runner``.

    Args:
        bundle: opened; for ExecuTorch.
        folder: to make.
        threads: sizes of the thread pool to measure.
        calls: of every stage.

    Raises:
        BadInput: ``folder`` exists, or a Core ML bundle.
    """
    refuse_existing(folder, "--for-phone")
    stages = stages_of(bundle)
    with new_folder(folder) as new:
        for name in sorted({stage.file for stage in stages}):
            (new / name).write_bytes(bundle.content(name))
        lines = []
        listed = []
        for number, stage in enumerate(stages):
            inputs = _write_inputs(stage, number, new)
            listed.append({"stage": stage.name, "file": stage.file, "method": stage.method, "inputs": inputs})
            lines += [_command(number, stage, inputs, count, calls) for count in threads]
        _write_for_xcode(stages, bundle, new / "xcode")
        (new / STAGES).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
        (new / SCRIPT).write_text(_text("phone-benchmark.sh").replace("@RUNS@", "\n".join(lines)), encoding="utf-8")
        (new / "README.md").write_text(_text("phone-benchmark.md"), encoding="utf-8")


def _write_inputs(stage: Stage, number: int, folder: Path) -> list[str]:
    """Write each input as little-endian float32, as the runner reads it."""
    names = []
    for place, array in enumerate(stage.inputs):
        names.append(f"input-{number}-{place}.bin")
        array.astype("<f4").tofile(folder / names[-1])
    return names


def _write_for_xcode(stages: list[Stage], bundle: BundleFolder, folder: Path) -> None:
    """Write each stage as a program of its own whose method is called ``forward``, as ExecuTorch's app wants it."""
    folder.mkdir()
    for number, stage in enumerate(stages):
        content = single_method(bundle.content(stage.file), stage.method)
        (folder / f"{XCODE_STAGE}{number}.pte").write_bytes(content)


def single_method(content: bytes, method: str) -> bytes:
    """Return a program with one of another's methods, called ``forward``.

    Args:
        content: the other program file.
        method: name of the method there.
    """
    from executorch.exir._serialize import _program as files  # the only reader and writer of program files

    whole = files.deserialize_pte_binary(content)
    program = whole.program
    (plan,) = (plan for plan in program.execution_plan if plan.name == method)
    plan.name, program.execution_plan = "forward", [plan]
    blobs, program.backend_delegate_data = program.backend_delegate_data, []
    for delegate in plan.delegates:
        program.backend_delegate_data.append(blobs[delegate.processed.index])
        delegate.processed.index = len(program.backend_delegate_data) - 1
    return bytes(files.serialize_pte_binary(whole, extract_delegate_segments=True))


def _text(name: str) -> str:
    return (contract_folder() / name).read_text(encoding="utf-8")


def _command(number: int, stage: Stage, inputs: list[str], threads: int, calls: int) -> str:
    flags = {
        "model_path": stage.file,
        "method_name": stage.method,
        "inputs": ",".join(inputs),
        "num_executions": str(calls),
        "cpu_threads": str(threads),
        "print_output": "none",
    }
    mark = shlex.quote(f"{MARK} {number} threads {threads}")
    return f"say {mark}\n$RUNNER {' '.join(f'--{name}={shlex.quote(value)}' for name, value in flags.items())} 2>&1"
