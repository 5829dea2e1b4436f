"""A process that has loaded everything once and forks a child for each job, so that a child may die cheaply.

    python -m tests.faults.forks

A job is one line of standard input, words between tabs:

    verify BUNDLE                check a bundle and run its golden vectors
    export RUN OUT [BEFORE]      export a run; SIGKILL itself before file operation number BEFORE
    copy RUN OUT [BEFORE]        the same for an export of which the run keeps a copy

The answers are ``started PID``, then ``STATUS PEAK TEXT``: the exit status (negative: the signal that ended it), the
largest resident memory in bytes and the last words of the child. Nothing runs before a fork: a child does not inherit
its parent's threads.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.memory_bound import check_memory

REPOSITORY = Path(__file__).parent.parent.parent
_LONGEST_S = 60
_MEGABYTES = 1000.0  # ``pen-mobile verify`` allows 1,500 to a process that has not loaded torch yet
_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "shutil.copyfile"}


class Ended(NamedTuple):
    """How a child ended."""

    status: int
    text: str
    seconds: float


class Forks:
    """The process, seen from outside; use it in ``with``.

    Attributes:
        peak: the largest resident memory of a child so far, bytes.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forks"],
            cwd=REPOSITORY,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=_LONGEST_S)

    def run(self, *job: object, kill_after: float | None = None) -> Ended:
        """Do a job in a child, and SIGKILL it after so many seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(map(str, job)) + "\n")
        self._process.stdin.flush()
        started, pid = time.perf_counter(), int(self._line().removeprefix("started "))
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(pid, signal.SIGKILL)  # nobody waits for it before the line "go", so the number is still its own
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        status, peak, text = self._line().split(" ", 2)
        check_memory(int(peak), job)
        self.peak = max(self.peak, int(peak))
        return Ended(int(status), text, time.perf_counter() - started)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")


def main() -> None:
    import coremltools.converters.mil.frontend.milproto.load  # noqa: F401
    import executorch.extension.pybindings.portable_lib
    import executorch.runtime  # noqa: F401

    import pen_mobile.bundle.coreml.mil_runtime
    import pen_mobile.bundle.export
    import pen_mobile.bundle.export_cache
    import pen_mobile.bundle.recipe
    import pen_mobile.bundle.verify  # noqa: F401

    _say("ready")
    while line := sys.stdin.readline():
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _do(line.rstrip("\n").split("\t"), writing)
        os.close(writing)
        _say(f"started {child}")
        assert sys.stdin.readline() == "go\n"
        with open(reading, "rb") as stream:  # noqa: PTH123  a pipe, not a path
            text = stream.read().decode(errors="replace")
        _, status, usage = os.wait4(child, 0)  # of a child that was forked, the memory is its own
        peak = usage.ru_maxrss << (0 if sys.platform == "darwin" else 10)
        _say(f"{os.waitstatus_to_exitcode(status)} {peak} {text}")


def _do(job: list[str], writing: int) -> None:
    """Do a job, say how it went, and end the process."""
    signal.alarm(_LONGEST_S)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    warnings.simplefilter("ignore")
    from pen_mobile.errors import PenMobileError

    try:
        text, status = {"verify": _verify, "export": _export, "copy": _copy}[job[0]](*job[1:]), 0
    except PenMobileError as error:
        text, status = str(error), 2
    except BaseException as error:  # noqa: BLE001  whatever it is, the parent must hear of it
        text, status = f"{type(error).__name__}: {error}", 1
    with contextlib.suppress(OSError):
        os.write(writing, text.replace("\n", "\\n").encode(errors="replace"))
    os._exit(status)


def _verify(bundle: str) -> str:
    from pen_mobile.bundle.verify import verify_bundle
    from pen_mobile.contract.bundle_folder import open_bundle
    from pen_mobile.errors import BundleError
    from pen_mobile.utils.memory_limit import memory_limit

    try:
        with memory_limit(_MEGABYTES):
            return "same" if verify_bundle(open_bundle(Path(bundle))).passed else "differs"
    except MemoryError:
        raise BundleError(f"{bundle}: a program of it broke the runtime (out of memory)") from None


def _export(run: str, out: str, before: str = "") -> str:
    from pen_mobile.bundle.export import export_bundle
    from pen_mobile.bundle.recipe import load_recipe
    from pen_mobile.training.run_folder import Run

    counting = _count(out, before)
    export_bundle(Run.open(Path(run)), load_recipe("android-fp32"), Path(out))
    return str(counting.count)


def _copy(run: str, out: str, before: str = "") -> str:
    from pen_mobile.bundle.export_cache import export_again
    from pen_mobile.bundle.recipe import load_recipe

    counting = _count(out, before)
    assert export_again(Path(run), load_recipe("android-fp32"), Path(out)) is not None
    return str(counting.count)


def _count(out: str, before: str) -> _Operations:
    operations = _Operations(Path(out).parent, int(before) if before else None)
    sys.addaudithook(operations)
    return operations


class _Operations:
    """Counts what changes a folder's files, and ends the process before the operation of a given number."""

    def __init__(self, folder: Path, before: int | None) -> None:
        self.folder, self.before, self.count = str(folder), before, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in _CHANGES or (event == "open" and _writes(arguments))
        if changes and str(arguments[0]).startswith(self.folder):
            if self.count == self.before:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1


def _writes(arguments: tuple[Any, ...]) -> bool:
    return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main()
