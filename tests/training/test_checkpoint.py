"""Checkpoints: what goes to disk comes back bit for bit, or an error says which file to delete."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from pen_mobile.errors import BadInput
from pen_mobile.models.optimizers import OptimizerName, make_optimizer
from pen_mobile.training.checkpoint import Checkpoint
from pen_mobile.training.stage_log import EpochLog, StageLog


def trained(optimizer: OptimizerName, seed: int = 0, steps: int = 3) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A little network after some steps, so that its optimizer has slots to keep."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    made = make_optimizer(optimizer, network.parameters(), 0.05)
    step(network, made, steps)
    return network, made


def step(network: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for number in range(steps):
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(number))
        optimizer.zero_grad()
        network(x).square().sum().backward()
        optimizer.step()


def log(**changed: object) -> StageLog:
    epochs = [EpochLog(loss, 0.125) for loss in (0.75, 0.1 + 0.2, 0.5)]
    return StageLog(**({"epochs": epochs, "best_epoch": 1, "steps": 6} | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", get_args(OptimizerName))
def test_training_goes_on_from_disk_as_if_never_stopped(tmp_path: Path, optimizer: OptimizerName) -> None:
    network, made = trained(optimizer)
    best = {key: value.clone() for key, value in network.state_dict().items()}
    step(network, made, 2)
    path = tmp_path / "stage.safetensors"
    Checkpoint(best, network.state_dict(), made.state_dict(), log()).save(path)

    saved = Checkpoint.load(path)
    assert saved is not None
    assert saved.log == log()
    again, made_again = trained(optimizer, seed=9)
    again.load_state_dict(saved.latest)
    made_again.load_state_dict(saved.optimizer)
    for one, other in ((network, made), (again, made_again)):
        step(one, other, 2)
    for key, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    assert all(torch.equal(saved.best[key], value) for key, value in best.items())
    assert set(saved.best) == set(best)


def test_a_finished_stage_keeps_its_best_weights_only(tmp_path: Path) -> None:
    network, made = trained("adam")
    checkpoint = Checkpoint(network.state_dict(), network.state_dict(), made.state_dict(), log())
    checkpoint.save(tmp_path / "going.safetensors")
    checkpoint.log.finished = True
    checkpoint.save(tmp_path / "done.safetensors")
    saved = Checkpoint.load(tmp_path / "done.safetensors")
    assert saved is not None
    assert saved.log.finished
    assert (saved.latest, saved.optimizer["state"]) == ({}, {})
    assert (tmp_path / "done.safetensors").stat().st_size < (tmp_path / "going.safetensors").stat().st_size / 2


def test_best_loss_is_that_of_the_best_epoch() -> None:
    assert log().best_loss == 0.1 + 0.2
    assert log(best_epoch=2).best_loss == 0.5


def test_no_file_is_no_checkpoint(tmp_path: Path) -> None:
    assert Checkpoint.load(tmp_path / "stage.safetensors") is None


@pytest.mark.parametrize("kept", [0, 5, 200, -1], ids=lambda kept: f"first {kept} bytes")
def test_damaged_files_are_named_with_what_to_do(tmp_path: Path, kept: int) -> None:
    network, made = trained("sgd")
    path = tmp_path / "stage.safetensors"
    Checkpoint(network.state_dict(), network.state_dict(), made.state_dict(), log()).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadInput, match=r"stage\.safetensors: damaged checkpoint \(.*\); delete it to train this stage"):
        Checkpoint.load(path)


def test_saving_again_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    network, made = trained("sgd")
    path = tmp_path / "stage.safetensors"
    for steps in (6, 9):
        Checkpoint(network.state_dict(), {}, made.state_dict(), log(steps=steps)).save(path)
    saved = Checkpoint.load(path)
    assert saved is not None
    assert saved.log.steps == 9
    assert list(tmp_path.iterdir()) == [path]
