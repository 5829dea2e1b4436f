"""A process ends with its parent, also when that is killed and also while a library holds Python's lock."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PARENT = """
import os, sys
from pen_mobile.utils.subprocesses import run_in_subprocess
from tests.utils.work import hold_the_lock
run_in_subprocess(hold_the_lock, on_message=lambda line: print(line, flush=True))
"""
WORKERS = """
from pathlib import Path
from pen_mobile.engine.local_processes import LocalProcesses
from pen_mobile.engine.task import Task
from tests.utils.work import say_and_sleep
LocalProcesses(2).map(say_and_sleep, [Task(str(n), n, Path(f"/nonexistent/{n}"), None) for n in range(2)], title="x")
"""


def _is_running(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the deadline ends what holds Python's lock")
@pytest.mark.parametrize(("script", "children"), [(PARENT, 1), (WORKERS, 2)], ids=["one call", "workers"])
def test_no_orphan_is_left_by_a_killed_parent(script: str, children: int) -> None:
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(parent.stdout.readline()) for _ in range(children)]
    assert all(map(_is_running, pids))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(500):
        if not any(map(_is_running, pids)):
            return
        time.sleep(0.02)
    raise AssertionError("an orphan runs on")
