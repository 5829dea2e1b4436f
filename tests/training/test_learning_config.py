"""Settings of source learning: the paper's by default, read from TOML, refused by name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from pen_mobile.errors import BadInput
from pen_mobile.training.config import LearningConfig


def test_defaults_are_the_papers() -> None:
    """Section 4: ResNet-50 from ImageNet, 10 epochs for it and 30 for the heads, lambdas 1e-3, 20 % held out;
    Section 3.5: Adadelta with its defaults, stopped after five epochs."""
    config = LearningConfig()
    assert (config.backbone, config.weights) == ("resnet50", "imagenet")
    assert (config.backbone_epochs, config.head_epochs, config.joint_epochs, config.patience) == (10, 30, 30, 5)
    assert (config.backbone_optimizer, config.optimizer) == ("adadelta", "adadelta")
    assert (config.backbone_learning_rate, config.learning_rate) == (None, None)
    assert config.joint_step_size == pytest.approx(0.3)  # of Adadelta's: not the paper's (docs/differences.md)
    assert LearningConfig(standardize=False).joint_step_size == 1.0  # the paper's
    assert (config.lambda_0, config.lambda_1, config.validation_fraction) == (1e-3, 1e-3, 0.2)
    assert (config.layer_strategy, config.expert_learning) == ("together-then-head", "joint")
    assert not config.augment  # the paper tells of none


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *[
            (name, 0, "Input should be greater than or equal to 1")
            for name in (
                *(
                    "input_size",
                    "backbone_epochs",
                    "head_epochs",
                    "joint_epochs",
                    "patience",
                    "batch_size",
                    "max_steps",
                ),
            )
        ],
        *[
            (name, -1, "Input should be greater than or equal to 0")
            for name in ("lambda_0", "lambda_1", "seed", "frame_cache_gb")
        ],
        ("max_steps", 0, "Input should be greater than or equal to 1"),
        ("lambda_0", float("nan"), "Input should be a finite number"),
        ("backbone_learning_rate", 0.0, "Input should be greater than 0"),
        ("learning_rate", float("nan"), "Input should be a finite number"),
        ("joint_learning_rate", 0.0, "Input should be greater than 0"),
        ("optimizer", "lion", "Input should be 'adadelta', 'sgd' or 'adam'"),
        ("backbone_optimizer", "", "Input should be 'adadelta', 'sgd' or 'adam'"),
        ("early_stopping", "five", "Input should be 'patience' or 'cap'"),
        ("expert_learning", "alone", "Input should be 'joint', 'isolated' or 'isolated-then-joint'"),
        ("validation_fraction", 0.0, "Input should be greater than 0"),
        ("validation_fraction", 1.0, "Input should be less than 1"),
    ],
)
def test_senseless_values_are_refused_by_name(name: str, value: Any, message: str) -> None:
    with pytest.raises(BadInput, match=f"^--{name.replace('_', '-')}: {message}$"):
        LearningConfig.load(None, **{name: value})


def test_least_values_are_taken() -> None:
    config = LearningConfig(lambda_0=0, lambda_1=0, seed=0, patience=1, max_steps=1)
    assert (config.lambda_0, config.max_steps) == (0, 1)


def test_every_field_can_stand_in_a_file(tmp_path: Path) -> None:
    values = {
        "backbone": "resnet18",
        "weights": "none",
        "input_size": 64,
        "backbone_optimizer": "adam",
        "backbone_learning_rate": 1e-4,
        "backbone_epochs": 1,
        "layer_strategy": "head-first",
        "optimizer": "sgd",
        "learning_rate": 1,
        "joint_learning_rate": 0.05,
        "head_epochs": 2,
        "joint_epochs": 3,
        "early_stopping": "cap",
        "patience": 4,
        "expert_learning": "isolated",
        "standardize": False,
        "batch_size": 5,
        "lambda_0": 0,
        "lambda_1": 0.5,
        "loss_convention": "keras",
        "backbone_saw_people": True,
        "validation_fraction": 0.25,
        "augment": True,
        "frame_cache_gb": 0.5,
        "max_steps": 7,
        "seed": 8,
        "split_seed": 3,
    }
    assert set(values) == {field.name for field in dataclasses.fields(LearningConfig)}
    path = tmp_path / "train.toml"
    path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items()))
    assert dataclasses.asdict(LearningConfig.load(path)) == values


def test_overrides_replace_the_file_unless_they_are_none(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text('seed = 3\nbatch_size = 16\noptimizer = "sgd"\n')
    config = LearningConfig.load(path, seed=9, batch_size=None)
    assert (config.seed, config.batch_size, config.optimizer) == (9, 16, "sgd")
    assert config.head_epochs == LearningConfig().head_epochs


def test_no_file_means_defaults_and_overrides() -> None:
    assert LearningConfig.load(None) == LearningConfig()
    assert LearningConfig.load(None, seed=1, weights=None) == LearningConfig(seed=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = 3", r"train\.toml: unknown key 'epochs'; did you mean 'head_epochs'"),
        ('seed = "three"', r"train\.toml: seed: Input should be a valid integer"),
        ("batch_size = 2.5", r"train\.toml: batch_size: Input should be a valid integer"),
        ("batch_size = true", r"train\.toml: batch_size: Input should be a valid integer"),
        ("augment = 1", r"train\.toml: augment: Input should be a valid boolean"),
        ("lambda_0 = true", r"train\.toml: lambda_0: Input should be a valid number"),
        ("backbone = 50", r"train\.toml: backbone: Input should be a valid string"),
        ('learning_rate = "fast"', r"train\.toml: learning_rate: Input should be a valid number"),
        ("batch_size = 0", r"train\.toml: batch_size: Input should be greater than or equal to 1"),
        ("seed = ", r"train\.toml: not valid TOML"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        LearningConfig.load(path)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"train\.toml: cannot be read: No such file"):
        LearningConfig.load(tmp_path / "train.toml")


def test_overrides_are_checked_too() -> None:
    with pytest.raises(BadInput, match=r"^--batch-size: Input should be greater than or equal to 1$"):
        LearningConfig.load(None, batch_size=0)


def test_settings_cannot_change_during_a_run() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LearningConfig().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "has_frames", "saw"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"layer_strategy": "frozen"}, True, False),
        ({"layer_strategy": "frozen", "backbone_saw_people": True}, True, True),  # its weights come from such a run
        ({"backbone_saw_people": True}, False, True),
    ],
)
def test_who_taught_the_backbone(settings: dict[str, Any], has_frames: bool, saw: bool) -> None:
    assert LearningConfig(**settings).saw_people(has_frames=has_frames) is saw
