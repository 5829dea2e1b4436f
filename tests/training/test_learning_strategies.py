"""Strategies that the paper tried or may have meant: experts in isolation, other orders of layers, a cap on epochs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pen_mobile.data.table import FeatureTable, FrameTable
from pen_mobile.errors import BadInput
from pen_mobile.training.backbone_stage import HEAD_FIRST
from pen_mobile.training.checkpoint import Checkpoint
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.run_folder import Run
from pen_mobile.training.run_record import STAGES
from pen_mobile.training.source_training import learn_source

CONFIG = LearningConfig(optimizer="adam", learning_rate=0.03, joint_learning_rate=0.03, head_epochs=3, joint_epochs=8)
FRAMES = LearningConfig(
    backbone="mobilenet_v3_small", weights="none", input_size=32, backbone_epochs=1, head_epochs=2, joint_epochs=1
)


def two_people(rows: int = 40) -> FeatureTable:
    """Ann and Ben feel the opposite when they do the same; the first two features say who it is."""
    rng = np.random.default_rng(0)
    who, action = np.repeat([0, 1], rows), rng.uniform(-1, 1, (2 * rows, 2))
    place = 2 * np.eye(2)[who] + 0.1 * rng.standard_normal((2 * rows, 2))
    sign = np.where(who == 0, 1, -1)[:, None]
    return FeatureTable(
        subject=np.array(["ann", "ben"])[who],
        role=np.full(2 * rows, "source"),
        time_s=np.tile(np.arange(rows), 2).astype(np.float64),
        affect=(0.8 * sign * action).astype(np.float32),
        features=np.concatenate([place, action], axis=1).astype(np.float32),
        origin="two.npz",
    )


def learned(folder: Path, **settings: object) -> Run:
    return learn_source(two_people(), CONFIG.changed(**settings), folder / "run")


def experts(run: Run) -> torch.Tensor:
    """Return the experts' rows of a run, ``[n_s, K, D_z + 1]``."""
    return run.expert_head().head_parameters.detach()[2:].view(2, 2, -1)


def test_experts_in_isolation_know_their_person_alone(tmp_path: Path) -> None:
    """Each is what the shared head would become on one person's rows, and the gate stays as it was learned alone."""
    run = learned(tmp_path, expert_learning="isolated")
    gate = Checkpoint.load(run.stage_file(STAGES[2]))
    assert gate is not None
    assert torch.equal(run.expert_head().head_parameters[:2].detach(), gate.best["head_parameters"].view(2, -1))
    ann, ben = experts(run)
    assert not torch.allclose(ann, ben)
    log = run.record.stages[STAGES[3]]
    assert (log.steps, len(log.epochs), log.finished) == (0, 1, True)
    assert not run.record.experts_are_copies


def test_other_peoples_labels_do_not_change_an_isolated_expert(tmp_path: Path) -> None:
    """The shared head and the features' scale are kept; only Ben's labels are turned round, and Ann's expert stays."""
    from pen_mobile.training.source_experts import tuned_alone
    from pen_mobile.training.source_heads import source_splits

    table, shared = two_people(), torch.zeros(3, 5)
    labels = table.affect.copy()
    labels[table.rows_of("ben")] *= -1
    both = [
        tuned_alone(source_splits(one, one.features, CONFIG.halves(one)), CONFIG, shared).view(2, 2, -1)
        for one in (table, replace(table, affect=labels))
    ]
    assert torch.equal(both[0][0], both[1][0])
    assert not torch.equal(both[0][1], both[1][1])


def test_isolation_before_joint_learning_is_its_start(tmp_path: Path) -> None:
    alone = learned(tmp_path / "alone", expert_learning="isolated")
    both = learned(tmp_path / "both", expert_learning="isolated-then-joint")
    first = [run.record.stages[STAGES[3]].epochs[0].validation_loss for run in (alone, both)]
    assert first[0] == first[1]
    assert both.record.stages[STAGES[3]].steps > 0


def test_early_stopping_is_patience_unless_it_is_a_cap(tmp_path: Path) -> None:
    waits = learned(tmp_path / "waits", patience=3, joint_epochs=6)
    capped = learned(tmp_path / "capped", patience=3, joint_epochs=6, early_stopping="cap")
    assert LearningConfig().early_stopping == "patience"
    assert len(capped.record.stages[STAGES[3]].epochs) == 1 + 3
    assert len(waits.record.stages[STAGES[3]].epochs) > 1 + 3
    assert len(capped.record.stages[STAGES[1]].epochs) == 1 + CONFIG.head_epochs  # the other stages take all


def test_a_cap_beyond_the_epochs_changes_nothing(tmp_path: Path) -> None:
    run = learned(tmp_path, patience=50, joint_epochs=2, early_stopping="cap")
    assert len(run.record.stages[STAGES[3]].epochs) == 1 + 2


@pytest.mark.parametrize("strategy", ["together", "head-first", "frozen"])
def test_layer_strategies_need_frames(tmp_path: Path, strategy: str) -> None:
    with pytest.raises(BadInput, match=f"layer_strategy '{strategy}' needs frames; two.npz has features"):
        learned(tmp_path, layer_strategy=strategy)


@pytest.fixture(scope="module")
def starts(people: FrameTable) -> dict[str, torch.Tensor]:
    from pen_mobile.training.backbone_stage import new_network

    return new_network(FRAMES, 2).state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["together-then-head", "together", "head-first", "frozen"])
def test_layers_that_a_strategy_changes(
    people: FrameTable, starts: dict[str, torch.Tensor], tmp_path: Path, strategy: str
) -> None:
    """What a stage may not change is bit for bit what it was, running statistics of the backbone included."""
    run = learn_source(people, FRAMES.changed(layer_strategy=strategy), tmp_path / "run")
    stages = run.record.stages
    assert list(stages) == [*([HEAD_FIRST] if strategy == "head-first" else []), *STAGES]

    def changed(stage: str) -> set[str]:
        saved = Checkpoint.load(run.stage_file(stage))
        assert saved is not None
        return {name.partition(".")[0] for name, value in saved.best.items() if not torch.equal(value, starts[name])}

    head_alone = {"head"} if stages.get(HEAD_FIRST, stages[STAGES[0]]).best_epoch else set()
    if strategy == "head-first":
        assert changed(HEAD_FIRST) == head_alone
    if strategy == "frozen":
        assert changed(STAGES[0]) == head_alone
    elif stages[STAGES[0]].best_epoch:
        assert changed(STAGES[0]) == {"backbone", "head"}
    if strategy == "together":
        start = run.backbone_head()
        assert start is not None
        assert stages[STAGES[1]].steps == 0
        assert torch.allclose(run.shared_mixture().head_parameters[1:], start[1:], atol=1e-6)
    else:
        assert stages[STAGES[1]].steps > 0
