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

from pen_mobile.bundle.programs.simplify import simplify
from pen_mobile.bundle.quantization.calibration import covering_rows, source_frames
from pen_mobile.bundle.quantization.graph_runs import features_of, relative_error
from pen_mobile.bundle.quantization.quantizer import Quantizer
from pen_mobile.bundle.quantization.sensitivity import Loss, SensitivitySearch, cosine
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.data.table import FrameTable
from pen_mobile.errors import BadInput
from pen_mobile.models.backbone import Backbone
from pen_mobile.training.run_folder import Run


@pytest.fixture(scope="module")
def backbone(run_folder: Path) -> Backbone:
    backbone = Run.open(run_folder).backbone()
    assert backbone is not None
    return backbone


@pytest.fixture(scope="module")
def pixels(people: FrameTable) -> np.ndarray:
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


class Darkness(nn.Module):
    """Minus half of each colour's brightness, through an activation that writes over its input."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Hardswish(inplace=True))
        nn.init.constant_(self.network[0].weight, -0.5 / 255)
        nn.init.zeros_(self.network[0].bias)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.network(frames).amin((2, 3))


@pytest.mark.parametrize("enough", [1_000_000, 50])
def test_ranges_are_of_values_before_they_are_overwritten(enough: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The brightest pixel gives -1.5 and hardswish(-1.5) = -1.5 * (3 - 1.5) / 6 = -0.375.

    Were ranges taken after the activation, -0.375 would be the least that int8 could say, and become -0.164.
    """
    monkeypatch.setattr("pen_mobile.bundle.quantization.graph_runs._ENOUGH", enough)
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    frames[:, 0, 0], frames[:, 0, 1] = 255, 0
    exact = features_of(Darkness(), frames)
    assert exact == pytest.approx(-0.375)
    assert Quantizer(Darkness().eval(), frames).simulate([], frames) == pytest.approx(exact, abs=0.01)


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
    ladder = SensitivitySearch(FakeQuantizer(), lambda features: Loss(0.0, cosine(features, exact)), frames, frames)  # type: ignore[arg-type]
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
    ladder = SensitivitySearch(
        FakeQuantizer(), lambda features: Loss(0.0, cosine(features, exact)), frames, frames, share
    )  # type: ignore[arg-type]
    found = ladder.fewest_float_blocks(Loss(0.0, float(np.cos(0.2))))
    assert (found and found.float_blocks) == expected


def test_what_the_runtime_adds_is_taken_off_the_budget() -> None:
    """0.01 and 0.002 worse than expected leave 0.02 - 0.01 and 0.98 + 0.002; better than expected leaves all."""
    budget = Loss(0.02, 0.98)
    less = budget.less(Loss(0.005, 0.99), Loss(0.015, 0.988))
    assert (less.ccc, less.cosine) == pytest.approx((0.01, 0.982))
    assert budget.less(Loss(0.0, 0.98), Loss(-0.1, 0.99)) == budget


class _Coarse(nn.Module):
    """Four convolutions in which one weight of every channel is far larger than the rest: its steps are theirs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        widths = (3, 8, 16, 16, 16)
        convolutions = [nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in itertools.pairwise(widths)]
        self.network = nn.Sequential(*(nn.Sequential(conv, nn.Hardswish()) for conv in convolutions))
        with torch.no_grad():
            for conv in convolutions:
                conv.weight[:, 0, 1, 1] = 8

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return torch.flatten(self.network(frames / 128 - 1), 1)


def test_fine_tuning_keeps_a_budget_that_rounding_alone_cannot() -> None:
    """All in int8, before and after, on frames that neither calibration nor training has seen."""
    network = _Coarse().eval()
    frames = np.random.default_rng(0).integers(0, 255, (160, 16, 16, 3), dtype=np.uint8)
    training, unseen = frames[:128], frames[128:]
    pixels = training[:64]
    lessons = [(training[row : row + 16], features_of(network, training[row : row + 16])) for row in range(0, 128, 16)]
    exact = features_of(network, unseen)

    def loss(features: np.ndarray) -> Loss:
        return Loss(float(relative_error(torch.from_numpy(features), torch.from_numpy(exact))), 1.0)

    rounded = Quantizer(network, pixels)
    tuned = Quantizer(rounded.fine_tune(lessons * 8, steps=64, learning_rate=3e-4), pixels)
    before, after = loss(rounded.simulate([], unseen)), loss(tuned.simulate([], unseen))
    assert after.ccc < 0.6 * before.ccc  # a sixth of it here; with other weights between a sixth and 0.4
    budget = Loss((before.ccc + after.ccc) / 2, 1.0)
    ladders = [SensitivitySearch(quantizer, loss, unseen, pixels, max_float_share=0) for quantizer in (rounded, tuned)]
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


def test_calibration_covers_people_and_cells_evenly(people: FrameTable) -> None:
    """Three people take turns, so 12 frames are 4 of each; each goes everywhere, so each of four cells gets 12 / 4."""
    source = people.take(people.rows_with_role("source"))
    rows = np.arange(len(source))
    source = dataclasses.replace(source, affect=np.random.default_rng(2).uniform(-1, 1, (len(rows), 2)))
    cells = (source.affect > 0) @ [2, 1]
    assert all(len(np.unique(cells[source.rows_of(subject)])) == 4 for subject in source.subjects())
    chosen = covering_rows(source, rows, side=2, count=12, seed=0)
    assert np.unique(source.subject[chosen], return_counts=True)[1].tolist() == [4, 4, 4]
    assert np.unique(cells[chosen], return_counts=True)[1].tolist() == [3, 3, 3, 3]
    np.testing.assert_array_equal(chosen, covering_rows(source, rows, side=2, count=12, seed=0))
    assert not np.array_equal(chosen, covering_rows(source, rows, side=2, count=12, seed=1))


def test_calibration_takes_everything_when_there_is_too_little(people: FrameTable) -> None:
    """One person has two rows among those to choose from, another one; the third has none and is passed over."""
    source = people.take(people.rows_with_role("source"))
    first, second, _ = source.subjects()
    rows = np.concatenate([source.rows_of(first)[:2], source.rows_of(second)[:1]])
    np.testing.assert_array_equal(covering_rows(source, rows, side=4, count=50, seed=0), np.sort(rows))


def test_frames_come_from_the_runs_own_people(run_folder: Path) -> None:
    run = Run.open(run_folder)
    data = "synthetic:sources=3,targets=2,seconds=40,fps=2,seed=1"
    frames = source_frames(run, data, side=4, calibration=20, judged=10)
    assert (len(frames.calibration), len(frames.judged)) == (20, 10)
    assert not np.intersect1d(frames.judged, frames.calibration).size
    with pytest.raises(BadInput, match=r"calibrated on the data of .*--data"):
        source_frames(_moved(run), None, side=4, calibration=20, judged=10)
    with pytest.raises(BadInput, match="not the source people that"):
        source_frames(run, data.replace("seed=1", "seed=2"), side=4, calibration=20, judged=10)


def _moved(run: Run) -> Run:
    """The same run, whose data are no longer where they were."""
    return Run(
        run.folder, dataclasses.replace(run.record, data=dataclasses.replace(run.record.data, origin="gone.csv"))
    )


@pytest.mark.slow
def test_mobilenets_gates_stay_in_float() -> None:
    """Hard sigmoids are spelled out before tracing; their sums and products are not rounded."""
    torch.manual_seed(0)
    table = synthetic_table(SyntheticConfig(sources=1, targets=0, seconds=4, fps=1, size=32, seed=0))
    quantizer = Quantizer(simplify(Backbone("mobilenet_v3_small", 32).eval()), table.frames.read(slice(None)))
    assert "features.12" in quantizer.blocks
    text = quantizer.quantize().code
    assert "hardsigmoid" not in text
    gates = [line for line in text.splitlines() if "aten.clamp" in line]
    assert len(gates) == 9
    assert "dequantize" not in " ".join(gates)
