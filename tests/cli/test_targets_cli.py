"""Three targets on features, and at night one on faces, through every command, on labels from 1 to 9."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from pen_mobile.api.datasets import load_dataset
from pen_mobile.cli.main import cli
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.table import FrameTable
from pen_mobile.errors import BadInput
from tests.android.resealing import changed_copy
from tests.small_world import write_quick_recipe

ONE, THREE = "engagement", "valence,arousal,dominance"
SMALL = """\
backbone = "resnet18"
weights = "none"
input_size = 32
backbone_optimizer = "adam"
backbone_learning_rate = 1e-3
backbone_epochs = 2
optimizer = "adam"
joint_learning_rate = 1e-3
head_epochs = 2
joint_epochs = 2
"""


def run(*arguments: object, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Run a command in this process and return its JSON document."""
    result = CliRunner().invoke(cli, [*map(str, arguments), "--json"])
    assert result.exit_code in codes, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def refused(*arguments: object) -> str:
    """Run a command in this process, insist on bad input, and return the message."""
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    assert isinstance(result.exception, BadInput), result.output
    return str(result.exception)


def write_features(folder: Path, names: list[str]) -> Path:
    """Write the same people as features of 12 numbers, in one .npz file."""
    people = load_dataset("synthetic:sources=3,targets=1,seconds=30,fps=2,seed=3", size=32)
    rng = np.random.default_rng(0)
    z = people.affect @ rng.standard_normal((2, 12)) + 0.1 * rng.standard_normal((len(people), 12))
    y = 5 + 4 * people.affect @ rng.uniform(-0.5, 0.5, (2, len(names)))
    columns = {"subject": people.subject, "role": people.role, "time_s": people.time_s}
    np.savez(folder / "people.npz", z=z.astype(np.float32), y=y.astype(np.float32), **columns)
    return folder / "people.npz"


def write_people(folder: Path, names: list[str]) -> Path:
    """Write faces of 3 source people and 1 target person as files, and a table with labels from 1 to 9."""
    people = load_dataset("synthetic:sources=3,targets=1,seconds=30,fps=2,seed=3", size=32)
    rng = np.random.default_rng(0)
    mix = rng.uniform(-0.5, 0.5, (2, len(names)))
    labels = 5 + 4 * people.affect @ mix
    lines = [",".join(("subject", "role", "time_s", *names, "image"))]
    for row, frame in enumerate(people.content(np.arange(len(people)))):
        cv2.imwrite(str(folder / f"{row}.png"), frame[:, :, ::-1])
        values = ",".join(f"{label:.4f}" for label in labels[row])
        lines.append(f"{people.subject[row]},{people.role[row]},{people.time_s[row]},{values},{row}.png")
    table = folder / "people.csv"
    table.write_text("\n".join(lines), encoding="utf-8")
    return table


@pytest.mark.slow
@pytest.mark.parametrize("targets", [pytest.param(ONE, marks=pytest.mark.nightly), THREE])
def test_targets_go_through_every_command(tmp_path: Path, targets: str) -> None:
    names = targets.split(",")
    faces, labels = targets == ONE, ("--targets", targets, "--label-range", "1,9")
    data = (write_people if faces else write_features)(tmp_path, names)
    page = tmp_path / "data.html"
    found = run("data", "inspect", data, "--frame-size", 32, "--html", page, *labels)
    assert all(list(person["labels"]) == names for person in found["people"])
    assert all(1 <= one["min"] <= one["max"] <= 9 for person in found["people"] for one in person["labels"].values())
    assert "Joint distribution" not in page.read_text(encoding="utf-8")

    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    trained = run("train", data, *labels, "--config", tmp_path / "small.toml", "--out", tmp_path / "run")
    measures = [f"{measure}_{name}" for measure in ("ccc", "rmse") for name in names]
    assert list(trained["validation"]["s-PEN"]) == measures

    bundle = tmp_path / "bundle"
    recipe = write_quick_recipe(tmp_path / "quick.toml", adapt=True)
    run("export", tmp_path / "run", "--recipe", recipe, "--out", bundle)
    manifest = open_bundle(bundle).manifest
    assert (manifest.targets, manifest.label_range, manifest.head.target_count) == (names, (1, 9), len(names))
    assert run("verify", bundle)["passed"]

    if faces:
        affect = run("predict", bundle, tmp_path / "5.png", "--aligned")["images"]["5.png"]["targets"]
        assert list(affect) == names
        assert all(1 <= value <= 9 for value in affect.values())

    store = tmp_path / "me.sqlite"
    person = ("--data", data, "--subject", "target-01")
    adapted = run("adapt", bundle, *person, "--store", store, "--labels", 20, codes=(0, 3))
    assert [target["target"] for target in adapted["adaptation"]["targets"]] == names
    assert len(run("phone", "history", "--store", store)["heads"]) == 1

    if not faces:  # a process that has trained leaves a simulated phone with a backbone too little of its memory
        day = run("simulate-day", bundle, *person, "--out", tmp_path / "day", "--budget", 1)
        assert set(day["quality"]["this phone"]) == set(measures)
    assert "the paper's protocol" in refused("protocol", tmp_path / "run", "--out", tmp_path / "protocol")


@pytest.mark.slow
def test_an_image_is_estimated_by_the_bundle_s_names_and_range(bundle_folder: Path, tmp_path: Path) -> None:
    def rename(manifest: dict[str, Any]) -> None:
        manifest.update(targets=["stress", "joy"], label_range=[1.0, 9.0])

    bundle = changed_copy(bundle_folder, tmp_path / "bundle", rename)
    write_people(tmp_path, [ONE])
    usual, other = (run("predict", one, tmp_path / "5.png", "--aligned") for one in (bundle_folder, bundle))
    before, found = (list(one["images"]["5.png"]["targets"].items()) for one in (usual, other))
    assert [name for name, _ in found] == ["stress", "joy"]
    np.testing.assert_allclose([value for _, value in found], [5 + 4 * value for _, value in before], atol=1e-4)


def test_labels_outside_of_the_declared_range_are_refused(tmp_path: Path) -> None:
    """Labels near 5 lie in [1, 9], not in [-1, 1]."""
    data = write_people(tmp_path, [ONE])
    message = refused("data", "inspect", data, "--targets", ONE)
    assert "row 1: engagement is" in message
    assert "--label-range" in message


def test_a_table_without_valence_says_how_to_name_others(tmp_path: Path) -> None:
    message = refused("data", "inspect", write_people(tmp_path, [ONE]))
    assert "column 'valence' is missing" in message
    assert "--targets" in message


def test_synthetic_people_have_any_target_at_any_scale() -> None:
    """Of one seed: the same faces, valence as it always is, other targets within the range."""
    usual = load_dataset("synthetic:sources=1,targets=0,seconds=5,fps=2", size=32)
    table = load_dataset("synthetic:sources=1,targets=0,seconds=5,fps=2", size=32, targets="stress,valence")
    scaled = load_dataset("synthetic:sources=1,targets=0,seconds=5,fps=2", size=32, label_range="0,10")
    assert isinstance(table, FrameTable)
    np.testing.assert_array_equal(table.affect[:, 1], usual.affect[:, 0])
    np.testing.assert_allclose(scaled.affect, 5 + 5 * usual.affect, atol=1e-6)
    assert len({table.digest, usual.digest, scaled.digest}) == 3
