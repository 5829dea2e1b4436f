"""Time ``adapt`` and ``predict`` from Kotlin over JNI against Python, side by side.

    python -m tests.android.benchmark BUNDLE

The bundle needs a backbone. Both languages call the same programs in the same runtime with one thread, in turn, so that
a slow moment of the machine meets both; each number is the median of all calls.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from tests.android.kotlin import Harness

NOW = 1.7e9
LABELS = 20
ROUNDS = 12


def seconds_of(call: Callable[[], object], times: int) -> list[float]:
    """Return the seconds of each of some calls.

    Args:
        call: what is timed.
        times: how often.
    """
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    return found


def report(name: str, kotlin: list[float], python: list[float]) -> None:
    """Print one line: medians and their ratio."""
    ours, theirs = 1e3 * median(kotlin), 1e3 * median(python)
    medians = f"Kotlin {ours:8.3f} ms  Python {theirs:8.3f} ms  ratio {ours / theirs:.2f}"
    print(f"{name:8} {medians}  {len(kotlin)} calls each")


def _phone(bundle: BundleFolder, store: str) -> Phone:
    return Phone.open(bundle, store, options=StoreOptions(clock=lambda: NOW))


def main(bundle: Path) -> None:
    """Time both and print two lines.

    Args:
        bundle: folder or archive.
    """
    opened = open_bundle(bundle)
    backbone = opened.manifest.backbone
    assert backbone is not None, "the bundle has no backbone"
    rng = np.random.default_rng(0)
    z = rng.standard_normal((LABELS, backbone.feature_size), dtype=np.float32)
    y = rng.uniform(-0.6, 0.6, (LABELS, 2)).astype(np.float32)
    t = NOW - 1e5 + 60 * np.arange(LABELS)
    frame = rng.integers(256, size=(backbone.crop.size, backbone.crop.size, 3), dtype=np.uint8)
    values = frame.transpose(2, 0, 1).ravel().tolist()
    with tempfile.TemporaryDirectory() as folder, _phone(opened, f"{folder}/p") as phone:
        kotlin = Harness(options=())
        kotlin.ask("open", bundle=bundle, store=f"{folder}/k", folder=f"{folder}/programs", now=NOW)
        rows = zip(z.tolist(), y.tolist(), t.tolist(), strict=True)
        kotlin.ask("label", samples=[{"z": a, "y": b, "t": c} for a, b, c in rows])
        phone.add_labels(z, y, t)

        def predict() -> None:
            phone.runtime.predict(phone.parameters, phone.runtime.features(frame[None]))

        found: dict[str, tuple[list[float], list[float]]] = {"predict": ([], []), "adapt": ([], [])}
        for number in range(ROUNDS + 2):
            pairs = {
                "predict": (kotlin.ask("time", frame=values, times=50)["seconds"], seconds_of(predict, 50)),
                "adapt": (kotlin.ask("time", times=5)["seconds"], seconds_of(phone.adapt, 5)),
            }
            for name, (ours, theirs) in pairs.items() if number > 1 else ():  # both have warmed up
                found[name][0].extend(ours)
                found[name][1].extend(theirs)
        kotlin.close()
    for name, (ours, theirs) in found.items():
        report(name, ours, theirs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
