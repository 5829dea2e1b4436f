"""How much longer, and with how much more memory, does ``pen-mobile predict`` run than importing torch and the runtime?

One photograph of 512 x 512 pixels, found, cut out and judged, the whole command. The second row imports what every
user of the runtime's Python package imports; the first leaves ExecuTorch's compiler out, as the toolkit does.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import measure

measure.pin_to_one_core()
REPOSITORY = Path(__file__).parent.parent
LEAN = "import torch and the runtime, without the compiler"
IMPORTS = {
    LEAN: "from pen_mobile.phone.executorch_runtime import executorch_runtime; executorch_runtime()",
    "import torch and the runtime": "import torch; from executorch.runtime import Runtime; Runtime.get()",
}
PREDICT = "pen-mobile predict"
LIMITS = {"time": 1.15, "memory": 1.1}


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="One round of the imports alone.")
def main(bundle: Path | None, quick: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        commands = {name: ["-c", code] for name, code in IMPORTS.items()}
        if not quick:
            commands[PREDICT] = ["-m", "pen_mobile", "predict", *_given(bundle, Path(folder))]
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
        for _ in range(1 if quick else 4):
            for name, words in commands.items():
                found[name].append(run(words))
    rows = []
    for name, runs in found.items():
        wall, processor, megabytes = (min(column) for column in zip(*runs, strict=True))
        numbers = {"shortest s": wall, "processor s": processor, "MB": megabytes}
        rows.append({"command": name, **{key: round(value, 3) for key, value in numbers.items()}})
        click.echo(f"{name}: {wall:.2f} s, of the processor {processor:.2f} s, {megabytes:.0f} MB")
    if not quick:
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, remarks=_remarks(rows)))


def run(words: list[str]) -> tuple[float, float, float]:
    """Run Python in a process of its own; return seconds, seconds of the processor, and peak memory in MB."""
    paths = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    started = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *words], env=os.environ | {"PYTHONPATH": paths}, **quiet)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _given(bundle: Path | None, folder: Path) -> list[str]:
    """Return a bundle, made when none was given, and the photograph."""
    from skimage import data, io

    photograph = folder / "photo.png"
    io.imsave(photograph, data.astronaut())
    if bundle is None:  # made by another process: what this one holds would count as its children's
        bundle = folder / "bundle"
        maker = multiprocessing.get_context("spawn").Process(target=_make, args=(folder,))
        maker.start()
        maker.join()
    return [str(bundle), str(photograph)]


def _make(folder: Path) -> None:
    import bundles

    from pen_mobile.bundle.export import export_bundle
    from pen_mobile.bundle.recipe import load_recipe

    run_of = bundles.run_of_backbone("mobilenet_v3_small", 224, folder / "run", experts=3)
    export_bundle(run_of, load_recipe("android-fp32"), folder / "bundle")


def _remarks(rows: list[dict[str, float]]) -> list[str]:
    lean, predict = (next(row for row in rows if row["command"] == name) for name in (LEAN, PREDICT))
    time_ratio, memory_ratio = predict["processor s"] / lean["processor s"], predict["MB"] / lean["MB"]
    said = [
        f"Against the leaner import {time_ratio:.2f} times the processor's time and {memory_ratio:.2f} times the "
        f"memory; at most {LIMITS['time']} and {LIMITS['memory']} are wanted."
    ]
    missed = [name for name, ratio in (("time", time_ratio), ("memory", memory_ratio)) if ratio > LIMITS[name]]
    return [*said, *(f"Missed: {name}." for name in missed)]


if __name__ == "__main__":
    main()
