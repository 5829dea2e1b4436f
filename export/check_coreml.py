"""Run a Core ML bundle's golden vectors in Apple's own runtime, on a Mac, and print pass or fail.

    python check_coreml.py BUNDLE [--units all|cpu|gpu|ane] [--keep FOLDER]

It needs the package (``pip install pen-mobile``) and macOS 14 or later. Every other system can make such a bundle
and check its programs as written ('pen-mobile verify'), but has no Core ML; there it says so and exits with 2.

Checked: every byte of the bundle; each package compiles and loads; features of the golden frames, and one look of the
face detector, given as images; affect and gate of the golden features; 20 training steps, state in and state out, with
padded batches; how many of the numbers differ from the float model's by how much. Exit code 0 when all pass, 1 when
one fails.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pen_mobile.bundle.coreml.mil_runtime import MilRuntime
from pen_mobile.bundle.coreml.mlpackage import unpack_archive
from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.verify import check_runtime
from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.contract.face import FacePart
from pen_mobile.contract.head import AdaptPart, PredictPart, TrainPart
from pen_mobile.contract.manifest import BackbonePart
from pen_mobile.errors import BadInput, PenMobileError
from pen_mobile.phone.runtime import BundleRuntime, Programs
from pen_mobile.types import Floats

_UNITS = {"all": "ALL", "cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ane": "CPU_AND_NE"}


class CoreMLRuntime(BundleRuntime):
    """A bundle's programs in Core ML."""

    def __init__(self, bundle: BundleFolder, folder: Path, units: str) -> None:
        """Compile and load every package; ``folder`` must outlive this object."""
        self._folder, self._units = folder, units
        super().__init__(bundle)

    def _load(self, threads: int) -> Programs:
        manifest = self.bundle.manifest
        head, backbone, face = manifest.head, manifest.backbone, manifest.face
        for part in (head, backbone, face):
            if part is not None:
                unpack_archive(self.bundle.file(part.file), self._folder)
        train = {part.optimizer: self._method(part) for part in head.train}
        adapt = None if head.adapt is None else self._method(head.adapt)
        features = None if backbone is None else self._method(backbone)
        detect = None if face is None else self._method(face)
        return Programs(self._method(head.predict), train, features, adapt, detect)

    def _method(
        self, part: PredictPart | TrainPart | AdaptPart | BackbonePart | FacePart
    ) -> Callable[..., Sequence[Floats]]:
        import coremltools as ct

        names, started = part.coreml, time.perf_counter()
        assert names is not None
        path = self._folder / f"{part.method}.mlpackage"
        model = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit[_UNITS[self._units]])
        print(f"loaded {path.name} in {time.perf_counter() - started:.1f} s")
        as_input = _image if isinstance(part, (BackbonePart, FacePart)) else _array

        def call(*arrays: Floats) -> Sequence[Floats]:
            inputs = {name: as_input(array) for name, array in zip(names.inputs, arrays, strict=True)}
            found = model.predict(inputs)
            return [np.asarray(found[name], np.float32) for name in names.outputs]

        return call


def _array(array: Floats) -> Any:
    return np.ascontiguousarray(array, np.float32)


def _image(planes: Floats) -> Any:
    """Return a ``[1, 3, S, S]`` array of whole numbers as the image that an app would give."""
    from PIL import Image

    return Image.fromarray(planes[0].transpose(1, 2, 0).astype(np.uint8), "RGB")


def main() -> int:
    """Parse, check, print."""
    parser = argparse.ArgumentParser(description="Check a Core ML bundle in Apple's runtime.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--units", choices=list(_UNITS), default="all", help="compute units to allow (default: all)")
    parser.add_argument("--keep", type=Path, help="leave the unpacked packages here, for Xcode")
    arguments = parser.parse_args()
    try:
        return _check(arguments.bundle, arguments.units, arguments.keep)
    except PenMobileError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _check(path: Path, units: str, keep: Path | None) -> int:
    bundle = open_bundle(path)
    if bundle.manifest.runtime != "coreml":
        raise BadInput(f"{path} is for {bundle.manifest.runtime}; 'pen-mobile verify' runs it anywhere")
    if platform.system() != "Darwin":
        raise BadInput(
            f"Core ML runs on Apple systems only and this is {platform.system()}; nothing was checked. "
            "'pen-mobile verify' checks the programs as written anywhere"
        )
    with TemporaryDirectory() as folder:
        runtime = CoreMLRuntime(bundle, Path(folder), units)
        if keep is not None:
            shutil.copytree(folder, keep)
        passed = _report(runtime)
        _time(runtime)
    print(f"{'PASS' if passed else 'FAIL'}: {path} on macOS {platform.mac_ver()[0]}, units {units}")
    return 0 if passed else 1


def _report(runtime: CoreMLRuntime) -> bool:
    """Print every check of Apple's runtime, and how far it is from the programs as written."""
    written = {check.name: check.largest_error for check in check_runtime(MilRuntime(runtime.bundle)).checks}
    found = check_runtime(runtime)
    for check in found.checks:
        print(
            f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.largest_error:.2e}, allowed "
            f"{check.tolerance:.0e}; evaluated as written {written[check.name]:.2e}"
        )
    return found.passed


def _time(runtime: CoreMLRuntime) -> None:
    """Print the median of 50 backbone calls after 5 to warm up."""
    frames = Golden.read(runtime.bundle.file(runtime.bundle.manifest.golden.file)).frames[:1]
    if not len(frames):
        return
    seconds = []
    for _ in range(55):
        started = time.perf_counter()
        runtime.features(frames)
        seconds.append(time.perf_counter() - started)
    print(f"one frame: {1e3 * float(np.median(seconds[5:])):.2f} ms (median of 50)")


if __name__ == "__main__":
    sys.exit(main())
