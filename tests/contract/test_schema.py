"""The JSON Schema that other languages read says what this package checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from pen_mobile.contract.bundle_folder import MANIFEST
from pen_mobile.contract.schema import manifest_schema, schema_file
from pen_mobile.utils.files import to_json


def test_the_schema_is_that_of_the_manifest() -> None:
    stale = "export/manifest.schema.json is not that of contract/manifest.py: run python -m pen_mobile.contract.schema"
    assert schema_file().read_text(encoding="utf-8") == to_json(manifest_schema()), stale


def test_an_exported_manifest_is_valid_and_a_spoiled_one_is_not(small_bundle: Path) -> None:
    """Checked by another implementation than the one that the schema comes from."""
    Draft202012Validator.check_schema(manifest_schema())
    validator = Draft202012Validator(manifest_schema())
    values = json.loads((small_bundle / MANIFEST).read_text(encoding="utf-8"))
    validator.validate(values)
    changes: list[dict[str, Any]] = [
        {"schema_version": 0},
        {"unknown": 1},
        {"files": {"../x": {"bytes": 1, "sha256": "0" * 64}}},
        {"files": {"x": {"bytes": -1, "sha256": "0" * 64}}},
        {"head": {}},
    ]
    for change in changes:
        with pytest.raises(ValidationError):
            validator.validate(values | change)


def test_no_part_of_the_manifest_takes_unknown_keys() -> None:
    parts = [manifest_schema(), *manifest_schema()["$defs"].values()]
    assert all(part["additionalProperties"] is False for part in parts if part["type"] == "object")
