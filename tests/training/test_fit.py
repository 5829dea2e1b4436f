"""The training loop: it learns, keeps the best, stops in time, and goes on after an interruption bit for bit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pen_mobile.errors import BadInput
from pen_mobile.models.heads import SharedHead
from pen_mobile.models.losses import affect_loss
from pen_mobile.models.optimizers import OptimizerName
from pen_mobile.training.batches import Batch
from pen_mobile.training.checkpoint import Checkpoint
from pen_mobile.training.fit import ModuleStage, fit
from pen_mobile.training.stage import StageSettings
from pen_mobile.training.stage_log import StageLog
from pen_mobile.utils.progress import Task
from tests.training.feature_samples import FeatureSamples

FABRIC = Fabric(accelerator="cpu", devices=1)
TRUTH = torch.tensor([[0.5, -0.25, 0.0], [0.0, 0.5, 0.25]])  # y = TRUTH z


def squared_error(module: nn.Module, batch: Batch) -> Tensor:
    return affect_loss(module(batch.x), batch.affect)


def samples(count: int, seed: int, affect: Tensor | None = None) -> FeatureSamples:
    z = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    y = z @ TRUTH.T if affect is None else affect.expand(count, 2)
    return FeatureSamples(z, y)


SETTINGS = {field.name for field in fields(StageSettings)}


def stage(module: nn.Module | None = None, **changed: Any) -> ModuleStage:
    """A linear regression that a shared head can solve, but for the changes."""
    torch.manual_seed(0)
    settings = StageSettings(
        name="1-backbone",
        optimizer="sgd",
        learning_rate=0.02,
        epochs=8,
        patience=None,
        max_steps=None,
        batch_size=4,
        seed=0,
    )
    settings = replace(settings, **{key: value for key, value in changed.items() if key in SETTINGS})
    usual = ModuleStage(
        settings,
        module=module or SharedHead(3),
        loss=squared_error,
        training=samples(10, seed=1),
        validation=samples(6, seed=2),
    )
    return replace(usual, **{key: value for key, value in changed.items() if key not in SETTINGS})


def deep_network(seed: int = 3) -> nn.Module:
    """A network with all that an interruption could lose: running statistics and random dropout."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))


def state(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in module.state_dict().items()}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(value, other[key]), key


def losses_of(log: StageLog) -> list[tuple[float | None, float]]:
    return [(epoch.training_loss, epoch.validation_loss) for epoch in log.epochs]


def validation_losses(log: StageLog) -> list[float]:
    return [epoch.validation_loss for epoch in log.epochs]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_loss_falls(optimizer: OptimizerName) -> None:
    log = fit(FABRIC, stage(optimizer=optimizer, learning_rate=0.05, epochs=30))
    assert log.best_loss < 0.05 * log.epochs[0].validation_loss
    assert log.epochs[-1].training_loss < 0.1 * log.epochs[1].training_loss
    assert log.finished


def test_validation_loss_is_the_mean_over_samples() -> None:
    """Entry 0 is before training: all 6 held-out samples at the first weights."""
    first = stage()
    with torch.no_grad():
        expected = squared_error(first.module, first.validation.batch(range(6)))
    assert fit(FABRIC, first).epochs[0].validation_loss == pytest.approx(expected.item(), rel=1e-6)


def test_validation_weighs_samples_not_batches() -> None:
    """300 samples are validated as 256 and 44: their mean is not the mean of two batch means."""
    held_out = samples(300, seed=5)
    held_out.affect[256:] += 3.0
    first = stage(validation=held_out, epochs=1)
    with torch.no_grad():
        expected = squared_error(first.module, held_out.batch(range(300)))
    assert fit(FABRIC, first).epochs[0].validation_loss == pytest.approx(expected.item(), rel=1e-5)


def diverging(**changed: Any) -> ModuleStage:
    return stage(**({"learning_rate": 5.0, "epochs": 3} | changed))


def test_a_stage_that_gets_worse_ends_where_it_began() -> None:
    broken = diverging()
    before = state(broken.module)
    log = fit(FABRIC, broken)
    assert min(validation_losses(log)[1:]) > log.epochs[0].validation_loss
    assert (log.best_epoch, len(log.epochs)) == (0, 4)
    assert_same(state(broken.module), before)


def test_a_stage_that_diverges_says_where_and_what_to_lower() -> None:
    """Three steps an epoch; float32 overflows after some of them, and the stage does not go on to its 200th epoch."""
    message = r"stage 1-backbone diverged at step (\d+): the loss is not finite; set a smaller learning_rate \(it is 5 "
    with pytest.raises(BadInput, match=message) as refused:
        fit(FABRIC, diverging(epochs=200))
    found = re.search(r"step (\d+)", str(refused.value))
    assert found is not None
    assert 3 < int(found.group(1)) < 60


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_data_that_are_not_finite_or_too_large_are_said_before_the_first_step(value: float) -> None:
    held_out = samples(6, seed=2)
    held_out.features[1, 1] = value
    with pytest.raises(
        BadInput, match="stage 1-backbone: the loss is not finite before the first step: features, labels"
    ):
        fit(FABRIC, stage(validation=held_out))


def overfitting(**changed: Any) -> ModuleStage:
    """The bias climbs from 0 towards the training labels, 1, and passes the held-out labels, 0.4, on its way."""
    head = SharedHead(3)
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    return stage(
        head,
        training=samples(10, seed=1, affect=torch.tensor([1.0, 1.0])),
        validation=samples(6, seed=2, affect=torch.tensor([0.4, 0.4])),
        learning_rate=0.003,
        **changed,
    )


def test_the_best_weights_are_kept_not_the_last() -> None:
    late = overfitting(epochs=30)
    log = fit(FABRIC, late)
    assert 0 < log.best_epoch < 30
    assert log.best_loss == min(validation_losses(log)) < 0.5 * log.epochs[-1].validation_loss
    late.module.eval()
    with torch.no_grad():
        now = squared_error(late.module, late.validation.batch(range(6)))
    assert now.item() == pytest.approx(log.best_loss, rel=1e-6)


@pytest.mark.parametrize("patience", [1, 3])
def test_patience_counts_epochs_without_a_better_one(patience: int) -> None:
    """Nothing is ever better than the start: patience p means epochs 1 .. p."""
    assert len(fit(FABRIC, diverging(patience=patience)).epochs) == 1 + patience


def test_patience_starts_again_with_every_better_epoch() -> None:
    log = fit(FABRIC, overfitting(epochs=30, patience=4))
    assert log.best_epoch > 1
    assert len(log.epochs) - 1 == log.best_epoch + 4 < 30


def test_without_patience_every_epoch_runs() -> None:
    log = fit(FABRIC, stage(epochs=5))
    assert len(log.epochs) == 1 + 5
    assert log.steps == 15  # 10 samples in batches of 4 are 3 steps an epoch; 5 epochs


class Steps:
    """The loss, counting training batches; raises at one of them if told."""

    def __init__(self, interrupted_at: int | None = None) -> None:
        self.sizes: list[int] = []
        self.interrupted_at = interrupted_at

    def __call__(self, module: nn.Module, batch: Batch) -> Tensor:
        if module.training:
            self.sizes.append(len(batch.affect))
            if len(self.sizes) == self.interrupted_at:
                raise KeyboardInterrupt
        return squared_error(module, batch)


@pytest.mark.parametrize(
    ("max_steps", "sizes"), [(1, [4]), (3, [4, 4, 2]), (5, [4, 4, 2, 4, 4]), (6, [4, 4, 2, 4, 4, 2])]
)
def test_max_steps_is_exact(max_steps: int, sizes: list[int]) -> None:
    steps = Steps()
    log = fit(FABRIC, stage(loss=steps, max_steps=max_steps))
    assert steps.sizes == sizes
    assert log.steps == max_steps
    assert len(log.epochs) - 1 == -(-max_steps // 3)
    assert log.finished


@pytest.mark.parametrize("optimizer", get_args(OptimizerName))
@pytest.mark.parametrize("step", [1, 3, 4, 8], ids=lambda step: f"step {step}")
def test_interrupted_and_resumed_is_bit_identical(tmp_path: Path, optimizer: OptimizerName, step: int) -> None:
    """4 epochs of 3 steps in one go, and 4 epochs interrupted at a step: before, at and after the first checkpoint."""
    settings: dict[str, Any] = {"optimizer": optimizer, "learning_rate": None, "epochs": 4}
    whole = stage(deep_network(), **settings)
    log = fit(FABRIC, whole, tmp_path / "whole.safetensors")

    path = tmp_path / "parts.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(FABRIC, stage(deep_network(), loss=Steps(interrupted_at=step), **settings), path)
    saved = Checkpoint.load(path)
    epochs_done = (step - 1) // 3
    assert (len(saved.log.epochs) - 1 if saved else 0) == epochs_done

    rest = Steps()
    resumed = stage(deep_network(), loss=rest, **settings)
    log_again = fit(FABRIC, resumed, path)
    assert len(rest.sizes) == 12 - 3 * epochs_done
    assert_same(state(resumed.module), state(whole.module))
    assert losses_of(log_again) == losses_of(log)
    assert (log_again.steps, log_again.best_epoch) == (log.steps, log.best_epoch) == (12, log.best_epoch)


def test_a_resumed_stage_does_not_depend_on_its_first_weights(tmp_path: Path) -> None:
    path = tmp_path / "stage.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(FABRIC, stage(deep_network(), loss=Steps(interrupted_at=8), epochs=4), path)
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(path.read_bytes())
    ends = []
    for seed, file in ((3, path), (4, copy)):
        resumed = stage(deep_network(seed), epochs=4)
        fit(FABRIC, resumed, file)
        ends.append(state(resumed.module))
    assert_same(*ends)


def test_max_steps_counts_across_an_interruption(tmp_path: Path) -> None:
    """7 steps: 3 before the checkpoint, then 4 more; the step that was interrupted is not one of them."""
    path = tmp_path / "stage.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(FABRIC, stage(loss=Steps(interrupted_at=5), max_steps=7), path)
    rest = Steps()
    assert fit(FABRIC, stage(loss=rest, max_steps=7), path).steps == 7
    assert len(rest.sizes) == 4


def test_patience_counts_across_an_interruption(tmp_path: Path) -> None:
    path = tmp_path / "stage.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(FABRIC, diverging(patience=3, loss=Steps(interrupted_at=8)), path)
    rest = Steps()
    log = fit(FABRIC, diverging(patience=3, loss=rest), path)
    assert (len(log.epochs), len(rest.sizes)) == (4, 3)


class InterruptedAfterLastEpoch:
    """Somebody who presses Ctrl+C when the last epoch is saved and the stage not yet concluded."""

    def __init__(self, epochs: int) -> None:
        self.left = epochs

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps == 0
        if not self.left:
            raise KeyboardInterrupt

    def say(self, message: str) -> None:
        raise AssertionError(message)


def test_interrupted_before_its_conclusion_a_stage_is_concluded(tmp_path: Path) -> None:
    """Resuming it loads the best weights, which are not the latest, without another step."""
    whole = overfitting(epochs=20)
    fit(FABRIC, whole)
    path = tmp_path / "stage.safetensors"
    # Besides one call after every epoch, the loop announces where it starts with the steps done so far: 0.
    with pytest.raises(KeyboardInterrupt):
        fit(FABRIC, overfitting(epochs=20), path, InterruptedAfterLastEpoch(1 + 20))
    saved = Checkpoint.load(path)
    assert saved is not None
    assert (saved.log.finished, len(saved.log.epochs)) == (False, 21)
    steps = Steps()
    resumed = overfitting(epochs=20, loss=steps)
    assert fit(FABRIC, resumed, path).finished
    assert steps.sizes == []
    assert_same(state(resumed.module), state(whole.module))


def test_a_finished_stage_is_loaded_and_not_trained(tmp_path: Path) -> None:
    path = tmp_path / "stage.safetensors"
    whole = stage()
    log = fit(FABRIC, whole, path)
    written = path.stat().st_mtime_ns

    def refuse(module: nn.Module, batch: Batch) -> Tensor:
        raise AssertionError("a finished stage was trained")

    again = stage(SharedHead(3), loss=refuse)
    assert fit(FABRIC, again, path) == log
    assert_same(state(again.module), state(whole.module))
    assert path.stat().st_mtime_ns == written


def test_without_a_checkpoint_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fit(FABRIC, stage(epochs=1))
    assert list(tmp_path.iterdir()) == []


def test_same_seed_same_weights_other_seed_other_weights() -> None:
    ends = []
    for seed in (0, 0, 1):
        run = stage(deep_network(), seed=seed)
        fit(FABRIC, run)
        ends.append(state(run.module))
    assert_same(ends[0], ends[1])
    assert not torch.equal(ends[0]["0.weight"], ends[2]["0.weight"])
