"""Paired differences: two models, or two strategies, on the same test rows of the same people with the same seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pen_mobile.contract.strategy import Strategy
from pen_mobile.metrics import Agreement
from pen_mobile.paper.aggregates import MeanStd
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling, Study
from pen_mobile.paper.protocol_result import OWN_MEAN, UNADAPTED, Cell, Evaluation, Model
from pen_mobile.types import Doubles, Rows

PAIRS: tuple[tuple[Model, Model], ...] = (
    ("s-PEN", "s-SN"),
    ("s-SN", "t-SN"),
    ("s-PEN", "t-PEN"),
    ("s-PEN", OWN_MEAN),
)
"""Which models are compared."""

_DRAWS = 2000
_INTERVAL = (2.5, 97.5)  # per cent
_GRADIENT = Strategy.GRADIENT.value


@dataclass(frozen=True)
class Difference:
    """The difference of two evaluations, paired by seed and person.

    Attributes:
        sampling, scope, study, share, count: which rows of which tables.
        model, strategy: what is compared.
        other, other_strategy: with what; differences are ``model - other``.
        measure: ``ccc`` or ``rmse``, of both dimensions.
        pooled: difference over the concatenated test rows.
        person: mean over people and seeds of the difference for each person.
        low, high: 95 % interval of ``person`` (see :func:`bootstrap_interval`); None with one person only.
    """

    sampling: Sampling
    scope: AdaptationScope
    study: Study
    share: float | None
    count: int | None
    model: Model
    strategy: str
    other: Model
    other_strategy: str
    measure: str
    pooled: MeanStd
    person: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, cell: Cell, pairs: Sequence[tuple[Evaluation, Evaluation]], measure: str) -> Difference:
        """Return the difference over all seeds.

        Args:
            cell: of the table, for its sampling, scope and study.
            pairs: both evaluations of every seed.
            measure: attribute of :class:`~pen_mobile.metrics.Agreement`.
        """
        first, second = pairs[0]
        person, interval = _person_difference(pairs, measure)
        low, high = interval or (None, None)
        return cls(
            cell.sampling,
            cell.scope,
            cell.study,
            first.share,
            first.count,
            first.model,
            first.strategy,
            second.model,
            second.strategy,
            measure,
            MeanStd.of([minus(one.pooled, two.pooled, measure) for one, two in pairs]),
            person,
            low,
            high,
        )

    @property
    def budget(self) -> tuple[float | None, int | None]:
        """Share and number of the labels, of which one is None."""
        return self.share, self.count


def bootstrap_interval(values: Doubles, draws: int = _DRAWS, seed: int = 0) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a mean over people, or None for one person.

    Hierarchical: every draw takes as many people as there are, with replacement, and for each of
    them as many seeds, with replacement. So it says how far the mean would move with other people
    like these; seeds of one person are not taken for other people. NaN (undefined) is left out.

    Args:
        values: ``[people, seeds]``.
        draws: how many means are drawn.
        seed: of the draws.
    """
    people, seeds = values.shape
    if people < 2:
        return None
    drawn = values[_draws(people, seeds, draws, seed)].reshape(draws, -1)
    known = np.isfinite(drawn)
    drawn, counts = np.where(known, drawn, 0), known.sum(axis=1)
    low, high = np.percentile(drawn.sum(axis=1)[counts > 0] / counts[counts > 0], _INTERVAL)
    return float(low), float(high)


@lru_cache(maxsize=8)
def _draws(people: int, seeds: int, draws: int, seed: int) -> tuple[Rows, Rows]:
    rng = np.random.default_rng(seed)
    return rng.integers(people, size=(draws, people, 1)), rng.integers(seeds, size=(draws, people, seeds))


def model_differences(cells: Sequence[Cell], shares: Sequence[float]) -> Iterator[Difference]:
    """Yield the differences of :data:`PAIRS`, of CCC and of RMSE.

    Args:
        cells: of one table, one for each seed.
        shares: of the labels.
    """
    for model, other in PAIRS:
        for share in shares:
            pairs = list(paired(cells, (model, _GRADIENT), (other, _GRADIENT), share))
            for measure in ("ccc", "rmse") if pairs else ():
                yield Difference.of(cells[0], pairs, measure)


def strategy_differences(cells: Sequence[Cell]) -> Iterator[Difference]:
    """Yield for every strategy the differences of RMSE to the own mean and to the model that is not adapted.

    Args:
        cells: of one study of strategies, one for each seed.
    """
    keys = {
        (one.model, one.strategy, one.share, one.count): None
        for cell in cells
        for one in cell.evaluations
        if one.strategy != UNADAPTED and one.model != OWN_MEAN
    }
    for model, strategy, share, count in keys:
        to_own_mean = paired(cells, (model, strategy), (OWN_MEAN, _GRADIENT), share, count)
        to_unadapted = paired(cells, (model, strategy), (model, UNADAPTED), share, count)
        for pairs in (list(to_own_mean), list(to_unadapted)):
            if pairs:
                yield Difference.of(cells[0], pairs, "rmse")


def paired(
    cells: Sequence[Cell],
    one: tuple[Model, str],
    other: tuple[Model, str],
    share: float | None,
    count: int | None = None,
) -> Iterator[tuple[Evaluation, Evaluation]]:
    """Yield both evaluations of every seed that has both.

    Args:
        cells: one for each seed.
        one: model and strategy.
        other: model and strategy; what is not adapted is found under no labels.
        share: of the labels.
        count: of the labels.
    """
    for cell in cells:
        first = cell.find(one[0], share, strategy=one[1], count=count)
        budget = (0.0, None) if other[1] == UNADAPTED else (share, count)
        second = cell.find(other[0], budget[0], strategy=other[1], count=budget[1])
        if first is not None and second is not None:
            yield first, second


def _person_difference(
    pairs: Sequence[tuple[Evaluation, Evaluation]], measure: str
) -> tuple[float | None, tuple[float, float] | None]:
    """Return the mean difference over people and seeds, and its interval; people without one are left out."""
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
    return minus(one.people[name], two.people[name], measure)


def minus(one: Agreement, two: Agreement, measure: str) -> float | None:
    """Return the difference of one measure, or None where either is undefined.

    Args:
        one: first.
        two: subtracted.
        measure: attribute of both.
    """
    first, second = getattr(one, measure), getattr(two, measure)
    return None if first is None or second is None else float(first - second)
