"""What lies in a run folder is data of whoever made it: nothing of it that was not proved just now is signed."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import pen_mobile
from pen_mobile.contract.bundle_folder import open_bundle
from tests.contract.test_signature import write_keys
from tests.faults.bundles import Copy
from tests.small_world import write_quick_recipe


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that takes little time, as a file."""
    return write_quick_recipe(tmp_path_factory.mktemp("recipe") / "quick.toml")


@pytest.fixture(scope="module")
def honest(small_run: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, in ``run``, that keeps what its bundle, in ``bundle``, is made of."""
    folder = tmp_path_factory.mktemp("honest")
    run = shutil.copytree(small_run, folder / "run", ignore=shutil.ignore_patterns("lowered"))
    pen_mobile.export(run, folder / "bundle", recipe=str(recipe))
    return folder


@pytest.fixture
def poisoned_run(honest: Path, tmp_path: Path) -> Path:
    """A run in whose cache the bundle ships another head, and every program and golden vector is another one."""
    run = Path(shutil.copytree(honest / "run", tmp_path / "run"))
    for bundle in run.glob("lowered/*/bundle"):
        _ship_another_head(bundle)
    for facts in run.glob("lowered/*/facts.json"):
        program = facts.with_name("program.bin")
        content = program.read_bytes() + bytes(64)
        program.unlink()  # it may share its bytes with a bundle
        program.write_bytes(content)
        values = json.loads(facts.read_text()) | {"sha256": hashlib.sha256(content).hexdigest()}
        facts.write_text(json.dumps(values))
    for arrays in run.glob("lowered/*/arrays.safetensors"):
        content = arrays.read_bytes()
        arrays.write_bytes(content[:-4] + np.float32(0.5).tobytes())
    return run


def _ship_another_head(bundle: Path) -> None:
    content = {file.name: file.read_bytes() for file in bundle.iterdir()}
    copy = Copy(bundle, bundle.with_name("copy"))
    name = "head-parameters.f32"
    copy.write(name, (np.frombuffer(content[name], "<f4") + np.float32(0.5)).tobytes())
    copy.reseal()
    shutil.rmtree(bundle)
    copy.folder.rename(bundle)


@pytest.mark.slow
def test_a_poisoned_cache_is_not_signed(poisoned_run: Path, honest: Path, recipe: Path, tmp_path: Path) -> None:
    """The signed bundle is, but for the signature, the one that an untouched run gives; the cache stays as it is."""
    private, public = write_keys(tmp_path, "maker")
    before = {path: path.stat().st_mtime_ns for path in poisoned_run.rglob("*")}
    pen_mobile.export(poisoned_run, tmp_path / "signed", recipe=str(recipe), sign_key=private)
    signed = open_bundle(tmp_path / "signed", public)
    for file in (honest / "bundle").iterdir():
        assert signed.file(file.name).read_bytes() == file.read_bytes(), file.name
    assert {path: path.stat().st_mtime_ns for path in poisoned_run.rglob("*")} == before


@pytest.mark.slow
def test_the_poison_would_work_on_an_export_that_only_copies(poisoned_run: Path, recipe: Path, tmp_path: Path) -> None:
    """Without a key nobody vouches for the copy, and its golden vectors tell."""
    exported = pen_mobile.export(poisoned_run, tmp_path / "copied", recipe=str(recipe))
    assert exported.again
    assert not pen_mobile.verify(tmp_path / "copied").passed
