"""The backbone in int8: what is rounded, what stays in float, and what a budget does about it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from pen_mobile.bundle.calibration import covering_rows, source_frames
from pen_mobile.bundle.quantize import Quantizer, features_of
from pen_mobile.bundle.sensitivity import Ladder, Loss, cosine
from pen_mobile.errors import BadInput
from pen_mobile.learning.run import Run
from pen_mobile.network.backbone import Backbone
from pen_mobile.subjects.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.subjects.table import SubjectTable


@pytest.fixture(scope="module")
def backbone(run_folder: Path) -> Backbone:
    backbone = Run.open(run_folder).backbone()
    assert backbone is not None
    return backbone


@pytest.fixture(scope="module")
def pixels(people: SubjectTable) -> np.ndarray:
    assert people.frames is not None
    return people.frames.read(slice(0, 240, 12))


@pytest.fixture(scope="module")
def quantizer(backbone: Backbone, pixels: np.ndarray) -> Quantizer:
    return Quantizer(backbone, pixels)


def test_blocks_are_the_networks_own_parts(quantizer: Quantizer) -> None:
    layers = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert [block for block in quantizer.blocks if block.startswith("layer")] == layers
    assert quantizer.blocks[0] == "conv1"


@pytest.mark.parametrize("float_blocks", [[], ["conv1", "layer2.0"]])
def test_the_simulation_rounds_what_the_int8_graph_rounds(
    quantizer: Quantizer, pixels: np.ndarray, float_blocks: list[str]
) -> None:
    """Both are sums of the same rounded numbers; a value halfway between two codes may fall to either side."""
    simulated = quantizer.simulate(float_blocks, pixels)
    graph = features_of(quantizer.quantize(float_blocks), pixels)
    assert cosine(simulated, graph) > 0.999


def test_with_every_block_in_float_nothing_is_rounded(
    quantizer: Quantizer, backbone: Backbone, pixels: np.ndarray
) -> None:
    exact = features_of(backbone, pixels)
    np.testing.assert_allclose(quantizer.simulate(quantizer.blocks, pixels), exact, atol=1e-4)
    np.testing.assert_allclose(features_of(quantizer.quantize(quantizer.blocks), pixels), exact, atol=1e-4)
    assert np.abs(quantizer.simulate([], pixels) - exact).max() > 1e-4


class FakeQuantizer:
    """Every block in int8 turns the features by its own angle; angles add up."""

    angles: ClassVar = {"a": 0.1, "b": 0.5, "c": 0.2, "d": 0.05}
    blocks: ClassVar = list(angles)

    def simulate(self, float_blocks: list[str], pixels: np.ndarray) -> np.ndarray:
        angle = sum(angle for block, angle in self.angles.items() if block not in float_blocks)
        return np.tile(np.array([[np.cos(angle), np.sin(angle)]], np.float32), (len(pixels), 1))


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (0.9, []),  # all four: 0.85
        (0.4, ["b"]),  # without b: 0.35
        (0.2, ["b", "c"]),  # without b and c: 0.15
        (0.06, ["b", "c", "a"]),  # only d: 0.05
        (0.01, None),  # nothing would be left in int8
    ],
)
def test_the_fewest_of_the_worst_blocks_stay_in_float(angle: float, expected: list[str] | None) -> None:
    exact = np.array([[1.0, 0.0]], np.float32)
    frames = np.zeros((1, 2, 2, 3), np.uint8)
    ladder = Ladder(FakeQuantizer(), lambda features: Loss(0.0, cosine(features, exact)), frames)  # type: ignore[arg-type]
    budget = Loss(0.0, float(np.cos(angle)))
    assert ladder.fewest_float_blocks(budget, frames) == expected
    assert ladder.trials[0].float_blocks == []
    if expected:
        assert any(trial.float_blocks == expected and trial.loss.fits(budget) for trial in ladder.trials)


def test_nan_fits_no_budget() -> None:
    assert not Loss(float("nan"), 1.0).fits(Loss(1.0, -1.0))
    assert not Loss(0.0, float("nan")).fits(Loss(1.0, -1.0))


def test_cosine_of_nothing_is_zero() -> None:
    """Rows at 0 and 90 degrees, and one without length: (1 + 0 + 0) / 3."""
    left = np.array([[1, 0], [1, 0], [1, 0]], np.float32)
    right = np.array([[2, 0], [0, 3], [0, 0]], np.float32)
    assert cosine(left, right) == pytest.approx(1 / 3)


def test_calibration_covers_people_and_cells(people: SubjectTable) -> None:
    source = people.take(people.rows_with_role("source"))
    rows = np.arange(len(source))
    chosen = covering_rows(source, rows, side=2, per_cell=3, seed=0)
    cells = (source.affect > 0) @ [2, 1]
    for subject in source.subjects():
        mine = source.subject == subject
        for cell in np.unique(cells[mine]):
            there = mine & (cells == cell)
            assert there[chosen].sum() == min(3, there.sum())
    np.testing.assert_array_equal(chosen, covering_rows(source, rows, side=2, per_cell=3, seed=0))
    assert not np.array_equal(chosen, covering_rows(source, rows, side=2, per_cell=3, seed=1))


def test_frames_come_from_the_runs_own_people(run_folder: Path) -> None:
    run = Run.open(run_folder)
    data = "synthetic:sources=3,targets=2,seconds=40,fps=2,seed=1"
    frames = source_frames(run, data, side=4, per_cell=1, judged=10)
    assert len(frames.judged) == 10
    assert not np.intersect1d(frames.judged, frames.calibration).size
    with pytest.raises(BadInput, match=r"calibrated on the data of .*--data"):
        source_frames(_moved(run), None, side=4, per_cell=1, judged=10)
    with pytest.raises(BadInput, match="not the source people that"):
        source_frames(run, data.replace("seed=1", "seed=2"), side=4, per_cell=1, judged=10)


def _moved(run: Run) -> Run:
    """The same run, whose data are no longer where they were."""
    return Run(run.folder, dataclasses.replace(run.record, data=run.record.data | {"origin": "gone.csv"}))


def test_mobilenets_gates_stay_in_float() -> None:
    """Hard sigmoids are spelled out before tracing; their sums and products are not rounded."""
    torch.manual_seed(0)
    table = synthetic_table(SyntheticConfig(sources=1, targets=0, seconds=4, fps=1, size=32, seed=0))
    assert table.frames is not None
    quantizer = Quantizer(Backbone("mobilenet_v3_small", 32).eval(), table.frames.read(slice(None)))
    assert "features.12" in quantizer.blocks
    text = quantizer.quantize().code
    assert "hardsigmoid" not in text
    gates = [line for line in text.splitlines() if "aten.clamp" in line]
    assert len(gates) == 9
    assert "dequantize" not in " ".join(gates)
