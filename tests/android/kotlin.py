"""The Kotlin core and its tests, compiled once for all test processes, and a JVM that answers requests."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.android.toolchain import (
    REPOSITORY,
    TOOLS,
    compiler_jars,
    library_jars,
    missing,
    sqlite_folder,
    standard_library,
)
from tests.native.build import build, build_jni, compiler, jdk_folder

CORE = REPOSITORY / "android_demo" / "core" / "src"
SCHEMA = REPOSITORY / "export" / "manifest.schema.json"
QUICK_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_MAX_WAIT_S = 300.0
_OLD_S = 86_400.0


def needs_kotlin() -> None:
    """Skip a test module where Kotlin or the native runtime cannot be built, and say why."""
    why = missing()
    if why is None and (compiler() is None or jdk_folder() is None):
        why = "the runtime for the JVM needs g++ and the JDK's jni.h"
    if why is not None:
        pytest.skip(f"Android core not tested: {why}", allow_module_level=True)


@cache
def compiled() -> Path:
    """Return the folder with the compiled core, its tests and the native libraries; made when sources have changed."""
    folder = TOOLS / "build" / _digest()
    folder.parent.mkdir(exist_ok=True)
    with (TOOLS / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").is_file():
            for old in folder.parent.iterdir():
                if time.time() - old.stat().st_mtime > _OLD_S:  # another checkout may be using a newer one
                    shutil.rmtree(old)
            _compile(folder / "classes")
            build_jni(build(folder / "native"))
            (folder / "complete").touch()
    return folder


def java_command(folder: Path, options: Sequence[str] = QUICK_START) -> list[str]:
    """Return the command that starts a JVM with the compiled core.

    Args:
        folder: of :func:`compiled`.
        options: of the JVM.
    """
    path = [folder / "classes", standard_library(), *library_jars()]
    return [
        *("java", "-Xmx512m", *options),
        f"-Dpen.native={folder / 'native' / 'libpen_jni.so'}",
        f"-Dpen.repository={REPOSITORY}",
        f"-Dorg.sqlite.lib.path={sqlite_folder()}",
        "-Dorg.sqlite.lib.name=libsqlitejdbc.so",
        *("-cp", os.pathsep.join(map(str, path))),
    ]


class Harness:
    """The Kotlin core in a JVM, with the real ExecuTorch runtime; one request at a time."""

    def __init__(self, options: Sequence[str] = QUICK_START) -> None:
        """Start the JVM.

        Args:
            options: of the JVM; none for its best speed after a while.
        """
        command = [*java_command(compiled(), options), "penmobile.jvm.HarnessKt"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """Return the answer to a request.

        Args:
            do: its name.
            values: its other keys; paths become text.
        """
        self.send(do, **values)
        return self.receive()

    def send(self, do: str, **values: Any) -> None:
        """Send a request without waiting."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do} | values, default=str) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """Return the next answer; the JVM is ended when there is none."""
        assert self.process.stdout is not None
        watchdog = threading.Timer(_MAX_WAIT_S, self.process.kill)
        watchdog.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise EOFError("the JVM ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the JVM."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(_MAX_WAIT_S)
        self.process.stdout.close()


def harness() -> Iterator[Harness]:
    """A JVM for a test module."""
    made = Harness()
    yield made
    made.close()


def _sources() -> list[Path]:
    return sorted([*(CORE / "main").rglob("*.kt"), *(CORE / "test").rglob("*.kt")])


def _digest() -> str:
    native = [*sorted((REPOSITORY / "tests" / "native").glob("pen_*")), REPOSITORY / "tests" / "native" / "build.py"]
    sha = hashlib.sha256()
    for file in (*_sources(), SCHEMA, *native):
        sha.update(str(file.relative_to(REPOSITORY)).encode() + file.read_bytes())
    return sha.hexdigest()[:16]


def _compile(classes: Path) -> None:
    command = [
        *("java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        *("-cp", os.pathsep.join(map(str, compiler_jars()))),
        *("org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-no-stdlib", "-no-reflect", "-jvm-target", "1.8"),
        *("-module-name", "core", "-nowarn", "-d", str(classes)),
        *("-cp", os.pathsep.join(map(str, [standard_library(), *library_jars()]))),
        *map(str, _sources()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    shutil.copy(SCHEMA, classes)
