"""The golden vectors for a whole phone, as the Kotlin core answers them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.contract.bundle_folder import open_bundle
from tests.android.kotlin import Harness, needs_kotlin
from tests.android.resealing import changed_copy
from tests.android.toolchain import REPOSITORY
from tests.contract import golden_stores

needs_kotlin()

FOLDER = REPOSITORY / "export" / "golden" / "phone"
BUNDLE = FOLDER / "bundle"
CALLS: dict[str, Any] = json.loads((FOLDER / "calls.json").read_text(encoding="utf-8"))
REFUSED: dict[str, Any] = json.loads((FOLDER / "refused" / "refused.json").read_text(encoding="utf-8"))
STORES: dict[str, Any] = json.loads((FOLDER / "stores" / "stores.json").read_text(encoding="utf-8"))
PROBLEMS = {"archive": "NOT_A_BUNDLE", "version": "BUNDLE_NEWER", "unsigned": "NOT_SIGNED", "signature": "FORGED"}


def open_store(kotlin: Harness, store: Path, bundle: Path = BUNDLE, **more: Any) -> dict[str, Any]:
    """Open a store, for the golden bundle unless another is given."""
    return kotlin.ask("open", bundle=bundle, store=store, folder=store.parent / "programs", **more)


def assert_answers(kotlin: Harness, unit: list[list[float]]) -> None:
    """The head in use says this of all moments, on the scale from -1 to 1, clipped."""
    manifest = open_bundle(BUNDLE).manifest
    expected = manifest.labelling.to_labels(np.clip(np.array(unit, np.float32), -1, 1))
    found = [kotlin.ask("predict", z=z)["targets"] for z in CALLS["moments"]]
    tolerance = manifest.golden.target_tolerance * manifest.labelling.half_width
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * tolerance)


def test_the_sound_archive_is_opened(kotlin: Harness) -> None:
    assert "targets" in kotlin.ask("check", bundle=FOLDER / "refused" / REFUSED["sound"])


@pytest.mark.parametrize("case", REFUSED["cases"], ids=lambda case: case["file"])
def test_what_a_reader_must_refuse(kotlin: Harness, case: dict[str, str]) -> None:
    answer = kotlin.ask("check", bundle=FOLDER / "refused" / case["file"])
    assert answer.get("problem") == PROBLEMS.get(case["reason"], "BUNDLE_DAMAGED"), answer


@pytest.mark.parametrize("case", REFUSED["signed"]["cases"], ids=lambda case: case["file"])
def test_signatures_that_a_reader_must_refuse(kotlin: Harness, case: dict[str, str]) -> None:
    key = FOLDER / "refused" / REFUSED["signed"]["public_key"]
    assert "targets" in kotlin.ask("check", bundle=FOLDER / "refused" / REFUSED["signed"]["sound"], public_key=key)
    answer = kotlin.ask("check", bundle=FOLDER / "refused" / case["file"], public_key=key)
    assert answer.get("problem") == PROBLEMS.get(case["reason"], "BUNDLE_DAMAGED"), answer


def test_estimates(kotlin: Harness, tmp_path: Path) -> None:
    open_store(kotlin, tmp_path / "store.sqlite", now=1.7e9)
    assert_answers(kotlin, CALLS["predict"]["targets"])
    gate = [kotlin.ask("predict", z=z)["gate"] for z in CALLS["moments"]]
    np.testing.assert_allclose(gate, CALLS["predict"]["gate"], atol=1e-4)


def test_the_photograph(kotlin: Harness, tmp_path: Path) -> None:
    """From the image to the eyes, from the frame to the feature, from the feature to the targets."""
    folder = FOLDER / "photograph"
    about = json.loads((folder / "photograph.json").read_text(encoding="utf-8"))
    manifest = open_bundle(folder / "bundle").manifest
    assert manifest.backbone is not None
    open_store(kotlin, tmp_path / "store.sqlite", folder / "bundle", now=1.7e9)
    height, width = about["image"]["shape"][:2]
    eyes = kotlin.ask("find", image=folder / about["image"]["file"], width=width, height=height)["eyes"]
    distance = np.hypot(*(np.array(about["eyes"][2:]) - about["eyes"][:2]))
    np.testing.assert_allclose(eyes, about["eyes"], rtol=0, atol=0.01 * manifest.backbone.crop.margin * distance)
    frame = np.frombuffer((folder / about["frame"]["file"]).read_bytes(), np.uint8).reshape(about["frame"]["shape"])
    z = kotlin.ask("features", frame=frame.transpose(2, 0, 1).ravel().tolist())["z"]
    np.testing.assert_allclose(z, about["z"], rtol=0, atol=manifest.golden.feature_tolerance)
    found = kotlin.ask("predict", z=about["z"])["targets"]
    expected = manifest.labelling.to_labels(np.array(about["targets"], np.float32))
    tolerance = manifest.golden.target_tolerance * manifest.labelling.half_width
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * tolerance)


@pytest.mark.parametrize("name", [name for name, case in CALLS["adapt"].items() if min(case["weight"]) == 1])
def test_label_sets(kotlin: Harness, tmp_path: Path, name: str) -> None:
    """Labels go through the store and the phone's own code, as an owner's labels do."""
    case, labelling = CALLS["adapt"][name], open_bundle(BUNDLE).manifest.labelling
    now = max(case["captured_at"], default=0.0) + 1e4
    open_store(kotlin, tmp_path / "store.sqlite", now=now, days=1e9)
    labels = labelling.to_labels(np.array(case["labels"], np.float32).reshape(-1, 2)).tolist()
    rows = zip(case["rows"], labels, case["captured_at"], strict=True)
    kotlin.ask("label", samples=[{"z": CALLS["moments"][row], "y": y, "t": t} for row, y, t in rows])
    result = kotlin.ask("adapt")
    assert result["accepted"] == case["accepted"]
    assert [target["verdict"] for target in result["targets"]] == case["verdicts"]
    errors = [target["after"] / labelling.half_width for target in result["targets"]]
    np.testing.assert_allclose(errors, case["report"][3], atol=open_bundle(BUNDLE).manifest.golden.report_tolerance)
    assert_answers(kotlin, case["targets"] if case["accepted"] else CALLS["predict"]["targets"])


@pytest.mark.parametrize("case", STORES["stores"], ids=lambda case: case["file"])
def test_stores(kotlin: Harness, tmp_path: Path, case: dict[str, Any]) -> None:
    """Kotlin reads stores of the present schema; it has none of its own that are older, and leaves those alone."""
    store = Path(shutil.copy(FOLDER / "stores" / case["file"], tmp_path))
    key = STORES["key"] if case["encrypted"] else None
    before = store.read_bytes()
    digest = golden_stores.BACKBONE  # of the data, by which a bundle without a backbone is known
    bundle = changed_copy(BUNDLE, tmp_path / "bundle", lambda values: values["source"].update(data_digest=digest))
    answer = open_store(kotlin, store, bundle, key=key, now=STORES["now"], days=1e9)
    if case["schema_version"] < 4:
        assert answer["problem"] == "NOT_A_STORE"
        assert store.read_bytes() == before
    else:
        assert answer == {"labels": len(case["labels"]), "version": case["active_version"]}
