"""How long from 350 labelled camera frames to a new head, stage by stage?

The frames are 640 x 480 JPEG files with one face. Every stage runs in the phone's own code and the bundle's own
programs, on one core; the owner's labels are what the shipped head says, stretched and shifted: so one can learn.
"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import tempfile  # noqa: E402
import time  # noqa: E402
from collections import defaultdict  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import click  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402
from bundles import make_bundle, owners_labels, run_of_backbone  # noqa: E402
from prepare import seated_person  # noqa: E402

from pen_mobile.bundle.recipe import load_recipe  # noqa: E402
from pen_mobile.phone.phone import Phone  # noqa: E402

BACKBONES = ("resnet50", "mobilenet_v3_large", "mobilenet_v3_small")
PRECISIONS = ("fp32", "int8")
LABELS, EVERY_S = 350, 2.0
CAMERA = ("decode", "detect", "crop", "backbone")


class Stopwatch:
    """Seconds spent inside methods of a phone's parts, by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def watch(self, owner: object, method: str, stage: str) -> None:
        """Time every call of a method from now on."""
        call: Callable[..., Any] = getattr(owner, method)

        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.seconds[stage] += time.perf_counter() - started

        setattr(owner, method, timed)

    def lap(self) -> dict[str, float]:
        """Return what was spent since the last lap."""
        spent, self.seconds = dict(self.seconds), defaultdict(float)
        return spent


def photographs(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for path, pixels in zip(paths, seated_person(count), strict=True):
        cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return paths


def camera_seconds(phone: Phone, photos: list[Path]) -> tuple[dict[str, float], np.ndarray]:
    """Return the median seconds of every stage before the head, for one photograph, and features of all."""
    kept = []
    features = phone.runtime.features

    def keep(frames: np.ndarray) -> np.ndarray:
        kept.append(features(frames))
        return kept[-1]

    phone.runtime.features = keep  # type: ignore[method-assign]
    laps = [phone.predict(photo).milliseconds for photo in photos]
    phone.runtime.features = features  # type: ignore[method-assign]
    return {stage: float(np.median([lap[stage] for lap in laps])) / 1e3 for stage in CAMERA}, np.concatenate(kept)


def owners_samples(phone: Phone, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 350 features like those seen, each a little different, and the labels of somebody who feels otherwise."""
    rng = np.random.default_rng(0)
    z = seen[rng.integers(0, len(seen), LABELS)]
    z = (z * rng.normal(1, 0.01, z.shape)).astype(np.float32)
    return z, owners_labels(phone.predict_features(z)[0])


def adaptation_seconds(bundle: Path, z: np.ndarray, y: np.ndarray, store: Path) -> dict[str, float]:
    """Return the seconds of every stage from features to the head in use, and 1 if the guard accepted it."""
    with Phone.open(bundle, store=store) as phone:
        watch = Stopwatch()
        watch.watch(phone.runtime, "train", "train")
        watch.watch(phone.runtime, "predict", "guard")
        for method in ("add", "samples", "accept", "reject"):
            watch.watch(phone.store, method, "store")
        started = time.perf_counter()
        phone.add_labels(z, y, captured_at=time.time() - EVERY_S * np.arange(len(z))[::-1])
        result = phone.adapt(strategy="gradient", optimizer="adadelta")
        total = time.perf_counter() - started
        found = watch.lap()
    if not result.steps:
        raise click.ClickException(f"{bundle}: the phone declined: {result.reason}")
    return {**found, "gathering and the rest": total - sum(found.values()), "accepted": float(result.accepted)}


def row_of(bundle: Path, backbone: str, precision: str, photos: list[Path], rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        with Phone.open(bundle) as phone:
            one, seen = camera_seconds(phone, photos)
            z, y = owners_samples(phone, seen)
        laps = [adaptation_seconds(bundle, z, y, Path(folder) / f"{number}.sqlite") for number in range(rounds)]
    row: dict[str, Any] = {"backbone": backbone, "precision": precision}
    row |= {f"{stage}, s": round(one[stage] * LABELS, 3) for stage in CAMERA}
    for stage in ("train", "guard", "store", "gathering and the rest"):
        row[f"{stage}, s"] = spread([lap[stage] for lap in laps])
    camera = sum(one.values()) * LABELS
    row["all, s"] = spread([camera + sum(lap.values()) - lap["accepted"] for lap in laps])
    row["accepted"] = f"{sum(lap['accepted'] for lap in laps):.0f} of {rounds}"
    return row


def spread(values: list[float]) -> dict[str, float]:
    return {key: round(value, 3) for key, value in measure.summary(values).items()}


@click.command()
@click.option("--quick", is_flag=True, help="A tiny backbone, few photographs; writes nothing.")
@click.option("--bundles", type=click.Path(path_type=Path), help="Folder that keeps bundles for the next time.")
@click.option("--rounds", default=9, show_default=True)
def main(quick: bool, bundles: Path | None, rounds: int) -> None:
    measure.hush()
    cv2.setNumThreads(1)
    names, size, precisions = (("squeezenet1_1",), 32, ("fp32",)) if quick else (BACKBONES, 224, PRECISIONS)
    photos, rounds = (3, 1) if quick else (50, rounds)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = bundles or Path(temporary)
        paths = photographs(Path(temporary), photos)
        for name in names:
            run = run_of_backbone(name, size, folder / f"{name}-run")
            for precision in precisions:
                bundle = make_bundle(run, precision, folder / f"{name}-{precision}")
                rows.append(row_of(bundle, name, precision, paths, rounds))
                click.echo(rows[-1])
    if not quick:
        facts = {
            "seed": 0,
            "rounds": rounds,
            "labels": LABELS,
            "steps": load_recipe("android-fp32").adaptation.steps,
            "threads": 1,
        }
        facts["camera stages"] = f"350 times the median of {photos} photographs"
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, **facts))


if __name__ == "__main__":
    main()
