"""Where the backbone was trained on the source people, what do wrong labels do, and what does caution cost and save?

Source people are then nearer to the model than anybody else. How surprising honest labels are cannot be learned from
them, so surprise is not judged; caution is what is left. Owners adapt with labels of the first half of their recording,
the second half tests. ``docs/guard.md`` has the same attacks where nobody took part in training a backbone.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
import measure
import numpy as np
import torch
from quality_per_label import FULL as QUALITY
from quality_per_label import TINY as TINY_QUALITY
from quality_per_label import Scale as QualityScale
from quality_per_label import owners, shipped_model

sys.path.insert(0, str(Path(__file__).parent.parent))

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.models.label_set import head_output
from pen_mobile.models.prior import Prior
from pen_mobile.training.run_folder import Run
from pen_mobile.training.strategies.prior import PersonLabels, adapt_people
from pen_mobile.types import Doubles
from pen_mobile.utils.threads import one_thread
from tests.faults.attacks import Labels, Recording, inverted, later_half_inverted, nothing, one_outlier, shuffled

HONEST, ALL_WRONG = "honest", "wrong, all kinds"
SAMPLINGS = ("random", "one stretch")
GAP_S = 10.0


class Scale(NamedTuple):
    """How much is done: the model and its owners, seeds of owners, labels, other amounts of caution."""

    model: QualityScale
    seeds: int
    counts: tuple[int, ...]
    caution: tuple[float, ...]


FULL = Scale(QUALITY, 10, (5, 20, 60), (0.0, 0.5, 2.0))
TINY = Scale(TINY_QUALITY, 2, (5,), (0.0,))


class Outcome(NamedTuple):
    """What one set of labels did: whether a target was adapted, and by how much the true RMSE of the owner changed."""

    owner: int
    accepted: bool
    change: float


class World(NamedTuple):
    """The model, its owners, and seconds of each of their moments."""

    prior: Prior
    head: Doubles
    people: list[Recording]
    time_s: Doubles


def world_of(scale: Scale, folder: Path) -> World:
    """Learn the model from source people and invent owners."""
    run: Run = shipped_model(scale.model, folder)
    people, times = [], []
    for seed in range(scale.model.first_seed, scale.model.first_seed + scale.seeds):
        table = owners(scale.model, run, seed)
        for name in table.subjects():
            rows = table.rows_of(name)
            people.append(Recording(table.features[rows], table.affect[rows]))
            times.append(table.time_s[rows])
    head = run.expert_head().head_parameters.detach().numpy().astype(np.float64)
    return World(run.prior(), head, people, times[0])


def label_sets(world: World, count: int, sampling: str) -> Iterator[tuple[str, int, Labels]]:
    """Yield kind, owner and labels of every set: honest ones, and what may be wrong with them."""
    kinds: dict[str, Callable[[Labels, int], Labels]] = {
        HONEST: nothing,
        "all inverted": inverted,
        "the later half inverted": later_half_inverted,
        "shuffled": shuffled,
        "one at the opposite corner": one_outlier,
    }
    half = len(world.time_s) // 2
    for number, owner in enumerate(world.people):
        rng = np.random.default_rng([number, 9])
        rows = np.sort(rng.permutation(half)[:count])
        if sampling == "one stretch":
            rows = rng.integers(half - count + 1) + np.arange(count)
        honest = Labels(owner.z[rows], owner.affect[rows], world.time_s[rows])
        for kind, attack in kinds.items():
            yield kind, number, attack(honest, number)
        other = world.people[(number + 1) % len(world.people)]
        yield "another person's", number, honest._replace(affect=other.affect[rows])


def outcomes(world: World, prior: Prior, counts: tuple[int, ...]) -> dict[str, list[Outcome]]:
    """Adapt every owner to every set of labels; by kind of set."""
    targets = prior.targets
    before = [_error(world, world.head, number, targets) for number in range(len(world.people))]
    found: dict[str, list[Outcome]] = {HONEST: [], ALL_WRONG: []}
    for count, sampling in itertools.product(counts, SAMPLINGS):
        sets = list(label_sets(world, count, sampling))
        labels = [PersonLabels(*(torch.from_numpy(np.asarray(part, np.float64)) for part in one)) for *_, one in sets]
        adapted = adapt_people(prior, torch.from_numpy(world.head), labels)
        accepted = (adapted.report[:, ReportRow.VERDICT] == Verdict.ADAPTED).any(dim=1).tolist()
        for (kind, number, _), head, taken in zip(sets, adapted.heads.numpy(), accepted, strict=True):
            change = _error(world, head, number, targets) - before[number] if taken else 0.0
            outcome = Outcome(number, taken, change)
            for name in (kind,) if kind == HONEST else (kind, ALL_WRONG):
                found.setdefault(name, []).append(outcome)
    return found


def _error(world: World, head: Doubles, number: int, targets: int) -> float:
    """Return the RMSE on the owner's second half, mean over targets."""
    tested = world.time_s > world.time_s[len(world.time_s) // 2] + GAP_S
    owner = world.people[number]
    errors = head_output(head, owner.z[tested].astype(np.float64), targets) - owner.affect[tested]
    return float(np.sqrt(np.square(errors).mean(axis=0)).mean())


def rows_of(caution: str, found: dict[str, list[Outcome]], margin: float) -> list[dict[str, Any]]:
    """Return a row for each kind of label set; intervals are over owners."""
    return [
        {
            "caution": caution,
            "labels": kind,
            "sets": len(group),
            "accepted": f"{np.mean([one.accepted for one in group]):.1%}",
            "change of RMSE": _interval(group, lambda one: one.change, 4),
            "worse by more than the margin, %": _interval(group, lambda one: 100.0 * (one.change > margin), 1),
            "worst": round(max(one.change for one in group), 3),
        }
        for kind, group in found.items()
    ]


def _interval(group: list[Outcome], value: Callable[[Outcome], float], digits: int) -> dict[str, float]:
    own = [[value(one) for one in group if one.owner == number] for number in sorted({one.owner for one in group})]
    return measure.mean_of_people(np.array(own).mean(axis=1), digits)


def study(scale: Scale, folder: Path) -> list[dict[str, Any]]:
    """Return the rows for the prior that ships, and for other amounts of caution."""
    world = world_of(scale, folder)
    shipped = ", ".join(f"{amount:g}" for amount in world.prior.caution)
    priors = {f"as shipped ({shipped})": world.prior} | {
        f"{amount:g}": dataclasses.replace(world.prior, caution=np.full(world.prior.targets, amount))
        for amount in scale.caution
    }
    margin = float(world.prior.margin[0])
    return [
        row for name, prior in priors.items() for row in rows_of(name, outcomes(world, prior, scale.counts), margin)
    ]


@click.command()
@click.option("--quick", is_flag=True, help="Two owners, five labels; writes nothing.")
def main(quick: bool) -> None:
    scale = TINY if quick else FULL
    with TemporaryDirectory() as folder, one_thread():
        rows = study(scale, Path(folder) / "run")
    for row in rows:
        click.echo(" ".join(str(value) for value in row.values()))
    if not quick:
        facts = scale.model._asdict() | {"seeds": scale.seeds, "counts": scale.counts, "samplings": SAMPLINGS}
        del facts["steps"]
        facts["seed"] = f"0 learns, {scale.model.first_seed} and the next invent owners"
        facts["interval"] = "95 %, over owners"
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, **facts))


if __name__ == "__main__":
    main()
