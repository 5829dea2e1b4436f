"""A cap on memory is the operating system's: tried in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pen_mobile.utils.memory_limit import can_limit_memory

SCRIPT = """
import numpy as np
from pen_mobile.utils.memory_limit import memory_limit

with memory_limit(50):
    small = np.ones(10_000_000 // 8)
    try:
        np.ones(100_000_000 // 8)
    except MemoryError:
        print("refused")
print(np.ones(100_000_000 // 8).sum())
with memory_limit(None):
    print(np.ones(100_000_000 // 8).sum())
"""


@pytest.mark.skipif(not can_limit_memory(), reason="only Linux caps memory")
def test_more_than_the_cap_is_refused_and_afterwards_there_is_room() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused", "12500000.0", "12500000.0"]
