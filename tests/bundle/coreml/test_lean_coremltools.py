"""coremltools comes alone, and takes nothing away from anybody else."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from pen_mobile.bundle.coreml.lean_coremltools import coremltools
ct = coremltools()
unneeded = {"executorch", "sklearn", "torchao", "torchvision", "pandas"}
assert not unneeded & set(sys.modules), unneeded & set(sys.modules)
assert ct.convert
assert coremltools() is ct
import executorch.exir, sklearn, torchvision  # they are there for whoever wants them
"""


def test_what_it_does_not_need_is_not_imported_and_can_be_later() -> None:
    """In a process of its own: here others may have imported everything."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
