"""Reading TOML with errors that name the file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pen_mobile.errors import BadInput
from pen_mobile.utils.strict_json import MAX_DEPTH, check_values

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MAX_BYTES = 1 << 20


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: the file.

    Raises:
        BadInput: the file is missing or is not TOML.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise BadInput(f"{path}: larger than {_MAX_BYTES:,} bytes; no settings are so long")
        values: dict[str, Any] = tomllib.loads(content.decode("utf-8"))
        check_values(values)
        return values
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise BadInput(f"{path}: not valid TOML: nested deeper than {MAX_DEPTH}") from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are such, too
        raise BadInput(f"{path}: not valid TOML: {error}") from None
