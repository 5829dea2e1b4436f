"""A bundle with a face detector of given weights, made from one that may have another or none."""

from __future__ import annotations

import shutil
from pathlib import Path

from pen_mobile.bundle.face import FaceModel, lower_face, with_face
from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.contract.bundle_folder import MANIFEST, SEAL, describe_files, open_bundle, seal
from pen_mobile.utils.files import sha256_of_file


def add_face(bundle: Path, weights: Path, out: Path, cache: LoweredCache | None = None) -> Path:
    """Copy a bundle and give it the detector."""
    shutil.copytree(bundle, out)
    model, manifest = FaceModel(weights, sha256_of_file(weights)), open_bundle(bundle).manifest
    lower_face(model, cache).write(out / "face.pte")
    golden = out / manifest.golden.file
    with_face(Golden.read(golden), model.network()).write(golden)
    for name in (MANIFEST, SEAL):
        (out / name).unlink()
    assert manifest.backbone is not None
    crop = manifest.backbone.crop.model_copy(update={"detector": "blazeface"})
    parts = {
        "face": model.part("face.pte", coreml=False, half=False),
        "backbone": manifest.backbone.model_copy(update={"crop": crop}),
        "files": describe_files(out),
    }
    seal(out, manifest.model_copy(update=parts))
    return out


def without_face(bundle: Path, out: Path, detector: str) -> Path:
    """Copy a bundle without its detector; the crop asks for the one given."""
    shutil.copytree(bundle, out)
    manifest = open_bundle(bundle).manifest
    for name in (MANIFEST, SEAL, "face.pte"):
        (out / name).unlink(missing_ok=True)
    assert manifest.backbone is not None
    crop = manifest.backbone.crop.model_copy(update={"detector": detector})
    parts = {
        "face": None,
        "backbone": manifest.backbone.model_copy(update={"crop": crop}),
        "files": describe_files(out),
    }
    seal(out, manifest.model_copy(update=parts))
    return out
