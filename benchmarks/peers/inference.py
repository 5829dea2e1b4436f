"""Other runtimes that estimate features, each in a virtual environment of its own, pinned like their parent.

Parent and child talk in lines of JSON: the child says when it is ready, then runs as many calls as every line asks for
and answers with the seconds of each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".peers"


class Missing(Exception):
    """A peer that cannot be had here, and why."""


class Kind(NamedTuple):
    """A runtime: its environment, what is installed there, and the script that converts and serves."""

    name: str
    packages: tuple[str, ...]
    script: Path
    precisions: tuple[str, ...]


KINDS = (
    Kind(
        "onnxruntime",
        ("onnxruntime", "onnx", "onnxscript"),
        HERE / "onnxruntime_backbone.py",
        ("fp32", "int8", "int8, unsigned"),
    ),
    Kind("litert", ("litert-torch",), HERE / "litert_backbone.py", ("fp32", "int8")),
)


def python_of(kind: Kind) -> Path:
    """Return the interpreter of a peer's environment, making it when it is not there.

    Our own packages (torch, this project) can be seen from it behind the peer's, so that nothing large is there twice.

    Raises:
        Missing: it does not install.
    """
    folder = ENVIRONMENTS / kind.name
    python = folder / "bin" / "python"
    if (folder / "installed").exists():
        return python
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    ours = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "lib" / version / "site-packages" / "ours.pth").write_text(ours)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *kind.packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"does not install: {_last_line(done.stderr)}")
    (folder / "installed").touch()
    return python


def convert(kind: Kind, precision: str, folder: Path) -> Path:
    """Return the network in ``folder`` as the peer's model file, made when it is not there.

    Raises:
        Missing: the peer cannot convert it.
    """
    model = folder / f"{kind.name} {precision}"
    if not model.exists():
        command = [str(python_of(kind)), str(kind.script), "convert", precision, str(folder), str(model)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"does not convert: {_last_line(done.stderr)}")
    return model


class Child:
    """A peer at work, waiting for rounds."""

    def __init__(self, kind: Kind, model: Path, frames: Path, features: Path) -> None:
        """Load ``model``; the features of ``frames`` are in the file ``features`` when this returns."""
        command = [str(python_of(kind)), str(kind.script), "serve", str(model), str(frames), str(features)]
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  lives as long as the child; a pipe would fill up
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
        )
        self.facts = self._read()

    def round(self, calls: int) -> list[float]:
        """Return the processor seconds of each of so many calls."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{calls}\n")
        self._process.stdin.flush()
        seconds: list[float] = self._read()["seconds"]
        return seconds

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        self._said.seek(0)
        raise Missing(f"stopped: {_last_line(self._said.read())}")


def serve(call: Callable[[], object], facts: dict[str, Any]) -> None:
    """Be the child: say what it is, then run what standard input asks for."""
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": processor_seconds(call, int(line))}), flush=True)


def processor_seconds(call: Callable[[], object], calls: int) -> list[float]:
    """Time calls by this process's processor time: on one core without waiting it is the wall time of a free core."""
    seconds = []
    for _ in range(calls):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    return seconds


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason given"
