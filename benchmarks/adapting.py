"""What do an adaptation and a prediction cost beside the bundle's own programs?

An adaptation is 336 steps of batch 32 on 350 samples in a store on disk, with guard and commit; beside it the same
steps alone, each with its batch gathered. A prediction is of an aligned frame, or of a feature; beside it the part
of it that the runtime spends in the programs. Adaptations are counted in processor time. Predictions are in wall time:
to read the processor's is a call into the system, and between the programs that costs what is to be measured.
"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import click  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from bundles import make_bundle, owners_labels, run_of_backbone, run_of_features  # noqa: E402
from executorch.runtime import Runtime  # noqa: E402

from pen_mobile.phone.phone import Phone  # noqa: E402

SAMPLES, EVERY_S, STEPS = 350, 2.0, 336
MOST_ADAPTING, MOST_PREDICTING_MS = 1.5, 0.2


class Method:
    """A method of a bundle's program, without anything of ours around it."""

    def __init__(self, program: Path, name: str) -> None:
        self._program = Runtime.get().load_program(program)
        chosen = next(one for one in sorted(self._program.method_names) if one.startswith(name))
        self._method = self._program.load_method(chosen)

    def __call__(self, *inputs: torch.Tensor) -> Any:
        return self._method.execute(inputs)


class BareSteps:
    """The steps of one adaptation, in whole calls: gather, execute, keep the state.

    Attributes:
        steps: how many it takes.
    """

    def __init__(self, bundle: Path, z: np.ndarray, y: np.ndarray, steps: int) -> None:
        with Phone.open(bundle) as phone:
            self._start = torch.from_numpy(phone.parameters.copy())
            head = phone.manifest.head
        part = head.trainer("adadelta")
        self._train, self._z, self._y = Method(bundle / head.file, part.method), z, y
        self._shape, self._calls = (part.steps, part.batch), -(-steps // part.steps)
        self.steps = self._calls * part.steps
        self._batch = np.empty((*self._shape, z.shape[1]), np.float32)
        self._weight, self._hyper = torch.ones(self._shape), torch.tensor(part.default_hyper())

    def __call__(self) -> None:
        rng = np.random.default_rng(0)
        state = [self._start, torch.zeros_like(self._start), torch.zeros_like(self._start)]  # Adadelta's
        for _ in range(self._calls):
            rows = rng.integers(0, len(self._z), self._shape)
            np.take(self._z, rows, axis=0, out=self._batch, mode="clip")
            batch, y = torch.from_numpy(self._batch), torch.from_numpy(self._y[rows])
            *state, _ = self._train(*state, batch, y, self._weight, self._hyper)


class WholeAdaptation:
    """A phone that adapts to samples in its store, from the shipped head every time."""

    def __init__(self, bundle: Path, z: np.ndarray, y: np.ndarray, store: Path) -> None:
        self._phone = Phone.open(bundle, store=store)
        self._phone.add_labels(z, y, captured_at=time.time() - EVERY_S * np.arange(len(z))[::-1])
        self.steps = 0

    def __call__(self) -> None:
        result = self._phone.adapt(strategy="gradient", optimizer="adadelta")
        if not result.steps:
            raise click.ClickException(f"the phone declined: {result.reason}")
        self.steps = result.steps

    def reset(self) -> None:
        self._phone.reset()


def adapting_row(bundle: Path, folder: Path, rounds: int, steps: int) -> dict[str, Any]:
    """Time adaptations and bare steps in turn."""
    rng = np.random.default_rng(0)
    with Phone.open(bundle) as phone:
        z = rng.random((SAMPLES, phone.manifest.head.feature_size), np.float32)
        y = owners_labels(phone.predict_features(z)[0])
    bare, whole = BareSteps(bundle, z, y, steps), WholeAdaptation(bundle, z, y, folder / "owner.sqlite")
    pairs = []
    for _ in range(rounds):
        whole.reset()
        pairs.append((processor_seconds(whole), processor_seconds(bare)))
    found = whole.steps
    # As if it had taken as many steps, should the session have stopped early.
    pairs = [(adaptation, alone * found / bare.steps) for adaptation, alone in pairs]
    row: dict[str, Any] = {"what": f"adapting, {found} steps, {z.shape[1]} features"}
    return row | cells(pairs, f"at most {MOST_ADAPTING} times")


class Timed:
    """A method of the runtime that adds up how long it runs."""

    def __init__(self, method: Any) -> None:
        self._method, self.seconds = method, 0.0

    def execute(self, inputs: Any) -> Any:
        started = time.perf_counter()
        outputs = self._method.execute(inputs)
        self.seconds += time.perf_counter() - started
        return outputs


def predicting_rows(bundle: Path, rounds: int) -> list[dict[str, Any]]:
    """Time predictions, and within each of them the programs."""
    with Phone.open(bundle) as phone:
        part, programs = phone.manifest.backbone, phone.runtime._programs
        assert part is not None
        frame = np.random.default_rng(0).integers(0, 256, (part.crop.size, part.crop.size, 3), np.uint8)
        z = phone.runtime.features(frame[None])
        methods = [Timed(program._method) for program in (programs.backbone, programs.predict)]
        for program, method in zip((programs.backbone, programs.predict), methods, strict=True):
            program._method = method

        def pair(call: Callable[[], object]) -> tuple[float, float]:
            for method in methods:
                method.seconds = 0.0
            started = time.perf_counter()
            call()
            return time.perf_counter() - started, sum(method.seconds for method in methods)

        target = f"at most {MOST_PREDICTING_MS} ms more"
        frames = [pair(lambda: phone.predict(frame, aligned=True)) for _ in range(rounds)]
        features = [pair(lambda: phone.predict_features(z)) for _ in range(rounds)]
    name = f"predicting, {part.name}, {part.crop.size} px"
    return [{"what": name} | cells(frames, target), {"what": "predicting from a feature"} | cells(features, target)]


def processor_seconds(call: Callable[[], object]) -> float:
    """Return processor seconds of one call: what other processes take of the core does not count."""
    started = time.process_time()
    call()
    return time.process_time() - started


def cells(pairs: list[tuple[float, float]], target: str) -> dict[str, Any]:
    """Return what both took and how they compare; every round is compared with itself."""
    return {
        "ms": spread([1e3 * whole for whole, _ in pairs]),
        "programs alone, ms": spread([1e3 * alone for _, alone in pairs]),
        "more, ms": spread([1e3 * (whole - alone) for whole, alone in pairs]),
        "times": spread([whole / alone for whole, alone in pairs]),
        "target": target,
    }


def spread(values: list[float]) -> dict[str, float]:
    return {key: round(value, 3) for key, value in measure.summary(values).items()}


def remarks(rows: list[dict[str, Any]]) -> list[str]:
    """Say which targets are missed."""
    missed = []
    for row in rows:
        adapting = row["what"].startswith("adapting")
        found, most = (row["times"], MOST_ADAPTING) if adapting else (row["more, ms"], MOST_PREDICTING_MS)
        if found["median"] > most:
            missed.append(f"Missed: {row['what']}: {found['median']} against {row['target']}.")
    return missed


@click.command()
@click.option("--quick", is_flag=True, help="A tiny bundle, one round; writes nothing.")
@click.option("--bundles", type=click.Path(path_type=Path), help="Folder that keeps bundles for the next time.")
@click.option("--rounds", default=15, show_default=True)
def main(quick: bool, bundles: Path | None, rounds: int) -> None:
    measure.hush()
    with tempfile.TemporaryDirectory() as temporary:
        folder = bundles or Path(temporary)
        if quick:
            run = run_of_backbone("squeezenet1_1", 32, folder / "squeezenet1_1-run")
            bundle = make_bundle(run, "fp32", folder / "squeezenet1_1-fp32")
            rows = [adapting_row(bundle, Path(temporary), 1, 10), *predicting_rows(bundle, 3)]
        else:
            on_features = make_bundle(run_of_features(2048, folder / "features-run"), "fp32", folder / "features")
            rows = [adapting_row(on_features, Path(temporary), rounds, STEPS)]
            run = run_of_backbone("mobilenet_v3_small", 224, folder / "mobilenet_v3_small-run")
            rows += predicting_rows(make_bundle(run, "fp32", folder / "mobilenet_v3_small-fp32"), rounds * 20)
    for row in rows:
        click.echo(f"{row['what']}: {row['times']['median']} times, {row['more, ms']['median']} ms more")
    if not quick:
        facts = {"seed": 0, "rounds": rounds, "threads": 1, "experts": 9, "clock": "processor; wall to predict"}
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, remarks=remarks(rows), **facts))


if __name__ == "__main__":
    main()
