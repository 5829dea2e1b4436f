"""How well single people fare with s-SN and with s-PEN (the paper's Fig. 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pen_mobile.paper.aggregates import MeanStd
from pen_mobile.paper.protocol_result import Cell, Model

COMPARED: tuple[Model, Model] = ("s-SN", "s-PEN")


@dataclass(frozen=True)
class PersonScore:
    """One person's CCC, averaged over all seeds and all shares that adapt.

    Attributes:
        name: who.
        ccc: model -> valence and arousal; None where it is never defined.
    """

    name: str
    ccc: dict[Model, tuple[float | None, float | None]]

    @property
    def difference(self) -> float | None:
        """CCC of s-PEN minus CCC of s-SN, mean of valence and arousal."""
        pairs = zip(*(self.ccc[model] for model in COMPARED), strict=True)
        return MeanStd.of([pen - sn for sn, pen in pairs if sn is not None and pen is not None]).mean

    def values(self) -> Iterator[float]:
        """Yield every CCC that is defined."""
        yield from (value for pair in self.ccc.values() for value in pair if value is not None)


def person_scores(cells: Sequence[Cell]) -> list[PersonScore]:
    """Return everybody for whom anything is defined, from where s-PEN is most ahead to where s-SN is."""
    names = sorted({name for cell in cells for one in cell.evaluations for name in one.people})
    scores = [PersonScore(name, {model: _ccc(cells, model, name) for model in COMPARED}) for name in names]
    known = [score for score in scores if score.difference is not None]
    return sorted(known, key=lambda score: -(score.difference or 0))


def by_size(scores: Sequence[PersonScore]) -> list[PersonScore]:
    """Return people in the order of the paper's Fig. 3: by the absolute difference of the models, the largest first.

    Args:
        scores: of all people.
    """
    return sorted(scores, key=lambda score: -abs(score.difference or 0.0))


def _ccc(cells: Sequence[Cell], model: Model, name: str) -> tuple[float | None, float | None]:
    found = [
        one.people[name]
        for cell in cells
        for one in cell.evaluations
        if one.model == model and one.share and name in one.people
    ]
    return MeanStd.of([one.ccc_valence for one in found]).mean, MeanStd.of([one.ccc_arousal for one in found]).mean


def representative(scores: Sequence[PersonScore], count: int = 3) -> list[PersonScore]:
    """Return a few of the sorted people, both ends and who lies evenly between: nobody picks the nice ones."""
    if len(scores) <= count:
        return list(scores)
    return [scores[round(place * (len(scores) - 1) / (count - 1))] for place in range(count)]
