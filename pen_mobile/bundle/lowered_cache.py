"""Programs that an earlier export of the same run lowered: ``RUN/lowered``, which may be deleted at any time."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import pen_mobile
from pen_mobile.bundle.lowering import Lowered
from pen_mobile.errors import BadInput
from pen_mobile.files import new_folder, read_json, sha256_of_file, write_json

Arrays = dict[str, NDArray[Any]]

_MAKERS = ("torch", "torchvision", "executorch", "torchao")


class LoweredCache:
    """Folders named after everything that decides their content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: dict[str, Any]) -> Lowered | None:
        """Return the program made for ``key`` before; None when there is none, or it is damaged."""
        place = self._place(key)
        try:
            facts = read_json(place / "facts.json")
            if facts["sha256"] != sha256_of_file(place / "program.pte"):
                return None
            return Lowered((place / "program.pte").read_bytes(), facts["delegate_calls"], facts["undelegated"])
        except (BadInput, OSError, KeyError, TypeError):
            return None

    def put(self, key: dict[str, Any], program: Lowered) -> None:
        """Keep a program; a folder that cannot be written to costs time at the next export, no more."""
        with contextlib.suppress(OSError), self._new(key) as folder:
            program.write(folder / "program.pte")
            facts = {"delegate_calls": program.delegate_calls, "undelegated": program.undelegated}
            write_json(folder / "facts.json", facts | {"sha256": sha256_of_file(folder / "program.pte"), "key": key})

    def get_arrays(self, key: dict[str, Any]) -> tuple[Arrays, dict[str, Any]] | None:
        """Return arrays and plain values kept for ``key``; None when there are none."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        place = self._place(key)
        try:
            return load_file(place / "arrays.safetensors"), read_json(place / "values.json")
        except (BadInput, OSError, SafetensorError):
            return None

    def put_arrays(self, key: dict[str, Any], arrays: Arrays, values: dict[str, Any]) -> None:
        """Keep arrays and plain values."""
        from safetensors.numpy import save_file

        with contextlib.suppress(OSError), self._new(key) as folder:
            save_file(arrays, folder / "arrays.safetensors")
            write_json(folder / "values.json", values)

    def _place(self, key: dict[str, Any]) -> Path:
        whole = json.dumps({"makers": _makers(), **key}, sort_keys=True)
        return self.folder / hashlib.sha256(whole.encode()).hexdigest()[:24]

    def _new(self, key: dict[str, Any]) -> contextlib.AbstractContextManager[Path]:
        place = self._place(key)
        shutil.rmtree(place, ignore_errors=True)  # what stands there was found damaged
        return new_folder(place)


@functools.cache
def _makers() -> dict[str, str]:
    """Return the versions that decide what comes out, and a hash of our own code that does."""
    sha = hashlib.sha256()
    for file in sorted(Path(pen_mobile.__file__).parent.rglob("*.py")):
        sha.update(file.read_bytes())
    return {package: metadata.version(package) for package in _MAKERS} | {"code": sha.hexdigest()}
