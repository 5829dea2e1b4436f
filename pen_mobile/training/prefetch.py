"""Work done in threads a little ahead of whoever waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pen_mobile.utils import provenance

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_THREADS = 8


def reading_threads() -> int:
    """Return how many threads read frames: one for each processor, but no more than the fastest device needs."""
    return min(provenance.core_count(), MOST_THREADS)


def prefetch(call: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Yield ``call(item)`` in the order of ``items``, computed up to ``threads`` items before they are asked for.

    Threads, not processes: decoding, resizing and copying pixels release the interpreter's lock, nothing is
    pickled, and no fork inherits a lock that torch or OpenCV holds.

    Args:
        threads: 0 calls when asked, in the caller's own thread.

    Raises:
        Exception: what ``call`` raised, when its turn comes.
    """
    if not threads:
        yield from map(call, items)
        return
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        for item in items:
            waiting.append(pool.submit(call, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # whoever stops early waits for what runs, not for what is queued
        pool.shutdown(cancel_futures=True)
