"""Means over seeds of what the cells measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling, Study
from pen_mobile.paper.protocol_result import Cell, Evaluation, Model

MEASURES = ("ccc_valence", "ccc_arousal", "ccc", "rmse_valence", "rmse_arousal", "rmse")
"""Attributes of :class:`~pen_mobile.metrics.Agreement`; ``ccc`` and ``rmse`` are over both dimensions."""


RowKey = tuple[Sampling, AdaptationScope, Study, Model, str, float | None, int | None]
"""Sampling, scope, study, model, strategy, share and count."""


@dataclass(frozen=True)
class MeanStd:
    """Mean and standard deviation over seeds; None where no seed defines it, or only one for ``std``."""

    mean: float | None
    std: float | None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> MeanStd:
        """Summarise values, one for each seed; undefined ones are left out.

        Args:
            values: one for each seed.
        """
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
        fewest: labels of the person with the fewest, over all seeds.
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
    fewest: int
    milliseconds: MeanStd
    pooled: dict[str, MeanStd]
    person: dict[str, MeanStd]

    @classmethod
    def of(cls, key: RowKey, evaluations: Sequence[Evaluation]) -> AggregateRow:
        """Summarize evaluations that differ in their seed only.

        Args:
            key: of the row.
            evaluations: one for each seed.
        """
        return cls(
            *key,
            labels=float(np.mean([one.labels for one in evaluations])),
            fewest=min(one.fewest for one in evaluations),
            milliseconds=MeanStd.of([one.seconds * 1e3 for one in evaluations]),
            pooled={name: MeanStd.of([getattr(one.pooled, name) for one in evaluations]) for name in MEASURES},
            person={name: MeanStd.of([person_mean(one, name) for one in evaluations]) for name in MEASURES},
        )

    @property
    def budget(self) -> tuple[float | None, int | None]:
        """Share and number of the labels, of which one is None."""
        return self.share, self.count


def aggregate_rows(cells: Sequence[Cell]) -> Iterator[AggregateRow]:
    """Group evaluations that differ in their seed only.

    Args:
        cells: of all seeds and studies.
    """
    groups: dict[RowKey, list[Evaluation]] = {}
    for cell in cells:
        for one in cell.evaluations:
            key = (cell.sampling, cell.scope, cell.study, one.model, one.strategy, one.share, one.count)
            groups.setdefault(key, []).append(one)
    for key, evaluations in groups.items():
        yield AggregateRow.of(key, evaluations)


def person_mean(evaluation: Evaluation, measure: str) -> float | None:
    """Return the mean over people of one measure; None when nobody defines it.

    Args:
        evaluation: of one seed.
        measure: one of :data:`MEASURES`.
    """
    return MeanStd.of([getattr(values, measure) for values in evaluation.people.values()]).mean
