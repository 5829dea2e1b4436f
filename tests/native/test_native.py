"""The bundle's programs in the ExecuTorch runtime without Python: golden vectors, wrong calls, sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.golden_check import read_golden
from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.contract.head import TrainPart
from tests.native.build import build, compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="the native tests need g++ (Debian: apt-get install g++)")


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library and its checks, built from the installed wheel."""
    return build(tmp_path_factory.mktemp("native"))


class Script:
    """A script for ``golden_check``, with the arrays that it reads in files beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lines, self._files = folder, list[str](), 0

    def file(self, array: np.ndarray) -> Path:
        """Write an array as raw little-endian float32."""
        self._files += 1
        path = self.folder / f"{self._files}.f32"
        path.write_bytes(np.ascontiguousarray(array, "<f4").tobytes())
        return path

    def read(self, name: str, array: np.ndarray) -> None:
        """Fill a buffer."""
        self.lines.append(f"read {name} {self.file(array)}")

    def call(self, program: str, method: str, inputs: list[str], outputs: list[str]) -> None:
        """Execute a method on buffers."""
        self.lines.append(f"call {program} {method} {' '.join(inputs)} -> {' '.join(outputs)}")

    def compare(self, name: str, expected: np.ndarray, tolerance: float) -> None:
        """Compare the first numbers of a buffer with what is expected."""
        self.lines.append(f"compare {name} {self.file(expected)} {tolerance}")

    def run(self, native: Path) -> list[str]:
        """Return what the check prints; every comparison must hold."""
        text = "\n".join(self.lines) + "\n"
        done = subprocess.run([native / "golden_check"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()


def script_of(bundle: BundleFolder, folder: Path) -> Script:
    """Write the golden vectors of a bundle as a script: features, answers, and training step by step."""
    manifest, golden, script = bundle.manifest, read_golden(bundle), Script(folder)
    script.lines.append(f"open head {bundle.file(manifest.head.file)}")
    if manifest.backbone is not None:
        script.lines.append(f"open backbone {bundle.file(manifest.backbone.file)}")
        for number, frame in enumerate(golden.frames):
            script.read("frame", frame.transpose(2, 0, 1)[None])
            script.call("backbone", manifest.backbone.method, ["frame"], ["z"])
            script.compare("z", golden.features[number], manifest.golden.feature_tolerance)
    _answers(script, bundle, golden)
    for part in manifest.head.train:
        _training(script, bundle, golden, part)
    return script


def _initial(bundle: BundleFolder) -> np.ndarray:
    head = bundle.manifest.head
    return np.fromfile(bundle.file(head.head_parameters), "<f4").reshape(head.parameters_shape)


def _answers(script: Script, bundle: BundleFolder, golden: Golden) -> None:
    manifest = bundle.manifest
    batch = np.zeros((manifest.head.predict.batch, manifest.head.feature_size), np.float32)
    batch[: len(golden.features)] = golden.features
    script.read("head_parameters", _initial(bundle))
    script.read("batch", batch)
    script.call("head", manifest.head.predict.method, ["head_parameters", "batch"], ["targets", "gate"])
    script.compare("targets", golden.targets, manifest.golden.target_tolerance)
    script.compare("gate", golden.gate, manifest.golden.target_tolerance)


def _training(script: Script, bundle: BundleFolder, golden: Golden, part: TrainPart) -> None:
    state = [tensor.name for tensor in part.state]
    script.read(state[0], _initial(bundle))
    for tensor in part.state[1:]:
        script.lines.append(f"zeros {tensor.name} {int(np.prod(tensor.shape))}")
    script.read("hyper", golden.hyper[part.optimizer])
    rows_of_calls = golden.batches[part.optimizer].reshape(-1, part.steps, part.batch)
    for number, rows in enumerate(rows_of_calls):
        script.read("z", golden.features[rows])
        script.read("y", golden.labels[rows])
        script.read("weight", (rows >= 0).astype(np.float32))
        script.call("head", part.method, [*state, "z", "y", "weight", "hyper"], [*state, "loss"])
        expected = golden.losses[part.optimizer].reshape(len(rows_of_calls), -1)[number]
        script.compare("loss", expected, bundle.manifest.golden.train_tolerance)
    script.compare(state[0], golden.trained[part.optimizer], bundle.manifest.golden.train_tolerance)


def test_golden_vectors_of_a_whole_bundle(native: Path, bundle_folder: Path, tmp_path: Path) -> None:
    bundle = open_bundle(bundle_folder)
    lines = script_of(bundle, tmp_path).run(native)
    assert len(lines) > len(bundle.manifest.head.train) + 2
    assert all(line.startswith("ok ") for line in lines)


def test_a_wrong_number_is_found(native: Path, small_bundle: Path, tmp_path: Path) -> None:
    """The check would not be one if it said ok to anything."""
    script = Script(tmp_path)
    script.read("numbers", np.array([1.0, 2.0]))
    script.compare("numbers", np.array([1.0, 2.1]), 1e-3)
    done = subprocess.run(
        [native / "golden_check"], input="\n".join(script.lines) + "\n", capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout.startswith("DIFFERS numbers: 0.048")  # 0.1 / 2.1


@pytest.mark.parametrize("method", ["predict", "train_adadelta"])
def test_wrong_calls_are_refused(native: Path, small_bundle: Path, method: str) -> None:
    head = open_bundle(small_bundle).file("head.pte")
    done = subprocess.run([native / "refusals", head, method], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 22


@pytest.mark.slow
def test_wrong_calls_under_sanitizers(small_bundle: Path, tmp_path: Path) -> None:
    """Address and undefined-behaviour sanitizers see no fault in the interface, whatever it is given."""
    native = build(tmp_path / "sanitized", sanitize=True)
    head = open_bundle(small_bundle).file("head.pte")
    done = subprocess.run([native / "refusals", head, "predict"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR: AddressSanitizer" not in done.stderr
    assert "runtime error" not in done.stderr


def test_a_damaged_program_is_an_error_and_no_crash(native: Path, small_bundle: Path, tmp_path: Path) -> None:
    whole = open_bundle(small_bundle).file("head.pte").read_bytes()
    cut = tmp_path / "cut.pte"
    for length in (0, 7, 100, len(whole) // 2):
        cut.write_bytes(whole[:length])
        done = subprocess.run([native / "refusals", cut, "predict"], capture_output=True, text=True, check=False)
        assert done.returncode == 2, (length, done.returncode, done.stderr[-300:])
