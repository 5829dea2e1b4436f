"""How long does one call of the exported method adapt take, beside the same mathematics in numpy with LAPACK?

numpy computes in float64 and on the same number of labels, none of them padding. Each candidate of the prior and each
target costs two inverses of an N x N matrix in either.
"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import click  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent.parent))

from pen_mobile.bundle.programs.adapt import AdaptProgram  # noqa: E402
from pen_mobile.bundle.programs.head import HeadSize  # noqa: E402
from pen_mobile.bundle.programs.lowering import lower  # noqa: E402
from pen_mobile.contract.adaptation_report import ReportRow  # noqa: E402
from pen_mobile.models.label_set import head_output  # noqa: E402
from pen_mobile.models.posterior import adapt  # noqa: E402
from pen_mobile.phone.executorch_runtime import executorch_runtime, use_threads  # noqa: E402
from pen_mobile.training.strategies.prior import PersonLabels, adapt_people  # noqa: E402
from tests.owners import a_prior, an_owner  # noqa: E402

METHOD, LAPACK = "the method", "numpy"
TARGET, LARGEST_KB = 3.0, 60.0


class Size(NamedTuple):
    """What the time depends on."""

    labels: int
    features: int
    experts: int
    targets: int


SIZES = (Size(128, 2048, 9, 2), Size(128, 576, 9, 2), Size(64, 576, 9, 2), Size(128, 576, 9, 1))
TINY = (Size(16, 8, 2, 1),)


def row(size: Size, rounds: int, calls: int) -> dict[str, Any]:
    """Measure one size, and how far the two are apart."""
    prior = a_prior(size.features, size.targets)
    owner = an_owner(prior, size.experts, size.labels, size.labels, seed=0)
    program = AdaptProgram(HeadSize(size.features, size.experts, size.targets), prior, size.labels).eval()
    lowered = lower({"adapt": (program, program.example_inputs())})
    exact = [array.astype(np.float64) for array in owner]
    inputs = [torch.from_numpy(array)[None] for array in owner]
    with tempfile.TemporaryDirectory() as folder:
        lowered.write(Path(folder) / "adapt.pte")
        use_threads(1)  # before loading: a program keeps the threads that it was loaded with
        loaded = executorch_runtime().load_program(Path(folder) / "adapt.pte")
        method = loaded.load_method("adapt")
        assert method is not None
        seconds = measure.interleave(
            {METHOD: lambda: method.execute(inputs), LAPACK: lambda: adapt(prior, *exact)}, rounds, calls
        )
        head_parameters, report = (output[0].numpy().astype(np.float64) for output in method.execute(inputs))
    expected, expected_report = adapt(prior, *exact)
    answers = [head_output(head, exact[1], size.targets) for head in (head_parameters, expected)]
    pairs = zip(seconds[METHOD], seconds[LAPACK], strict=True)
    numbers = 4 * (prior.feature_mean.size + prior.feature_scale.size + prior.directions.size)
    return {
        "N": size.labels,
        "D_z": size.features,
        "targets": size.targets,
        "method, ms": rounded({key: 1e3 * value for key, value in measure.summary(seconds[METHOD]).items()}),
        "numpy, ms": rounded({key: 1e3 * value for key, value in measure.summary(seconds[LAPACK]).items()}),
        "of numpy": rounded(measure.summary([ours / theirs for ours, theirs in pairs])),
        "KB beside D_z numbers": round((len(lowered.buffer) - numbers) / 1e3, 1),
        "delegate calls": lowered.delegate_calls["adapt"],
        "answers differ": f"{np.abs(answers[0] - answers[1]).max():.0e}",
        "same verdict": bool((report[ReportRow.VERDICT] == expected_report[ReportRow.VERDICT]).all()),
    }


def people_a_minute(people: int, rounds: int) -> float:
    """Return how many people Python adapts in a batch, a minute of one core's time; N 40, D_z 512, two targets."""
    labels, features, targets = 40, 512, 2
    rng = np.random.default_rng(0)
    prior = a_prior(features, directions=4)
    head = torch.from_numpy(rng.normal(size=((1 + targets) * 9, features + 1)).astype(np.float32) * 0.02)
    given = [
        PersonLabels(
            torch.from_numpy(rng.normal(size=(labels, features)).astype(np.float32)),
            torch.from_numpy(rng.uniform(-1, 1, (labels, targets)).astype(np.float32)),
            torch.arange(labels) * 60.0,
        )
        for _ in range(people)
    ]
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        adapt_people(prior, head, given)
        seconds.append(time.process_time() - started)
    return 60 * people / sorted(seconds)[len(seconds) // 2]


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 2) for key, value in values.items()}


def remarks(rows: list[dict[str, Any]]) -> list[str]:
    """Say which targets were missed."""
    found = []
    for one in rows:
        name = f"N {one['N']}, D_z {one['D_z']}, {one['targets']} target(s)"
        if one["of numpy"]["median"] > TARGET:
            found.append(f"Missed: {name} takes {one['of numpy']['median']} of numpy's time; the target is {TARGET:g}.")
        if one["KB beside D_z numbers"] > LARGEST_KB:
            found.append(f"Missed: {name} has {one['KB beside D_z numbers']} KB; the target is {LARGEST_KB:g}.")
    return found


@click.command()
@click.option("--quick", is_flag=True, help="One tiny head; writes nothing.")
@click.option("--rounds", default=15, show_default=True)
def main(quick: bool, rounds: int) -> None:
    measure.hush()
    rows = [row(size, 2 if quick else rounds, 1 if quick else 5) for size in (TINY if quick else SIZES)]
    for one in rows:
        click.echo(
            f"N {one['N']}, D_z {one['D_z']}: {one['method, ms']['median']} ms, numpy {one['numpy, ms']['median']}"
        )
    rate = people_a_minute(3 if quick else 1000, 1 if quick else 5)
    batch = (
        f"In a batch Python adapts {rate:,.0f} people a minute of one core's time (N 40, D_z 512); 5,000 are wanted."
    )
    click.echo(batch)
    if not quick:
        said = [*remarks(rows), batch]
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, rounds=rounds, seed=0, remarks=said))


if __name__ == "__main__":
    main()
