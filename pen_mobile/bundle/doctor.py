"""What works on this machine, what does not, and why."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from pen_mobile.utils.provenance import core_count
from pen_mobile.utils.system_libraries import install_command, missing_libraries

_REQUIRED = (
    "torch",
    "torchvision",
    "executorch",
    "lightning-fabric",
    "numpy",
    "opencv-contrib-python",
    "mediapipe",
)
_OPTIONAL = {
    "coremltools": "Core ML programs; ExecuTorch programs run on iOS without it",
}
_OLDEST_SQLITE = (3, 37, 0)


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: what.
        status: ``ok``, ``missing`` (optional or not possible here) or ``broken`` (must be mended).
        detail: version, or why not and what to do.
    """

    name: str
    status: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return asdict(self)


def examine() -> list[Finding]:
    """Look at packages, the runtime's backends, the head's arithmetic, SQLite and accelerators."""
    findings = [Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}, {core_count()} cores")]
    findings += [_package(name) for name in _REQUIRED]
    findings += [_package(name, use) for name, use in _OPTIONAL.items()]
    checks = {
        "system libraries": _system_libraries,
        "executorch runtime": _runtime,
        "face detector": _face_detector,
        "sqlite": _sqlite,
        "accelerator": _accelerator,
        "core ml": _core_ml,
    }
    findings += [_tried(name, check) for name, check in checks.items()]
    return findings


def _package(name: str, use: str = "") -> Finding:
    try:
        return Finding(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        if use:
            return Finding(name, "missing", f"not installed; needed for {use}")
        return Finding(name, "broken", f"not installed; pip install '{name}'")


def _tried(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  a doctor reports every failure and goes on
        return Finding(name, "broken", str(error).splitlines()[0] if str(error) else type(error).__name__)


def _system_libraries() -> Finding:
    missing = missing_libraries() if platform.system() == "Linux" else []
    if missing:
        lacking = f"without {', '.join(missing)}; on Debian or Ubuntu: {install_command(missing)}"
        return Finding("system libraries", "broken", lacking)
    return Finding("system libraries", "ok", "those of OpenCV and MediaPipe are there")


def _runtime() -> Finding:
    import torch
    from executorch.runtime import Runtime

    from pen_mobile.bundle.programs.head import HeadSize, PredictProgram
    from pen_mobile.bundle.programs.lowering import lower

    names = [str(name) for name in Runtime.get().backend_registry.registered_backend_names]
    if "XnnpackBackend" not in names:
        return Finding(
            "executorch runtime", "broken", f"no XNNPACK in it, only {', '.join(names)}; reinstall executorch"
        )
    program = PredictProgram(HeadSize(features=4, experts=2), batch=1)
    inputs = (torch.ones(1, 6, 5), torch.ones(1, 1, 4))
    method = Runtime.get().load_program(lower({"predict": (program, inputs)}).buffer).load_method("predict")
    affect = method.execute(inputs)[0]
    if not torch.allclose(affect, torch.full((1, 1, 2), 5.0)):
        return Finding(
            "executorch runtime", "broken", f"a head of ones says {affect.tolist()}, not 5; reinstall executorch"
        )
    return Finding("executorch runtime", "ok", f"exports and runs a head; backends {', '.join(names)}")


def _face_detector() -> Finding:
    from pen_mobile.data.detectors.model_file import FACE_MODEL, model_at_hand

    path = model_at_hand()
    if path is None:
        where = f"'pen-mobile data prepare' fetches them, or {FACE_MODEL} names the file"
        return Finding("face detector", "missing", f"BlazeFace's weights are not here, so bundles carry none; {where}")
    return Finding("face detector", "ok", f"BlazeFace's weights in {path}")


def _sqlite() -> Finding:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        return Finding("sqlite", "broken", f"{sqlite3.sqlite_version}; the personal store needs 3.37 or later")
    return Finding("sqlite", "ok", sqlite3.sqlite_version)


def _accelerator() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("accelerator", "ok", f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Finding("accelerator", "ok", "Apple GPU")
    return Finding("accelerator", "missing", "none; training runs on the processor")


def _core_ml() -> Finding:
    if platform.system() == "Darwin":
        return Finding("core ml", "ok", "predictions can run here")
    return Finding("core ml", "missing", "Core ML runs on Apple systems only; programs can be made here, not run")
