"""The golden vectors for a whole phone are current, and this package agrees with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract.adaptation_report import Verdict
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.faces import Face, Point, crop_face
from pen_mobile.errors import BundleError
from pen_mobile.phone.face_finding import face_detector
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.retention import Retention
from tests.contract import golden_phone, golden_stores
from tests.contract.golden_phone import FOLDER, LABELS, TARGETS
from tests.contract.golden_photograph import TinyBackbone
from tests.contract.golden_refusals import CASES, MESSAGES, SIGNED_CASES

CALLS: dict[str, Any] = json.loads((FOLDER / "calls.json").read_text(encoding="utf-8"))
REFUSED: dict[str, Any] = json.loads((FOLDER / "refused" / "refused.json").read_text(encoding="utf-8"))
STORES: dict[str, Any] = json.loads((FOLDER / "stores" / "stores.json").read_text(encoding="utf-8"))


def assert_close(found: Any, expected: Any, tolerance: float) -> None:
    """Compare documents: the same keys and texts, numbers within a tolerance of their size where that is above 1."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_close(found[key], expected[key], tolerance)
    elif isinstance(expected, list) and not any(isinstance(item, (str, bool, dict)) for item in expected):
        found, expected = np.array(found, float), np.array(expected, float)
        assert found.shape == expected.shape
        assert (np.abs(found - expected) <= tolerance * np.maximum(1, np.abs(expected))).all()
    else:
        assert found == expected


def test_the_calls_are_current() -> None:
    """What the formulas give now; training is eager torch in float32, whose sums depend on the processor."""
    assert_close(golden_phone.calls(), CALLS, 1e-5)


def test_sizes_are_those_of_a_repository() -> None:
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 3_000_000


def test_the_bundle_answers_as_the_formulas_do() -> None:
    """The label sets go through the store and the phone's own code, as an owner's labels do."""
    options = StoreOptions(clock=lambda: golden_phone._START + 1e7, retention=Retention(samples=None, days=None))
    manifest = open_bundle(FOLDER / "bundle").manifest
    moments, labelling = np.array(CALLS["moments"], np.float32), manifest.labelling
    for case in CALLS["adapt"].values():
        if min(case["weight"]) < 1:
            continue  # a phone gives its labels whole weights
        with Phone.open(FOLDER / "bundle", options=options) as phone:
            labels = labelling.to_labels(np.array(case["labels"], np.float32).reshape(-1, TARGETS))
            phone.add_labels(moments[case["rows"]], labels, captured_at=np.array(case["captured_at"]))
            result = phone.adapt()
            assert result.accepted == case["accepted"]
            assert [target.verdict.name.lower() for target in result.targets] == case["verdicts"]
            errors = [target.after / labelling.half_width for target in result.targets]
            np.testing.assert_allclose(errors, case["report"][3], atol=manifest.golden.report_tolerance)
            expected = case["targets"] if case["accepted"] else CALLS["predict"]["targets"]
            found = labelling.to_unit(phone.predict_features(moments)[0])
            np.testing.assert_allclose(found, expected, atol=manifest.golden.target_tolerance)


def test_the_photograph() -> None:
    """The toolkit's own phone: eyes, frame, feature and estimate."""
    folder = FOLDER / golden_phone.PHOTOGRAPH
    about = json.loads((folder / "photograph.json").read_text(encoding="utf-8"))
    image = np.fromfile(folder / "image.bin", np.uint8).reshape(about["image"]["shape"])
    frame = np.fromfile(folder / "frame.bin", np.uint8).reshape(about["frame"]["shape"])
    bundle = open_bundle(folder / "bundle")
    manifest = bundle.manifest
    assert manifest.backbone is not None
    np.testing.assert_allclose(TinyBackbone().features(frame[None])[0], about["z"], atol=1e-6)
    with Phone.open(bundle) as phone:
        face = face_detector(phone.runtime).find(image)
        assert face is not None
        within = 0.01 * manifest.backbone.crop.margin * face.eye_distance  # 1 % of the frame's side
        np.testing.assert_allclose([*face.right_eye, *face.left_eye], about["eyes"], atol=within)
        written = Face(Point(*about["eyes"][:2]), Point(*about["eyes"][2:]))
        assert np.abs(crop_face(image, written, manifest.backbone.crop).astype(int) - frame).max() <= 1
        (z,) = phone.runtime.features(frame[None])
        np.testing.assert_allclose(z, about["z"], atol=manifest.golden.feature_tolerance)
        (targets,) = manifest.labelling.to_unit(phone.predict_features(np.array([about["z"]], np.float32))[0])
        np.testing.assert_allclose(targets, about["targets"], atol=manifest.golden.target_tolerance)
        shown = np.array([*phone.predict(image).targets.values()], np.float32)
        np.testing.assert_allclose(manifest.labelling.to_unit(shown), about["targets"], atol=0.02)


@pytest.mark.parametrize("folder", ["bundle", "photograph/bundle"])
def test_the_bundles_prove_themselves(folder: str) -> None:
    """What ``pen-mobile verify`` does with them, without its process."""
    verification = verify_bundle(open_bundle(FOLDER / folder))
    assert verification.passed
    assert verification.skipped == {}


def test_the_label_sets_cover_what_can_happen() -> None:
    verdicts = {verdict for case in CALLS["adapt"].values() for verdict in case["verdicts"]}
    assert verdicts >= {Verdict.ADAPTED.name.lower(), Verdict.CONTRADICTS_HEAD.name.lower(), "all_alike", "no_labels"}
    assert max(len(case["rows"]) for case in CALLS["adapt"].values()) > LABELS


@pytest.mark.parametrize("store", STORES["stores"], ids=lambda store: store["file"])
def test_stores_hold_what_is_said_of_them(store: dict[str, Any]) -> None:
    assert golden_stores.contents(FOLDER / "stores" / store["file"]) == store


def test_stores_are_the_same_bytes_when_they_are_written_again(tmp_path: Path) -> None:
    """Compared with each other and not with the files: SQLite writes its version into them."""
    for name in ("one", "two"):
        golden_stores.write_stores(tmp_path / name, golden_phone.head_parameters().astype("<f4").tobytes())
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name
    assert (tmp_path / "one" / "stores.json").read_bytes() == (FOLDER / "stores" / "stores.json").read_bytes()


@pytest.mark.parametrize("case", REFUSED["cases"], ids=lambda case: case["file"])
def test_every_golden_refusal_is_refused_for_its_reason(case: dict[str, str]) -> None:
    with pytest.raises(BundleError, match=MESSAGES[case["reason"]]):
        open_bundle(FOLDER / "refused" / case["file"])


@pytest.mark.parametrize("case", REFUSED["signed"]["cases"], ids=lambda case: case["file"])
def test_every_wrong_signature_is_refused_for_its_reason(case: dict[str, str]) -> None:
    folder = FOLDER / "refused"
    with pytest.raises(BundleError, match=MESSAGES[case["reason"]]):
        open_bundle(folder / case["file"], folder / REFUSED["signed"]["public_key"])


def test_what_the_refusals_were_made_from_is_sound() -> None:
    folder, signed = FOLDER / "refused", REFUSED["signed"]
    open_bundle(folder / REFUSED["sound"])
    open_bundle(folder / signed["sound"])
    open_bundle(folder / signed["sound"], folder / signed["public_key"])
    assert {case["file"] for case in REFUSED["cases"]} == {f"{name}.zip" for name in CASES}
    assert {case["file"] for case in signed["cases"]} == {f"{name}.zip" for name in SIGNED_CASES}
    reasons = {reason for cases in (CASES, SIGNED_CASES) for reason, _ in cases.values()}
    assert set(MESSAGES) == set(REFUSED["reasons"]) == reasons
