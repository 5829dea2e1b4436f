"""How fast and how large is a backbone, ours against other runtimes with the same weights, on one core?

Ours are the programs that bundles ship. Weights are random, with batch-norm statistics of invented faces, so that
features are alive; agreement is the mean cosine with torch's float features on other invented faces.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import click
import measure
import numpy as np
import torch
from bundles import keep_statistics

from pen_mobile.bundle.programs.lowering import lower
from pen_mobile.bundle.programs.simplify import simplify
from pen_mobile.bundle.quantization.graph_runs import features_of
from pen_mobile.bundle.quantization.quantizer import Quantizer
from pen_mobile.bundle.quantization.sensitivity import cosine
from pen_mobile.data.synthetic import SyntheticConfig, synthetic_table
from pen_mobile.models.backbone import Backbone, make_backbone

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import inference

NETWORKS = ("resnet50", "mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")
PRECISIONS = ("fp32", "int8")
OURS = "ours (ExecuTorch)"


class Runner(Protocol):
    def round(self, calls: int) -> list[float]: ...

    def close(self) -> None: ...


class Ours:
    """One of our programs in the ExecuTorch runtime."""

    def __init__(self, program: Path, frames: np.ndarray) -> None:
        from executorch.extension.pybindings import portable_lib
        from executorch.runtime import Runtime

        portable_lib._unsafe_reset_threadpool(1)
        self._program = Runtime.get().load_program(program)
        self._method = self._program.load_method("forward")
        planes = torch.from_numpy(frames).permute(0, 3, 1, 2).float().contiguous()
        self._frame = planes[:1]
        outputs = [self._method.execute([plane[None]])[0].numpy().copy() for plane in planes]
        self.features = np.concatenate(outputs)

    def round(self, calls: int) -> list[float]:
        return inference.processor_seconds(lambda: self._method.execute([self._frame]), calls)

    def close(self) -> None:
        pass  # nothing runs between rounds


class Variant(NamedTuple):
    """One runtime with one precision, ready to be timed."""

    runtime: str
    precision: str
    bytes: int
    cosine: float
    runner: Runner


def network(name: str, size: int, folder: Path) -> Backbone:
    """Return a network whose features are alive; leave it in a folder for peers, with frames and their features."""
    table = synthetic_table(SyntheticConfig(sources=12, targets=4, seconds=8, fps=1, size=size, seed=0))
    seen, judged = (table.frames.read(table.rows_with_role(role)) for role in ("source", "target"))
    torch.manual_seed(0)
    backbone = make_backbone(name, "none", size)
    keep_statistics(backbone, seen)
    save(backbone, folder, calibration=seen, judged=judged, exact=features_of(backbone, judged))
    return backbone


def save(backbone: Backbone, folder: Path, **arrays: np.ndarray) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(backbone.state_dict(), folder / "weights.safetensors")
    (folder / "name.txt").write_text(f"{backbone.name} {backbone.input_size}")
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)


def our_program(backbone: Backbone, precision: str, folder: Path) -> Path:
    """Return our program, lowered as export lowers it, made when it is not there."""
    path = folder / f"ours {precision}.pte"
    if not path.exists():
        module: torch.nn.Module = simplify(backbone)
        if precision == "int8":
            module = Quantizer(backbone, np.load(folder / "calibration.npy")).quantize()
        size = backbone.input_size
        lower({"forward": (module, (torch.zeros(1, 3, size, size),))}).write(path)
    return path


class Converted(NamedTuple):
    """One network in every form that could be had, as files; for the others, why not."""

    name: str
    folder: Path
    ours: dict[str, Path]
    peers: dict[tuple[inference.Kind, str], Path]
    missing: dict[tuple[inference.Kind, str], str]


def convert(name: str, size: int, folder: Path, precisions: tuple[str, ...], peers: bool) -> Converted:
    """Make a network and convert it for everybody; what a folder holds already is taken from there."""
    backbone = network(name, size, folder)
    done = Converted(name, folder, {one: our_program(backbone, one, folder) for one in precisions}, {}, {})
    for kind in inference.KINDS if peers else ():
        for precision in kind.precisions:
            try:
                done.peers[kind, precision] = inference.convert(kind, precision, folder)
            except inference.Missing as reason:
                done.missing[kind, precision] = str(reason)
    return done


def variants(converted: Converted) -> list[Variant]:
    """Load everything that can be timed."""
    judged, exact = (np.load(converted.folder / f"{name}.npy") for name in ("judged", "exact"))
    found = []
    for precision, program in converted.ours.items():
        ours = Ours(program, judged)
        found.append(Variant(OURS, precision, program.stat().st_size, cosine(ours.features, exact), ours))
    for (kind, precision), model in converted.peers.items():
        try:
            found.append(peer(kind, precision, model, converted.folder, exact))
        except inference.Missing as reason:
            converted.missing[kind, precision] = str(reason)
    return found


def peer(kind: inference.Kind, precision: str, model: Path, folder: Path, exact: np.ndarray) -> Variant:
    features = folder / "features.npy"
    child = inference.Child(kind, model, folder / "judged.npy", features)
    runtime = f"{kind.name} {child.facts['version']}"
    return Variant(runtime, precision, model.stat().st_size, cosine(np.load(features), exact), child)


def rows_of(converted: Converted, rounds: int) -> list[dict[str, Any]]:
    """Time every variant in turn, round after round."""
    found = variants(converted)
    seconds: list[list[float]] = [[] for _ in found]
    for _ in range(rounds):
        for variant, mine in zip(found, seconds, strict=True):
            mine.append(float(np.median(variant.runner.round(4)[1:])))  # the first call warms the caches
    for variant in found:
        variant.runner.close()
    timed = zip(found, seconds, strict=True)
    rows = [row(converted.name, variant, mine, reference(found, seconds, variant)) for variant, mine in timed]
    for (kind, precision), reason in converted.missing.items():
        click.echo(f"{converted.name}, {kind.name} {precision}: {reason}", err=True)
        absent = {"backbone": converted.name, "runtime": kind.name, "precision": precision, "ms": reason}
        rows.append({**dict.fromkeys(rows[0], "-"), **absent})
    return rows


def reference(found: list[Variant], seconds: list[list[float]], variant: Variant) -> list[float]:
    """Return our times of the same rounds at the same precision."""
    ours = {one.precision: mine for one, mine in zip(found, seconds, strict=True) if one.runtime == OURS}
    return ours[variant.precision.split(",")[0]]


def row(name: str, variant: Variant, seconds: list[float], ours: list[float]) -> dict[str, Any]:
    ratios = [mine / reference for mine, reference in zip(seconds, ours, strict=True)]
    return {
        "backbone": name,
        "runtime": variant.runtime,
        "precision": variant.precision,
        "ms": rounded([1e3 * value for value in seconds]),
        "against ours": rounded(ratios),
        "MB": round(variant.bytes / 1e6, 2),
        "cosine": round(variant.cosine, 5),
    }


def rounded(values: list[float]) -> dict[str, float]:
    return {key: round(value, 3) for key, value in measure.summary(values).items()}


def remarks(rows: list[dict[str, Any]]) -> list[str]:
    """Say where a peer is faster at equal precision, and where int8 gains no time."""
    timed = [row for row in rows if isinstance(row["ms"], dict)]
    ours = {(row["backbone"], row["precision"]): row["ms"] for row in timed if row["runtime"] == OURS}
    faster = [
        f"Missed: {row['runtime']} takes {row['against ours']['median']:.2f} of our time with {row['backbone']} "
        f"in {row['precision']}."
        for row in timed
        if row["runtime"] != OURS and row["against ours"]["upper"] < 1
    ]
    idle = [
        f"Our int8 {name} takes {ms['median'] / ours[name, 'fp32']['median']:.2f} of the time of fp32 here: "
        "it saves bytes, not time."
        for (name, precision), ms in ours.items()
        if precision == "int8" and ms["lower"] > ours[name, "fp32"]["upper"]
    ]
    if faster:
        faster.append("What a profile says about it: docs/adr/0018-where-a-backbone-spends-its-time.md.")
    return faster + idle


@click.command()
@click.option("--quick", is_flag=True, help="One tiny network, ours only; writes nothing.")
@click.option("--backbone", "names", multiple=True, default=NETWORKS, show_default=True)
@click.option("--rounds", default=25, show_default=True)
@click.option(
    "--models", type=click.Path(path_type=Path), help="Folder that keeps converted networks for the next time."
)
def main(quick: bool, names: tuple[str, ...], rounds: int, models: Path | None) -> None:
    measure.hush()
    torch.set_num_threads(1)
    names, size, precisions = (("squeezenet1_1",), 32, ("fp32",)) if quick else (names, 224, PRECISIONS)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = models or Path(temporary)
        converted = [convert(name, size, folder / name, precisions, not quick) for name in names]
        measure.pin_to_one_core()  # and the peers that start from here on
        for one in converted:
            rows += rows_of(one, 2 if quick else rounds)
    for found in rows:
        click.echo("  ".join(str(value["median"] if isinstance(value, dict) else value) for value in found.values()))
    if not quick:
        facts = {"seed": 0, "rounds": rounds, "calls a round": 3, "threads": 1, "pixels": 224, "time": "processor time"}
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, remarks=remarks(rows), **facts))


if __name__ == "__main__":
    main()
