"""A Core ML bundle's programs where there is no Core ML: evaluated operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pen_mobile.bundle.mil_evaluation import MilProgram, stored_weights, weights_digest
from pen_mobile.bundle.mlpackage import unpacked
from pen_mobile.contract.folder import BundleFolder
from pen_mobile.contract.manifest import BackbonePart, CoreMLPart, PredictPart, RidgePart, TrainPart
from pen_mobile.errors import BundleError
from pen_mobile.phone.runtime import BundleRuntime, Floats, Method, Programs

SCOPE = (
    "the Core ML programs as written, each MIL operation evaluated here; Apple's runtime was not run "
    "(export/check_coreml.py does that on a Mac)"
)


class MilRuntime(BundleRuntime):
    """The same methods as on a phone, for proof, not for speed.

    Attributes:
        changed: methods whose stored weights are not the converted ones.
    """

    def __init__(self, bundle: BundleFolder) -> None:
        """Read the bundle's packages.

        Raises:
            BundleError: an archive holds no such package.
        """
        self.changed: list[str] = []
        super().__init__(bundle)

    def _load(self, threads: int) -> Programs:
        head, backbone = self.bundle.manifest.head, self.bundle.manifest.backbone
        with unpacked(self.bundle.file(head.file)) as folder:
            predict = self._method(folder, head.predict)
            train: dict[str, Method] = {part.optimizer: self._method(folder, part) for part in head.train}
            ridge = None if head.ridge is None else self._method(folder, head.ridge)
        if backbone is None:
            return Programs(predict, train, ridge, None)
        with unpacked(self.bundle.file(backbone.file)) as folder:
            return Programs(predict, train, ridge, self._method(folder, backbone))

    def _method(
        self, folder: Path, part: PredictPart | TrainPart | RidgePart | BackbonePart
    ) -> Callable[..., Sequence[Floats]]:
        package = folder / f"{part.method}.mlpackage"
        if not package.is_dir():
            raise BundleError(f"{self.bundle.origin}: {package.name} is in none of its archives; export it again")
        assert part.coreml is not None  # the manifest's validator saw to it
        if weights_digest(stored_weights(package)) != part.coreml.weights:
            self.changed.append(part.method)
        return _positional(MilProgram(package), part.coreml)


def _positional(program: MilProgram, names: CoreMLPart) -> Callable[..., Sequence[Floats]]:
    """Return a program as a function of arrays in the manifest's order."""

    def call(*arrays: Floats) -> Sequence[Floats]:
        found = program(dict(zip(names.inputs, arrays, strict=True)))
        return [found[name] for name in names.outputs]

    return call
