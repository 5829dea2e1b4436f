"""Whole exports of a run, kept with it where they were proved: the same export again is a copy.

They lie in ``RUN/lowered`` with the programs, share their bytes where the file system can, and may be deleted with them
at any time. Nothing here needs torch, whose import alone takes longer than the copy. Whoever made the run folder made
what is kept in it, too: an export that is signed takes nothing from here.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pen_mobile.bundle.export_result import ExportResult, sizes_of
from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.recipe import Recipe
from pen_mobile.contract.archive import pack_folder
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.detectors.model_file import model_at_hand
from pen_mobile.errors import BadInput, PenMobileError
from pen_mobile.utils.files import new_folder, refuse_existing, replacing, sha256_of_file, write_json
from pen_mobile.utils.temporary import temporary_folder
from pen_mobile.utils.validation import read_json_as

_BUNDLE, _EXPORTED = "bundle", "exported.json"


def export_again(run: Path, recipe: Recipe, out: Path) -> ExportResult | None:
    """Copy what an earlier export of the same run by the same recipe made here with the same versions.

    Args:
        run: folder of a run.
        recipe: the target.
        out: folder to make, or archive when the name ends in ``.zip``.

    Returns:
        What the earlier export found, or None when there is none, or a byte of it has changed since.

    Raises:
        BadInput: ``out`` exists.
    """
    refuse_existing(out)
    started = time.perf_counter()
    place = LoweredCache(run / "lowered").place(_facts(run, recipe))
    try:
        exported = read_json_as(ExportResult, place / _EXPORTED)
        open_bundle(place / _BUNDLE)
    except (PenMobileError, OSError):
        return None
    with new_bundle(out) as folder:
        for file in (place / _BUNDLE).iterdir():
            shutil.copyfile(file, folder / file.name)
        sizes = sizes_of(folder)
    return replace(exported, bytes=sizes, again=True, seconds={"copying": round(time.perf_counter() - started, 3)})


def keep_export(run: Path, recipe: Recipe, folder: Path, exported: ExportResult) -> None:
    """Keep a proved bundle, not signed yet; a run that cannot be written to costs time at the next export, no more."""
    cache = LoweredCache(run / "lowered")
    programs = cache.programs()
    with contextlib.suppress(OSError, BadInput), cache.new(_facts(run, recipe)) as place:
        (place / _BUNDLE).mkdir()
        for file in sorted(folder.iterdir()):
            _put(programs.get(sha256_of_file(file), file), file, place / _BUNDLE / file.name)
        write_json(place / _EXPORTED, exported.to_dict())


@contextlib.contextmanager
def new_bundle(out: Path) -> Iterator[Path]:
    """Yield a folder that becomes ``out``, or is packed into it, when the block succeeds, and vanishes otherwise."""
    if out.suffix.lower() != ".zip":
        with new_folder(out) as folder:
            yield folder
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(out.parent) as temporary:
        yield temporary
        with replacing(out) as archive:
            pack_folder(temporary, archive)
            refuse_existing(out)


def _facts(run: Path, recipe: Recipe) -> dict[str, Any]:
    """Return everything that decides the bytes of a bundle, and the machine on which they were proved."""
    face = model_at_hand()
    files = [file for file in (run / "run.json", *sorted(run.glob("*.safetensors"))) if file.is_file()]
    return {
        "export": {file.name: sha256_of_file(file) for file in files},
        "recipe": recipe.model_dump(mode="json"),
        "face": None if face is None else sha256_of_file(face),
        "proved on": [platform.node(), platform.machine()],
    }


def _put(program: Path, file: Path, target: Path) -> None:
    """Let the target share the bytes of a program that is kept already; of anything else make a copy."""
    if program is not file:
        with contextlib.suppress(OSError):
            os.link(program, target)
            return
    shutil.copyfile(file, target)
