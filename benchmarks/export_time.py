"""How long does it take to make each program, in a fresh process on one core?

Wall and processor seconds of the whole process, imports included; their part is a row of its own.
"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import click  # noqa: E402

SIZE, EXPERTS, BATCH = 224, 9, 32


def imports() -> None:
    """Load what every export loads."""
    import executorch.exir  # noqa: F401  what lower() loads when it is called

    from pen_mobile.bundle.lowering import lower
    from pen_mobile.bundle.quantize import Quantizer  # noqa: F401

    assert lower


def backbone_fp32(name: str) -> None:
    """Lower a backbone as export does."""
    import torch

    from pen_mobile.bundle.lowering import lower
    from pen_mobile.bundle.simplify import simplify
    from pen_mobile.network.backbone import make_backbone

    backbone = make_backbone(name, "none", SIZE)
    lower({"forward": (simplify(backbone), (torch.zeros(1, 3, SIZE, SIZE),))})


def backbone_int8(name: str) -> None:
    """Quantize and lower a backbone; choosing blocks for float is not counted, it depends on the weights."""
    import numpy as np
    import torch

    from pen_mobile.bundle.lowering import lower
    from pen_mobile.bundle.quantize import Quantizer
    from pen_mobile.network.backbone import make_backbone

    frames = np.random.default_rng(0).integers(0, 256, (32, SIZE, SIZE, 3), np.uint8)
    network = Quantizer(make_backbone(name, "none", SIZE), frames).quantize()
    lower({"forward": (network, (torch.zeros(1, 3, SIZE, SIZE),))})


def head(feature_size: int, *optimizers: Any) -> None:
    """Lower ``predict`` and a train method for each optimizer."""
    from pen_mobile.bundle.head_program import PredictProgram, TrainProgram
    from pen_mobile.bundle.lowering import lower

    programs: dict[str, Any] = {name: TrainProgram(feature_size, EXPERTS, name, 1, BATCH) for name in optimizers}
    programs["predict"] = PredictProgram(feature_size, EXPERTS, BATCH)
    lower({name: (program, program.example_inputs()) for name, program in programs.items()})


def bundle(feature_size: int, folder: Path) -> None:
    """Export a whole bundle of a run on features, golden vectors and verification included."""
    from bundles import make_bundle, run_of_features

    run = run_of_features(feature_size, folder / "run")
    make_bundle(run, "fp32", folder / f"bundle-{len(list(folder.iterdir()))}")


KINDS: dict[str, Callable[[Path], None]] = {
    "imports alone": lambda folder: imports(),
    "MobileNetV3-Large, fp32": lambda folder: backbone_fp32("mobilenet_v3_large"),
    "ResNet-50, fp32": lambda folder: backbone_fp32("resnet50"),
    "ResNet-50, int8": lambda folder: backbone_int8("resnet50"),
    "head of 2048 features, three optimizers": lambda folder: head(2048, "adadelta", "sgd", "adam"),
    "bundle without backbone, first export": lambda folder: bundle(2048, folder),
    "bundle without backbone, second export": lambda folder: bundle(2048, folder),
}
TINY: dict[str, Callable[[Path], None]] = {"head of 8 features": lambda folder: head(8, "sgd")}


def fresh_process(kind: str, folder: Path) -> tuple[float, float]:
    """Return wall and processor seconds of one export in a process of its own."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, __file__, "--child", kind, str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise click.ClickException(f"{kind}: {said[-2000:]}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def child(kind: str, folder: Path) -> None:
    warnings.simplefilter("ignore")
    (KINDS | TINY)[kind](folder)


@click.command()
@click.option("--quick", is_flag=True, help="One tiny head; writes nothing.")
@click.option("--rounds", default=3, show_default=True)
def main(quick: bool, rounds: int) -> None:
    kinds, rounds = (TINY, 1) if quick else (KINDS, rounds)
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for kind in kinds:
                found[kind].append(fresh_process(kind, Path(folder)))
                click.echo(f"{kind}: {found[kind][-1][0]:.1f} s, of the processor {found[kind][-1][1]:.1f} s")
    rows = [
        {
            "program": kind,
            "wall, s": spread([wall for wall, _ in pairs]),
            "processor, s": spread([cpu for _, cpu in pairs]),
        }
        for kind, pairs in found.items()
    ]
    if not quick:
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, seed=0, rounds=rounds, threads=1, pixels=SIZE))


def spread(values: list[float]) -> dict[str, float]:
    return {key: round(value, 1) for key, value in measure.summary(values).items()}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
