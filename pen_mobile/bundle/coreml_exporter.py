"""Export for Core ML: the same run, golden vectors and proof as for ExecuTorch, other programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from pen_mobile.bundle.coreml.description import About
from pen_mobile.bundle.coreml.mil_weights import different_weights, stored_weights
from pen_mobile.bundle.coreml.mlpackage import unpacked, write_archive
from pen_mobile.bundle.coreml.programs import CoreMLModel, Weights, convert_backbone, convert_face, convert_head
from pen_mobile.bundle.exporter import Exporter
from pen_mobile.bundle.face import FACE_METHOD, FaceModel
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.recipe import Recipe
from pen_mobile.contract.manifest import Manifest
from pen_mobile.contract.part import Precision
from pen_mobile.errors import PenMobileError
from pen_mobile.training.run_folder import Run
from pen_mobile.training.trained_backbone import TrainedBackbone
from pen_mobile.utils.progress import Task


class CoreMLExporter(Exporter):
    """Writes packages in archives instead of ExecuTorch programs."""

    backbone_file, backbone_method = "backbone.mlpackage.zip", "backbone"
    head_file, face_file = "head.mlpackage.zip", "face.mlpackage.zip"

    def __init__(self, run: Run, recipe: Recipe, task: Task, cache: LoweredCache) -> None:
        super().__init__(run, recipe, task, cache)
        self.parts: dict[str, dict[str, Any]] = {}

    def _write_backbone(self, path: Path, backbone: TrainedBackbone) -> None:
        def convert() -> dict[str, CoreMLModel]:
            return {self.backbone_method: convert_backbone(backbone.network(), self._weights, self._about)}

        self._write(path, {"coreml backbone": self._digest, "weights": self._weights}, convert)

    def _write_face(self, path: Path, face: FaceModel) -> None:
        def convert() -> dict[str, CoreMLModel]:
            return {FACE_METHOD: convert_face(face.network(), self._weights != "fp32", self._about)}

        self._write(path, {"coreml face": face.digest, "half": self._weights != "fp32"}, convert)

    def _write_head(self, path: Path) -> None:
        def convert() -> dict[str, CoreMLModel]:
            return {name: convert_head(program, self._about) for name, program in self.methods.programs().items()}

        self._write(path, {"coreml head": self.methods.facts()}, convert)

    def _write(self, path: Path, key: dict[str, Any], convert: Callable[[], dict[str, CoreMLModel]]) -> None:
        """Write the archive that an earlier export made for ``key``, or make and keep it."""
        key |= {"about": asdict(self._about)}
        kept = self.cache.get_file(key)
        if kept is None:
            models = convert()
            write_archive(path, {name: model.package for name, model in models.items()})
            with unpacked(path) as folder:
                for name, model in models.items():
                    insist_on_weights(folder / f"{name}.mlpackage", model)
            kept = path.read_bytes(), {name: model.part() for name, model in models.items()}
            self.cache.put_file(key, *kept)
        else:
            path.write_bytes(kept[0])
        self.parts |= kept[1]

    def _manifest(self, folder: Path) -> Manifest:
        values = super()._manifest(folder).model_dump()
        values |= {"runtime": "coreml"}
        if self.face is not None:
            part = self.face.part(self.face_file, coreml=True, half=self._weights != "fp32")
            values["face"] = part.model_dump()
        head = values["head"]
        for program in (values["backbone"], values["face"], head["predict"], *head["train"], head["adapt"]):
            if program is not None:
                program["coreml"] = self.parts[program["method"]]
        return Manifest.model_validate(values)

    @property
    def _precision(self) -> Precision:
        return self._weights

    @property
    def _weights(self) -> Weights:
        assert self.recipe.coreml is not None
        return self.recipe.coreml.weights

    @property
    def _about(self) -> About:
        assert self.recipe.coreml is not None
        return About(
            self.recipe.coreml.author, self.recipe.coreml.licence, f"PEN Mobile {metadata.version('pen-mobile')}"
        )


def insist_on_weights(package: Path, model: CoreMLModel) -> None:
    """Compare a saved package's numbers with the converted ones, bit by bit: outputs would not show a small loss.

    Raises:
        PenMobileError: one differs.
    """
    changed = different_weights(stored_weights(package), model.weights)
    if changed:
        raise PenMobileError(
            f"{package.name}: {len(changed)} of {len(model.weights)} stored weights are not the converted ones, "
            f"{changed[0]} first; nothing was exported"
        )
