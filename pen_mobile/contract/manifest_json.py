"""A manifest as JSON: read strictly, so that every reader of a bundle sees the same manifest or none."""

from __future__ import annotations

from pydantic import ValidationError

from pen_mobile.contract.manifest import SCHEMA_VERSION, Manifest
from pen_mobile.errors import BundleError, one_line
from pen_mobile.utils.strict_json import parse_strictly


def manifest_from_json(content: bytes, name: str) -> Manifest:
    """Read a manifest; numbers must be numbers, no key may come twice, none may be unknown.

    Args:
        content: UTF-8 JSON.
        name: what messages call it.

    Raises:
        BundleError: it is no manifest, or one of a version that this release does not read.
    """
    try:
        values = parse_strictly(content)
        version = values.get("schema_version") if isinstance(values, dict) else None
        if isinstance(values, dict) and version != SCHEMA_VERSION:
            raise BundleError(
                f"{name} has schema version {one_line(version, 20)}; this release reads {SCHEMA_VERSION}: "
                "update the reader, or export the bundle again"
            )
        return Manifest.model_validate_json(content, strict=True)
    except ValueError as error:
        raise BundleError(f"{name} is not a valid manifest: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    reason = str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return one_line(reason)
