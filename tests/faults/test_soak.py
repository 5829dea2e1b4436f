"""A long life in one process, shortened: memory stays, no file stays open. The whole one is in ``docs/faults.md``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults import soak

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="reads /proc of Linux")

_MIB = 3.0
"""Much less than the allowed 10 for a twentieth of the repetitions, much more than what measuring varies."""


@pytest.mark.slow
def test_the_measure_sees_a_leak() -> None:
    """40 MiB, more than any pool of an allocator has to give again, and one open file each time, kept."""
    kept: list[bytearray] = []
    with ExitStack() as files:

        def leak(_: int) -> None:
            kept.append(bytearray(b"\x01") * (40 << 20))
            files.enter_context(Path(__file__).open("rb"))

        growth = soak.repeat(leak, count=3, warm_up=1)
    assert growth.megabytes == pytest.approx(120, abs=5)
    assert growth.descriptors == 3


@pytest.mark.slow
def test_predictions_leave_nothing(bundle_folder: Path) -> None:
    growth = soak.alone(soak.predictions, bundle_folder, 300, 50)
    assert growth.megabytes < _MIB
    assert growth.descriptors == 0


@pytest.mark.slow
def test_predictions_from_features_leave_nothing(bundle_folder: Path) -> None:
    growth = soak.alone(soak.feature_predictions, bundle_folder, 5000)
    assert growth.megabytes < _MIB
    assert growth.descriptors == 0


@pytest.mark.slow
def test_adaptations_leave_nothing(bundle_folder: Path) -> None:
    growth = soak.alone(soak.adaptations, bundle_folder, 30, 10)
    assert growth.megabytes < _MIB
    assert growth.descriptors == 0


@pytest.mark.slow
def test_phones_that_were_closed_are_gone(bundle_folder: Path) -> None:
    """Backbones that stayed would be 5 times 43 MiB; what the allocator keeps for the next one is less than one."""
    growth = soak.alone(soak.openings, bundle_folder, 5)
    assert growth.megabytes < 43
    assert growth.descriptors == 0
