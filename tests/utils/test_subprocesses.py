"""Work in a process of its own: what it returns, says and raises arrives, and its end is told from its result."""

from __future__ import annotations

import os
import signal
import time

import pytest

from pen_mobile.errors import BadInput
from pen_mobile.utils.memory_limit import can_limit_memory
from pen_mobile.utils.subprocesses import Limits, Listener, SubprocessFailed, SubprocessKilled, run_in_subprocess
from tests.utils.work import hold_the_lock, want_memory


def _count(most: int, tell: Listener) -> int:
    for number in range(most):
        tell(f"{number} of {most}")
    return os.getpid()


def _refuse(tell: Listener) -> None:
    raise BadInput("no such thing")


def _break(tell: Listener) -> None:
    raise ZeroDivisionError("by zero")


def _want_memory(tell: Listener) -> None:
    raise MemoryError


def _crash(tell: Listener) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _exit(tell: Listener) -> None:
    os._exit(3)


def _sleep(tell: Listener) -> None:
    tell(str(os.getpid()))
    time.sleep(60)


def test_it_returns_what_the_work_returned_and_hears_what_it_said() -> None:
    heard: list[str] = []
    assert run_in_subprocess(_count, 2, on_message=heard.append) != os.getpid()
    assert heard == ["0 of 2", "1 of 2"]


def test_errors_arrive_as_what_they_are() -> None:
    with pytest.raises(BadInput, match="no such thing"):
        run_in_subprocess(_refuse)
    with pytest.raises(SubprocessFailed, match="ZeroDivisionError: by zero"):
        run_in_subprocess(_break)


def test_an_end_without_a_result_says_how() -> None:
    with pytest.raises(SubprocessKilled, match="ended by SIGSEGV"):
        run_in_subprocess(_crash)
    with pytest.raises(SubprocessKilled, match="out of memory"):
        run_in_subprocess(_want_memory)
    with pytest.raises(SubprocessFailed, match="exit code 3"):
        run_in_subprocess(_exit)


@pytest.mark.slow
def test_a_deadline_ends_what_never_returns() -> None:
    started = time.monotonic()
    with pytest.raises(SubprocessKilled, match=r"not done after 3 seconds"):
        run_in_subprocess(hold_the_lock, limits=Limits(seconds=3))
    assert time.monotonic() - started < 60


@pytest.mark.skipif(not can_limit_memory(), reason="only Linux caps memory")
def test_memory_beyond_the_limit_is_refused() -> None:
    assert run_in_subprocess(want_memory) == 1 << 30
    with pytest.raises(SubprocessKilled, match="out of memory"):
        run_in_subprocess(want_memory, limits=Limits(megabytes=300))


def test_the_process_ends_with_the_call() -> None:
    pids: list[int] = []

    def interrupt(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_subprocess(_sleep, on_message=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
