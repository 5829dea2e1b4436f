"""Tasks in one process or several: order, resumption, errors and interruption."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from pen_mobile.engine.local_processes import LocalProcesses
from pen_mobile.engine.task import Task
from pen_mobile.errors import BadInput, PenMobileError
from pen_mobile.utils.files import replacing, write_json


def tasks_in(folder: Path, count: int, *, chain: bool = False) -> list[Task[Path]]:
    files = [folder / f"{place}.json" for place in range(count)]
    needs = [None, *(file.stem for file in files)] if chain else [None] * count
    return [Task(file.stem, file, file, need) for file, need in zip(files, needs, strict=False)]


def note_process(path: Path) -> None:
    write_json(path, {"process": os.getpid(), "time": time.monotonic()})


def note_threads(path: Path) -> None:
    import torch

    write_json(path, torch.get_num_threads())


def refuse_number_1(path: Path) -> None:
    if path.stem == "1":
        raise BadInput("number 1 is bad")
    note_process(path)


def crash(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write_for_long(path: Path) -> None:
    if path.stem == "0":
        return note_process(path)
    with replacing(path) as temporary:
        temporary.write_text("half")
        time.sleep(60)
    return None


class Listener:
    """A progress bar that keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, str]] = []

    def task(self, name: str, total: int | None = None) -> Listener:
        self.total = total
        return self

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.steps.append((steps, note))

    def say(self, message: str) -> None:
        raise AssertionError(message)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_leaves_its_file_and_is_reported(tmp_path, jobs):
    listener = Listener()
    LocalProcesses(jobs).map(note_process, tasks_in(tmp_path, 4), title="notes", progress=listener)
    assert sorted(file.stem for file in tmp_path.iterdir()) == ["0", "1", "2", "3"]
    assert listener.total == 4
    assert listener.steps[0] == (0, "")
    assert sorted(listener.steps[1:]) == [(1, "0"), (1, "1"), (1, "2"), (1, "3")]
    here = f'"process": {os.getpid()}' in (tmp_path / "0.json").read_text()
    assert here == (jobs == 1)


def test_finished_tasks_are_not_run_again(tmp_path):
    tasks, listener = tasks_in(tmp_path, 3), Listener()
    tasks[1].output.write_text("kept")
    LocalProcesses(1).map(note_process, tasks, title="notes", progress=listener)
    assert tasks[1].output.read_text() == "kept"
    assert listener.steps == [(1, ""), (1, "0"), (1, "2")]


def test_a_task_waits_for_the_one_that_it_needs(tmp_path):
    import json

    LocalProcesses(2).map(note_process, tasks_in(tmp_path, 4, chain=True), title="notes")
    times = [json.loads((tmp_path / f"{place}.json").read_text())["time"] for place in range(4)]
    assert times == sorted(times)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_work_runs_on_one_thread(tmp_path, jobs):
    LocalProcesses(jobs).map(note_threads, tasks_in(tmp_path, 2), title="notes")
    assert {file.read_text().strip() for file in tmp_path.iterdir()} == {"1"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_a_task_is_the_callers(tmp_path, jobs):
    with pytest.raises(BadInput, match="number 1 is bad"):
        LocalProcesses(jobs).map(refuse_number_1, tasks_in(tmp_path, 3), title="notes")
    assert (tmp_path / "0.json").exists() or jobs == 2


def test_a_worker_that_dies_is_one_line(tmp_path):
    with pytest.raises(PenMobileError, match="a worker process died"):
        LocalProcesses(2).map(crash, tasks_in(tmp_path, 2), title="notes")


def test_an_interruption_leaves_finished_files_and_no_half_written_one(tmp_path):
    def interrupt() -> None:
        while not (tmp_path / "0.json").exists() or not list(tmp_path.glob(".pen-mobile.*/1.json")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    waiter = threading.Thread(target=interrupt, daemon=True)
    waiter.start()
    with pytest.raises(KeyboardInterrupt):
        LocalProcesses(2).map(write_for_long, tasks_in(tmp_path, 3), title="notes")
    waiter.join()
    assert [file.name for file in tmp_path.iterdir()] == ["0.json"]
