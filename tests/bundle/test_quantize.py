"""The backbone in int8: what is rounded, what stays in float, and what a budget does about it."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from pen_mobile.bundle.calibration import covering_rows, source_frames
from pen_mobile.bundle.quantize import Quantizer, features_of, relative_error
from pen_mobile.bundle.sensitivity import Ladder, Loss, cosine
from pen_mobile.bundle.simplify import simplify
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
    return Quantizer(simplify(backbone), pixels)


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
    ladder = Ladder(FakeQuantizer(), lambda features: Loss(0.0, cosine(features, exact)), frames, frames)  # type: ignore[arg-type]
    budget = Loss(0.0, float(np.cos(angle)))
    found = ladder.fewest_float_blocks(budget)
    assert (found and found.float_blocks) == expected
    assert found is None or found.loss.fits(budget)
    assert ladder.trials[0].float_blocks == []


@pytest.mark.parametrize(("share", "expected"), [(0.25, None), (0.5, ["b", "c"]), (0.0, None)])
def test_no_more_blocks_than_the_recipe_allows_stay_in_float(share: float, expected: list[str] | None) -> None:
    """Of four blocks the budget wants two in float."""
    exact = np.array([[1.0, 0.0]], np.float32)
    frames = np.zeros((1, 2, 2, 3), np.uint8)
    ladder = Ladder(FakeQuantizer(), lambda features: Loss(0.0, cosine(features, exact)), frames, frames, share)  # type: ignore[arg-type]
    found = ladder.fewest_float_blocks(Loss(0.0, float(np.cos(0.2))))
    assert (found and found.float_blocks) == expected


def test_what_the_runtime_adds_is_taken_off_the_budget() -> None:
    """0.01 and 0.002 worse than expected leave 0.02 - 0.01 and 0.98 + 0.002; better than expected leaves all."""
    budget = Loss(0.02, 0.98)
    less = budget.less(Loss(0.005, 0.99), Loss(0.015, 0.988))
    assert (less.ccc, less.cosine) == pytest.approx((0.01, 0.982))
    assert budget.less(Loss(0.0, 0.98), Loss(-0.1, 0.99)) == budget


class _Uneven(nn.Module):
    """Four convolutions whose first channel is thirty times as large as the others: its range hides theirs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        widths = (3, 8, 16, 16, 16)
        convolutions = [nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in itertools.pairwise(widths)]
        self.network = nn.Sequential(*(nn.Sequential(conv, nn.Hardswish()) for conv in convolutions))
        with torch.no_grad():
            for conv in convolutions:
                conv.weight[0] *= 30

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return torch.flatten(self.network(frames / 128 - 1), 1)


def test_fine_tuning_keeps_a_budget_that_rounding_alone_cannot() -> None:
    """All in int8, before and after, on frames that neither calibration nor training has seen."""
    network = _Uneven().eval()
    frames = np.random.default_rng(0).integers(0, 255, (96, 16, 16, 3), dtype=np.uint8)
    pixels, unseen = frames[:64], frames[64:]
    lessons = [(pixels[row : row + 16], features_of(network, pixels[row : row + 16])) for row in (0, 16, 32, 48)]
    exact = features_of(network, unseen)

    def loss(features: np.ndarray) -> Loss:
        return Loss(float(relative_error(torch.from_numpy(features), torch.from_numpy(exact))), 1.0)

    rounded = Quantizer(network, pixels)
    tuned = Quantizer(rounded.fine_tune(lessons * 8, learning_rate=1e-4), pixels)
    before, after = loss(rounded.simulate([], unseen)), loss(tuned.simulate([], unseen))
    assert after.ccc < before.ccc
    budget = Loss((before.ccc + after.ccc) / 2, 1.0)
    ladders = [Ladder(quantizer, loss, unseen, pixels, max_float_share=0) for quantizer in (rounded, tuned)]
    assert [ladder.fewest_float_blocks(budget) is None for ladder in ladders] == [True, False]
    assert loss(features_of(tuned.quantize(), unseen)).fits(budget)
    np.testing.assert_allclose(features_of(network, unseen), exact)  # what was given stays as it was


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
    quantizer = Quantizer(simplify(Backbone("mobilenet_v3_small", 32).eval()), table.frames.read(slice(None)))
    assert "features.12" in quantizer.blocks
    text = quantizer.quantize().code
    assert "hardsigmoid" not in text
    gates = [line for line in text.splitlines() if "aten.clamp" in line]
    assert len(gates) == 9
    assert "dequantize" not in " ".join(gates)
