"""A Core ML bundle's programs where there is no Core ML: evaluated operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pen_mobile.bundle.coreml.mil_evaluation import MilProgram
from pen_mobile.bundle.coreml.mil_weights import weights_digest
from pen_mobile.bundle.coreml.mlpackage import unpack_archive
from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.contract.face import FacePart
from pen_mobile.contract.head import AdaptPart, PredictPart, TrainPart
from pen_mobile.contract.manifest import BackbonePart
from pen_mobile.contract.method_shapes import MethodShapes
from pen_mobile.errors import BadInput, BundleError
from pen_mobile.phone.runtime import BundleRuntime, Method, Programs
from pen_mobile.types import Floats
from pen_mobile.utils.temporary import temporary_folder

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
            BundleError: an archive holds no such package, or one whose program is broken or not the manifest's.
        """
        self.changed: list[str] = []
        super().__init__(bundle)

    def _load(self, threads: int) -> Programs:
        head, backbone = self.bundle.manifest.head, self.bundle.manifest.backbone
        with self._packages(head.file) as folder:
            predict = self._method(folder, head.predict, MethodShapes.of_predict(head))
            train: dict[str, Method] = {
                part.optimizer: self._method(folder, part, MethodShapes.of_train(head, part)) for part in head.train
            }
            adapt = None
            if head.adapt is not None:
                adapt = self._method(folder, head.adapt, MethodShapes.of_adapt(head, head.adapt))
        if backbone is None:
            return Programs(predict, train, None, adapt)
        with self._packages(backbone.file) as folder:
            features = self._method(folder, backbone, MethodShapes.of_backbone(backbone))
        return Programs(predict, train, features, adapt, self._face())

    @contextmanager
    def _packages(self, name: str) -> Iterator[Path]:
        """Yield a private folder with the packages of an archive, unpacked from the bytes that were hashed."""
        with temporary_folder() as folder:
            (folder / name).write_bytes(self.bundle.content(name))
            (folder / "packages").mkdir()
            try:
                unpack_archive(folder / name, folder / "packages")
            except BundleError as error:
                raise BundleError(str(error).replace(str(folder), str(self.bundle.origin))) from None
            yield folder / "packages"

    def _face(self) -> Method | None:
        part = self.bundle.manifest.face
        if part is None:
            return None
        with self._packages(part.file) as folder:
            return self._method(folder, part, MethodShapes.of_face(part))

    def _method(
        self, folder: Path, part: PredictPart | TrainPart | AdaptPart | BackbonePart | FacePart, shapes: MethodShapes
    ) -> Callable[..., Sequence[Floats]]:
        """Return a package's program as a function of arrays in the manifest's order."""
        package, names = folder / f"{part.method}.mlpackage", part.coreml
        if not package.is_dir():
            raise BundleError(f"{self.bundle.origin}: {package.name} is in none of its archives; export it again")
        assert names is not None  # the manifest's validator saw to it
        with self._in_this_bundle():
            program = MilProgram(package)
        if weights_digest(program.weights) != names.weights:
            self.changed.append(part.method)
        expected = dict(zip(names.inputs, shapes.inputs, strict=False))
        if program.inputs != expected or not len(names.inputs) == len(expected) == len(shapes.inputs):
            raise BundleError(f"{self.bundle.origin}: {package.name} takes other inputs than the manifest says")

        def call(*arrays: Floats) -> Sequence[Floats]:
            with self._in_this_bundle():
                found = program(dict(zip(names.inputs, arrays, strict=True)))
            outputs = [found[name] for name in names.outputs if name in found]
            if [output.shape for output in outputs] != shapes.outputs:
                raise BundleError(f"{self.bundle.origin}: {package.name} gives other outputs than the manifest says")
            return outputs

        return call

    @contextmanager
    def _in_this_bundle(self) -> Iterator[None]:
        try:
            yield
        except BadInput as error:
            raise BundleError(f"{self.bundle.origin}: {error}") from None
