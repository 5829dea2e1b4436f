"""The paper's statements, each held against the measurements; nothing is tuned until one holds.

"Own mean" is not in the paper: statements about it stand apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pen_mobile.contract.strategy import Strategy
from pen_mobile.paper.aggregates import MeanStd
from pen_mobile.paper.differences import minus, paired
from pen_mobile.paper.person_scores import PersonScore, person_scores
from pen_mobile.paper.protocol_plan import AdaptationScope, Sampling
from pen_mobile.paper.protocol_result import ISOLATED, JOINT, OWN_MEAN, GateMeans, Model, ProtocolResult
from pen_mobile.paper.protocol_result import Cell as ProtocolCell
from pen_mobile.utils.table import Cell, Row
from pen_mobile.utils.text import decimal

_GRADIENT = Strategy.GRADIENT.value
OURS = "not in the paper"


@dataclass(frozen=True)
class Statement:
    """One statement and what was found.

    Attributes:
        text: in words.
        source: where the paper says it, or :data:`OURS`.
        sampling, scope: where it was looked at; None for source learning.
        holds: whether it does; None when it could not be looked at.
        numbers: what decided it.
    """

    text: str
    source: str
    sampling: Sampling | None
    scope: AdaptationScope | None
    holds: bool | None
    numbers: dict[str, float]

    def row(self) -> Row:
        """Return the line of a table: where, whether it holds there, and the numbers."""
        words = {True: Cell("holds", tone="better"), False: Cell("does not hold", tone="worse")}
        holds = Cell("not looked at") if self.holds is None else words[self.holds]
        where = ", ".join(word for word in (self.scope, self.sampling) if word) or "source learning"
        numbers = "; ".join(f"{name}: {_number(value)}" for name, value in self.numbers.items())
        return Row([where, holds, numbers])


def _number(value: float) -> str:
    """Return a number as people read it: counts without digits after the point."""
    return f"{value:g}" if value == round(value) else decimal(value)


def statements(result: ProtocolResult) -> list[Statement]:
    """Return every statement in every setting, and those about source learning.

    Args:
        result: the protocol.
    """
    found = [*_source_statements(result), *_learning_statements(result)]
    for sampling in result.plan.samplings:
        for scope in result.plan.scopes:
            cells = list(result.select(sampling, scope))
            if cells:
                setting = _Setting(result, sampling, scope, cells)
                found += [*setting.table_1(), *setting.figure_3(), *setting.figure_4(), *setting.table_2()]
                found += setting.ours()
    return found


def _source_statements(result: ProtocolResult) -> Iterator[Statement]:
    """Look at experiment (i) and at Fig. 4, left."""
    known = [source.gain for source in result.sources if source.gain is not None]
    text = "s-PEN fits held-out rows of source people better than s-SN (CCC)"
    numbers = {"ccc difference": float(np.mean(known))} if known else {}
    yield Statement(text, "Section 1", None, None, numbers["ccc difference"] > 0 if known else None, numbers)
    gates = [source.gate_matrix for source in result.sources if source.gate]
    own = [gate.diagonal() for gate in gates]
    first = [gate.argmax(axis=1) == np.arange(len(gate)) for gate in gates]
    text = "source people: the gate is near the identity (every own expert weighs more than all others together)"
    if not own:
        return
    yield Statement(
        text,
        "Fig. 4, left",
        None,
        None,
        bool(np.min(own) > 0.5),
        {
            "mean weight of the own expert": float(np.mean(own)),
            "smallest weight of an own expert": float(np.min(own)),
            "share of people whose own expert weighs most": float(np.mean(first)),
        },
    )


def _learning_statements(result: ProtocolResult) -> Iterator[Statement]:
    """Look at experts that were tuned in isolation, where the ways to learn are compared."""
    cells = [cell for cell in result.cells if cell.study == "learning"]
    text = "experts tuned in isolation generalise worse to target people than jointly learned ones (CCC, not adapted)"
    for cell in cells[:1]:
        numbers = {name: _known_mean([_pooled(one, "s-PEN", 0.0, name) for one in cells]) for name in (JOINT, ISOLATED)}
        known = bool(np.isfinite(list(numbers.values())).all())
        holds = numbers[JOINT] > numbers[ISOLATED] if known else None
        yield Statement(text, "Section 3.5", cell.sampling, cell.scope, holds, numbers if known else {})


@dataclass(frozen=True, eq=False)
class _Setting:
    """One Table 1."""

    result: ProtocolResult
    sampling: Sampling
    scope: AdaptationScope
    cells: Sequence[ProtocolCell]

    def table_1(self) -> Iterator[Statement]:
        shares = list(self.result.plan.adapting_shares)
        later = [share for share in shares if share >= 0.1]
        first, last = shares[:1], shares[-1:]
        compared: tuple[Model, ...] = ("s-SN", "s-PEN")
        for model in compared:
            text = f"{model} gains more from no labels to the fewest than from the fewest to the most (CCC)"
            gains = {
                f"0 to {_percent(first)}": self._growth(model, [0.0], first),
                f"{_percent(first)} to {_percent(last)}": self._growth(model, first, last),
            }
            yield self._compare(text, "Section 4, Table 1", gains)
        text = "without labels, s-PEN is no better than s-SN on target people (CCC)"
        yield self._all(text, "Table 1", {"difference at 0 %": self._mean("s-PEN", "s-SN", 0.0)}, sign=-1)
        text = "s-PEN is ahead of s-SN from 10 % of the labels on (CCC)"
        leads = {f"difference at {_percent([share])}": self._mean("s-PEN", "s-SN", share) for share in later}
        yield self._all(text, "Table 1", leads, strict=True)
        text = "s-PEN's lead over s-SN grows with the labels from 10 % on (CCC)"
        ends = {f"at {_percent([share])}": self._mean("s-PEN", "s-SN", share) for share in (last + later[:1])}
        yield self._compare(text, "Section 4", ends if len(set(later)) > 1 else {})
        twins: tuple[tuple[Model, Model], ...] = (("s-SN", "t-SN"), ("s-PEN", "t-PEN"))
        for model, other in twins:
            text = f"{model} is ahead of {other} with every amount of labels (CCC)"
            leads = {f"difference at {_percent([share])}": self._mean(model, other, share) for share in shares}
            yield self._all(text, "Table 1", leads)
        text = "learning from source people helps PEN more than SN (CCC, mean over n)"
        yield self._compare(
            text,
            "Section 4",
            {
                "s-PEN minus t-PEN": _known_mean([self._mean("s-PEN", "t-PEN", share) for share in shares]),
                "s-SN minus t-SN": _known_mean([self._mean("s-SN", "t-SN", share) for share in shares]),
            },
        )

    def figure_3(self) -> Iterator[Statement]:
        scores = person_scores(self.cells)
        text = "s-PEN's CCC varies less from person to person than s-SN's"
        spreads = {f"deviation of {model}": _deviation(scores, model) for model in ("s-SN", "s-PEN")}
        yield self._compare(text, "Fig. 3", spreads)
        ahead = [score.difference or 0.0 for score in scores if (score.difference or 0.0) > 0]
        behind = [-(score.difference or 0.0) for score in scores if (score.difference or 0.0) <= 0]
        text = "where s-PEN is ahead of s-SN, it is by more than s-SN is ahead elsewhere (CCC, mean of people)"
        numbers = {"s-PEN ahead by": _known_mean(ahead or [0.0]), "s-SN ahead by": _known_mean(behind or [0.0])}
        yield self._compare(text, "Fig. 3", numbers if scores else {}, {"people with s-PEN ahead": len(ahead)})

    def figure_4(self) -> Iterator[Statement]:
        before = _effective_experts([cell.gate_before for cell in self.cells])
        adapting = bool(self.result.plan.adapting_shares)
        after = _effective_experts([cell.gate_after for cell in self.cells]) if adapting else float("nan")
        experts = len(self.result.data.source)
        text = "target people, not adapted: the gate is sparse (effective number of experts below half of them)"
        numbers = {"half of the experts": experts / 2, "effective number": before}
        yield self._compare(text, "Fig. 4, centre", numbers)
        text = "target people: the adapted gate is less sparse (larger effective number of experts)"
        yield self._compare(text, "Fig. 4, right", {"adapted": after, "not adapted": before})

    def table_2(self) -> Iterator[Statement]:
        """Look at the comparators, which are measured in the paper's setting alone."""
        others = list(self.result.select(self.sampling, self.scope, "comparators"))
        shares = [share for share in (0.0, 0.05) if {0.0, 0.05} <= set(self.result.plan.shares)]
        designs: dict[Model, str] = {"GRU": "End2You's design", "SVR": "the AVEC 2016 baseline's design"}
        for model, name in designs.items() if others else ():
            numbers = {}
            for share in shares:
                found = [_pooled(cell, "s-PEN", share, _GRADIENT) for cell in self.cells]
                rival = [_pooled(other, model, 0.0, "none") for other in others]
                numbers[f"difference at {_percent([share])}"] = _known_mean(found) - _known_mean(rival)
            yield self._all(f"s-PEN is ahead of {name} with 0 and 5 % of the labels (CCC)", "Table 2", numbers)

    def ours(self) -> Iterator[Statement]:
        text = "s-PEN is at least as good as each person's own mean with every amount of labels (RMSE)"
        shares = self.result.plan.adapting_shares
        numbers = {f"rmse difference at {_percent([s])}": self._mean("s-PEN", OWN_MEAN, s, "rmse") for s in shares}
        yield self._all(text, OURS, numbers, sign=-1)

    def _mean(self, model: Model, other: Model, share: float, measure: str = "ccc") -> float:
        pairs = paired(self.cells, (model, _GRADIENT), (other, _GRADIENT), share)
        return _known_mean([minus(one.pooled, two.pooled, measure) for one, two in pairs])

    def _growth(self, model: Model, start: Sequence[float], end: Sequence[float]) -> float:
        if not start or not end:
            return float("nan")
        after, before = (
            _known_mean([_pooled(cell, model, share, _GRADIENT) for cell in self.cells]) for share in (*end, *start)
        )
        return after - before

    def _all(
        self, text: str, source: str, numbers: dict[str, float], *, sign: int = 1, strict: bool = False
    ) -> Statement:
        """Return a statement that holds when every number has the sign."""
        known = {name: value for name, value in numbers.items() if np.isfinite(value)}
        decided = [sign * value > 0 if strict else sign * value >= 0 for value in known.values()]
        return Statement(text, source, self.sampling, self.scope, all(decided) if decided else None, known)

    def _compare(
        self, text: str, source: str, numbers: dict[str, float], more: dict[str, float] | None = None
    ) -> Statement:
        """Return a statement that holds when the first of two numbers is the larger."""
        values = list(numbers.values())
        known = len(values) == 2 and bool(np.isfinite(values).all())
        shown = numbers | (more or {}) if known else {}
        return Statement(text, source, self.sampling, self.scope, values[0] > values[1] if known else None, shown)


def _percent(shares: Sequence[float]) -> str:
    return ", ".join(f"{100 * share:g} %" for share in shares)


def _pooled(cell: ProtocolCell, model: Model, share: float, strategy: str) -> float | None:
    found = cell.find(model, share, strategy=strategy)
    return None if found is None else found.pooled.ccc


def _known_mean(values: Sequence[float | None]) -> float:
    mean = MeanStd.of(values).mean
    return float("nan") if mean is None else mean


def _deviation(scores: Sequence[PersonScore], model: Model) -> float:
    means = [MeanStd.of(score.ccc[model]).mean for score in scores]
    known = [value for value in means if value is not None]
    return float(np.std(known)) if len(known) > 1 else float("nan")


def _effective_experts(gates: Sequence[GateMeans]) -> float:
    """Return the exponential of the entropy of each person's mean gate, mean over people and seeds."""
    weights = [np.clip(values, 1e-12, 1) for gate in gates for values in gate.values()]
    if not weights:
        return float("nan")
    return float(np.mean([np.exp(-(values * np.log(values)).sum()) for values in weights]))
