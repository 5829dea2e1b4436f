"""The golden vectors that the apps' tests read: what they hold, and that a reader needs nothing but bytes."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.bundle.golden import Golden
from pen_mobile.errors import BadInput
from tests.contract.golden_head import BATCH, EXAMPLES, EXPERTS, FEATURES, FOLDER, answers, recipe, tiny_head


def read_plain(folder: Path, name: str) -> Any:
    entry = json.loads((folder / "golden.json").read_text())[name]
    values = np.fromfile(folder / entry["file"], np.dtype(entry["dtype"]).newbyteorder("<"))
    return values.reshape(entry["shape"])


def test_committed_files_are_what_the_float_model_says_today() -> None:
    """When this fails on purpose: python -m tests.contract.golden_head."""
    today = answers().arrays() | {"head_parameters": tiny_head().head_parameters.detach()[None].numpy()}
    assert set(json.loads((FOLDER / "golden.json").read_text())) == set(today)
    for name, array in today.items():
        np.testing.assert_allclose(read_plain(FOLDER, name), array, rtol=0, atol=1e-5, err_msg=name)
    files = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert files == {"golden.json", *(f"{name}.bin" for name in today)}


def test_they_cover_every_optimizer_with_short_batches() -> None:
    for name in recipe().learning_rate:
        batches = read_plain(FOLDER, f"batches.{name}")
        assert batches.shape == (20, BATCH)
        assert all((batches[step] == -1).any() for step in range(2, 20, 3))
        assert read_plain(FOLDER, f"losses.{name}").shape == (20,)
        assert read_plain(FOLDER, f"trained.{name}").shape == (1, 3 * EXPERTS, FEATURES + 1)


def test_one_example_by_hand() -> None:
    """Eq. 1 in plain Python from the files' bytes: softmax of the gate's rows, weighted sum of the experts."""
    columns = FEATURES + 1
    head_parameters = struct.unpack(f"<{3 * EXPERTS * columns}f", (FOLDER / "head_parameters.bin").read_bytes())
    z = [*struct.unpack(f"<{EXAMPLES * FEATURES}f", (FOLDER / "features.bin").read_bytes())[:FEATURES], 1.0]
    rows = [sum(a * b for a, b in zip(head_parameters[r * columns :], z, strict=False)) for r in range(3 * EXPERTS)]
    powers = [math.exp(logit) for logit in rows[:EXPERTS]]
    gate = [power / sum(powers) for power in powers]
    affect = [sum(gate[i] * rows[EXPERTS + 2 * i + k] for i in range(EXPERTS)) for k in range(2)]
    np.testing.assert_allclose(read_plain(FOLDER, "gate")[0], gate, atol=1e-6)
    np.testing.assert_allclose(read_plain(FOLDER, "targets")[0], affect, atol=1e-6)


def test_safetensors_and_plain_files_hold_the_same(tmp_path: Path) -> None:
    golden = answers()
    golden.write(tmp_path / "golden.safetensors")
    again = Golden.read(tmp_path / "golden.safetensors")
    again.write_plain(tmp_path / "plain", again.trained["adam"])
    for name, array in golden.arrays().items():
        np.testing.assert_array_equal(read_plain(tmp_path / "plain", name), array)
    with pytest.raises(BadInput, match="exists already"):
        again.write_plain(tmp_path / "plain", again.trained["adam"])
