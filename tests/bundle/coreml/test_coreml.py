"""Core ML: what is saved gives the float model's answers, says what it is, and is the same bytes each time."""

from __future__ import annotations

import json
import os
import platform
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from pen_mobile.bundle.coreml.description import About
from pen_mobile.bundle.coreml.mil_evaluation import MilProgram
from pen_mobile.bundle.coreml.mil_weights import stored_weights
from pen_mobile.bundle.coreml.mlpackage import unpacked
from pen_mobile.bundle.coreml.programs import (
    FEATURE,
    FRAME,
    CoreMLModel,
    Weights,
    convert_backbone,
    convert_head,
)
from pen_mobile.bundle.coreml_exporter import CoreMLExporter, insist_on_weights
from pen_mobile.bundle.export import export_bundle
from pen_mobile.bundle.programs.head import HeadSize, PredictProgram
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.programs.train import TrainProgram
from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.cli.main import cli
from pen_mobile.contract.bundle_folder import describe_files, open_bundle, seal
from pen_mobile.contract.manifest import Manifest
from pen_mobile.errors import BadInput, BundleError, PenMobileError
from pen_mobile.models.backbone import Backbone, make_backbone
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.training.run_folder import Run
from pen_mobile.utils.progress import SILENT
from pen_mobile.utils.resources import contract_folder
from tests.small_world import write_quick_recipe

pytestmark = pytest.mark.slow

ABOUT = About("Ann Author", "Apache-2.0", "PEN Mobile 0")
FEATURES, EXPERTS, BATCH = 24, 4, 8
OPTIMIZER_NAMES: list[OptimizerName] = ["adadelta", "sgd", "adam"]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """An untrained network whose batch norms have seen some noise: without that its features are near 1e-8."""
    torch.manual_seed(0)
    backbone = make_backbone("mobilenet_v3_small", input_size=32).train()
    with torch.no_grad():
        for _ in range(30):
            backbone(torch.rand(16, 3, 32, 32) * 255)
    return backbone.eval()


@pytest.fixture(scope="module")
def converted() -> dict[Weights, CoreMLModel]:
    """What was converted so far, by the kind of its weights."""
    return {}


def _converted(kind: Weights, backbone: Backbone, converted: dict[Weights, CoreMLModel]) -> CoreMLModel:
    if kind not in converted:
        converted[kind] = convert_backbone(backbone, kind, ABOUT)
    return converted[kind]


# Largest error over the largest feature (about 0.4 here), and bytes of the blob over 4 bytes a parameter.
@pytest.mark.parametrize(
    ("kind", "tolerance", "size"),
    [
        pytest.param("fp32", 1e-5, 1.0, marks=pytest.mark.slow),
        pytest.param("fp16", 5e-3, 0.5),
        pytest.param("int8", 5e-2, 0.27, marks=pytest.mark.slow),
        pytest.param("palettized-4", 0.5, 0.14, marks=pytest.mark.slow),
    ],
)
def test_saved_backbone_equals_eager(
    kind: Weights,
    tolerance: float,
    size: float,
    backbone: Backbone,
    converted: dict[Weights, CoreMLModel],
    tmp_path: Path,
) -> None:
    model = _converted(kind, backbone, converted)
    program = MilProgram(model.package.write(tmp_path / "backbone.mlpackage"))
    frames = torch.randint(0, 256, (4, 3, 32, 32), generator=torch.Generator().manual_seed(1)).float()
    expected = backbone(frames).detach().numpy()
    found = np.concatenate([program({FRAME: frame[None].numpy()})[FEATURE] for frame in frames])
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() / np.abs(expected).max() < tolerance
    parameters = sum(values.numel() for values in backbone.parameters())
    assert len(model.package.weights) / (4 * parameters) == pytest.approx(size, rel=0.1)
    assert program.dtypes() == ({"fp32"} if kind == "fp32" else {"fp16", "fp32"})
    insist_on_weights(tmp_path / "backbone.mlpackage", model)


@pytest.mark.slow
def test_float16_weights_are_the_rounded_float32_weights(
    backbone: Backbone, converted: dict[Weights, CoreMLModel], tmp_path: Path
) -> None:
    """Every stored fp16 array of a convolution is one of the float32 program's, rounded once."""
    full = _converted("fp32", backbone, converted).weights.values()
    half = _converted("fp16", backbone, converted).package.write(tmp_path / "half.mlpackage")
    rounded = {values.astype(np.float16).tobytes() for values in full if values.ndim == 4}
    stored = [values for values in stored_weights(half).values() if values.ndim == 4]
    assert len(stored) == 52  # 34 convolutions of the blocks and 18 of squeeze-and-excitation
    assert all(values.dtype == np.float16 and values.tobytes() in rounded for values in stored)


@pytest.mark.parametrize(
    "kind",
    [
        "fp16",
        pytest.param("int8", marks=pytest.mark.slow),
        pytest.param("palettized-4", marks=pytest.mark.slow),
    ],
)
def test_one_flipped_bit_of_a_saved_weight_is_found(
    kind: Weights, backbone: Backbone, converted: dict[Weights, CoreMLModel], tmp_path: Path
) -> None:
    model = _converted(kind, backbone, converted)
    package = model.package.write(tmp_path / "backbone.mlpackage")
    blob = package / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
    content = bytearray(model.package.weights)
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    with pytest.raises(PenMobileError, match=r"backbone\.mlpackage: 1 of \d+ stored weights are not the converted"):
        insist_on_weights(package, model)


def test_a_package_says_what_it_is(backbone: Backbone, converted: dict[Weights, CoreMLModel], tmp_path: Path) -> None:
    from coremltools.models.utils import load_spec

    package = _converted("fp16", backbone, converted).package.write(tmp_path / "backbone.mlpackage")
    specification = load_spec(str(package))
    description = specification.description
    assert specification.specificationVersion == 8  # iOS 17
    assert (description.metadata.author, description.metadata.license) == ("Ann Author", "Apache-2.0")
    assert description.metadata.versionString == "PEN Mobile 0"
    assert description.metadata.shortDescription.startswith("mobilenet_v3_small")
    (image,), (feature,) = description.input, description.output
    assert (image.name, image.type.imageType.width, image.type.imageType.height) == ("frame", 32, 32)
    assert image.type.imageType.colorSpace == image.type.imageType.ColorSpace.Value("RGB")
    assert image.shortDescription == "Face crop, 32 x 32 pixels, RGB, 0 to 255; normalised inside."
    assert feature.shortDescription == "Feature z, float32 [1, 576]."
    assert "conversion_date" not in str(description)


@pytest.mark.parametrize(("name", "steps"), [*((name, 1) for name in OPTIMIZER_NAMES), ("adadelta", 2)])
def test_saved_train_step_equals_the_torch_program(name: OptimizerName, steps: int, tmp_path: Path) -> None:
    """Ten calls, the batch of each third padded with weight 0 and noise: state and loss within 1e-5, in float32."""
    program = TrainProgram(HeadSize(FEATURES, EXPERTS), name, steps, batch=BATCH)
    model = convert_head(program, ABOUT)
    evaluated = MilProgram(model.package.write(tmp_path / "train.mlpackage"))
    assert evaluated.dtypes() == {"fp32"}
    generator = torch.Generator().manual_seed(0)
    state = [torch.zeros(shape) for shape in program.state_shapes().values()]
    state[0] = start = 0.3 * torch.randn(state[0].shape, generator=generator)
    saved = [tensor.numpy() for tensor in state]
    for call in range(10):
        z, y = (torch.randn(steps, BATCH, size, generator=generator) for size in (FEATURES, 2))
        weight = (torch.arange(BATCH) < (BATCH if call % 3 else 3)).float().repeat(steps, 1)
        batch = (z, y / 3, weight, torch.tensor([OPTIMIZERS[name].learning_rate, 0.02]))
        *state, loss = program(*state, *batch)
        arrays = [*saved, *(tensor.numpy() for tensor in batch)]
        found = evaluated(dict(zip(model.inputs, arrays, strict=True)))
        *saved, saved_loss = (found[output] for output in model.outputs)
        np.testing.assert_allclose(saved_loss, loss.numpy(), atol=1e-5)
    for left, right in zip(saved, state, strict=True):
        np.testing.assert_allclose(left, right.numpy(), rtol=0, atol=1e-5)
    assert np.abs(saved[0] - start.numpy()).max() > 1e-3


def test_saved_predict_equals_the_torch_program(tmp_path: Path) -> None:
    program = PredictProgram(HeadSize(FEATURES, EXPERTS), BATCH)
    model = convert_head(program, ABOUT)
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(x.shape, generator=generator) for x in program.example_inputs()]
    evaluated = MilProgram(model.package.write(tmp_path / "predict.mlpackage"))
    found = evaluated(dict(zip(model.inputs, (tensor.numpy() for tensor in inputs), strict=True)))
    for name, expected in zip(model.outputs, program(*inputs), strict=True):
        np.testing.assert_allclose(found[name], expected.numpy(), rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``ios-coreml`` with one optimizer step a call, whose conversion takes long for each."""
    return write_quick_recipe(tmp_path_factory.mktemp("recipe") / "quick.toml", adapt=True, name="ios-coreml")


@pytest.fixture(scope="module")
def exported(run_folder: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The tiny run as a Core ML bundle, made in a process of its own: folder, standard output, standard error."""
    folder = tmp_path_factory.mktemp("coreml") / "bundle"
    command = [
        sys.executable,
        "-m",
        "pen_mobile.cli.main",
        "export",
        run_folder,
        "--recipe",
        recipe,
        "--out",
        folder,
    ]
    environment = os.environ | {"PYTHONHASHSEED": "1"}  # not this process's
    done = subprocess.run(
        [*map(str, command), "--json"], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout, done.stderr


@pytest.mark.slow
def test_export_on_the_command_line(exported: tuple[Path, str, str]) -> None:
    folder, output, errors = exported
    document = json.loads(output)
    assert document["verification"]["passed"]
    assert document["verification"]["checks"][0]["name"] == "stored weights"
    assert set(document["bytes"]) >= {"backbone.mlpackage.zip", "head.mlpackage.zip"}
    assert "Torch version" not in errors  # what coremltools warns about is not the user's business
    assert "MIL" not in errors
    manifest = open_bundle(folder).manifest
    assert (manifest.runtime, manifest.precision) == ("coreml", "fp16")
    assert manifest.backbone is not None
    assert manifest.backbone.coreml is not None
    assert manifest.backbone.coreml.inputs == ["frame"]
    adadelta = manifest.head.trainer("adadelta")
    assert adadelta.coreml is not None
    assert adadelta.coreml.inputs[:3] == [tensor.name for tensor in adadelta.state]
    assert adadelta.coreml.outputs[-1] == "loss"


@pytest.mark.slow
def test_the_same_bytes_in_another_process(
    exported: tuple[Path, str, str], run_folder: Path, recipe: Path, tmp_path: Path
) -> None:
    """Converted here once more; the exporting process had another hash seed."""
    with SILENT.task("export", 1) as task:
        empty = LoweredCache(tmp_path / "empty")
        exporter = CoreMLExporter(Run.open(run_folder), load_recipe(str(recipe)), task, empty)
    assert exporter.backbone is not None
    exporter._write_backbone(tmp_path / "backbone.mlpackage.zip", exporter.backbone)
    exporter._write_head(tmp_path / "head.mlpackage.zip")
    for path in sorted(tmp_path.glob("*.zip")):
        assert path.read_bytes() == (exported[0] / path.name).read_bytes(), path.name


@pytest.mark.slow
def test_what_recipes_share_is_converted_once(
    exported: tuple[Path, str, str], run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head is the same whatever the weights of the backbone; a kept archive that was changed is not taken."""
    run = Path(shutil.copytree(run_folder, tmp_path / "run"))
    first = (exported[0] / "head.mlpackage.zip").read_bytes()
    other = write_quick_recipe(tmp_path / "other.toml", adapt=True, name="ios-coreml-int8")
    with SILENT.task("export", 1) as task:
        exporter = CoreMLExporter(Run.open(run), load_recipe(str(other)), task, LoweredCache(run / "lowered"))

    def convert(*_: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("pen_mobile.bundle.coreml_exporter.convert_head", convert)
    exporter._write_head(tmp_path / "head.mlpackage.zip")
    assert (tmp_path / "head.mlpackage.zip").read_bytes() == first
    assert set(exporter.parts) == {"predict", "adapt", "train_adadelta"}
    for kept in run.glob("lowered/*/program.bin"):
        if kept.read_bytes() == first:
            kept.write_bytes(first[:-1])
    with pytest.raises(AssertionError, match="converted again"):
        exporter._write_head(tmp_path / "head.mlpackage.zip")


def test_float16_recipe_trains_in_float32(exported: tuple[Path, str, str]) -> None:
    with unpacked(exported[0] / "head.mlpackage.zip") as folder:
        for name in ("train_adadelta", "predict"):
            assert MilProgram(folder / f"{name}.mlpackage").dtypes() == {"fp32"}
    with unpacked(exported[0] / "backbone.mlpackage.zip") as folder:
        assert "fp16" in MilProgram(folder / "backbone.mlpackage").dtypes()


def test_verify_says_what_it_did_not_run(exported: tuple[Path, str, str]) -> None:
    result = CliRunner().invoke(cli, ["verify", str(exported[0])])
    assert result.exit_code == 0, result.output
    assert "Apple's runtime was not run" in " ".join(result.stdout.split())


def test_verify_finds_a_weight_that_was_changed_and_sealed_again(
    exported: tuple[Path, str, str], tmp_path: Path
) -> None:
    """One bit in the middle of the backbone's weights: hashes agree, outputs still do, the weights do not."""
    folder = tmp_path / "bundle"
    shutil.copytree(exported[0], folder)
    archive = folder / "backbone.mlpackage.zip"
    with unpacked(archive) as packages:
        blob = packages / "backbone.mlpackage" / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
        content = bytearray(blob.read_bytes())
        content[len(content) // 2] ^= 1
        blob.write_bytes(content)
        with zipfile.ZipFile(archive, "w") as changed:
            for file in sorted(path for path in packages.rglob("*") if path.is_file()):
                changed.write(file, file.relative_to(packages))
    manifest = open_bundle(exported[0]).manifest
    for name in ("manifest.json", "manifest.json.sha256"):
        (folder / name).unlink()
    seal(folder, manifest.model_copy(update={"files": describe_files(folder)}))
    verification = verify_bundle(open_bundle(folder))
    assert [check.name for check in verification.checks if not check.passed] == ["stored weights"]


def test_a_manifest_of_two_minds_is_refused(exported: tuple[Path, str, str]) -> None:
    values = open_bundle(exported[0]).manifest.model_dump(mode="json")
    with pytest.raises(ValueError, match="program backbone does not say what runtime executorch needs"):
        Manifest.model_validate(values | {"runtime": "executorch"})
    with pytest.raises(ValueError, match=r"backbone\.method"):
        Manifest.model_validate(values | {"backbone": values["backbone"] | {"method": "../outside"}})


def test_the_phone_room_refuses_with_one_line(exported: tuple[Path, str, str]) -> None:
    with pytest.raises(BundleError, match="runs on Apple systems only; 'pen-mobile verify' checks it here") as caught:
        BundleRuntime(open_bundle(exported[0]))
    assert "\n" not in str(caught.value)


def test_the_mac_script_says_why_it_does_nothing_elsewhere(exported: tuple[Path, str, str]) -> None:
    if sys.platform == "darwin":
        pytest.skip("here it would do something")
    script = contract_folder() / "check_coreml.py"
    done = subprocess.run(
        [sys.executable, str(script), str(exported[0])], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2
    assert "Core ML runs on Apple systems only and this is Linux; nothing was checked" in done.stderr


class _Apple:
    """Stands in for ``coremltools.models.MLModel`` on a Mac: the same calls, answered by evaluation."""

    def __init__(self, path: str, compute_units: object) -> None:
        self._program = MilProgram(Path(path))

    def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return self._program({name: self._array(value) for name, value in inputs.items()})

    def _array(self, value: Any) -> Any:
        if not isinstance(value, Image.Image):
            return value
        assert value.mode == "RGB"
        return np.asarray(value, np.float32).transpose(2, 0, 1)[None]


def test_the_mac_script_with_apple_s_runtime_played(
    exported: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script itself, every line but Apple's: images in, all checks, pass."""
    import coremltools

    monkeypatch.setattr(coremltools.models, "MLModel", _Apple)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(sys, "argv", ["check_coreml.py", str(exported[0]), "--units", "ane"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(contract_folder() / "check_coreml.py"), run_name="__main__")
    output = capsys.readouterr().out
    assert ended.value.code == 0, output
    checked = {line.split()[1].rstrip(":") for line in output.splitlines() if line.startswith("pass  ")}
    assert checked >= {"features", "targets", "gate", "adadelta", "adapt"}
    assert "PASS: " in output
    assert "one frame: " in output


def test_a_recipe_that_cannot_be_met_leaves_nothing(
    exported: tuple[Path, str, str], run_folder: Path, recipe: Path, tmp_path: Path
) -> None:
    """Strict about the head, which was kept, on a run without a backbone, which is quick."""
    loaded = load_recipe(str(recipe))
    strict = loaded.model_copy(update={"tolerance": loaded.tolerance.model_copy(update={"train": 1e-30})})
    run = Run.open(run_folder)
    run.trained_backbone = lambda: None  # type: ignore[method-assign]
    with pytest.raises(PenMobileError, match=r"ios-coreml.*more than the 1e-30 it allows; nothing was exported"):
        export_bundle(run, strict, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_core_ml_recipe_has_one_number_format(tmp_path: Path) -> None:
    text = (contract_folder() / "ios-coreml.toml").read_text()
    both = tmp_path / "both.toml"
    both.write_text(text.replace('name = "ios-coreml"', 'name = "both"\nprecision = "fp32"'))
    with pytest.raises(BadInput, match="precision is for ExecuTorch"):
        load_recipe(str(both))
    both.write_text(text.replace('weights = "fp16"', 'weights = "fp8"'))
    with pytest.raises(BadInput, match=r"coreml\.weights"):
        load_recipe(str(both))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../outside", "does not belong into a Core ML package"),
        ("/etc/outside", "does not belong into a Core ML package"),
        ("backbone.mlpackage/other.txt", "does not belong into a Core ML package"),
    ],
)
def test_an_archive_holds_packages_and_nothing_else(name: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(BundleError, match=message), unpacked(path):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_that_readers_could_disagree_on_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.mlpackage/Manifest.json", "x")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.mlpackage/Manifest.json", "y")
    with pytest.raises(BundleError, match="is in it twice"), unpacked(path):
        pass
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.mlpackage/Manifest.json", "x" * 100)
    with pytest.raises(BundleError, match="compressed"), unpacked(path):
        pass
    path.write_bytes(b"no zip")
    with pytest.raises(BundleError, match="not a readable archive"), unpacked(path):
        pass
