"""New processes that do not run the user's script again."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any


class _Process(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  the name that multiprocessing calls
        with _main_hidden():
            return SpawnProcess._Popen(process_obj)


class _Context(SpawnContext):
    Process = _Process


def spawn_context() -> SpawnContext:
    """Return a context of multiprocessing whose processes start afresh, without the main module of this one.

    Python's own context imports the main module in every new process: a script that uses this library, and does not
    guard its lines by ``if __name__ == "__main__"``, would run again in each of them. A fork would inherit the locks of
    threads that other libraries run. What a process is given to do must be in a module that can be imported.
    """
    return _Context()


@contextlib.contextmanager
def _main_hidden() -> Iterator[None]:
    """Hide where the main module comes from while a process starts."""
    main = sys.modules["__main__"]
    names = {name: getattr(main, name, None) for name in ("__spec__", "__file__")}
    for name in names:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in names.items():
            setattr(main, name, value)
