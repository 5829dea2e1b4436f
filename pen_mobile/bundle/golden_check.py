"""Golden vectors of a bundle that somebody else may have made: refused unless they fit its manifest."""

from __future__ import annotations

import numpy as np

from pen_mobile.bundle.golden import Golden
from pen_mobile.contract.adaptation_report import ReportRow
from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.contract.head import AdaptPart, HeadPart
from pen_mobile.contract.manifest import Manifest
from pen_mobile.errors import BundleError, one_line

_WHOLE_NUMBERS = {"frames": "uint8", "face_image": "uint8", "batches": "int32", "adapt_rows": "int32"}


def read_golden(bundle: BundleFolder) -> Golden:
    """Read the golden vectors of a bundle.

    Raises:
        BundleError: they are not readable, or their shapes are not those of the bundle's head and backbone.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    name = bundle.manifest.golden.file
    try:
        golden = Golden.from_arrays(load(bundle.content(name)))
        _check(golden, bundle.manifest)
    except (SafetensorError, TypeError, LookupError, ValueError) as error:
        raise BundleError(f"{bundle.origin / name} does not fit this bundle: {one_line(error)}") from None
    return golden


def _check(golden: Golden, manifest: Manifest) -> None:
    arrays = golden.arrays()
    for name, shape in _expected(golden, manifest).items():
        array, kind = arrays[name], _WHOLE_NUMBERS.get(name.partition(".")[0], "float32")
        if array.shape != shape or array.dtype.name != kind:
            raise ValueError(f"{name} is {array.dtype.name} {list(array.shape)}, not {kind} {list(shape)}")
    if not len(golden.features):
        raise ValueError("it holds no examples")
    rows = np.concatenate([batches.ravel() for batches in golden.batches.values()])
    if rows.min() < -1 or rows.max() >= len(golden.features):
        raise ValueError("batches name rows that are not there")
    moments = 0 if golden.adapt_moments is None else len(golden.adapt_moments)
    for rows in golden.adapt_rows.values():
        if len(rows) and (rows.min() < 0 or rows.max() >= moments):
            raise ValueError("adapt_rows name moments that are not there")


def _expected(golden: Golden, manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array, given how many examples and training steps there are."""
    head, backbone = manifest.head, manifest.backbone
    examples = golden.features.shape[0]
    expected: dict[str, tuple[int, ...]] = {
        "features": (examples, head.feature_size),
        "labels": (examples, head.target_count),
        "targets": (examples, head.target_count),
        "gate": (examples, head.expert_count),
    }
    if backbone is not None:
        expected["frames"] = (examples, backbone.crop.size, backbone.crop.size, 3)
    if manifest.face is not None:
        side, anchors = manifest.face.side, manifest.face.anchors
        expected |= {"face_image": (side, side, 3), "face_places": (anchors, 8), "face_scores": (anchors,)}
    if golden.int8_features is not None:
        expected["int8_features"] = (examples, head.feature_size)
    if head.adapt is not None:
        expected |= _expected_of_adapt(golden, head, head.adapt)
    for part in head.train:
        steps = golden.batches[part.optimizer].shape[0]
        expected[f"batches.{part.optimizer}"] = (steps - steps % part.steps, part.batch)
        expected[f"hyper.{part.optimizer}"] = (len(part.hyper),)
        expected[f"losses.{part.optimizer}"] = (steps,)
        expected[f"trained.{part.optimizer}"] = head.parameters_shape
    return expected


def _expected_of_adapt(golden: Golden, head: HeadPart, part: AdaptPart) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the label sets; none may be larger than what one call takes."""
    if golden.adapt_moments is None:
        raise ValueError("it holds no moments for the method adapt")
    moments, targets = len(golden.adapt_moments), head.target_count
    expected: dict[str, tuple[int, ...]] = {"adapt_moments": (moments, head.feature_size)}
    for name, rows in golden.adapt_rows.items():
        count = min(rows.size, part.labels)
        expected[f"adapt_rows.{name}"] = (count,)
        expected[f"adapt_labels.{name}"] = (count, targets)
        expected[f"adapt_times.{name}"] = (count,)
        expected[f"adapt_reports.{name}"] = (len(ReportRow), targets)
        expected[f"adapt_targets.{name}"] = (moments, targets)
    return expected
