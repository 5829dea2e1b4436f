"""Make a store from exported data."""

from __future__ import annotations

from pathlib import Path

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.exported_data import ExportedData
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store


def import_data(source: Path, path: Path, options: StoreOptions | None = None) -> dict[str, int]:
    """Make a new store from exported data.

    Args:
        source: folder or archive that :func:`export_data` wrote.
        path: of the new store.
        options: key, limits, formats and clock of the new store.

    Returns:
        Number of samples, attempts (``heads``) and events.

    Raises:
        BadInput: ``path`` exists, or something in the export is damaged, missing, or makes no sense; no store is made.
    """
    if path.exists():
        raise BadInput(f"{path} exists already, and data are imported into a new store; choose another --store")
    data = ExportedData(source)
    try:
        with Store(path, data.binding(), options) as store:
            return _fill(store, data)
    except BaseException:
        for end in ("", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        raise


def _fill(store: Store, data: ExportedData) -> dict[str, int]:
    samples, heads, events, checkpoint = data.samples(), data.heads(), data.events(), data.checkpoint()
    counts = {"samples": len(samples), "heads": len(heads), "events": len(events)}
    with store.transaction():
        for z, record in samples:
            store.sample_table.write(z, record)
        for head, parameters in heads:
            store.heads.insert(head, parameters)
        for event in events:
            store.events.append(*event)
        if checkpoint is not None:
            store.checkpoints().save(checkpoint)
        store.note("imported", counts)
    return counts
