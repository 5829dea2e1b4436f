"""Values from files mean what they say: no conversions, sane sizes, bounded nesting, tolerances with caps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.errors import BadInput, BundleError
from pen_mobile.utils.files import read_json
from pen_mobile.utils.resources import contract_folder
from pen_mobile.utils.toml import read_toml
from tests.faults.bundles import Copy, as_json


@pytest.mark.parametrize("name", ["feature_tolerance", "target_tolerance", "train_tolerance", "report_tolerance"])
def test_a_bundle_cannot_allow_itself_any_answer(small_bundle: Path, tmp_path: Path, name: str) -> None:
    copy = Copy(small_bundle, tmp_path / "copy")
    values: dict[str, Any] = copy.manifest
    values["golden"][name] = 1e9
    copy.reseal(as_json(values))
    with pytest.raises(BundleError, match=rf"golden\.{name}: Input should be less than or equal to"):
        open_bundle(copy.folder)


@pytest.mark.parametrize("batch", ["true", "32.0", '"32"', "1" + "0" * 400, "1979-05-27"])
def test_what_is_no_integer_is_none(tmp_path: Path, batch: str) -> None:
    recipe = (contract_folder() / "android-fp32.toml").read_text().replace("\nbatch = 32", f"\nbatch = {batch}")
    (tmp_path / "mine.toml").write_text(recipe)
    with pytest.raises(BadInput, match=r"mine\.toml") as refused:
        load_recipe(str(tmp_path / "mine.toml"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("deep", [40, 100_000])
def test_nesting_is_bounded(tmp_path: Path, deep: int) -> None:
    (tmp_path / "x.json").write_text("[" * deep + "]" * deep)
    with pytest.raises(BadInput, match=r"x\.json .*nested deeper than 32"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.toml").write_text("x = " + "[" * deep + "]" * deep)
    with pytest.raises(BadInput, match=r"x\.toml: not valid TOML: .*nested deeper than 32"):
        read_toml(tmp_path / "x.toml")


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "NaN", '{"a": 1e999}', "1" * 30])
def test_json_has_one_meaning_or_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BadInput, match=r"x\.json is not readable as JSON"):
        read_json(tmp_path / "x.json")


def test_a_huge_settings_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("#" * (1 << 20) + "\nx = 1\n")
    with pytest.raises(BadInput, match="no settings are so long"):
        read_toml(tmp_path / "x.toml")
