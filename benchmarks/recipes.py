"""What does each recipe cost: bytes, latency, features, CCC, time to export?

Give trained runs; every recipe is exported from a copy of each, so that nothing is taken from an earlier export.
Rewrites the table in export/README.md from all results.
"""

from __future__ import annotations

import shutil
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parent))
import measure

measure.pin_to_one_core()

import numpy as np  # noqa: E402

from pen_mobile.bundle.export import export_bundle  # noqa: E402
from pen_mobile.bundle.golden import Golden  # noqa: E402
from pen_mobile.bundle.recipe import load_recipe  # noqa: E402
from pen_mobile.bundle.sensitivity import cosine  # noqa: E402
from pen_mobile.contract.folder import BundleFolder, open_bundle  # noqa: E402
from pen_mobile.errors import PenMobileError  # noqa: E402
from pen_mobile.learning.config import LearningConfig  # noqa: E402
from pen_mobile.learning.run import Run  # noqa: E402
from pen_mobile.learning.source import learn_source  # noqa: E402
from pen_mobile.phone.runtime import BundleRuntime  # noqa: E402
from pen_mobile.subjects.synthetic import SyntheticConfig, synthetic_table  # noqa: E402

README = Path(__file__).parent.parent / "export" / "README.md"
BEGIN, END = "<!-- recipes: written by benchmarks/recipes.py -->", "<!-- end of recipes -->"


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="A tiny run made here, one recipe, few rounds; writes nothing.")
@click.option("--data", help="Where the runs' data are, when not where they were.")
@click.option("--recipe", "recipes", multiple=True, default=["android-fp32", "android-int8", "android-vulkan"])
@click.option("--rounds", default=20, show_default=True)
def main(runs: tuple[Path, ...], quick: bool, data: str | None, recipes: tuple[str, ...], rounds: int) -> None:
    warnings.simplefilter("ignore")
    if quick:
        with TemporaryDirectory() as folder:
            click.echo(table(rows_of(tiny_run(Path(folder) / "run"), ("android-fp32",), None, 1)))
        return
    if not runs:
        raise click.UsageError("give folders of trained runs, or --quick")
    rows = [row for run in runs for row in rows_of(run, recipes, data, rounds)]
    measure.record(str(__doc__).splitlines()[0], rows, rounds=rounds, threads=1)
    text = README.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", encoding="utf-8")


def tiny_run(folder: Path) -> Path:
    """Learn for one step from invented people."""
    config = LearningConfig(backbone="resnet18", weights="none", input_size=32, max_steps=1)
    learn_source(synthetic_table(SyntheticConfig(2, 1, seconds=8, fps=1, size=32)), config, folder)
    return folder


def rows_of(folder: Path, recipes: tuple[str, ...], data: str | None, rounds: int) -> list[dict[str, Any]]:
    """Export every recipe from one run, then time those that run here in turn."""
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
    return rows


def exported(folder: Path, name: str, data: str | None, temporary: Path) -> tuple[dict[str, Any], BundleFolder | None]:
    copy = temporary / f"run-{name}"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("lowered"))
    run, out = Run.open(copy), temporary / name
    row: dict[str, Any] = {"backbone": run.config.backbone, "pixels": run.config.input_size, "recipe": name}
    started = time.perf_counter()
    try:
        done = export_bundle(run, load_recipe(name), out, data=data)
    except PenMobileError as error:
        unknown = dict.fromkeys(("MB", "ms a frame", "cosine", "CCC loss", "in float"), "-")
        return row | unknown | {"export s": str(error)}, None
    finished = time.perf_counter() - started
    bundle, part = open_bundle(out), done.quantization
    row |= {"MB": round(done.bytes["backbone.pte"] / 1e6, 2), "ms a frame": "not run here"}
    row |= {"cosine": "-", "CCC loss": "-", "in float": "-", "export s": round(finished, 1)}
    if part is not None:
        row |= {"cosine": round(part.cosine, 4), "CCC loss": round(part.ccc_loss, 4)}
        row["in float"] = ", ".join(part.float_blocks) or "nothing"
    elif not done.verification.skipped:
        golden = Golden.read(bundle.file(bundle.manifest.golden.file))
        row["cosine"] = round(cosine(BundleRuntime(bundle).features(golden.frames), golden.features), 4)
    return row, None if done.verification.skipped else bundle


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
