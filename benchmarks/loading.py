"""How much longer is a backbone step on all cores when its frames come from disk than when they are there already?

One step is forward, backward and update on 32 frames of 224 px; ``waits`` is the time it stands still for data.
The backbone is the smallest that anyone ships: its step is the shortest, so it has the least time to hide reading in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import measure
import numpy as np
import torch
from lightning_fabric import Fabric

from pen_mobile.data.frames import FileFrames, Frames
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.models.backbone import make_backbone
from pen_mobile.models.heads import SharedHead
from pen_mobile.models.losses import affect_loss
from pen_mobile.models.optimizers import make_optimizer
from pen_mobile.training.augmentation import Augmentation
from pen_mobile.training.batches import Batch, EpochBatches, FrameSamples, batch_loader
from pen_mobile.training.frame_cache import cached_frames
from pen_mobile.utils import provenance

SEED = 0
Epoch = Callable[[], Iterator[Batch]]


class Step:
    """Stage 1's step on one backbone, and how long epochs of it take."""

    def __init__(self, backbone: str, size: int) -> None:
        torch.manual_seed(SEED)
        body = make_backbone(backbone, "none", size)
        self.network = torch.nn.Sequential(body, SharedHead(body.feature_size)).train()
        self.optimizer = make_optimizer("adadelta", self.network.parameters())

    def __call__(self, batch: Batch) -> None:
        self.optimizer.zero_grad()
        affect_loss(self.network(batch.x.float()), batch.affect).backward()
        self.optimizer.step()

    def epoch(self, batches: Iterator[Batch]) -> tuple[float, float]:
        """Return seconds of a step and of its waiting, without the first batch, which nothing could read ahead."""
        self(next(batches))
        started, waited, steps = time.perf_counter(), 0.0, 0
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            waited += time.perf_counter() - asked
            if batch is None:
                return (time.perf_counter() - started) / steps, waited / steps
            self(batch)
            steps += 1


def crops(folder: Path, count: int, size: int) -> FileFrames:
    """Write invented faces as ``data prepare`` writes crops: JPEG, quality 95."""
    people = synthetic_table(SyntheticConfig(sources=2, targets=0, seconds=count / 10, fps=5, size=size, seed=SEED))
    paths = [folder / f"{row:05d}.jpg" for row in range(len(people))]
    for path, frame in zip(paths, people.frames.read(slice(None)), strict=True):
        cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])
    return FileFrames(paths, size)


def epochs(files: FileFrames, mapped: Frames, size: int, batch: int) -> dict[str, Epoch]:
    """Return the ways to get the batches of an epoch; all are as the training takes them but for the first two."""
    count = len(files)
    affect, rows = torch.zeros(count, 2), np.arange(count)

    def epoch(frames: Frames, threads: int | None = None, augment: Augmentation | None = None) -> Epoch:
        samples = FrameSamples(frames, size, rows, affect, augment)
        samples.threads = samples.threads if threads is None else threads
        return lambda: batch_loader(samples, EpochBatches(count, batch, SEED, shuffle=True))

    there = list(epoch(mapped)())
    return {
        "in memory": lambda: iter(there),
        "JPEG, nothing read ahead": epoch(files, threads=0),
        "JPEG": epoch(files),
        "JPEG, augmented": epoch(files, augment=Augmentation(SEED)),
        "memory map": epoch(mapped),
        "memory map, augmented": epoch(mapped, augment=Augmentation(SEED)),
    }


@click.command()
@click.option("--quick", is_flag=True, help="Small frames, one small backbone, two steps.")
def main(quick: bool) -> None:
    size, batch, steps, rounds = (32, 4, 3, 1) if quick else (224, 32, 6, 5)
    backbone = "squeezenet1_1" if quick else "mobilenet_v3_small"
    with TemporaryDirectory() as folder:
        files = crops(Path(folder), steps * batch, size)
        fabric = Fabric(accelerator="cpu", devices=1)
        mapped = cached_frames(fabric, files, size, Path(folder) / "frames", limit_gb=8)
        found = rows_of(epochs(files, mapped, size, batch), Step(backbone, size), rounds)
    for row in found:
        click.echo("  ".join(str(value["median"] if isinstance(value, dict) else value) for value in row.values()))
    if not quick:
        facts: dict[str, object] = {
            "backbone": backbone,
            "seed": SEED,
            "rounds": rounds,
            "steps a round": steps - 1,
            "batch": batch,
            "pixels": size,
        }
        facts |= {"cores": provenance.core_count(), "torch threads": torch.get_num_threads()}
        click.echo(measure.record(str(__doc__).splitlines()[0], found, **facts))


def rows_of(ways: dict[str, Epoch], step: Step, rounds: int) -> list[dict[str, object]]:
    """Time every way in turn, round after round; the ratio is of each round, so that a busy machine matters less."""
    seconds = [{name: step.epoch(epoch()) for name, epoch in ways.items()} for _ in range(rounds)]
    return [
        {
            "frames": name,
            "ms a step": rounded([1e3 * one[name][0] for one in seconds], 1),
            "waits, ms": rounded([1e3 * one[name][1] for one in seconds], 1),
            "against in memory": rounded([one[name][0] / one["in memory"][0] for one in seconds], 3),
        }
        for name in ways
    ]


def rounded(values: list[float], digits: int) -> dict[str, float]:
    return {key: round(value, digits) for key, value in measure.summary(values).items()}


if __name__ == "__main__":
    main()
