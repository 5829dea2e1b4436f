"""Tasks that leave files, worked off by processes whose number changes no result."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from pen_mobile.errors import PenMobileError

Key = TypeVar("Key")
Work = Callable[[Any], None]

_PATIENCE_S = 5.0  # how long a worker may take to put away what it was writing

_work: Work | None = None  # what this worker process does with a key


def work_off(
    work: Callable[[Key], None],
    todo: Sequence[Key],
    jobs: int,
    done: Callable[[Key], None],
    needs: Callable[[Key], Key | None],
) -> None:
    """Do every task, each on one thread and after the task that it needs.

    Args:
        work: does one task; is sent to the worker processes once.
        todo: tasks, each after what it needs; what is needed and not among them is done already.
        jobs: processes; 1 works in this one.
        done: told of each finished task.
        needs: the task that another one needs, if any.
    """
    if jobs == 1:
        with one_thread():
            for key in todo:
                work(key)
                done(key)
    elif todo:
        _work_in_processes(work, todo, min(jobs, len(todo)), done, needs)


def _work_in_processes(
    work: Callable[[Key], None],
    todo: Sequence[Key],
    jobs: int,
    done: Callable[[Key], None],
    needs: Callable[[Key], Key | None],
) -> None:
    # Spawned, not forked: a fork inherits the locks of threads that other libraries run.
    fresh = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(jobs, fresh, initializer=_begin, initargs=(work,)) as pool:
        try:
            _schedule(pool, todo, done, needs)
        except BrokenProcessPool:
            raise PenMobileError("a worker process died, perhaps for want of memory; try --jobs 1") from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            _stop([child for child in multiprocessing.active_children() if child not in others])
            raise


def _schedule(
    pool: ProcessPoolExecutor, todo: Sequence[Key], done: Callable[[Key], None], needs: Callable[[Key], Key | None]
) -> None:
    """Submit what is ready, and what becomes ready when something is done."""
    waiting, running = list(todo), dict[Future[None], Key]()
    unfinished = set(todo)
    while unfinished:
        for key in [key for key in waiting if needs(key) not in unfinished]:
            waiting.remove(key)
            running[pool.submit(_do, key)] = key
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            future.result()
            key = running.pop(future)
            unfinished.remove(key)
            done(key)


def _begin(work: Work) -> None:
    """Prepare a worker process: one thread; the parent alone hears Ctrl-C and ends its workers."""
    global _work
    _work = work
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: object) -> None:
    raise SystemExit  # so that half-written files are put away


def _do(key: Any) -> None:
    assert _work is not None
    try:
        _work(key)
    except SystemExit:
        os._exit(1)  # the pool would go on with its next task


def _stop(children: Sequence[Any]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        child.join(_PATIENCE_S)
        child.kill()


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, as every worker does, for as long as the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
