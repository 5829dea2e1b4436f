"""Every byte of a bundle counts."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
from pathlib import Path

import pytest

from pen_mobile.contract.bundle_folder import MANIFEST, SEAL, open_bundle
from pen_mobile.errors import BundleError
from pen_mobile.utils.files import sha256_of_file


@pytest.fixture
def copy(small_bundle: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    shutil.copytree(small_bundle, folder)
    return folder


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
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


def test_everybody_may_read_a_bundle(small_bundle: Path) -> None:
    """What a library wrote with mode 600 included: who opens a bundle is often another user than its maker."""
    assert {stat.S_IMODE(file.stat().st_mode) for file in small_bundle.iterdir()} == {0o644}


def test_a_link_is_not_a_file(copy: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.pte"
    (copy / "head.pte").rename(outside)
    (copy / "head.pte").symlink_to(outside)
    with pytest.raises(BundleError, match=r"head\.pte is a link, and a bundle holds plain files"):
        open_bundle(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 1}, "schema version 1; this release reads 2"),
        ({"format": "something-else"}, "format"),
        ({"unknown": 1}, "unknown"),
        ({"files": {"../evil": {"bytes": 1, "sha256": "0" * 64}}}, "files"),
        ({"files": {"/etc/passwd": {"bytes": 1, "sha256": "0" * 64}}}, "files"),
        ({"files": {}}, "used but not listed"),
        ({"targets": ["valence"]}, "1 targets are named, the head has 2"),
        ({"targets": ["valence", "valence"]}, "two targets have one name"),
        ({"targets": []}, "targets: List should have at least 1 item"),
        ({"label_range": [1, -1]}, "label_range .* is not ascending"),
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


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"recipe":', '"recipe": "first", "recipe":', "key 'recipe' comes twice"),
        ('"bytes": ', '"bytes": -', r"files\..*greater than or equal to 0"),
        ('"bytes": ', '"bytes": 9999999', r"files\..*less than or equal to 1073741824"),
        ('"seed": 0', '"seed": "0"', r"source\.seed: Input should be a valid integer"),
        ('"synthetic": false', '"synthetic": 0', r"source\.synthetic: Input should be a valid boolean"),
        ('"recipe":', '"a\\nb\\u001b": 1, "recipe":', r"a\\nb\\x1b: Extra inputs are not permitted$"),
    ],
)
def test_a_manifest_that_readers_could_understand_differently(
    copy: Path, before: str, after: str, message: str
) -> None:
    text = (copy / MANIFEST).read_text()
    assert before in text
    (copy / MANIFEST).write_text(text.replace(before, after, 1))
    _seal(copy)
    with pytest.raises(BundleError, match=message) as refusal:
        open_bundle(copy)
    assert str(refusal.value).isprintable()


def test_sizes_are_limited_before_anything_is_read(copy: Path) -> None:
    seal = (copy / SEAL).read_bytes()
    (copy / SEAL).write_bytes(seal + b" " * 200)
    with pytest.raises(BundleError, match=r"manifest\.json\.sha256 is larger than 128 bytes"):
        open_bundle(copy)
    (copy / SEAL).write_bytes(seal)
    values = json.loads((copy / MANIFEST).read_text())
    half = {"bytes": (1 << 29) + 1, "sha256": "0" * 64}
    _reseal(copy, values | {"files": values["files"] | {"a": half, "b": half}})
    with pytest.raises(BundleError, match=r"holds 6 files of 1,07.* bytes; at most 64 of 1,073,741,824 are"):
        open_bundle(copy)
    many = {f"x{number}": {"bytes": 0, "sha256": "0" * 64} for number in range(65)}
    _reseal(copy, values | {"files": values["files"] | many})
    with pytest.raises(BundleError, match="files: Dictionary should have at most 64 items"):
        open_bundle(copy)


def test_parameters_have_the_size_that_the_head_needs(copy: Path) -> None:
    """3 experts on 16 features: 4 bytes x 9 rows x 17 columns = 612."""
    values = json.loads((copy / MANIFEST).read_text())
    (copy / "head-parameters.f32").write_bytes(bytes(608))
    values["files"]["head-parameters.f32"] = {"bytes": 608, "sha256": sha256_of_file(copy / "head-parameters.f32")}
    _reseal(copy, values)
    with pytest.raises(BundleError, match=r"head-parameters\.f32 has 608 bytes; 3 experts on 16 features need 612"):
        open_bundle(copy)


def test_a_pipe_is_not_a_file(copy: Path) -> None:
    """Reading one would wait for ever."""
    (copy / "head.pte").unlink()
    os.mkfifo(copy / "head.pte")
    with pytest.raises(BundleError, match=r"head\.pte is not a plain file"):
        open_bundle(copy)


def test_not_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a bundle folder"):
        open_bundle(tmp_path / "nothing")


def test_the_seal_is_what_sha256sum_writes(copy: Path) -> None:
    assert (copy / SEAL).read_text() == f"{sha256_of_file(copy / MANIFEST)}  manifest.json\n"


def _reseal(folder: Path, values: dict[str, object]) -> None:
    (folder / MANIFEST).write_text(json.dumps(values))
    _seal(folder)


def _seal(folder: Path) -> None:
    (folder / SEAL).write_text(f"{sha256_of_file(folder / MANIFEST)}  {MANIFEST}\n")
