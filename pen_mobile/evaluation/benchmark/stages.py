"""The stages of a phone: every method of a bundle with inputs that mean something."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.golden_check import read_golden
from pen_mobile.bundle.verify_adapt import padded_label_set
from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.contract.head import HeadPart, TrainPart
from pen_mobile.contract.head_state import fresh_state
from pen_mobile.errors import BadInput
from pen_mobile.types import Floats, Image


class Stage(NamedTuple):
    """One method and its inputs.

    Attributes:
        name: what a phone does with it.
        file, method: the program and its method.
        inputs: float32 arrays, in the method's order.
    """

    name: str
    file: str
    method: str
    inputs: list[Floats]


def stages_of(bundle: BundleFolder) -> list[Stage]:
    """Return the stages of an ExecuTorch bundle, with its golden vectors as inputs.

    Args:
        bundle: opened.

    Raises:
        BadInput: a Core ML bundle.
        BundleError: its golden vectors cannot be read.
    """
    manifest = bundle.manifest
    if manifest.runtime != "executorch":
        raise BadInput(f"{bundle.origin} is a Core ML bundle; ExecuTorch's runtime cannot run it")
    golden, head = read_golden(bundle), manifest.head
    shape = head.parameters_shape
    parameters = np.frombuffer(bundle.content(head.head_parameters), "<f4").astype(np.float32).reshape(shape)
    found = []
    if manifest.face is not None and golden.face_image is not None:
        found.append(Stage("find a face", manifest.face.file, manifest.face.method, [_planes(golden.face_image)]))
    if manifest.backbone is not None:
        backbone = manifest.backbone
        found.append(Stage("features", backbone.file, backbone.method, [_planes(golden.frames[0])]))
    z = np.resize(golden.features, (1, head.predict.batch, head.feature_size)).astype(np.float32)
    found.append(Stage("predict", head.file, head.predict.method, [parameters, z]))
    if head.adapt is not None and golden.adapt_rows:
        name = "honest" if "honest" in golden.adapt_rows else min(golden.adapt_rows)
        labels = padded_label_set(golden, name, manifest)
        found.append(Stage("adapt", head.file, head.adapt.method, [parameters, *labels]))
    return found + [_train(part, head, golden, parameters) for part in head.train]


def _train(part: TrainPart, head: HeadPart, golden: Golden, parameters: Floats) -> Stage:
    rows = np.resize(np.arange(len(golden.features)), (part.steps, part.batch))
    weight = np.ones(rows.shape, np.float32)
    samples = [golden.features[rows], golden.labels[rows], weight, golden.hyper[part.optimizer]]
    steps = f", {part.steps} steps" if part.steps > 1 else ""
    return Stage(f"train ({part.optimizer}{steps})", head.file, part.method, [*fresh_state(parameters, part), *samples])


def _planes(image: Image) -> Floats:
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)
