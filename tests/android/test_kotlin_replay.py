"""A recording of an invented person through the whole of the Kotlin core, from the camera's image to the estimate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.faces import Face, Point, crop_face
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.types import Floats, Image
from tests.android.kotlin import Harness, needs_kotlin

needs_kotlin()

NOW = 1.7e9
FRAMES, LABELLED = 30, 12
WIDTH, HEIGHT = 120, 90


class Recording:
    """Images with an invented face that moves, and where its eyes are."""

    def __init__(self, size: int, margin: float, eye_height: float) -> None:
        """Take the crop of a bundle: the face is drawn as the crop will cut it out.

        Args:
            size: side of the frame, pixels.
            margin: the frame's side in distances between the eyes.
            eye_height: of the eyes, as a share of the side.
        """
        people = SyntheticConfig(sources=0, targets=1, seconds=FRAMES, fps=1, size=size, seed=5)
        frames: Image = synthetic_table(people).frames.read(np.arange(FRAMES))
        self.images = np.full((FRAMES, HEIGHT, WIDTH, 3), 90, np.uint8)
        self.eyes = []
        half, height = size / (2 * margin), size * eye_height - 0.5
        for number, frame in enumerate(frames):
            left, top = 5 + 2 * number % 60, 10 + number % 7
            self.images[number, top : top + size, left : left + size] = frame
            middle = left + size / 2 - 0.5
            self.eyes.append(Face(Point(middle - half, top + height), Point(middle + half, top + height)))
        self.labels = np.random.default_rng(0).uniform(-0.6, 0.6, (LABELLED, 2)).astype(np.float32)
        self.times = NOW - 1e5 + 60.0 * np.arange(FRAMES)


def relative(found: object, expected: Floats) -> float:
    """The largest difference, divided by the largest expected value where that is above 1."""
    return float(np.abs(np.asarray(found) - expected).max() / max(1.0, np.abs(expected).max()))


def of_python(bundle: Path, recording: Recording) -> tuple[Floats, Floats, Floats, bool]:
    """Features ``[N, D_z]``, targets before and after adapting ``[N, K]``, and whether the head was accepted."""
    opened = open_bundle(bundle)
    backbone = opened.manifest.backbone
    assert backbone is not None
    with Phone.open(opened, options=StoreOptions(clock=lambda: NOW)) as phone:
        pairs = zip(recording.images, recording.eyes, strict=True)
        frames = np.stack([crop_face(image, eyes, backbone.crop) for image, eyes in pairs])
        z = phone.runtime.features(frames)
        before = phone.predict_features(z)[0]
        phone.add_labels(z[:LABELLED], recording.labels, recording.times[:LABELLED])
        accepted = phone.adapt().accepted
        return z, before, phone.predict_features(z)[0], accepted


def test_every_frame_has_pythons_numbers(kotlin: Harness, bundle_folder: Path, tmp_path: Path) -> None:
    manifest = open_bundle(bundle_folder).manifest
    assert manifest.backbone is not None
    crop = manifest.backbone.crop
    recording = Recording(crop.size, crop.margin, crop.eye_height)
    z, before, after, accepted = of_python(bundle_folder, recording)
    (tmp_path / "images.rgb").write_bytes(recording.images.tobytes())
    moments = [{"eyes": np.array(eyes).ravel().tolist()} for eyes in recording.eyes]
    for number, label in enumerate(recording.labels.tolist()):
        moments[number] |= {"y": label, "t": recording.times[number]}
    kotlin.ask("open", bundle=bundle_folder, store=tmp_path / "s.sqlite", folder=tmp_path / "programs", now=NOW)
    shown = {"images": tmp_path / "images.rgb", "width": WIDTH, "height": HEIGHT}
    found = kotlin.ask("replay", moments=moments, **shown)["moments"]
    assert kotlin.ask("adapt")["accepted"] == accepted
    adapted = kotlin.ask("replay", moments=[{"eyes": moment["eyes"]} for moment in moments], **shown)["moments"]
    low, high = manifest.label_range
    golden = manifest.golden
    for number in range(FRAMES):
        assert relative(found[number]["z"], z[number]) <= golden.feature_tolerance, number
        assert relative(found[number]["targets"], np.clip(before[number], low, high)) <= golden.target_tolerance, number
        assert relative(adapted[number]["targets"], np.clip(after[number], low, high)) <= 1e-3, number
