"""A long life in one process: does memory grow, does a file stay open?

    python -m tests.faults.soak [--predictions 100000] [--adaptations 1000]

Memory is the resident set after a garbage collection, against what it was after a warm-up: the first predictions and
adaptations fill the allocator's pools, SQLite's page cache and Python's caches. Nothing is trimmed before measuring.
Each life has its process to itself: memory that an export gave back would hide a leak for long.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from pen_mobile.phone.phone import Phone

LABELS = 40
Result = TypeVar("Result")


@dataclass(frozen=True)
class Growth:
    """What a number of repetitions cost after the warm-up.

    Attributes:
        megabytes: growth of the resident set, MiB.
        peak_megabytes: the most that it had grown at any look.
        descriptors: open files more than after the warm-up.
    """

    count: int
    megabytes: float
    peak_megabytes: float
    descriptors: int
    seconds: float


def alone(do: Callable[..., Result], *arguments: object) -> Result:
    """Return what a function returns in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(do, *arguments).result()


def resident_mib() -> float:
    """Return the resident set of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files() -> int:
    """Return how many descriptors this process holds (Linux)."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def repeat(do: Callable[[int], object], count: int, warm_up: int, looks: int = 20) -> Growth:
    """Do something ``warm_up`` times, then ``count`` times more, looking at memory now and then."""
    for n in range(warm_up):
        do(n)
    gc.collect()
    memory, files, peak, started = resident_mib(), open_files(), 0.0, time.perf_counter()
    for n in range(count):
        do(warm_up + n)
        if n % max(1, count // looks) == 0:
            peak = max(peak, resident_mib() - memory)
    seconds = time.perf_counter() - started
    gc.collect()
    growth = resident_mib() - memory
    return Growth(count, growth, max(peak, growth), open_files() - files, seconds)


def predictions(bundle: Path, count: int, warm_up: int = 500) -> Growth:
    """Predict for one random frame after the other."""
    with Phone.open(bundle) as phone:
        size = phone.manifest.frame_size
        assert size is not None, f"{bundle} takes no images"
        frames = np.random.default_rng(0).integers(0, 256, (64, size, size, 3), np.uint8)
        return repeat(lambda n: phone.predict(frames[n % 64], aligned=True), count, warm_up)


def feature_predictions(bundle: Path, count: int, warm_up: int = 500) -> Growth:
    """Predict for one random feature after the other."""
    with Phone.open(bundle) as phone:
        z = np.random.default_rng(0).random((64, 1, phone.manifest.head.feature_size), np.float32)
        return repeat(lambda n: phone.predict_features(z[n % 64]), count, warm_up)


def adaptations(bundle: Path, count: int, warm_up: int = 50, largest: float = 1.0) -> Growth:
    """Adapt again and again; every time one moment gets a new label, so that some attempts are accepted.

    Features lie in [0, ``largest``]; far from what the bundle learned from, no label would be used.
    """
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, Phone.open(bundle, Path(folder) / "me.sqlite") as phone:
        z = np.float32(largest) * rng.random((LABELS, phone.manifest.head.feature_size), np.float32)
        phone.add_labels(z, rng.uniform(-1, 1, (LABELS, 2)).astype(np.float32))

        def adapt(n: int) -> None:
            row = n % LABELS
            phone.add_labels(z[row : row + 1], rng.uniform(-1, 1, (1, 2)).astype(np.float32))
            phone.adapt()

        growth = repeat(adapt, count, warm_up)
        states = phone.status().heads
        assert states.get("active", 0) + states.get("superseded", 0) > 0, "nothing was ever accepted"
        return growth


def openings(bundle: Path, count: int, warm_up: int = 3) -> Growth:
    """Open a phone, use it and close it: programs, store and pools must go with it."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "me.sqlite"

        def use(n: int) -> None:
            with Phone.open(bundle, store) as phone:
                phone.predict_features(np.zeros((1, phone.manifest.head.feature_size), np.float32))

        return repeat(use, count, warm_up)


def make_bundle(folder: Path, feature_size: int, people: int) -> Path:
    """Export a bundle on random features: a head of ``people`` experts, learned for a few steps."""
    from pen_mobile.bundle.export import export_bundle  # a process that lives long loads none of it
    from pen_mobile.bundle.recipe import load_recipe
    from pen_mobile.data.load import load_table
    from pen_mobile.training.config import LearningConfig
    from pen_mobile.training.run_folder import Run
    from pen_mobile.training.source_training import learn_source

    rng, rows, everybody = np.random.default_rng(0), 40, people + 1
    z = rng.random((rows * everybody, feature_size), np.float32) / np.float32(np.sqrt(feature_size))
    np.savez(
        folder / "features.npz",
        z=z,
        y=np.tanh(z[:, :2] - z[:, 2:4]),
        subject=np.repeat([f"person-{n}" for n in range(everybody)], rows),
        role=np.repeat(["source"] * people + ["target"], rows),
    )
    learn_source(load_table(str(folder / "features.npz"), None), LearningConfig(max_steps=5), folder / "run")
    export_bundle(Run.open(folder / "run"), load_recipe("android-fp32"), folder / "bundle")
    return folder / "bundle"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=100_000)
    parser.add_argument("--adaptations", type=int, default=1_000)
    parser.add_argument("--openings", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_bundle(Path(folder), 2048, 9)
        print("predictions", alone(feature_predictions, bundle, options.predictions), flush=True)
        print("adaptations", alone(adaptations, bundle, options.adaptations, 50, 2048**-0.5), flush=True)
        print("openings", alone(openings, bundle, options.openings), flush=True)


if __name__ == "__main__":
    main()
