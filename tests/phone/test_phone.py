"""A phone at work: the real runtime, a real store."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as PilImage
from skimage import data

import pen_mobile
from pen_mobile.contract.bundle_folder import MANIFEST, open_bundle, seal
from pen_mobile.contract.manifest import Manifest
from pen_mobile.data.table import FrameTable
from pen_mobile.errors import BadInput, BundleError
from pen_mobile.phone.image_inference import predict_images
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.utils.files import sha256_of_file


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A real photograph of a face: Eileen Collins, from scikit-image."""
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
    return path


def _frames(people: FrameTable, subject: str) -> tuple[list[np.ndarray], np.ndarray]:
    rows = people.rows_of(subject)
    return list(people.frames.read(rows)), people.affect[rows]


def _honest(phone: Phone, frames: list[np.ndarray]) -> np.ndarray:
    """Return labels 0.3 above the estimates for aligned frames."""
    return np.clip(phone.predict_features(phone.features(frames, aligned=True))[0] + 0.3, -1, 1)


def test_predict_on_a_real_photograph(bundle_folder: Path, photo: Path) -> None:
    with pen_mobile.Phone.open(bundle_folder) as phone:
        affect = phone.predict(photo)
    assert affect.face is not None
    assert math.dist(affect.face.middle, (225, 102)) < 12  # between the eyes of the photograph, 44 pixels apart
    assert len(affect.gate) == 3
    assert sum(affect.gate) == pytest.approx(1, abs=1e-5)
    assert np.isfinite([affect.valence, affect.arousal]).all()
    assert list(affect.milliseconds) == ["decode", "detect", "crop", "backbone", "head"]


def test_a_path_and_its_pixels_are_the_same(bundle_folder: Path, photo: Path) -> None:
    with Phone.open(bundle_folder) as phone:
        from_path, from_pixels = phone.predict(photo), phone.predict(data.astronaut())
    assert (from_path.valence, from_path.gate) == (from_pixels.valence, from_pixels.gate)


def test_no_face_is_a_clear_refusal(bundle_folder: Path) -> None:
    with Phone.open(bundle_folder) as phone, pytest.raises(BadInput, match="no face found"):
        phone.predict(np.full((200, 200, 3), 127, np.uint8))


def test_aligned_must_be_square(bundle_folder: Path) -> None:
    with Phone.open(bundle_folder) as phone, pytest.raises(BadInput, match="square, this is 30 x 20"):
        phone.predict(np.zeros((20, 30, 3), np.uint8), aligned=True)


def test_gallery_reports_what_it_could_not_read(bundle_folder: Path, photo: Path) -> None:
    (photo.parent / "blank.png").write_bytes(cv2.imencode(".png", np.zeros((90, 90, 3), np.uint8))[1].tobytes())
    (photo.parent / "broken.JPG").write_bytes(b"not a picture")
    (photo.parent / "notes.txt").write_text("none")
    with Phone.open(bundle_folder) as phone:
        predictions = predict_images(phone, photo.parent)
    assert list(predictions.images) == ["photo.png"]
    assert "no face" in predictions.refused["blank.png"]
    assert "not an image" in predictions.refused["broken.JPG"]
    assert predictions.others == ["notes.txt"]


def test_adapting_moves_the_head_and_nothing_else(bundle_folder: Path, people: FrameTable, tmp_path: Path) -> None:
    """Accepted: the head moved, a reopened phone has it, the bundle has not changed by a byte."""
    before = {path.name: sha256_of_file(path) for path in bundle_folder.iterdir()}
    frames, affect = _frames(people, "target-01")
    times = people.time_s[people.rows_of("target-01")]
    store = tmp_path / "me.sqlite"
    with Phone.open(bundle_folder, store) as phone:
        shipped = phone.parameters.copy()
        result = phone.adapt(frames, affect.tolist(), aligned=True, captured_at=times)
        adapted = phone.parameters.copy()
        said = phone.predict(frames[0], aligned=True)
    assert result.accepted, result.reason
    assert result.error_after < result.error_before
    assert np.abs(adapted - shipped).max() > 1e-3
    with Phone.open(bundle_folder, store) as phone:
        np.testing.assert_array_equal(phone.parameters, adapted)
        again = phone.predict(frames[0], aligned=True)
    assert (again.valence, again.arousal) == (said.valence, said.arousal)
    assert {path.name: sha256_of_file(path) for path in bundle_folder.iterdir()} == before


def test_going_back_and_starting_over(bundle_folder: Path, people: FrameTable, tmp_path: Path) -> None:
    """Adapt twice, roll back once: the first head again; reset: the bundle's; a reopened phone agrees each time."""
    frames, affect = _frames(people, "target-01")
    times = people.time_s[people.rows_of("target-01")]
    store, options = tmp_path / "me.sqlite", StoreOptions(key=bytes(32))
    with Phone.open(bundle_folder, store, options=options) as phone:
        shipped = phone.parameters.copy()
        assert phone.adapt(frames, affect, aligned=True, captured_at=times).accepted
        first = phone.parameters.copy()
        phone.store.accept(
            (shipped * 2).tobytes(), {"reason": "made up"}, "adadelta", started_from=phone.store.heads.active()
        )
        assert phone.rollback() == 1
        np.testing.assert_array_equal(phone.parameters, first)
        assert phone.status().active_version == 1
    with Phone.open(bundle_folder, store, options=options) as phone:
        np.testing.assert_array_equal(phone.parameters, first)
        phone.reset()
        np.testing.assert_array_equal(phone.parameters, shipped)
        assert [state["status"] for state in phone.history()] == ["superseded", "superseded"]
        assert phone.history()[0]["strategy"] == phone.manifest.adaptation.strategy
    with pytest.raises(BadInput, match="encrypted; give its key"):
        Phone.open(bundle_folder, store)


def test_without_labels_nothing_is_tried_and_the_history_says_so(bundle_folder: Path) -> None:
    with Phone.open(bundle_folder) as phone:
        shipped = phone.parameters.copy()
        result = phone.adapt()
        assert not result.accepted
        assert "there are no labels" in result.reason
        np.testing.assert_array_equal(phone.parameters, shipped)
        assert [entry["status"] for entry in phone.history()] == ["rejected"]


def test_one_label_is_enough_to_begin(bundle_folder: Path, people: FrameTable) -> None:
    frames, _ = _frames(people, "target-01")
    with Phone.open(bundle_folder) as phone:
        result = phone.adapt(frames[:1], _honest(phone, frames[:1]), aligned=True)
        assert result.labels == 1
        assert [target.target for target in result.targets] == ["valence", "arousal"]
        assert np.isfinite(phone.parameters).all()


def test_images_and_labels_must_match(bundle_folder: Path, people: FrameTable) -> None:
    frames, affect = _frames(people, "target-01")
    with Phone.open(bundle_folder) as phone, pytest.raises(BadInput, match="2 images but 3 labels"):
        phone.adapt(frames[:2], affect[:3].tolist(), aligned=True)


@pytest.mark.parametrize("label", [[1.5, 0], [float("nan"), 0]])
def test_labels_out_of_range_are_refused_and_nothing_is_kept(
    bundle_folder: Path, people: FrameTable, label: list[float]
) -> None:
    frames, affect = _frames(people, "target-01")
    with Phone.open(bundle_folder) as phone:
        with pytest.raises(BadInput, match="label 3"):
            phone.adapt(frames[:3], [*affect[:2].tolist(), label], aligned=True)
        assert len(phone.store.samples().labels) == 0


def test_a_float_picture_is_the_same_as_its_pixels(bundle_folder: Path, people: FrameTable) -> None:
    frames, _ = _frames(people, "target-01")
    with Phone.open(bundle_folder) as phone:
        for aligned, pixels in ((True, frames[0]), (False, data.astronaut())):
            wanted = phone.predict(pixels, aligned)
            for same in ((pixels / 255).astype(np.float32), PilImage.fromarray(pixels), torch.from_numpy(pixels)):
                found = phone.predict(same, aligned)
                assert (found.valence, found.arousal, found.gate) == (wanted.valence, wanted.arousal, wanted.gate)
            np.testing.assert_array_equal(
                phone.features([pixels], aligned), phone.features(np.stack([pixels]) / 255, aligned)
            )
        with pytest.raises(BadInput, match=r"frames are float32 \[1, \d+, \d+, 3\], the backbone takes uint8"):
            phone.runtime.features(np.stack(frames[:1]).astype(np.float32))


def test_a_bundle_that_is_open_is_not_read_again(bundle_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_bundle(bundle_folder)
    monkeypatch.setattr("pen_mobile.phone.phone.open_bundle", lambda *_: pytest.fail("it was read again"))
    with Phone.open(opened) as phone:
        assert phone.manifest is opened.manifest
    with pytest.raises(BadInput, match="open already"):
        Phone.open(opened, public_key="key.pem")


CALLS: dict[str, Callable[[Phone], object]] = {
    "predict": lambda phone: phone.predict(np.zeros((9, 9, 3), np.uint8)),
    "features": lambda phone: phone.features([np.zeros((9, 9, 3), np.uint8)]),
    "predict_features": lambda phone: phone.predict_features(np.zeros((1, phone.manifest.head.feature_size))),
    "add_labels": lambda phone: phone.add_labels(np.zeros((1, phone.manifest.head.feature_size)), np.zeros((1, 2))),
    "adapt": lambda phone: phone.adapt(),
    "rollback": lambda phone: phone.rollback(),
    "reset": lambda phone: phone.reset(),
    "status": lambda phone: phone.status(),
    "history": lambda phone: phone.history(),
    "parameters": lambda phone: phone.parameters,
}


@pytest.mark.parametrize("factor", [-1000, -30, 30, 1000, 1e6])
def test_estimates_outside_the_range_become_its_nearer_end(
    bundle_folder: Path, people: FrameTable, factor: float
) -> None:
    """A head that is far too steep; what the program says is not clipped, what the phone hands out is, once."""
    frame = people.frames.read(slice(0, 1))[0]
    with Phone.open(bundle_folder) as phone:
        phone._parameters = phone._parameters * np.float32(factor)
        affect = phone.predict(frame, aligned=True)
        raw = phone.predict_features(phone.features([frame], aligned=True))[0][0]
    assert list(affect.targets.values()) == np.clip(raw, -1, 1).tolist()
    assert affect.clipped == tuple(
        name for name, value in zip(("valence", "arousal"), raw, strict=True) if abs(value) > 1
    )
    assert affect.clipped


def test_a_closed_phone_says_so(bundle_folder: Path) -> None:
    phone = Phone.open(bundle_folder)
    phone.close()
    phone.close()
    for call in CALLS.values():
        with pytest.raises(BadInput, match="this phone is closed; open it again"):
            call(phone)


def test_results_are_plain_values(bundle_folder: Path, photo: Path) -> None:
    with Phone.open(bundle_folder) as phone:
        affect = phone.predict(photo)
    document = json.loads(json.dumps(affect.to_dict(), allow_nan=False))
    assert (document["targets"]["valence"], document["gate"]) == (affect.valence, affect.gate)
    assert document["face"]["right_eye"] == {"x": affect.face.right_eye.x, "y": affect.face.right_eye.y}
    assert repr(affect).startswith("Affect(targets={'valence': ")
    assert (affect.valence, affect.arousal) == tuple(affect.targets.values())
    assert copy.copy(affect) == affect
    with pytest.raises(AttributeError, match="no target 'anger'; there are valence, arousal"):
        _ = affect.anger


def test_the_times_of_images_are_kept(bundle_folder: Path, people: FrameTable) -> None:
    frames, affect = _frames(people, "target-01")
    with Phone.open(bundle_folder, options=StoreOptions(clock=lambda: 1.7e9)) as phone:
        phone.adapt(frames[:3], affect[:3], aligned=True, captured_at=[1.7e9 - 30, 1.7e9 - 20, 1.7e9 - 10])
        assert phone.store.samples().captured_at.tolist() == [1.7e9 - 30, 1.7e9 - 20, 1.7e9 - 10]


def test_labels_that_retention_would_delete_are_refused(small_bundle: Path) -> None:
    year = 365 * 86400
    with Phone.open(small_bundle, options=StoreOptions(clock=lambda: 1.7e9)) as phone:
        z = np.random.default_rng(0).standard_normal((3, phone.manifest.head.feature_size))
        with pytest.raises(BadInput, match=r"2 labels of 3 older than 365 days, .* the first is label 1"):
            phone.add_labels(z, np.zeros((3, 2)), [1.7e9 - year - 9, 1.7e9, 1.7e9 - year - 1])
        assert phone.status().samples == 0
        phone.add_labels(z, np.zeros((3, 2)), [0, 10, 20])
        assert phone.store.samples().captured_at.tolist() == [1.7e9 - 20, 1.7e9 - 10, 1.7e9]


def test_a_bundle_that_does_not_run_here_leaves_the_store_as_it_was(small_bundle: Path, tmp_path: Path) -> None:
    """Its serial would make the working bundle an older one."""

    def with_serial(serial: int, head: bytes | None = None) -> Path:
        folder = shutil.copytree(small_bundle, tmp_path / f"bundle-{serial}")
        values = json.loads((folder / MANIFEST).read_text()) | {"model": "m", "serial": serial}
        if head is not None:
            (folder / "head.pte").write_bytes(head)
            values["files"]["head.pte"] = {"bytes": len(head), "sha256": hashlib.sha256(head).hexdigest()}
        seal(folder, Manifest.model_validate(values))
        return folder

    Phone.open(with_serial(1), tmp_path / "me.sqlite").close()
    before = (tmp_path / "me.sqlite").read_bytes()
    broken = with_serial(5, b"no program")
    for name in ("me.sqlite", "new.sqlite"):
        with pytest.raises(BundleError):
            Phone.open(broken, tmp_path / name)
    assert (tmp_path / "me.sqlite").read_bytes() == before
    assert not (tmp_path / "new.sqlite").exists()
