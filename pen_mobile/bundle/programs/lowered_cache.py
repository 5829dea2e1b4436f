"""What an earlier export of the same run made: ``RUN/lowered``, which may be deleted at any time."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from pen_mobile.errors import BadInput
from pen_mobile.utils.files import new_folder, read_json, write_json

if TYPE_CHECKING:
    from pen_mobile.bundle.programs.lowering import Lowered

Arrays = dict[str, NDArray[Any]]

_PROGRAM, _FACTS = "program.bin", "facts.json"
_MAKERS = ("torch", "torchvision", "executorch", "torchao", "coremltools")


class LoweredCache:
    """Folders named after everything that decides their content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: dict[str, Any]) -> Lowered | None:
        """Return the program made for ``key`` before; None when there is none, or it is damaged."""
        from pen_mobile.bundle.programs.lowering import Lowered

        kept = self.get_file(key)
        return None if kept is None else Lowered(kept[0], **kept[1])

    def put(self, key: dict[str, Any], program: Lowered) -> None:
        """Keep a program."""
        facts = {"delegate_calls": program.delegate_calls, "outside_delegate": program.outside_delegate}
        self.put_file(key, program.buffer, facts)

    def get_file(self, key: dict[str, Any]) -> tuple[bytes, dict[str, Any]] | None:
        """Return a file's content and facts about it, as they were kept; None when there is none, or it is damaged."""
        place = self.place(key)
        try:
            kept, content = read_json(place / _FACTS), (place / _PROGRAM).read_bytes()
            return (content, kept["facts"]) if kept["sha256"] == hashlib.sha256(content).hexdigest() else None
        except (BadInput, OSError, KeyError, TypeError):
            return None

    def put_file(self, key: dict[str, Any], content: bytes, facts: dict[str, Any]) -> None:
        """Keep a file; a folder that cannot be written to costs time at the next export, no more."""
        with contextlib.suppress(OSError, BadInput), self.new(key) as folder:
            (folder / _PROGRAM).write_bytes(content)
            sha = hashlib.sha256(content).hexdigest()
            write_json(folder / _FACTS, {"facts": facts, "sha256": sha, "key": key})

    def programs(self) -> dict[str, Path]:
        """Return the file of every program kept, by the SHA-256 that it had when it was put there."""
        found = {}
        for facts in self.folder.glob(f"*/{_FACTS}"):
            with contextlib.suppress(BadInput, KeyError, TypeError):
                found[read_json(facts)["sha256"]] = facts.with_name(_PROGRAM)
        return found

    def get_arrays(self, key: dict[str, Any]) -> tuple[Arrays, dict[str, Any]] | None:
        """Return arrays and plain values kept for ``key``; None when there are none."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        place = self.place(key)
        try:
            return load_file(place / "arrays.safetensors"), read_json(place / "values.json")
        except (BadInput, OSError, SafetensorError):
            return None

    def put_arrays(self, key: dict[str, Any], arrays: Arrays, values: dict[str, Any]) -> None:
        """Keep arrays and plain values."""
        from safetensors.numpy import save_file

        with contextlib.suppress(OSError, BadInput), self.new(key) as folder:
            save_file(arrays, folder / "arrays.safetensors")
            write_json(folder / "values.json", values)

    def place(self, key: dict[str, Any]) -> Path:
        """Return the folder of what is made for ``key`` with these versions."""
        whole = json.dumps({"makers": _makers(), **key}, sort_keys=True)
        return self.folder / hashlib.sha256(whole.encode()).hexdigest()[:24]

    def new(self, key: dict[str, Any]) -> contextlib.AbstractContextManager[Path]:
        """Make that folder; it takes its name when the block succeeds.

        Raises:
            BadInput: another export was faster.
        """
        place = self.place(key)
        shutil.rmtree(place, ignore_errors=True)  # what stands there was found damaged
        return new_folder(place)


@functools.cache
def _makers() -> dict[str, str]:
    """Return the versions that decide what comes out, and a hash of our own code that does."""
    sha = hashlib.sha256()
    for file in sorted(Path(__file__).parent.parent.parent.rglob("*.py")):
        sha.update(file.read_bytes())
    return {package: metadata.version(package) for package in _MAKERS} | {"code": sha.hexdigest()}
