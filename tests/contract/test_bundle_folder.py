"""Every byte of a bundle counts."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from pen_mobile.contract.folder import MANIFEST, SEAL, open_bundle
from pen_mobile.errors import BundleError
from pen_mobile.files import sha256_of_file


@pytest.fixture
def copy(small_bundle: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    shutil.copytree(small_bundle, folder)
    return folder


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_flipped_bit_anywhere_is_noticed_and_its_file_named(copy: Path) -> None:
    """Three places in each file: the first byte, the last, and one between."""
    rng = random.Random(0)
    for name in _names(copy):
        content = (copy / name).read_bytes()
        for place in (0, len(content) - 1, rng.randrange(len(content))):
            changed = bytearray(content)
            changed[place] ^= 1 << rng.randrange(8)
            (copy / name).write_bytes(changed)
            with pytest.raises(BundleError, match=name.removesuffix(".sha256")):
                open_bundle(copy)
        (copy / name).write_bytes(content)
    open_bundle(copy)


def test_missing_truncated_and_foreign_files_are_named(copy: Path) -> None:
    for name in _names(copy):
        content = (copy / name).read_bytes()
        (copy / name).unlink()
        with pytest.raises(BundleError, match=name):
            open_bundle(copy)
        (copy / name).write_bytes(content[:-1])
        with pytest.raises(BundleError, match=name.removesuffix(".sha256")):
            open_bundle(copy)
        (copy / name).write_bytes(content)
    (copy / "extra.bin").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"extra\.bin is not listed"):
        open_bundle(copy)


def test_a_link_is_not_a_file(copy: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.pte"
    (copy / "head.pte").rename(outside)
    (copy / "head.pte").symlink_to(outside)
    with pytest.raises(BundleError, match=r"head\.pte is not a plain file"):
        open_bundle(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema version 2; this release reads 1"),
        ({"format": "something-else"}, "format"),
        ({"unknown": 1}, "unknown"),
        ({"files": {"../evil": {"bytes": 1, "sha256": "0" * 64}}}, "files"),
        ({"files": {"/etc/passwd": {"bytes": 1, "sha256": "0" * 64}}}, "files"),
        ({"files": {}}, "used but not listed"),
    ],
)
def test_a_sealed_but_wrong_manifest_is_refused(copy: Path, change: dict[str, object], message: str) -> None:
    _reseal(copy, json.loads((copy / MANIFEST).read_text()) | change)
    with pytest.raises(BundleError, match=message):
        open_bundle(copy)


@pytest.mark.parametrize(("key", "value"), [("expert_count", 4), ("feature_size", 7), ("expert_count", -1)])
def test_sizes_must_agree(copy: Path, key: str, value: int) -> None:
    values = json.loads((copy / MANIFEST).read_text())
    values["head"][key] = value
    _reseal(copy, values)
    with pytest.raises(BundleError, match=r"manifest\.json is not a valid manifest"):
        open_bundle(copy)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"a": NaN}', "[" * 100_000])
def test_a_sealed_manifest_that_is_no_manifest(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    (copy / SEAL).write_text(f"{sha256_of_file(copy / MANIFEST)}  {MANIFEST}\n")
    with pytest.raises(BundleError, match=r"manifest\.json"):
        open_bundle(copy)


def test_not_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a bundle folder"):
        open_bundle(tmp_path / "nothing")


def test_the_seal_is_what_sha256sum_writes(copy: Path) -> None:
    assert (copy / SEAL).read_text() == f"{sha256_of_file(copy / MANIFEST)}  manifest.json\n"


def _reseal(folder: Path, values: dict[str, object]) -> None:
    (folder / MANIFEST).write_text(json.dumps(values))
    (folder / SEAL).write_text(f"{sha256_of_file(folder / MANIFEST)}  {MANIFEST}\n")
