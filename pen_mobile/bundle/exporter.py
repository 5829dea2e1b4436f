"""The steps of one export to ExecuTorch: lower, write, describe, verify."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pen_mobile.bundle.export_cache import keep_export
from pen_mobile.bundle.export_result import ExportResult, sizes_of
from pen_mobile.bundle.face import WITHOUT_FACE, FaceModel, find_face_model, lower_face, with_face
from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.golden_adapt import with_label_sets
from pen_mobile.bundle.golden_reference import make_golden
from pen_mobile.bundle.identity import backbone_identity, int8_numbers
from pen_mobile.bundle.programs.head import HeadSize
from pen_mobile.bundle.programs.head_methods import HeadMethods
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.programs.lowering import Lowered, lower
from pen_mobile.bundle.programs.lowering_subprocess import lower_head, lowering_in_subprocess
from pen_mobile.bundle.programs.simplify import simplify
from pen_mobile.bundle.recipe import Recipe
from pen_mobile.bundle.verification import Check, Verification
from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract.bundle_folder import describe_files, open_bundle, seal, sign_bundle
from pen_mobile.contract.caution import absurd_error
from pen_mobile.contract.evidence import GoldenPart, QuantizationPart, SourcePart
from pen_mobile.contract.manifest import SCHEMA_VERSION, BackbonePart, Manifest
from pen_mobile.contract.part import Precision
from pen_mobile.contract.release import Release
from pen_mobile.data.detectors.blazeface import BLAZEFACE
from pen_mobile.data.faces import make_crop
from pen_mobile.errors import Refused
from pen_mobile.training.run_folder import Run
from pen_mobile.training.trained_backbone import TrainedBackbone
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.progress import Task
from pen_mobile.utils.resources import contract_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from pen_mobile.bundle.quantization.int8_backbone import Int8Backbone

_PARAMETERS = "head-parameters.f32"
_GOLDEN = "golden.safetensors"
_STORE = "personal_store.sql"


class Exporter:
    """One export to ExecuTorch.

    Attributes:
        backbone_file, backbone_method, head_file, face_file: what the programs are called.
    """

    backbone_file, backbone_method = "backbone.pte", "forward"
    head_file, face_file = "head.pte", "face.pte"

    def __init__(self, run: Run, recipe: Recipe, task: Task, cache: LoweredCache) -> None:
        self.run, self.given_recipe, self.task = run, recipe, task
        self.recipe = recipe.for_run(run.written_lambda_1())
        self.prior = run.prior()
        self.backbone = run.trained_backbone()
        self.seconds: dict[str, float] = {}
        self.outside_delegate: dict[str, list[str]] = {}
        self.cache = cache
        size = HeadSize(run.record.feature_size, run.record.expert_count, len(run.record.data.targets.names))
        self.methods = HeadMethods(size, self.recipe.head, self.prior)
        self.head = run.expert_head()
        self.int8: Int8Backbone | None = None
        self.data: str | None = None
        self.face: FaceModel | None = None if self.backbone is None else find_face_model(run.record.data.crop)
        self.sign_key: EllipticCurvePrivateKey | None = None
        self.release: Release | None = None

    def export(self, folder: Path) -> ExportResult:
        """Make, seal and prove a bundle in an empty folder."""
        with self._head_aside() as wait_for_head:
            if self.recipe.quantization is not None:
                with self._stage("quantization"):
                    self._quantize()
            with self._stage("golden vectors"):
                golden = self._golden()
                golden = golden if self.face is None else with_face(golden, self.face.network())
                golden.write(folder / _GOLDEN)
            if self.backbone is not None:
                with self._stage("backbone program"):
                    self._write_backbone(folder / self.backbone_file, self.backbone)
                    if self.face is not None:
                        self._write_face(folder / self.face_file, self.face)
            with self._stage("head programs"):
                wait_for_head()
                self._write_head(folder / self.head_file)
        self.head.head_parameters.detach().numpy().astype("<f4").tofile(folder / _PARAMETERS)
        shutil.copyfile(contract_folder() / _STORE, folder / _STORE)
        seal(folder, self._manifest(folder))
        with self._stage("verification"):
            verification = verify_bundle(open_bundle(folder))
        self._insist(verification)
        exported = ExportResult(
            verification,
            sizes_of(folder),
            self.seconds,
            self.outside_delegate,
            self._quantization,
            notes=self._notes(),
        )
        if self.sign_key is not None:
            sign_bundle(folder, self.sign_key)
        elif self.release is None:
            keep_export(self.run.folder, self.given_recipe, folder, exported)
        return replace(exported, bytes=sizes_of(folder))

    def _notes(self) -> list[str]:
        """Return the settings that the recipe decided against the run, and cautions about the model."""
        caution = absurd_error(to_plain(self.run.record.validation), self.run.record.data.targets.label_range)
        cautions = [caution] if caution else []
        if self.backbone is not None and self.face is None:
            cautions.append(WITHOUT_FACE)
        ours, learned = self.recipe.head.sparsity, self.run.written_lambda_1()
        if ours == learned:
            return cautions
        return [*cautions, f"lambda_1 is {ours:g} as recipe {self.recipe.name} says; the run learned with {learned:g}"]

    def _head_aside(self) -> AbstractContextManager[Callable[[], object]]:
        """Let a second process make the head's programs, where there is a backbone to make meanwhile."""
        if self.backbone is None or self.recipe.coreml is not None:
            return nullcontext(lambda: None)
        return lowering_in_subprocess(self.methods, self.cache)

    def _golden(self) -> Golden:
        """Return the vectors that an earlier export of the same model made, or let the float model answer again."""
        key = {"golden": self._model_key(), "head": self.recipe.head.model_dump(), "methods": self.methods.facts()}
        kept = self.cache.get_arrays(key)
        if kept is not None:
            return Golden.from_arrays(kept[0])
        backbone = None if self.backbone is None else self.backbone.network()
        answers = None if self.int8 is None else self.int8.golden
        golden = make_golden(self.run, backbone, self.recipe.head, self.head, answers)
        if self.recipe.head.adapt_labels:
            parameters = self.head.head_parameters.detach().numpy()
            golden = with_label_sets(golden, self.prior, parameters, self.recipe.head.adapt_labels)
        self.cache.put_arrays(key, golden.arrays(), {})
        return golden

    def _model_key(self) -> dict[str, Any]:
        """Return what names the model that ships, and the number format of its backbone."""
        return {
            "backbone": self._digest,
            "head": hashlib.sha256(self.head.head_parameters.detach().numpy().tobytes()).hexdigest(),
            "numbers": self._numbers(),
        }

    @cached_property
    def _digest(self) -> str | None:
        return None if self.backbone is None else self.backbone.digest()

    def _quantize(self) -> None:
        from pen_mobile.bundle.quantization.int8 import make_int8

        self.int8 = make_int8(self.run, self.recipe, self.data, self.cache)
        self.head = self.int8.head

    @property
    def _quantization(self) -> QuantizationPart | None:
        return None if self.int8 is None else self.int8.part

    @property
    def _precision(self) -> Precision:
        return self.recipe.precision

    def _write_backbone(self, path: Path, backbone: TrainedBackbone) -> None:
        if self.int8 is not None:
            self._keep(path, self.int8.lowered)
            return
        key = {"backbone": self._digest, "backend": self.recipe.backend}
        self._keep(path, self._lowered(key, lambda: self._lower_backbone(backbone)))

    def _lower_backbone(self, backbone: TrainedBackbone) -> Lowered:
        frame = torch.zeros(1, 3, backbone.input_size, backbone.input_size)
        return lower({"forward": (simplify(backbone.network()), (frame,))}, self.recipe.backend)

    def _write_face(self, path: Path, face: FaceModel) -> None:
        self._keep(path, lower_face(face, None if self.sign_key is None else self.cache))

    def _write_head(self, path: Path) -> None:
        self._keep(path, self._lowered(self.methods.facts(), lambda: lower_head(self.methods)))

    def _lowered(self, key: dict[str, Any], make: Callable[[], Lowered]) -> Lowered:
        """Return the program that an earlier export made for ``key``, or make and keep it."""
        program = self.cache.get(key)
        if program is None:
            program = make()
            self.cache.put(key, program)
        return program

    def _manifest(self, folder: Path) -> Manifest:
        recipe = self.recipe
        return Manifest(
            format="pen-mobile-bundle",
            schema_version=SCHEMA_VERSION,
            recipe=recipe.name,
            card=self.run.record.card,
            model=None if self.release is None else self.release.model,
            serial=None if self.release is None else self.release.serial,
            precision=self._precision,
            targets=list(self.run.record.data.targets.names),
            label_range=self.run.record.data.targets.label_range,
            backbone=self._backbone_part(),
            face=None if self.face is None else self.face.part(self.face_file, coreml=False, half=False),
            head=self.methods.part(self.head_file, _PARAMETERS),
            quantization=self._quantization,
            adaptation=recipe.adaptation,
            golden=GoldenPart(
                file=_GOLDEN,
                feature_tolerance=recipe.tolerance.features,
                target_tolerance=recipe.tolerance.targets,
                train_tolerance=recipe.tolerance.train,
                report_tolerance=recipe.tolerance.report,
            ),
            store_schema=_STORE,
            source=self._source_part(),
            files=describe_files(folder),
        )

    def _backbone_part(self) -> BackbonePart | None:
        backbone = self.backbone
        if backbone is None or self._digest is None:
            return None
        unknown = {} if self.face is None else {"detector": BLAZEFACE}
        crop = make_crop(**(self.run.record.data.crop or unknown) | {"size": backbone.input_size})
        return BackbonePart(
            file=self.backbone_file,
            method=self.backbone_method,
            name=backbone.name,
            feature_size=backbone.feature_size,
            crop=crop,
            mean=backbone.mean,
            std=backbone.std,
            backend=None if self.recipe.coreml else self.recipe.backend,
            identity=backbone_identity(self._digest, crop, self._numbers()),
        )

    def _numbers(self) -> dict[str, Any]:
        """Return the number format of the backbone, in all that decides its features."""
        if self.int8 is None or self.recipe.quantization is None:
            return {"format": self._precision}
        return int8_numbers(self.run, self.recipe.quantization, self.int8.part, self.int8.lowered.buffer)

    def _source_part(self) -> SourcePart:
        record = self.run.record
        return SourcePart(
            subjects=record.expert_count,
            data_digest=record.data.digest,
            synthetic=record.data.synthetic,
            validation=to_plain(record.validation),
            seed=record.config.seed,
            versions=record.versions,
        )

    def _keep(self, path: Path, program: Lowered) -> None:
        program.write(path)
        self.outside_delegate |= program.outside_delegate

    def _insist(self, verification: Verification) -> None:
        for check in verification.checks:
            if not check.passed:
                exact = "torch's int8 graph" if check.name == "features" and self.int8 else "the float model"
                raise Refused(
                    f"recipe {self.recipe.name}: {check.name} differ from {exact} by "
                    f"{check.largest_error:.2g}, more than the {check.tolerance:.2g} it allows; nothing was "
                    f"exported{self._remedy(check)}"
                )

    def _remedy(self, check: Check) -> str:
        """Return what helps where the cause is likely: few or odd rows suggest a prior beyond float32."""
        if not check.name.startswith("adapt:"):
            return ""
        data = self.run.record.data
        return (
            f" (its prior comes from {data.rows} rows of {len(data.source_subjects)} people, which may be too few "
            "or too much alike for a phone's float32: learn from more)"
        )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        self.task.advance(0, name)
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)
        self.task.advance(1)
