"""Golden stores: one of every schema version, plain and encrypted, with what a reader must find in them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pen_mobile.phone.store.bundle_binding import BundleBinding
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.store import Store
from tests.contract.golden_model import FEATURES, numbers
from tests.phone.store.old_stores import write_version_1, write_version_2, write_version_3

KEY = bytes(range(32))
NOW = 1_700_000_000.0
BACKBONE = "b" * 64


def write_stores(folder: Path, parameters: bytes) -> None:
    """Write the stores and ``stores.json``."""
    folder.mkdir(parents=True)
    for version, write in ((2, write_version_2), (3, write_version_3)):
        with counted_randomness():
            write(folder / f"version-{version}.sqlite")
            write(folder / f"version-{version}-encrypted.sqlite", KEY)
    write_version_1(folder / "version-1.sqlite")
    for name, key in (("version-4", None), ("version-4-encrypted", KEY)):
        with counted_randomness():
            _write_present(folder / f"{name}.sqlite", key, parameters)
    stores = [contents(file) for file in sorted(folder.glob("*.sqlite"))]
    what = (
        "What a reader finds in each store: labels from -1 to 1, features, and the parameters of the active head. "
        "Versions 1 to 3 are found after migration. Encrypted ones open with the key."
    )
    document = {"what": what, "key": KEY.hex(), "now": NOW, "stores": stores}
    (folder / "stores.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def contents(file: Path) -> dict[str, Any]:
    """Read a copy of a store with this package."""
    import shutil
    import tempfile

    key = KEY if "encrypted" in file.name else None
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copyfile(file, Path(folder) / file.name)
        with Store(copy, options=_options(key)) as store:
            samples, (head, parameters) = store.samples(), store.active_parameters()
            order = np.lexsort(samples.features.T)
            return {
                "file": file.name,
                "schema_version": int(file.name[len("version-")]),
                "encrypted": key is not None,
                "targets": list(store.targets),
                "features": samples.features[order].tolist(),
                "labels": samples.labels[order].tolist(),
                "captured_at": samples.captured_at[order].tolist(),
                "weight": samples.weight[order].tolist(),
                "active_version": head.version,
                "parameters": None if parameters is None else parameters.hex(),
                "events": [event["kind"] for event in store.events.entries()],
            }


def _write_present(path: Path, key: bytes | None, parameters: bytes) -> None:
    binding = BundleBinding(BACKBONE, FEATURES, len(parameters), "a" * 64)
    z, y = numbers(5, FEATURES, seed=7).astype(np.float32), (numbers(5, 2, seed=8)).astype(np.float32)
    with Store(path, binding, _options(key)) as store:
        store.add(z, y, captured_at=NOW - 60.0 * np.arange(5, 0, -1))
        store.reject({"reason": "the labels contradict the shipped head"}, "prior", started_from=store.heads.active())
        for step in (1, 2):
            changed = (np.frombuffer(parameters, "<f4") + step / 8).astype("<f4").tobytes()
            store.accept(changed, {"reason": f"step {step}"}, "prior", started_from=store.heads.active())
        store.add(z[:1], -y[:1], captured_at=NOW - 1)  # the first moment again, with another label


def _options(key: bytes | None) -> StoreOptions:
    return StoreOptions(key=key, clock=lambda: NOW, retention=Retention(samples=None, days=None))


@contextmanager
def counted_randomness() -> Iterator[None]:
    """Count where a store draws: 16 bytes are 1, 2, 3 and so on, so that the same call writes the same bytes."""
    drawn, real = 0, os.urandom

    def count(size: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return drawn.to_bytes(size, "big")

    os.urandom = count  # type: ignore[assignment]
    try:
        yield
    finally:
        os.urandom = real
