"""Export all data of a store to files that any tool reads, and that a store can be made from again."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.phone.store.head_record import HeadRecord
from pen_mobile.phone.store.private_files import write_private
from pen_mobile.phone.store.samples import Samples
from pen_mobile.phone.store.store import Store
from pen_mobile.targets import DEFAULT_RANGE
from pen_mobile.utils.files import refuse_existing, to_json

FORMAT = "pen-mobile data export"
VERSION = 2
"""Version 1 had labels on the scale from -1 to 1 alone, and did not say so."""
INDEX, README = "store.json", "README.md"
_WHAT = {
    INDEX: "which model the data belong to, and size and SHA-256 of every other file",
    "samples.csv": "one line for each label: capture time, labels, weight, origin; `row` counts in `features.npy`",
    "features.npy": "features of the samples, float32 `[N, D_z]`, a NumPy array; no face can be drawn from them",
    "heads.json": "every attempt to adapt: what was measured, and whether it came into use",
    "events.json": "what else happened to the store",
    "checkpoint.json": "an interrupted adaptation: how far it had come",
    "checkpoint.bin": "an interrupted adaptation: what was learned so far, little-endian float32",
}
_HEAD = "parameters of a head, little-endian float32 `[n_s (1 + K), D_z + 1]`: gate rows, then expert rows"


def export_data(store: Store, out: Path, label_range: tuple[float, float] = DEFAULT_RANGE) -> dict[str, int]:
    """Write all data of a store to a new folder, or to a new archive when ``out`` ends in ``.zip``.

    A ``README.md`` inside says what each file is. Only their user may read the files, and either all of them are there
    or none.

    Args:
        store: to export.
        out: path of the folder or archive.
        label_range: smallest and largest label on the scale to write labels on, that of the bundle's manifest. A store
            keeps labels from -1 to 1 and does not know another scale.

    Returns:
        Number of samples, attempts (``heads``), those whose parameters are kept (``kept_heads``) and events.

    Raises:
        BadInput: ``out`` exists, something in the store is damaged, or the store is encrypted and has no key.
    """
    refuse_existing(out)
    with store.transaction():
        files, counts = _files(store, label_range)
        index = _index(store, files, counts) | {"label_range": list(label_range)}
    written = files | {INDEX: to_json(index).encode()}
    write_private(out, written | {README: _readme(index, written).encode()})
    store.note("exported", counts)
    return counts


def _files(store: Store, label_range: tuple[float, float]) -> tuple[dict[str, bytes], dict[str, int]]:
    samples, heads, events = store.sample_table.read(), store.heads.records(), store.events.entries()
    kept = [head.version for head in heads if head.size is not None]
    files = {
        "samples.csv": _samples_csv(store, label_range),
        "features.npy": _npy(samples),
        "heads.json": to_json([_shown(head) for head in heads]).encode(),
        "events.json": to_json(events).encode(),
    }
    files |= {file_of(version): store.heads.parameters(version) for version in kept}
    checkpoint = store.checkpoints().read()
    if checkpoint is not None:
        files["checkpoint.json"] = to_json({"inputs": checkpoint.inputs, "progress": checkpoint.progress}).encode()
        files["checkpoint.bin"] = checkpoint.blob
    counts = {
        "samples": len(samples.weight),
        "heads": len(heads),
        "kept_heads": len(kept),
        "events": len(events),
    }
    return files, counts


def file_of(version: int) -> str:
    """Return the name of the file with a head's parameters.

    Args:
        version: of the head.
    """
    return f"head-{version:06}.f32"


def sample_columns(targets: tuple[str, ...]) -> list[str]:
    """Return the columns of ``samples.csv``.

    Args:
        targets: names of the labels.
    """
    return ["row", "captured_at", "aged_from", *targets, "weight", "origin", "format"]


def _samples_csv(store: Store, label_range: tuple[float, float]) -> bytes:
    low, high = label_range
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(sample_columns(store.targets))
    for row, (_, record) in enumerate(store.sample_table.in_order()):
        labels = (
            repr(label * (high - low) / 2 + (low + high) / 2) for label in record.labels
        )  # float64: nothing is lost
        times = repr(record.captured_at), repr(record.aged_from)
        writer.writerow([row, *times, *labels, repr(record.weight), record.origin, record.feature_format])
    return stream.getvalue().encode()


def _npy(samples: Samples) -> bytes:
    stream = io.BytesIO()
    np.save(stream, samples.features)
    return stream.getvalue()


def _shown(head: HeadRecord) -> dict[str, Any]:
    return {
        "version": head.version,
        "parent": head.parent,
        "status": head.status,
        "strategy": head.strategy,
        "created_at": head.created_at,
        "parameters": None if head.size is None else file_of(head.version),
        "metrics": head.metrics,
    }


def _index(store: Store, files: dict[str, bytes], counts: dict[str, int]) -> dict[str, Any]:
    sizes = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()
    }
    bundle = store.bundle | {"targets": list(store.targets)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": store.options.clock(),
        "bundle": bundle,
        "active_version": store.heads.active().version,
        "counts": counts,
        "files": sizes,
    }


def _readme(index: dict[str, Any], files: dict[str, bytes]) -> str:
    bundle = index["bundle"]
    low, high = index["label_range"]
    model = bundle["model"] or f"backbone {bundle['backbone'][:12]}"
    rows = "".join(f"| `{name}` | {len(content):,} | {_WHAT.get(name, _HEAD)} |\n" for name, content in files.items())
    return (
        "# Data of a personal store\n\n"
        f"Model: {model}; {bundle['feature_size']:,} features; targets: {', '.join(bundle['targets'])}. "
        f"Times are Unix seconds, UTC. Labels lie in [{low:g}, {high:g}].\n\n"
        f"| file | bytes | what |\n|---|---|---|\n{rows}\n"
        "These files are not encrypted. `pen-mobile phone import-data --store NEW.sqlite --from THIS` makes a store "
        "of them again.\n"
    )
