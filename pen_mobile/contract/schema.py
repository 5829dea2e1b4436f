"""``export/manifest.schema.json``: the manifest as JSON Schema, for readers in other languages.

    python -m pen_mobile.contract.schema

writes it anew; a test fails when that was forgotten. What a schema cannot say (that sizes agree, that every file is
listed) is in ``export/BUNDLE.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pen_mobile.contract.manifest import SCHEMA_VERSION, Manifest
from pen_mobile.utils.files import to_json
from pen_mobile.utils.resources import contract_folder

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_file() -> Path:
    """Return where the schema lies."""
    return contract_folder() / "manifest.schema.json"


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``manifest.json``."""
    title = f"PEN Mobile bundle manifest, schema version {SCHEMA_VERSION}"
    return {"$schema": _DIALECT, **Manifest.model_json_schema(), "title": title}


if __name__ == "__main__":
    schema_file().write_text(to_json(manifest_schema()), encoding="utf-8")
