"""``pen-mobile adapt --strategy`` and ``--optimizer``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pen_mobile.cli.main import cli
from pen_mobile.errors import BadInput
from pen_mobile.phone.phone import Phone


@pytest.fixture(scope="module")
def recording(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person's features, 400 s, a moment each second, felt a little above what the bundle's head says."""
    z = np.random.default_rng(0).standard_normal((400, 16)).astype(np.float32)
    with Phone.open(small_bundle) as phone:
        said, _ = phone.predict_features(z)
    path = tmp_path_factory.mktemp("recording") / "ann.npz"
    np.savez(
        path,
        z=z,
        y=np.clip(said + 0.2, -1, 1),
        subject=np.full(400, "ann"),
        role=np.full(400, "target"),
        time_s=np.arange(400.0),
    )
    return path


def test_a_strategy_can_be_chosen_and_is_in_the_result(small_bundle: Path, recording: Path, tmp_path: Path) -> None:
    arguments = ["adapt", small_bundle, "--data", recording, "--subject", "ann", "--store", tmp_path / "ann.sqlite"]
    found = CliRunner().invoke(cli, [*map(str, arguments), "--strategy", "prior", "--json", "-q"])
    assert found.exception is None, found.exception
    adaptation = json.loads(found.stdout)["adaptation"]
    assert (adaptation["strategy"], adaptation["optimizer"], adaptation["steps"]) == ("prior", None, 0)
    assert [target["target"] for target in adaptation["targets"]] == ["valence", "arousal"]


def test_an_optimizer_means_gradient_steps(small_bundle: Path, recording: Path, tmp_path: Path) -> None:
    arguments = ["adapt", small_bundle, "--data", recording, "--subject", "ann", "--store", tmp_path / "ann.sqlite"]
    found = CliRunner().invoke(cli, [*map(str, arguments), "--optimizer", "adadelta", "--json", "-q"])
    assert found.exception is None, found.exception
    adaptation = json.loads(found.stdout)["adaptation"]
    assert (adaptation["strategy"], adaptation["optimizer"]) == ("gradient", "adadelta")
    assert adaptation["steps"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--strategy", "magic"], "strategy 'magic' is not in this bundle; there are prior and gradient"),
        (["--optimizer", "lion"], "optimizer 'lion' is not in this bundle; there is adadelta"),
        (
            ["--optimizer", "adam"],
            "optimizer 'adam' is not in this bundle; there is adadelta; name it under [head.learning_rate] of a recipe "
            "and export again to have it",
        ),
        (
            ["--strategy", "prior", "--optimizer", "adadelta"],
            "an optimizer is for strategy gradient, not for prior",
        ),
    ],
)
def test_an_unknown_name_is_refused_before_a_store_holds_anything(
    small_bundle: Path, recording: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    store = tmp_path / "ann.sqlite"
    arguments = ["adapt", small_bundle, "--data", recording, "--subject", "ann", "--store", store, *options]
    error = CliRunner().invoke(cli, list(map(str, arguments))).exception
    assert isinstance(error, BadInput)
    assert str(error) == message


def test_a_negative_seed_is_refused_before_a_store_is_made(small_bundle: Path, recording: Path, tmp_path: Path) -> None:
    arguments = ["adapt", small_bundle, "--data", recording, "--subject", "ann", "--store", tmp_path / "ann.sqlite"]
    found = CliRunner().invoke(cli, [*map(str, arguments), "--seed", "-1"])
    assert "-1 is not in the range x>=0" in f"{found.output}{found.exception}"
    assert not (tmp_path / "ann.sqlite").exists()
