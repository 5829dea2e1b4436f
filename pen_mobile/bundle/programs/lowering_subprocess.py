"""Head programs made by a second process while the first is busy with the backbone.

The second process writes into the cache of programs and says nothing; whoever needs the programs looks there, and makes
them itself when they are missing. So nothing depends on the second process but time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pen_mobile.bundle.programs.head_methods import HeadMethods
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.programs.lowering import Lowered, lower
from pen_mobile.bundle.recipe import HeadRecipe
from pen_mobile.utils.gc_tuning import collect_rarely
from pen_mobile.utils.provenance import core_count

_MEMORY = 2 << 30  # one lowering with all its imports, generously
_NICE = 19  # takes the processor only where nobody else does
_PATIENCE = 10.0  # seconds: whoever waits longer had better make the programs, with everything imported already


@contextmanager
def lowering_in_subprocess(methods: HeadMethods, cache: LoweredCache) -> Iterator[Callable[[], object]]:
    """Lower the head's programs in a second process where a core and memory are free for it.

    It takes the processor only where nobody else does: the networks that an int8 backbone is calibrated and judged with
    run on all cores, and took twice as long beside it.

    Yields:
        What waits some seconds for that process to finish. It is ended with the context, finished or not.
    """
    if cache.get(methods.facts()) is not None or not _room_for_two():
        yield lambda: None
        return
    wish = {"features": methods.feature_size, "experts": methods.expert_count, "recipe": methods.recipe.model_dump()}
    command = [sys.executable, "-m", __name__, str(cache.folder), json.dumps(wish)]
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent)
    try:
        yield lambda: _wait(process)
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)


def lower_head(methods: HeadMethods) -> Lowered:
    """Return the program with all methods of a head."""
    programs = methods.programs()
    return lower({name: (program, program.example_inputs()) for name, program in programs.items()})


def _room_for_two() -> bool:
    """Starting a second process takes seconds: on a busy machine it would only be in the way."""
    if core_count() < 2 or not hasattr(os, "getloadavg") or "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return False
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return free > _MEMORY and os.getloadavg()[0] < core_count()


def main(folder: str, wish: str) -> None:
    """Put the programs that are wished for into the cache in ``folder``."""
    collect_rarely()
    if hasattr(os, "nice"):
        os.nice(_NICE)
    values = json.loads(wish)
    methods = HeadMethods(values["features"], values["experts"], HeadRecipe.model_validate(values["recipe"]))
    LoweredCache(Path(folder)).put(methods.facts(), lower_head(methods))


if __name__ == "__main__":
    main(*sys.argv[1:])
