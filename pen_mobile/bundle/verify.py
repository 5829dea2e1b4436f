"""Proof that a bundle, in the real runtime, gives the float model's answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.golden_check import read_golden
from pen_mobile.bundle.programs.operators import operators_outside
from pen_mobile.bundle.verification import Check, Verification, largest_error
from pen_mobile.bundle.verify_adapt import adapt_checks, not_compared
from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.contract.evidence import QuantizationPart
from pen_mobile.contract.head import TrainPart
from pen_mobile.contract.head_state import fresh_state
from pen_mobile.contract.manifest import BackbonePart
from pen_mobile.metrics import agreement
from pen_mobile.phone.executorch_runtime import executorch_runtime
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.types import Floats
from pen_mobile.utils.provenance import core_count

_DELEGATES = {"xnnpack": "XnnpackBackend", "vulkan": "VulkanBackend"}


def verify_bundle(bundle: BundleFolder) -> Verification:
    """Run the bundle's golden vectors through its programs: ExecuTorch's in its runtime, Core ML's evaluated."""
    if bundle.manifest.runtime == "coreml":
        from pen_mobile.bundle.coreml.mil_runtime import SCOPE, MilRuntime

        evaluated = MilRuntime(bundle)
        stored = Check("stored weights", float(len(evaluated.changed)), 0.0)
        verification = check_runtime(evaluated)
        return replace(verification, checks=[stored, *verification.checks], scope=SCOPE)
    return _check_executorch(bundle)


def _check_executorch(bundle: BundleFolder) -> Verification:
    missing = _cannot_run(bundle.manifest.backbone)
    runnable = replace(bundle, manifest=bundle.manifest.model_copy(update={"backbone": None})) if missing else bundle
    verification = check_runtime(BundleRuntime(runnable, core_count()))
    scope = "the head in the ExecuTorch runtime; the backbone was built and not run" if missing else verification.scope
    skipped = missing | verification.skipped
    return replace(verification, scope=scope, skipped=skipped, outside_delegate=_outside_delegate(bundle))


def write_golden(bundle: BundleFolder, folder: Path) -> None:
    """Write a bundle's golden vectors as plain files (:meth:`Golden.write_plain`)."""
    head = bundle.manifest.head
    initial = np.frombuffer(bundle.content(head.head_parameters), dtype="<f4").reshape(head.parameters_shape)
    read_golden(bundle).write_plain(folder, initial)


def _cannot_run(backbone: BackbonePart | None) -> dict[str, str]:
    """Return which checks of the backbone must be left out because its delegate is not here, and why."""
    if backbone is None or backbone.backend is None:
        return {}
    delegate = _DELEGATES[backbone.backend]
    if executorch_runtime().backend_registry.is_available(delegate):
        return {}
    return {"features": f"the ExecuTorch runtime of this machine has no {delegate} to run the backbone"}


def _outside_delegate(bundle: BundleFolder) -> dict[str, list[str]]:
    manifest = bundle.manifest
    parts = [part for part in (manifest.face, manifest.backbone, manifest.head) if part is not None]
    return {part.file: operators_outside(bundle.content(part.file)) for part in parts}


def check_runtime(runtime: BundleRuntime) -> Verification:
    """Run the golden vectors of a loaded bundle.

    A float backbone must give the float model's features, and the head is judged on what the backbone gave. A backbone
    in int8 must give what torch's int8 graph gives, and be within its budget of the float model on people, as measured
    at export; the head, which is float, is then judged on the float features.
    """
    bundle = runtime.bundle
    part = bundle.manifest.golden
    golden = read_golden(bundle)
    parameters = runtime.head_parameters()
    features, checks = golden.features, _budget_checks(bundle.manifest.quantization)
    if bundle.manifest.backbone is not None:
        features = runtime.features(golden.frames)
        expected = golden.features if golden.int8_features is None else golden.int8_features
        checks.insert(0, Check("features", largest_error(features, expected), part.feature_tolerance))
    whole, _ = runtime.predict(parameters, features)
    targets, gate = runtime.predict(parameters, features if golden.int8_features is None else golden.features)
    checks += [
        Check("targets", largest_error(targets, golden.targets), part.target_tolerance),
        Check("gate", largest_error(gate, golden.gate), part.target_tolerance),
        *_training_checks(runtime, golden, parameters),
        *adapt_checks(runtime, golden, parameters),
        *_face_checks(runtime, golden),
    ]
    agreed = agreement(whole, golden.targets, runtime.bundle.manifest.targets)
    return Verification(checks, agreed, skipped=not_compared(bundle.manifest, golden))


def _face_checks(runtime: BundleRuntime, golden: Golden) -> Iterator[Check]:
    part = runtime.bundle.manifest.face
    if part is None or golden.face_image is None or golden.face_places is None or golden.face_scores is None:
        return
    places, scores = runtime.detect(golden.face_image)
    yield Check("face: places", largest_error(places, golden.face_places), part.tolerance)
    yield Check("face: probabilities", largest_error(scores, golden.face_scores), part.tolerance)


def _budget_checks(part: QuantizationPart | None) -> list[Check]:
    if part is None:
        return []
    return [
        Check("CCC loss at export", part.ccc_loss, part.max_ccc_loss),
        Check("1 - feature cosine at export", 1 - part.cosine, 1 - part.min_cosine),
    ]


def _training_checks(runtime: BundleRuntime, golden: Golden, parameters: Floats) -> Iterator[Check]:
    tolerance = runtime.bundle.manifest.golden.train_tolerance
    for part in runtime.bundle.manifest.head.train:
        trained, losses = _replay(runtime, part, golden, parameters)
        yield Check(f"{part.optimizer}: loss", largest_error(losses, golden.losses[part.optimizer]), tolerance)
        yield Check(
            f"{part.optimizer}: head parameters", largest_error(trained, golden.trained[part.optimizer]), tolerance
        )


def _replay(runtime: BundleRuntime, part: TrainPart, golden: Golden, parameters: Floats) -> tuple[Floats, Floats]:
    """Repeat the golden training from the golden features, short batches padded with weight 0."""
    state, losses = fresh_state(parameters, part), []
    for rows in golden.batches[part.optimizer].reshape(-1, part.steps, part.batch):
        weight = (rows >= 0).astype(np.float32)
        z, y = golden.features[rows], golden.labels[rows]
        state, loss = runtime.train(part.optimizer, state, z, y, weight, golden.hyper[part.optimizer])
        losses.append(loss)
    return state[0], np.concatenate(losses)
