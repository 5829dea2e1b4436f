"""Export: a trained run becomes a bundle, verified before it takes its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pen_mobile.bundle.export_cache import new_bundle
from pen_mobile.bundle.export_result import ExportResult
from pen_mobile.bundle.exporter import Exporter
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.recipe import Recipe
from pen_mobile.contract.release import Release
from pen_mobile.contract.signature import read_private_key
from pen_mobile.errors import Refused
from pen_mobile.training.run_folder import Run
from pen_mobile.utils.files import refuse_existing
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.secret_files import warn_of_open_key
from pen_mobile.utils.temporary import temporary_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_RESOLVED = 1e-5  # spread of features over their size, below which adaptation in float32 is rounding


def export_bundle(
    run: Run,
    recipe: Recipe,
    out: Path,
    progress: Progress = SILENT,
    data: str | None = None,
    sign_key: Path | None = None,
    release: Release | None = None,
) -> ExportResult:
    """Make a bundle of a complete run; either a whole and verified one stands at ``out`` afterwards, or none.

    Args:
        run: what was learned. Its folder keeps lowered programs, so that the next export is fast; a signed export
            uses none of them.
        recipe: the target.
        out: folder to make, or archive when the name ends in ``.zip``.
        progress: who is told how far it is.
        data: where the run's data are now, when int8 must be calibrated on them and they are not where they were.
        sign_key: PEM file with a private key on P-256, to sign the bundle with.
        release: which bundle of a model it is.

    Raises:
        BadInput: ``out`` exists, ``sign_key`` is no such key, or a backbone is to be quantized that is not there or
            whose data are not.
        Refused: the features are the same for every face but for rounding, or the programs differ from the float model
            by more than the recipe allows.
    """
    refuse_existing(out)
    _check_features(run)
    key = None if sign_key is None else _secret_key(sign_key, progress)
    stages = 4 if recipe.quantization is None else 5
    signed = key is not None
    with new_bundle(out) as folder, _cache(run, signed) as cache, progress.task("export", stages) as task:
        exporter = _exporter(recipe)(run, recipe, task, cache)
        exporter.data, exporter.sign_key, exporter.release = data, key, release
        return exporter.export(folder)


def _secret_key(path: Path, progress: Progress) -> EllipticCurvePrivateKey:
    key = read_private_key(path)
    warn_of_open_key(path, progress)
    return key


def _check_features(run: Run) -> None:
    """Refuse a backbone that has learned so little that its features are the same for every face but for rounding."""
    mean, std = map(np.linalg.norm, run.feature_statistics())
    if run.record.backbone_digest and std < _RESOLVED * mean:
        raise Refused(
            f"{run.folder}: features differ from face to face by {std / mean:.0e} of their size, which is rounding in "
            "float32: no phone could tell faces apart. Train longer, or start from pretrained weights (weights = "
            '"imagenet"); nothing was exported'
        )


@contextmanager
def _cache(run: Run, signed: bool) -> Iterator[LoweredCache]:
    """Yield the cache of the run, or a private empty one: nobody vouches for a cache, and a signature vouches."""
    if not signed:
        yield LoweredCache(run.folder / "lowered")
        return
    with temporary_folder() as folder:
        yield LoweredCache(folder)


def _exporter(recipe: Recipe) -> type[Exporter]:
    if recipe.coreml is None:
        return Exporter
    from pen_mobile.bundle.coreml_exporter import CoreMLExporter  # coremltools takes seconds to import

    return CoreMLExporter
