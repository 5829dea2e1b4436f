"""The head's programs, lowered in a second process while this one is busy with the backbone.

The second process writes into the cache of programs; the export looks there, and lowers what is missing itself.
So the second process saves time and nothing depends on it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from pen_mobile.bundle.programs.head_methods import HeadMethods
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.programs.lowering import Lowered, lower
from pen_mobile.utils.gc_tuning import collect_rarely
from pen_mobile.utils.provenance import core_count
from pen_mobile.utils.subprocesses import Listener, Subprocess, SubprocessFailed

_MEMORY = 2 << 30  # one lowering with all its imports, generously
_NICE = 19  # uses the processor only where no other process does
_PATIENCE_S = 10.0  # after so long a wait it is faster to lower here, where everything is imported


@contextmanager
def lowering_in_subprocess(methods: HeadMethods, cache: LoweredCache) -> Iterator[Callable[[], None]]:
    """Lower the head's programs in a second process where a core and memory are free for it, and torch may use both.

    Args:
        methods: what to lower.
        cache: where the programs go; nothing is started when they are there already.

    Yields:
        A function that waits some seconds for that process to finish. It is ended with the context, finished or not.
    """
    if cache.get(methods.facts()) is not None or not _room_for_two():
        yield lambda: None
        return
    with Subprocess(_lower_into_cache, methods, cache.folder) as process:
        yield lambda: _wait(process)


def _wait(process: Subprocess[None]) -> None:
    with suppress(SubprocessFailed):
        if process.finishes_within(_PATIENCE_S):
            process.result()


def lower_head(methods: HeadMethods) -> Lowered:
    """Return the program with all methods of a head."""
    programs = methods.programs()
    return lower({name: (program, program.example_inputs()) for name, program in programs.items()})


def _room_for_two() -> bool:
    """Starting a second process takes seconds: on a busy machine, or with one thread, it would only be in the way."""
    if min(core_count(), torch.get_num_threads()) < 2:
        return False
    if not hasattr(os, "getloadavg") or "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return False
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return free > _MEMORY and os.getloadavg()[0] < core_count()


def _lower_into_cache(methods: HeadMethods, folder: Path, tell: Listener) -> None:
    collect_rarely()
    if hasattr(os, "nice"):
        os.nice(_NICE)
    LoweredCache(folder).put(methods.facts(), lower_head(methods))
