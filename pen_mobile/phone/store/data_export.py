"""Export all data of a store to files that any tool reads."""

from __future__ import annotations

import csv
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.phone.store.store import Store
from pen_mobile.utils.files import new_folder, refuse_existing, replacing, to_json

_COLUMNS = ("row", "captured_at", "valence", "arousal", "weight", "origin", "format")


def export_data(store: Store, out: Path) -> dict[str, Any]:
    """Write all data of a store to a new folder, or to a new archive when ``out`` ends in ``.zip``.

    ``samples.csv`` has one line for each row of ``features.npy`` (float32 ``[N, D_z]``); ``states.json`` is the
    history, ``state-VERSION.f32`` the bytes of each state that is kept; ``events.json`` is the log.

    Raises:
        BadInput: ``out`` exists, a blob is damaged, or the store is encrypted and has no key.
    """
    refuse_existing(out)
    if out.suffix.lower() == ".zip":
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            counts = _write(store, Path(folder))
            _pack(Path(folder), out)
    else:
        with new_folder(out) as folder_out:
            counts = _write(store, folder_out)
    store.note("exported", counts)
    return counts


def _write(store: Store, folder: Path) -> dict[str, int]:
    with store.transaction():
        return _write_all(store, folder)


def _write_all(store: Store, folder: Path) -> dict[str, int]:
    samples, history, events = store.samples(), store.heads.history(), store.events.entries()
    np.save(folder / "features.npy", samples.features)
    with (folder / "samples.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, _COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({"row": row, **record} for row, record in enumerate(store.sample_records()))
    (folder / "states.json").write_text(to_json(history), encoding="utf-8")
    (folder / "events.json").write_text(to_json(events), encoding="utf-8")
    kept = [state["version"] for state in history if state["kept"]]
    for version in kept:
        (folder / f"state-{version:06}.f32").write_bytes(store.heads.parameters(version))
    return {"samples": len(samples.weight), "states": len(history), "state_blobs": len(kept), "events": len(events)}


def _pack(folder: Path, out: Path) -> None:
    with replacing(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
