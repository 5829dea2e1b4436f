"""Run folders: they hold one run, say what it was, and refuse to become another."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pen_mobile.data.splits import validation_split
from pen_mobile.data.table import FrameTable
from pen_mobile.errors import BadInput
from pen_mobile.metrics import agreement
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.feature_scaling import feature_statistics
from pen_mobile.training.run_folder import Run
from pen_mobile.training.run_record import STAGES, RunData, RunRecord
from pen_mobile.training.stage_log import EpochLog, StageLog

CONFIG = LearningConfig(seed=3)
DATA = RunData(digest="abc", origin="people.npz", rows=40, source_subjects=["al", "bea"], synthetic=False)


def record(**config: Any) -> RunRecord:
    return RunRecord(replace(CONFIG, **config), DATA, command="pen-mobile train")


def test_a_run_goes_on_in_its_own_folder(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "first"
    begun = Run.begin(folder, record())
    begun.record.stages["2-shared"] = StageLog([EpochLog(0.5), EpochLog(0.25, 1.5, 0.4)], best_epoch=1, steps=4)
    begun.save()
    again = Run.begin(folder, record())
    assert again.record == begun.record
    assert again.config == CONFIG


def test_an_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    Run.begin(tmp_path, record())
    assert Run.read(tmp_path).record == record()


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    Run.begin(tmp_path, record())
    message = r"holds a run with other config \(lambda_0 0\.001 there, 0\.5 here, seed 3 there, 4 here\)"
    with pytest.raises(BadInput, match=message):
        Run.begin(tmp_path, record(seed=4, lambda_0=0.5))
    assert Run.read(tmp_path).record == record()


def test_a_setting_that_changes_only_the_speed_may_change(tmp_path: Path) -> None:
    Run.begin(tmp_path, record())
    assert Run.begin(tmp_path, record(frame_cache_gb=0.5)).record == record()


def test_a_setting_that_a_record_does_not_name_has_its_default(tmp_path: Path) -> None:
    path = Run.begin(tmp_path, record()).folder / "run.json"
    values = json.loads(path.read_text())
    del values["config"]["augment"]
    path.write_text(json.dumps(values))
    assert not Run.begin(tmp_path, record()).config.augment
    with pytest.raises(BadInput, match="augment False there, True here"):
        Run.begin(tmp_path, record(augment=True))


def test_other_data_are_refused_by_name(tmp_path: Path) -> None:
    Run.begin(tmp_path, record())
    other = record()
    other.data = replace(DATA, rows=41)
    with pytest.raises(BadInput, match=r"holds a run with other data \(rows 40 there, 41 here\); choose another --out"):
        Run.begin(tmp_path, other)


def test_folders_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(BadInput, match=r"is not a run: it has no run\.json; make one with 'pen-mobile train'"):
        Run.begin(tmp_path, record())
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize("read", [Run.read, Run.open, lambda path: Run.begin(path, record())])
def test_a_file_is_no_run(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "run"
    path.write_text("mine")
    with pytest.raises(BadInput, match=r"is not a run: it has no run\.json"):
        read(path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("read", [Run.read, Run.open])
def test_missing_folders_are_no_runs(tmp_path: Path, read: Any) -> None:
    with pytest.raises(BadInput, match=r"none is not a run: it has no run\.json"):
        read(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not readable as JSON"),
        ("[]", "is a run record of format None; this version reads 2: train again"),
        ('{"format": 1}', "is a run record of format 1; this version reads 2: train again"),
        ('{"format": 2, "config": {}}', "data: Field required"),
        ('{"format": 2, "config": {"patience": 0}}', "config.patience: Input should be greater than or equal to 1"),
        ('{"format": 2, "config": {}, "data": {"hue": 3}, "colour": 3}', "data.digest: Field required"),
        ('{"format": 2, "config": {"colour": 3}}', "config.colour: Unexpected keyword argument"),
    ],
)
def test_bad_records_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(BadInput, match=rf"run\.json.*{message}"):
        Run.read(tmp_path)


def test_an_unfinished_run_is_not_opened(tmp_path: Path) -> None:
    Run.begin(tmp_path, record())
    with pytest.raises(BadInput, match="training did not finish; give 'pen-mobile train' the same arguments to resume"):
        Run.open(tmp_path)


def test_a_lost_stage_is_named(tmp_path: Path) -> None:
    run = Run.begin(tmp_path, record())
    run.record.feature_size, run.record.expert_count = 4, 2
    with pytest.raises(BadInput, match=r"4-experts\.safetensors is missing; train again"):
        run.expert_head()


def test_statistics_are_of_every_feature(tmp_path: Path) -> None:
    """Column 1: mean (1 + 3) / 2 = 2, s.d. 1. Column 2: mean 0, s.d. 4."""
    run = Run.begin(tmp_path, record())
    run.save_feature_statistics(*feature_statistics(np.array([[1, -4], [3, 4]], np.float32), np.arange(2)))
    mean, std = run.feature_statistics()
    assert (mean.tolist(), std.tolist()) == ([2, 0], [1, 4])


def test_a_run_on_features_has_no_backbone(tmp_path: Path) -> None:
    assert Run.begin(tmp_path, record()).backbone() is None


def test_a_complete_run_says_what_it_was(run_folder: Path, people: FrameTable) -> None:
    run = Run.open(run_folder)
    source = people.take(people.rows_with_role("source"))
    assert list(run.record.stages) == list(STAGES)
    assert all(run.stage_file(stage).is_file() for stage in STAGES)
    assert all(log.finished for log in run.record.stages.values())
    assert run.record.data.digest == source.digest
    assert run.record.data.source_subjects == ["source-01", "source-02", "source-03"]
    assert run.record.data.synthetic is True
    assert run.record.expert_count == 3  # one for each source person
    assert json.loads((run_folder / "run.json").read_text())["config"] == asdict(run.config)


def test_a_complete_run_gives_its_models_back(run_folder: Path, people: FrameTable) -> None:
    """The CCC and RMSE in the record are those of the loaded models on the held-out rows."""
    from pen_mobile.training.features import extract_features

    run = Run.open(run_folder)
    backbone = run.backbone()
    assert backbone is not None
    assert not backbone.training
    assert backbone.feature_size == run.record.feature_size
    assert backbone.digest() == run.record.backbone_digest
    source = people.take(people.rows_with_role("source"))
    _, held_out = validation_split(source, run.config.validation_fraction, run.config.seed)
    z = torch.from_numpy(extract_features(backbone, source.frames.read(held_out)))
    with torch.no_grad():
        estimates = {"s-SN": run.shared_head()(z), "s-PEN": run.expert_head()(z).affect}
    for name, estimate in estimates.items():
        expected = agreement(estimate.numpy(), source.affect[held_out]).root
        assert run.record.validation[name].root == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_the_shared_head_starts_from_the_backbones(run_folder: Path) -> None:
    """Step 2 of Algorithm 1 goes on with W^s of step 1: on the frozen backbone its first loss is step 1's best."""
    stages = Run.open(run_folder).record.stages
    first = stages["1-backbone"]
    assert stages["2-shared"].epochs[0].validation_loss == pytest.approx(first.best_loss, rel=1e-4)
