"""What does each recipe cost: bytes, latency, features, CCC, time to export?

Give trained runs, or none: then three are learned here from invented people, which takes ten minutes. Every recipe is
exported from a copy of each run, so that nothing is taken from an earlier export. Rewrites the table in
export/README.md.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parent))
import measure

measure.pin_to_one_core()

import numpy as np  # noqa: E402

from pen_mobile.bundle.export import export_bundle  # noqa: E402
from pen_mobile.bundle.export_result import ExportResult  # noqa: E402
from pen_mobile.bundle.golden import Golden  # noqa: E402
from pen_mobile.bundle.quantization.sensitivity import cosine  # noqa: E402
from pen_mobile.bundle.recipe import load_recipe, recipe_names  # noqa: E402
from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle  # noqa: E402
from pen_mobile.data.load import load_table  # noqa: E402
from pen_mobile.errors import PenMobileError  # noqa: E402
from pen_mobile.phone.runtime import BundleRuntime  # noqa: E402
from pen_mobile.training.config import LearningConfig  # noqa: E402
from pen_mobile.training.run_folder import Run  # noqa: E402
from pen_mobile.training.source_training import learn_source  # noqa: E402

README = Path(__file__).parent.parent / "export" / "README.md"
BEGIN, END = "<!-- recipes: written by benchmarks/recipes.py -->", "<!-- end of recipes -->"
REFERENCE = "android-fp32"
PEOPLE = "synthetic:sources=4,targets=1,seconds=100,fps=1"
UNKNOWN = ("MB", "of fp32", "ms a frame", "time of fp32", "cosine", "CCC loss", "in float", "export s", "export CPU s")


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="A tiny run made here, one recipe, few rounds; writes nothing.")
@click.option("--data", help="Where the runs' data are, when not where they were.")
@click.option("--recipe", "recipes", multiple=True, default=[REFERENCE, *recipe_names()], help="One of several.")
@click.option("--rounds", default=20, show_default=True)
def main(runs: tuple[Path, ...], quick: bool, data: str | None, recipes: tuple[str, ...], rounds: int) -> None:
    measure.hush()
    with TemporaryDirectory() as folder:
        if quick:
            config = LearningConfig(backbone="resnet18", weights="none", input_size=32, max_steps=1)
            run = learned("synthetic:sources=2,targets=1,seconds=8,fps=1", config, Path(folder) / "run")
            click.echo(table(rows_of(run, (REFERENCE,), None, 1)))
            return
        rows = []
        for run in runs or learned_runs(Path(folder)):
            rows += rows_of(run, tuple(dict.fromkeys(recipes)), data, rounds)
            measure.record(str(__doc__).splitlines()[0], rows, rounds=rounds, threads=1)
    text = README.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", encoding="utf-8")


def learned_runs(folder: Path) -> list[Path]:
    """Learn three backbones for long enough that their features say something."""
    adam: dict[str, Any] = {"backbone_optimizer": "adam", "backbone_learning_rate": 1e-3, "optimizer": "adam"}
    epochs = {"mobilenet_v3_small": 8, "mobilenet_v3_large": 8, "resnet50": 3}
    return [
        learned(PEOPLE, LearningConfig(name, "none", backbone_epochs=count, learning_rate=1e-3, **adam), folder / name)
        for name, count in epochs.items()
    ]


def learned(people: str, config: LearningConfig, folder: Path) -> Path:
    learn_source(load_table(people, config.input_size), config, folder)
    return folder


def rows_of(folder: Path, recipes: tuple[str, ...], data: str | None, rounds: int) -> list[dict[str, Any]]:
    """Export every recipe from one run, time those that run here in turn, and compare with float32."""
    with TemporaryDirectory() as temporary:
        bundles, rows = {}, []
        for name in recipes:
            row, bundle = exported(folder, name, data, Path(temporary))
            rows.append(row)
            if bundle is not None:
                bundles[name] = bundle
        seconds = measure.interleave({name: once(bundle) for name, bundle in bundles.items()}, rounds, 5)
    for row in rows:
        if row["recipe"] in seconds:
            row["ms a frame"] = rounded([1e3 * value for value in seconds[row["recipe"]]])
    reference = next((row for row in rows if row["recipe"] == REFERENCE), {"MB": "-"})
    for row in rows:
        if isinstance(row["MB"], float) and isinstance(reference["MB"], float):
            row["of fp32"] = f"{row['MB'] / reference['MB']:.0%}"
        if row["recipe"] in seconds and REFERENCE in seconds:
            pairs = zip(seconds[row["recipe"]], seconds[REFERENCE], strict=True)
            row["time of fp32"] = f"{measure.summary([own / exact for own, exact in pairs])['median']:.2f}x"
    return rows


def exported(folder: Path, name: str, data: str | None, temporary: Path) -> tuple[dict[str, Any], BundleFolder | None]:
    """Export one recipe; a bundle comes back when its backbone runs here."""
    copy = temporary / f"run-{name}"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("lowered"))
    run, out = Run.open(copy), temporary / name
    row = {"backbone": run.config.backbone, "pixels": run.config.input_size, "recipe": name}
    row |= dict.fromkeys(UNKNOWN, "-")
    started, used = time.perf_counter(), time.process_time()
    try:
        done = export_bundle(run, load_recipe(name), out, data=data)
    except PenMobileError as error:
        return row | {"export s": str(error)}, None
    row["export s"] = round(time.perf_counter() - started, 1)
    row["export CPU s"] = round(time.process_time() - used, 1)
    bundle = open_bundle(out)
    runs_here = bundle.manifest.runtime == "executorch" and not done.verification.skipped
    row |= {"ms a frame": "not run here"} | figures(bundle, done, runs_here)
    return row, bundle if runs_here else None


def figures(bundle: BundleFolder, done: ExportResult, runs_here: bool) -> dict[str, Any]:
    """Return size and losses: on people where int8 was judged on them, else the cosine on golden frames."""
    assert bundle.manifest.backbone is not None
    found: dict[str, Any] = {"MB": round(done.bytes[bundle.manifest.backbone.file] / 1e6, 2)}
    part = done.quantization
    if part is not None:
        found |= {"cosine": round(part.cosine, 4), "CCC loss": round(part.ccc_loss, 4)}
        return found | {"in float": ", ".join(part.float_blocks) or "nothing"}
    golden = Golden.read(bundle.file(bundle.manifest.golden.file))
    if runs_here:
        return found | {"cosine": round(cosine(BundleRuntime(bundle).features(golden.frames), golden.features), 4)}
    if bundle.manifest.runtime == "coreml":
        from pen_mobile.bundle.coreml.mil_runtime import MilRuntime

        return found | {"cosine": round(cosine(MilRuntime(bundle).features(golden.frames), golden.features), 4)}
    return found | {"ms a frame": "built, not run"}


def once(bundle: BundleFolder) -> Any:
    """Return what estimates one frame's feature."""
    runtime = BundleRuntime(bundle)
    frame = np.zeros((1, *[bundle.manifest.frame_size] * 2, 3), np.uint8)
    return lambda: runtime.features(frame)


def rounded(values: list[float]) -> dict[str, float]:
    return {key: round(value, 2) for key, value in measure.summary(values).items()}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    from tables import cell

    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return "\n".join([*lines, *("| " + " | ".join(cell(row[key]) for key in rows[0]) + " |" for row in rows)])


if __name__ == "__main__":
    main()
