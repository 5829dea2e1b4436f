"""Tasks run by processes of this machine, one thread each; their number changes no result."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pen_mobile.engine.task import Item, Task
from pen_mobile.errors import PenMobileError
from pen_mobile.utils import provenance
from pen_mobile.utils.process_end import end_with_parent
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.spawn import spawn_context
from pen_mobile.utils.threads import one_thread, use_one_thread

Done = Callable[[Task[Any]], None]

_PATIENCE_S = 5.0  # how long a worker may take to remove what it was writing

_work: Callable[[Any], None] | None = None  # in a worker process: its work


class LocalProcesses:
    """An :class:`~pen_mobile.engine.task.Engine` of worker processes on this machine."""

    def __init__(self, jobs: int | None = None) -> None:
        """Set the number of processes.

        Args:
            jobs: processes; None is one for each processor. With 1 everything runs in this process.
        """
        self.jobs = jobs or provenance.core_count()

    def map(
        self,
        work: Callable[[Item], None],
        tasks: Sequence[Task[Item]],
        *,
        title: str,
        progress: Progress = SILENT,
        note: Callable[[Task[Item]], str] = lambda task: task.key,
    ) -> None:
        """Do as :meth:`pen_mobile.engine.task.Engine.map` says."""
        todo = [task for task in tasks if not task.done]
        with progress.task(title, len(tasks)) as bar:
            bar.advance(len(tasks) - len(todo))
            self._run(work, todo, lambda task: bar.advance(1, note(task)))

    def _run(self, work: Callable[[Item], None], todo: Sequence[Task[Item]], done: Done) -> None:
        jobs = min(self.jobs, len(todo))
        if jobs > 1:
            return _run_in_processes(work, todo, jobs, done)
        with one_thread():
            for task in todo:
                work(task.item)
                done(task)
        return None


def _run_in_processes(work: Callable[[Any], None], todo: Sequence[Task[Any]], jobs: int, done: Done) -> None:
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(jobs, spawn_context(), initializer=_begin, initargs=(work, os.getpid())) as pool:
        try:
            _schedule(pool, todo, done)
        except BrokenProcessPool:
            raise PenMobileError("a worker process died, perhaps for want of memory; try --jobs 1") from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            _stop([child for child in multiprocessing.active_children() if child not in others])
            raise


def _schedule(pool: ProcessPoolExecutor, todo: Sequence[Task[Any]], done: Done) -> None:
    """Submit the tasks that are ready, and those that become ready when another is done."""
    waiting, running = list(todo), dict[Future[None], Task[Any]]()
    unfinished = {task.key for task in todo}
    while unfinished:
        for task in [task for task in waiting if task.needs not in unfinished]:
            waiting.remove(task)
            running[pool.submit(_do, task.item)] = task
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            future.result()
            task = running.pop(future)
            unfinished.remove(task.key)
            done(task)


def _begin(work: Callable[[Any], None], parent: int) -> None:
    """Prepare a worker process: one thread; it ends with its parent, which alone receives Ctrl-C."""
    global _work
    _work = work
    end_with_parent(parent)
    use_one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # the pool sends it once more, in the middle of removing temporary files
    raise SystemExit


def _do(item: Any) -> None:
    assert _work is not None
    try:
        _work(item)
    except SystemExit:
        os._exit(1)  # the pool would go on with its next task


def _stop(children: Sequence[Any]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        child.join(_PATIENCE_S)
        child.kill()
