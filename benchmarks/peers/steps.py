"""The benchmark's side of the pipe: peers' environments, and children that take training steps on the same core."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from step_worker import Wanted

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".peers"


class Missing(Exception):
    """A peer that cannot be had here, and why."""


class Script(NamedTuple):
    """A child: its file, and the packages of its own environment, none where ours serves."""

    file: str
    environment: str = ""
    packages: tuple[str, ...] = ()


EXPORTED = Script("step_exported.py")
TORCH = Script("step_torch.py")
EXECUTORCH = Script("step_executorch_training.py")
LIMIT = Script("step_limit.py")
# Its last release wants numpy 1 and an onnx of its time, so it must not see our packages.
ONNXRUNTIME = Script(
    "step_onnxruntime.py", "onnxruntime-training", ("onnxruntime-training==1.19.2", "onnx==1.16.2", "numpy<2")
)
TENSORFLOW = Script("step_tflite.py", "tensorflow", ("tensorflow-cpu",))


def python_of(script: Script, install: bool) -> str:
    """Return the interpreter that runs a script, making its environment when wanted.

    Raises:
        Missing: it is not there, or does not install.
    """
    if not script.environment:
        return sys.executable
    folder = ENVIRONMENTS / script.environment
    python = folder / "bin" / "python"
    if (folder / "installed").exists():
        return str(python)
    if not install:
        raise Missing("its environment is not there")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *script.packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"does not install: {_last_line(done.stderr)}")
    (folder / "installed").touch()
    return str(python)


class Child:
    """A script at work; its steps are known by the numbers it gives them."""

    def __init__(self, script: Script, cores: set[int], install: bool) -> None:
        """Start it on these cores.

        Raises:
            Missing: its environment cannot be had.
        """
        command = [python_of(script, install), str(HERE / script.file)]
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  lives as long as the child; a pipe would fill up
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, cores)
        self.versions: dict[str, str] = {}

    def make(self, wanted: Wanted) -> int:
        """Prepare a step; returns its number.

        Raises:
            Missing: the peer cannot.
        """
        answer = self._ask({"make": list(wanted)})
        self.versions = answer["versions"]
        return int(answer["number"])

    def seconds_a_call(self, number: int, calls: int, clock: str) -> float:
        """Run one round."""
        return float(self._ask({"run": number, "calls": calls, "clock": clock})["seconds"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._process.stdout.readline()
        if not line:
            self._said.seek(0)
            raise Missing(f"stopped: {_last_line(self._said.read())}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Missing(answer["error"][:200])
        return answer


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason given"
