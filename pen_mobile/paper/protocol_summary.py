"""What the measurements come to: means over seeds, paired differences, and the paper's statements, checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.strategy import Strategy
from pen_mobile.metrics import Agreement
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling, Study
from pen_mobile.paper.protocol_result import OWN_MEAN, Cell, Evaluation, Model, ProtocolResult
from pen_mobile.utils.frames import Tabular
from pen_mobile.utils.plain import Result

MEASURES = ("ccc_valence", "ccc_arousal", "ccc", "rmse_valence", "rmse_arousal", "rmse")
"""Attributes of :class:`Agreement`; ``ccc`` and ``rmse`` are over both dimensions."""

PAIRS: tuple[tuple[Model, Model], ...] = (
    ("s-PEN", "s-SN"),
    ("s-SN", "t-SN"),
    ("s-PEN", "t-PEN"),
    ("s-PEN", OWN_MEAN),
)
"""Which models are compared."""

_DRAWS = 2000
_INTERVAL = (2.5, 97.5)  # per cent


@dataclass(frozen=True)
class MeanStd:
    """Mean and standard deviation over seeds; None where no seed defines it, or only one for ``std``."""

    mean: float | None
    std: float | None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> MeanStd:
        """Summarise values, one for each seed; undefined ones are left out."""
        known = [value for value in values if value is not None]
        return cls(
            float(np.mean(known)) if known else None,
            float(np.std(known, ddof=1)) if len(known) > 1 else None,
        )


@dataclass(frozen=True)
class AggregateRow:
    """One model with one amount of labels, over all seeds.

    Attributes:
        sampling, scope, study, model, strategy, share, count: as of :class:`Cell` and :class:`Evaluation`.
        labels: labels used, summed over people; mean over seeds.
        milliseconds: time of one adaptation (see :class:`Evaluation`).
        pooled: measure -> agreement over the concatenated test rows of all people.
        person: measure -> mean over people of the agreement for each, people without a CCC left out.
    """

    sampling: Sampling
    scope: AdaptationScope
    study: Study
    model: Model
    strategy: str
    share: float | None
    count: int | None
    labels: float
    milliseconds: MeanStd
    pooled: dict[str, MeanStd]
    person: dict[str, MeanStd]


@dataclass(frozen=True)
class Difference:
    """Two models on the same test rows of the same people with the same seeds.

    Attributes:
        sampling, scope, share: which rows of which tables.
        model, other: what is compared; differences are ``model - other``.
        measure: ``ccc`` or ``rmse``, of both dimensions.
        pooled: difference over the concatenated test rows.
        person: mean over people and seeds of the difference for each person.
        low, high: 95 % interval of ``person`` (see :func:`bootstrap_interval`); None with one person only.
    """

    sampling: Sampling
    scope: AdaptationScope
    share: float
    model: Model
    other: Model
    measure: str
    pooled: MeanStd
    person: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Check:
    """One of the paper's statements, held against the measurements; nothing is tuned until it holds.

    Attributes:
        statement: in words.
        sampling, scope: where it was looked at; None for source learning.
        holds: whether it does; None when it could not be looked at.
        numbers: what decided it.
    """

    statement: str
    sampling: Sampling | None
    scope: AdaptationScope | None
    holds: bool | None
    numbers: dict[str, float]


@dataclass(frozen=True)
class Summary(Tabular, Result):
    """Tables, differences and checks of one protocol; the data frame has a row for each line of a table."""

    rows_key = "lines"

    lines: list[AggregateRow]
    differences: list[Difference]
    checks: list[Check]

    def find(
        self,
        sampling: Sampling,
        scope: AdaptationScope,
        model: Model,
        share: float | None,
        *,
        study: Study = "models",
        strategy: str = Strategy.GRADIENT.value,
        count: int | None = None,
    ) -> AggregateRow | None:
        """Return one line of a table, or None when there is none."""
        wanted = (sampling, scope, study, model, strategy, share, count)
        for line in self.lines:
            found = (line.sampling, line.scope, line.study, line.model, line.strategy, line.share, line.count)
            if found == wanted:
                return line
        return None


def summarize(result: ProtocolResult) -> Summary:
    """Reckon every table from the cells."""
    tables = [(sampling, scope) for sampling in result.plan.samplings for scope in result.plan.scopes]
    return Summary(
        list(_lines(result.cells)),
        [difference for table in tables for difference in _differences(result, *table)],
        [check for table in tables for check in _table_checks(result, *table)] + _gate_checks(result),
    )


def _lines(cells: Sequence[Cell]) -> Iterator[AggregateRow]:
    """Group ones that differ in their seed only."""
    groups: dict[tuple[Any, ...], list[Evaluation]] = {}
    for cell in cells:
        for one in cell.evaluations:
            key = (cell.sampling, cell.scope, cell.study, one.model, one.strategy, one.share, one.count)
            groups.setdefault(key, []).append(one)
    for key, evaluations in groups.items():
        yield AggregateRow(
            *key,
            labels=float(np.mean([one.labels for one in evaluations])),
            milliseconds=MeanStd.of([one.seconds * 1e3 for one in evaluations]),
            pooled={name: MeanStd.of([getattr(one.pooled, name) for one in evaluations]) for name in MEASURES},
            person={name: MeanStd.of([person_mean(one, name) for one in evaluations]) for name in MEASURES},
        )


def person_mean(one: Evaluation, measure: str) -> float | None:
    """Return the mean over people of one measure; None when nobody defines it."""
    return MeanStd.of([getattr(values, measure) for values in one.people.values()]).mean


def bootstrap_interval(values: NDArray[np.float64], draws: int = _DRAWS, seed: int = 0) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of the mean of ``[people, seeds]`` values, or None for one person.

    Hierarchical: every draw takes as many people as there are, with replacement, and for each of
    them as many seeds, with replacement. So it says how far the mean would move with other people
    like these; seeds of one person are not taken for other people. NaN (undefined) is left out.
    """
    people, seeds = values.shape
    if people < 2:
        return None
    rng = np.random.default_rng(seed)
    who = rng.integers(people, size=(draws, people, 1))
    which = rng.integers(seeds, size=(draws, people, seeds))
    drawn = values[who, which].reshape(draws, -1)
    known = np.isfinite(drawn)
    drawn, counts = np.where(known, drawn, 0), known.sum(axis=1)
    low, high = np.percentile(drawn.sum(axis=1)[counts > 0] / counts[counts > 0], _INTERVAL)
    return float(low), float(high)


def _differences(result: ProtocolResult, sampling: Sampling, scope: AdaptationScope) -> Iterator[Difference]:
    cells = list(result.select(sampling, scope))
    for model, other in PAIRS:
        for share in result.plan.shares:
            pairs = list(_paired(cells, model, other, share))
            for measure in ("ccc", "rmse") if pairs else ():
                person, interval = _person_difference(pairs, measure)
                low, high = interval or (None, None)
                pooled = MeanStd.of([_minus(one.pooled, two.pooled, measure) for one, two in pairs])
                yield Difference(sampling, scope, share, model, other, measure, pooled, person, low, high)


def _paired(cells: Sequence[Cell], model: Model, other: Model, share: float) -> Iterator[tuple[Evaluation, Evaluation]]:
    """Yield both models' evaluations of every seed that has both."""
    for cell in cells:
        one, two = cell.find(model, share), cell.find(other, share)
        if one is not None and two is not None:
            yield one, two


def _person_difference(
    pairs: Sequence[tuple[Evaluation, Evaluation]], measure: str
) -> tuple[float | None, tuple[float, float] | None]:
    """Return the mean difference over people and seeds, and its interval; who never has one is left out."""
    people = sorted({name for one, _ in pairs for name in one.people})
    rows = [[_person_minus(one, two, name, measure) for one, two in pairs] for name in people]
    values = np.array([row for row in rows if any(value is not None for value in row)], dtype=np.float64)
    if not len(values):
        return None, None
    return float(np.nanmean(values)), bootstrap_interval(values)


def _person_minus(one: Evaluation, two: Evaluation, name: str, measure: str) -> float | None:
    """Return one person's difference; None when a seed's sampling left that person out."""
    if name not in one.people or name not in two.people:
        return None
    return _minus(one.people[name], two.people[name], measure)


def _minus(one: Agreement, two: Agreement, measure: str) -> float | None:
    first, second = getattr(one, measure), getattr(two, measure)
    return None if first is None or second is None else float(first - second)


def _table_checks(result: ProtocolResult, sampling: Sampling, scope: AdaptationScope) -> Iterator[Check]:
    """Look at what the paper says about Table 1."""
    shares = [share for share in result.plan.shares if share > 0]
    cells = list(result.select(sampling, scope))

    def check(statement: str, model: Model, other: Model, where: Sequence[float], sign: int, measure: str) -> Check:
        found = {f"{share:.0%}": _mean_difference(cells, model, other, share, measure) for share in where}
        numbers = {f"{measure} difference at {at}": value for at, value in found.items() if value is not None}
        holds = all(sign * value >= 0 for value in numbers.values()) if numbers else None
        return Check(statement, sampling, scope, holds, numbers)

    later = [share for share in shares if share >= 0.1]
    first = shares[:1]
    yield check("s-PEN is at least as good as s-SN from 10 % of the labels on (CCC)", "s-PEN", "s-SN", later, 1, "ccc")
    for model, other in PAIRS[1:3]:
        yield check(
            f"{model} is at least as good as {other} with the fewest labels (CCC)", model, other, first, 1, "ccc"
        )
    statement = "s-PEN is at least as good as each person's own mean with every share (RMSE)"
    yield check(statement, "s-PEN", OWN_MEAN, shares, -1, "rmse")


def _mean_difference(cells: Sequence[Cell], model: Model, other: Model, share: float, measure: str) -> float | None:
    pairs = _paired(cells, model, other, share)
    return MeanStd.of([_minus(one.pooled, two.pooled, measure) for one, two in pairs]).mean


def _gate_checks(result: ProtocolResult) -> list[Check]:
    """Look at Fig. 4, left: each source person's expert should carry that person."""
    own = [[gate[name][place] for place, name in enumerate(sorted(gate))] for gate in _source_gates(result)]
    first = [
        [float(np.argmax(gate[name]) == place) for place, name in enumerate(sorted(gate))]
        for gate in _source_gates(result)
    ]
    numbers = {
        "mean weight of the own expert": float(np.mean(own)),
        "smallest weight of an own expert": float(np.min(own)),
        "share of people whose own expert weighs most": float(np.mean(first)),
    }
    statement = "source people: the gate is near the identity (every own expert weighs more than all others together)"
    return [Check(statement, None, None, bool(np.min(own) > 0.5), numbers)]


def _source_gates(result: ProtocolResult) -> Iterator[dict[str, list[float]]]:
    for source in result.sources:
        yield source.gate
