"""On which machine training goes on, and what is imported for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pen_mobile.errors import BadInput
from pen_mobile.training.fabric import fabric_beyond_cpu, make_fabric

_LEARN = """
import sys
from pathlib import Path
from tests.small_world import make_small_run

make_small_run(Path(sys.argv[1]))
heavy = ("lightning_fabric", "torch._dynamo", "torchmetrics", "torchvision", "sklearn")
print([name for name in heavy if name in sys.modules])
"""


@pytest.mark.slow
@pytest.mark.parametrize("make", [make_fabric, fabric_beyond_cpu])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device": "abacus"}, "--device abacus --devices 1 --precision 32-true: "),
        ({"device": "cpu", "precision": "7-bit"}, "--device cpu --devices 1 --precision 7-bit: "),
    ],
)
def test_machines_that_are_not_there_are_refused(
    arguments: dict[str, str], message: str, make: Callable[..., object]
) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        make(**arguments)
    assert "\n" not in str(caught.value)


def test_one_processor_needs_no_fabric() -> None:
    assert fabric_beyond_cpu("cpu") is None


@pytest.mark.slow
def test_given_features_are_learned_from_without_fabric_and_the_compiler(tmp_path: Path) -> None:
    learned = subprocess.run(
        [sys.executable, "-c", _LEARN, str(tmp_path / "run")], capture_output=True, text=True, check=True
    )
    assert learned.stdout == "[]\n"
