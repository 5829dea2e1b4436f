"""The face detector that a bundle carries: BlazeFace, where its weights can be had."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.programs.lowering import Lowered, lower
from pen_mobile.contract.face import FacePart, FaceSearch
from pen_mobile.data.detectors.blazeface import BLAZEFACE
from pen_mobile.data.detectors.face_boxes import SIDE, anchors
from pen_mobile.data.detectors.model_file import cache_folder, model_at_hand, resolve_model
from pen_mobile.data.frames import resize
from pen_mobile.errors import BadInput
from pen_mobile.models.blazeface import BlazeFaceNetwork, load_blazeface
from pen_mobile.types import Image
from pen_mobile.utils.files import sha256_of_file
from pen_mobile.utils.progress import SILENT, Progress

FACE_METHOD = "face"
WITHOUT_FACE = (
    "the bundle carries no face detector, so an app gives it aligned frames: BlazeFace's weights are not here "
    "(pen-mobile doctor says where they are looked for)"
)
_NAME = "blazeface-short-range"
_FLOAT, _HALF = 1e-4, 2e-2
_KEPT = 4


@dataclass(frozen=True)
class FaceModel:
    """BlazeFace's weights.

    Attributes:
        path: MediaPipe's file.
        digest: its SHA-256.
    """

    path: Path
    digest: str

    def network(self) -> BlazeFaceNetwork:
        """Return the network in evaluation mode.

        Raises:
            BadInput: the file holds another one.
        """
        return load_blazeface(self.path)

    def part(self, file: str, coreml: bool, half: bool) -> FacePart:
        """Return what the manifest says.

        Args:
            file: name of the program.
            coreml: the program is a Core ML package.
            half: it computes in float16.
        """
        return FacePart(
            file=file,
            method=FACE_METHOD,
            name=_NAME,
            weights=self.digest,
            side=SIDE,
            anchors=len(anchors()),
            search=FaceSearch(),
            tolerance=_HALF if half else _FLOAT,
            backend=None if coreml else "xnnpack",
        )


def find_face_model(crop: Mapping[str, Any] | None, progress: Progress = SILENT) -> FaceModel | None:
    """Return the weights of the detector that a run's frames ask for, or None.

    Frames that BlazeFace cut out ask for it, and its weights are fetched when they are not here. Frames of unknown
    origin take it where its weights are at hand.

    Args:
        crop: how the run's frames were made; None where that is not known.
        progress: told when weights are fetched.
    """
    detector = BLAZEFACE if crop is None else crop.get("detector")
    if detector != BLAZEFACE:
        return None
    try:
        path = model_at_hand() if crop is None else resolve_model(progress=progress)
    except BadInput:
        return None
    return None if path is None else FaceModel(path, sha256_of_file(path))


def lower_face(model: FaceModel, cache: LoweredCache | None = None) -> Lowered:
    """Return the program for XNNPACK.

    Args:
        model: its weights.
        cache: where an earlier export may have kept it; None is this user's own.
    """
    own = LoweredCache(cache_folder() / "lowered")
    cache = cache or own
    key = {FACE_METHOD: model.digest}
    program = cache.get(key)
    if program is None:
        program = lower({FACE_METHOD: (model.network(), (torch.zeros(1, 3, SIDE, SIDE),))})
        cache.put(key, program)
        _forget_old(own.folder)
    return program


def with_face(golden: Golden, network: BlazeFaceNetwork) -> Golden:
    """Return golden vectors with one look of the float network.

    Args:
        golden: of the bundle's other programs.
        network: BlazeFace.
    """
    image = _image(golden.frames)
    with torch.no_grad():
        places, scores = network(torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)))
    return replace(golden, face_image=image, face_places=places[0].numpy(), face_scores=scores[0, :, 0].numpy())


def _image(frames: Image) -> Image:
    """Return an image in which every anchor has something to answer: an invented face, and grey noise around it."""
    image = np.random.default_rng(0).integers(64, 192, (SIDE, SIDE, 3), dtype=np.uint8)
    image[24:104, 24:104] = resize(frames[:1], 80)[0]
    return image


def _forget_old(folder: Path) -> None:
    """Keep the newest few programs: each version of the toolkit makes its own."""
    kept = sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in kept[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
