"""The reader of bundles in C++ refuses every golden bundle that must be refused, for the reason that they state."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.contract.schema import schema_file
from pen_mobile.errors import BundleError
from tests.contract.golden_phone import FOLDER
from tests.contract.golden_refusals import MESSAGES
from tests.native.build import build_reader, compiler, has_libcrypto

pytestmark = pytest.mark.skipif(compiler() is None, reason="the native tests need g++ (Debian: apt-get install g++)")

REFUSED = FOLDER / "refused"
ABOUT: dict[str, Any] = json.loads((REFUSED / "refused.json").read_text(encoding="utf-8"))
CASES: list[dict[str, str]] = ABOUT["cases"]
SIGNED: dict[str, Any] = ABOUT["signed"]
PUBLIC_KEY = REFUSED / SIGNED["public_key"]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program."""
    return build_reader(tmp_path_factory.mktemp("reader"))


def answers(reader: Path, bundles: list[Path], *, public_key: Path | None = None) -> list[str]:
    """Return what the program says of each bundle."""
    key = [] if public_key is None else ["--key", public_key]
    done = subprocess.run(
        [reader, schema_file(), *key, *bundles], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def assert_python_agrees(bundle: Path, reason: str, public_key: Path | None = None) -> None:
    """The toolkit refuses a bundle for a reason."""
    with pytest.raises(BundleError, match=MESSAGES[reason]):
        open_bundle(bundle, public_key)


@pytest.mark.slow
def test_archives(reader: Path) -> None:
    files = [REFUSED / case["file"] for case in CASES]
    expected = [case["reason"] for case in CASES]
    assert answers(reader, [REFUSED / ABOUT["sound"], *files]) == ["sound", *expected]
    for file, reason in zip(files, expected, strict=True):
        assert_python_agrees(file, reason)


def test_the_same_bundles_as_folders(reader: Path, tmp_path: Path) -> None:
    cases = [case for case in CASES if case["reason"] != "archive"]
    folders = [tmp_path / case["file"] for case in cases]
    for folder in folders:
        with zipfile.ZipFile(REFUSED / folder.name) as packed:
            packed.extractall(folder)
    assert answers(reader, [FOLDER / "bundle", *folders]) == ["sound", *(case["reason"] for case in cases)]
    for folder, case in zip(folders, cases, strict=True):
        assert_python_agrees(folder, case["reason"])


@pytest.mark.parametrize("name", ["manifest.json", "head.pte"])
def test_a_link_is_no_file(reader: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(REFUSED / ABOUT["sound"]) as packed:
        packed.extractall(folder)
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    assert answers(reader, [folder]) == ["missing"]
    with pytest.raises(BundleError, match=f"{name} is (a link|not a plain file|missing)"):
        open_bundle(folder)


def test_signatures(reader: Path) -> None:
    """Without libcrypto the program says that it did not check, and finds what is no matter of signatures."""
    files = [REFUSED / case["file"] for case in SIGNED["cases"]]
    expected = [case["reason"] for case in SIGNED["cases"]]
    for file, reason in zip(files, expected, strict=True):
        assert_python_agrees(file, reason, PUBLIC_KEY)
    sound = "sound"
    if not has_libcrypto():
        sound = "signature not checked"
        expected = [sound if reason == "signature" else reason for reason in expected]
    assert answers(reader, [REFUSED / SIGNED["sound"], *files], public_key=PUBLIC_KEY) == [sound, *expected]
    assert answers(reader, [REFUSED / SIGNED["sound"]]) == ["sound"]


def test_an_exported_bundle_is_sound(reader: Path, bundle_folder: Path) -> None:
    assert answers(reader, [bundle_folder]) == ["sound"]


@pytest.mark.parametrize(
    "text",
    ["01", "[1,]", '{"a" 1}', '"\\ud800"', "1e999", "NaN", "[" * 33 + "]" * 33, "\x00", "", "1 2", '"\t"', "-"],
)
def test_what_is_no_json(reader: Path, tmp_path: Path, text: str) -> None:
    """A schema is the first thing that the program parses."""
    schema = tmp_path / "schema.json"
    schema.write_text(text, encoding="utf-8")
    done = subprocess.run([reader, schema], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")


@pytest.mark.slow
def test_archives_under_sanitizers(tmp_path: Path) -> None:
    """No damaged archive makes the program read where it must not, or overflow."""
    reader = build_reader(tmp_path / "sanitized", sanitize=True)
    whole = (REFUSED / ABOUT["sound"]).read_bytes()
    damaged = []
    for place in range(0, len(whole), 199):
        damaged.append(tmp_path / f"{place}.zip")
        damaged[-1].write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        damaged.append(tmp_path / f"cut-{place}.zip")
        damaged[-1].write_bytes(whole[:place])
    assert "sound" not in answers(reader, damaged)
    assert "sound" not in answers(reader, [REFUSED / case["file"] for case in CASES])
