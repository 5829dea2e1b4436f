"""The far end of a pipe: takes training steps when asked, and says how long they took. Standard library and numpy only.

Every contender of the train step's benchmark is such a child, ours too, so that each has its own libraries and thread
pool while all take turns on the same core.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

EXPERTS, POOL, SEED, LAMBDA_1 = 9, 350, 0, 1e-3
BEYOND_CACHE = 2**26  # bytes of an array
PAGE = 4096  # bytes of memory
Floats = np.ndarray[Any, np.dtype[np.float32]]


class Wanted(NamedTuple):
    """What is to be timed.

    Attributes:
        variant: which of a script's ways.
        features, batch: D_z and samples of one step.
        steps: steps of one call, each with its own batch.
        threads: of the library's pool.
    """

    variant: str
    features: int
    batch: int
    steps: int
    threads: int


Step = Callable[[], object]


class Samples:
    """350 samples, the number that 5 % of a five-minute recording gives, and fresh batches of them."""

    def __init__(self, wanted: Wanted) -> None:
        rng = np.random.default_rng(SEED)
        self.z = rng.random((POOL, wanted.features), np.float32)
        self.y = rng.uniform(-1, 1, (POOL, 2)).astype(np.float32)
        self.shape = (wanted.steps, wanted.batch)
        self._rng = np.random.default_rng(SEED)
        self._z = empty_beside(self.z, (*self.shape, wanted.features))
        self._y = np.empty((*self.shape, 2), np.float32)

    def fresh(self) -> tuple[Floats, Floats]:
        """Gather other batches into the same memory: ``[K, B, D_z]`` and ``[K, B, 2]``."""
        rows = self._rng.integers(0, POOL, self.shape)
        # With the default mode, "raise", numpy gathers into a buffer first.
        np.take(self.z, rows, axis=0, out=self._z, mode="clip")
        np.take(self.y, rows, axis=0, out=self._y, mode="clip")
        return self._z, self._y


def empty_beside(source: Floats, shape: tuple[int, ...]) -> Floats:
    """Return memory that begins at the same place of a page as ``source``.

    Where a copy lies 16 bytes further on its page than the original, gathering takes ten times as long; chance decides
    that otherwise, for one contender or another.
    """
    count = int(np.prod(shape))
    room = np.empty(count + PAGE // 4, np.float32)
    skipped = (source.ctypes.data - room.ctypes.data) % PAGE // 4
    return room[skipped : skipped + count].reshape(shape)


def initial_parameters(features: int) -> Floats:
    """Return the packed head ``[3 n_s, D_z + 1]`` that every contender starts from."""
    return (0.01 * np.random.default_rng(SEED).standard_normal((3 * EXPERTS, features + 1))).astype(np.float32)


def serve(make: Callable[[Wanted], Step], versions: Callable[[], dict[str, str]]) -> None:
    """Answer one JSON request a line until the input ends.

    ``{"make": [..Wanted]}`` prepares a step and answers with its number; ``{"run": number, "calls": n, "clock": c}``
    runs a round of it, after a quarter of the calls to warm up (another contender had the cache), and answers with the
    seconds of a call.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    steps: list[Step] = []
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "make" in request:
                steps.append(make(Wanted(*request["make"])))
                answer: dict[str, object] = {"number": len(steps) - 1, "versions": versions()}
            else:
                answer = {"seconds": seconds_a_call(steps[request["run"]], request["calls"], request["clock"])}
        except Exception as error:  # noqa: BLE001  the parent reports it as a row
            answer = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
        print(json.dumps(answer), file=answers, flush=True)


def seconds_a_call(step: Step, calls: int, clock: str) -> float:
    """Time one round, by the processor's clock or the wall's."""
    now = {"processor": time.process_time, "wall": time.perf_counter}[clock]
    for _ in range(max(3, calls // 4)):
        step()
    started = now()
    for _ in range(calls):
        step()
    return (now() - started) / calls
