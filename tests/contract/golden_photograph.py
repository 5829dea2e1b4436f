"""A golden photograph, in ``export/golden/phone/photograph``: image -> detections -> eyes -> frame -> z -> targets.

Its bundle carries BlazeFace, so it is written where the weights are, and stays as it is elsewhere. The backbone is tiny
and follows from formulas. Every step starts from what is written of the step before, so that each can be judged alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pen_mobile.bundle.face import FaceModel, with_face
from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.programs.lowering import lower
from pen_mobile.contract.bundle_folder import describe_files, open_bundle, seal
from pen_mobile.contract.face import FaceSearch
from pen_mobile.contract.manifest import BackbonePart, Manifest
from pen_mobile.data.detectors.blazeface import BlazeFace
from pen_mobile.data.detectors.face_boxes import letterbox, weighted_faces
from pen_mobile.data.faces import Face, Point, crop_face, make_crop
from pen_mobile.models.blazeface import BlazeFaceNetwork
from pen_mobile.models.label_set import head_output
from pen_mobile.types import Floats, Image
from tests.contract.golden_model import FEATURES, TARGETS, head_parameters, numbers

FRAME = 32
_FRAMES = 16
WHAT = (
    "image (uint8, [height, width, 3], RGB; from NASA's portrait of Eileen Collins, public domain) through the bundle "
    "beside it. detections: eyes of every face in one look at the whole image (x, y of the right eye, then of the "
    "left, in pixels; within 1 % of the distance between the eyes). eyes: those of the face after all looks, within "
    "1 % of the frame's side. frame (uint8, [side, side, 3]): cut out at these eyes, within one grey level. z: the "
    "feature of this frame, within feature_tolerance. targets: of this z with the shipped head, on the scale from -1 "
    "to 1, within target_tolerance. Each step starts from what is written of the step before."
)


class TinyBackbone(nn.Module):
    """Means of 4 x 4 pixels, one convolution, ReLU, and the mean over the frame: ``[1, 3, 32, 32] -> [1, 8]``."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, FEATURES, 3, stride=2)
        with torch.no_grad():
            self.convolution.weight.copy_(torch.from_numpy(numbers(FEATURES, 3, 3, 3, seed=8)))
            self.convolution.bias.copy_(torch.from_numpy(numbers(FEATURES, seed=9) / 4))  # type: ignore[union-attr]

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        """Return the feature of a frame, 0 to 255."""
        pixels = functional.avg_pool2d(frame * (1 / 128) - 1, 4)
        return functional.relu(self.convolution(pixels)).mean(dim=(2, 3))

    def features(self, frames: Image) -> Floats:
        """Return the features of frames ``[G, S, S, 3]`` in float64, rounded to float32."""
        with torch.no_grad():
            planes = torch.from_numpy(frames.transpose(0, 3, 1, 2).astype(np.float64))
            found: Floats = TinyBackbone().double()(planes).numpy().astype(np.float32)
        return found


def photograph() -> Image:
    """A part of scikit-image's photograph, wider than high, with a face beside its middle."""
    from skimage.data import astronaut

    found: Image = astronaut()[20:220, 110:350]
    return np.ascontiguousarray(found)


class _Network:
    """One look by the float network."""

    def __init__(self, network: BlazeFaceNetwork) -> None:
        self.network = network

    def __call__(self, image: Image) -> list[Face]:
        square, box = letterbox(image)
        with torch.no_grad():
            places, scores = self.network(torch.from_numpy(square.transpose(2, 0, 1)[None].astype(np.float32)))
        found = weighted_faces(places[0].numpy(), scores[0, :, 0].numpy(), FaceSearch())
        return [box.face(face[4:]) for face in found]

    def close(self) -> None:
        """Release nothing."""


def write_photograph(
    folder: Path, bundle: Path, model: FaceModel, answers: Callable[[Floats], Golden]
) -> dict[str, Any]:
    """Write the bundle, the image and the frame.

    Args:
        folder: to make.
        bundle: the golden bundle without a backbone, whose head is taken.
        model: BlazeFace's weights.
        answers: what the head says and learns of features ``[G, D_z]``.

    Returns:
        The document that says what must come out.
    """
    folder.mkdir(parents=True)
    network, backbone = model.network(), TinyBackbone()
    _write_bundle(folder / "bundle", bundle, model, with_face(_golden(backbone, answers), network))
    look, image = _Network(network), photograph()
    detections = np.round([[*face.right_eye, *face.left_eye] for face in look(image)], 3)
    face = BlazeFace(look).find(image)
    assert face is not None
    eyes = np.round([*face.right_eye, *face.left_eye], 3)
    frame = crop_face(image, Face(Point(*eyes[:2]), Point(*eyes[2:])), _crop())
    z = backbone.features(frame[None])
    for name, array in (("image", image), ("frame", frame)):
        array.tofile(folder / f"{name}.bin")
    return {
        "what": WHAT,
        "image": {"file": "image.bin", "dtype": "uint8", "shape": list(image.shape)},
        "detections": detections.tolist(),
        "eyes": eyes.tolist(),
        "frame": {"file": "frame.bin", "dtype": "uint8", "shape": list(frame.shape)},
        "z": _rounded(z[0]),
        "targets": _rounded(head_output(head_parameters(), z.astype(np.float64), TARGETS)[0]),
    }


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.7g}") for value in values]


def _crop() -> Any:
    return make_crop("blazeface", margin=2.5, eye_height=0.375, size=FRAME)


def _golden(backbone: TinyBackbone, answers: Callable[[Floats], Golden]) -> Golden:
    levels = (numbers(_FRAMES, FRAME, FRAME, 3, seed=10) * 512 + 498) % 256
    frames = levels.astype(np.uint8)
    return replace(answers(backbone.features(frames)), frames=frames)


def _write_bundle(folder: Path, other: Path, model: FaceModel, golden: Golden) -> None:
    folder.mkdir()
    manifest = open_bundle(other).manifest
    for name in (manifest.head.file, manifest.head.head_parameters, manifest.store_schema):
        shutil.copyfile(other / name, folder / name)
    golden.write(folder / manifest.golden.file)
    side = torch.zeros(1, 3, FRAME, FRAME)
    lower({"forward": (TinyBackbone().eval(), (side,))}).write(folder / "backbone.pte")
    network = model.network()
    lower({"face": (network, (torch.zeros(1, 3, 128, 128),))}).write(folder / "face.pte")
    backbone = BackbonePart(
        file="backbone.pte",
        method="forward",
        name="golden",
        feature_size=FEATURES,
        crop=_crop(),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        backend="xnnpack",
        identity="1" * 64,
    )
    face = model.part("face.pte", coreml=False, half=False)
    parts: dict[str, Any] = {"backbone": backbone, "face": face, "files": describe_files(folder)}
    seal(folder, Manifest.model_validate({**dict(manifest), **parts}))
