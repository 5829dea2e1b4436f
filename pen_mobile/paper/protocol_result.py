"""What the protocol measures, as plain values: into JSON and back without loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pen_mobile.contract.strategy import Strategy
from pen_mobile.data.table import ROLES, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.metrics import Agreement
from pen_mobile.paper.protocol_plan import AdaptationScope, ProtocolPlan, Sampling, Study
from pen_mobile.types import Doubles
from pen_mobile.utils.files import read_json, replacing, to_json
from pen_mobile.utils.places import without_home
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.validation import validated

Model = Literal["s-SN", "s-PEN", "t-SN", "t-PEN", "own-mean", "GRU", "SVR"]

MODELS: tuple[Model, ...] = ("s-SN", "s-PEN", "t-SN", "t-PEN")
"""The four models of Table 1, in its order."""

OWN_MEAN: Model = "own-mean"
"""The baseline beside them: always the mean of the labels that this person gave."""

UNADAPTED = "none"
"""Strategy name of leaving the head as it is."""

JOINT, ISOLATED = "joint, patience", "isolated"
"""Names of the two ways to learn experts that the paper compares; a study of learning has more."""

GateMeans = dict[str, list[float]]
"""Person -> mean gate weight of every expert over that person's rows, ``[n_s]``."""

FORMAT = 2


@dataclass(frozen=True)
class Evaluation:
    """One model with one amount of labels, tested on the fixed test rows of every target person.

    Attributes:
        model: one of :data:`MODELS`, ``own-mean``, or a design of Table 2.
        share: part of each person's rows that adapted (n / 100, so 0.05 is n = 5 %); None when a number of
            labels was fixed instead.
        count: labels that each person was asked for, where a number was fixed; None with a share. A person
            with fewer gives all.
        labels: labels used, summed over people.
        fewest: labels of the person who has the fewest.
        steps: optimizer steps of one adaptation; the largest of any person where people adapt one at a time.
        seconds: time that adaptation took; all heads of a model study train side by side and share it, the
            strategies are timed one at a time and this is the median over people.
        pooled: agreement over the concatenated test rows of all people.
        people: agreement over the test rows of each person.
        strategy: how the head was adapted, a :class:`~pen_mobile.contract.strategy.Strategy` or ``none``.
    """

    model: Model
    share: float | None
    count: int | None
    labels: int
    fewest: int
    steps: int
    seconds: float
    pooled: Agreement
    people: dict[str, Agreement]
    strategy: str = Strategy.GRADIENT.value

    @property
    def key(self) -> tuple[Model, float | None, str, int | None]:
        """What tells it from the other evaluations of a cell: model, share, strategy and count."""
        return self.model, self.share, self.strategy, self.count


@dataclass(frozen=True)
class Cell:
    """Everything measured with one seed, one sampling and one adaptation scope.

    Attributes:
        seed: decided source learning, splits, random weights and batches.
        sampling: scheme of :mod:`pen_mobile.data.adaptation_splits` that chose the adaptation rows.
        scope: ``pooled`` adapts one head to all target people together (the paper), ``person`` one head to
            each (the phone).
        study: ``models`` (Table 1), ``strategies`` (ways to adapt s-SN and s-PEN, one person at a time),
            ``comparators`` (the designs of Table 2, which do not adapt) or ``learning`` (ways to learn from source
            people, whose names stand in place of the strategy's).
        evaluations: one for each model (and strategy) and amount of labels.
        gate_before, gate_after: mean weights of s-PEN's gate over each target person's test rows, unadapted and
            after adaptation with the largest share; empty in a study of strategies.
        left_out: people whom this sampling cannot split, and why.
        notes: what a reader should know about the rows.
        held_out: agreement with the held-out rows of source people, by way to learn; of a study of learning alone.
        seconds: how long the cell took.
        predictions: file with the estimates of all models (:class:`pen_mobile.paper.predictions.Predictions`),
            relative to the protocol's folder; kept for the first seed only.
    """

    seed: int
    sampling: Sampling
    scope: AdaptationScope
    study: Study
    evaluations: list[Evaluation]
    gate_before: GateMeans = field(default_factory=dict)
    gate_after: GateMeans = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    held_out: dict[str, Agreement] = field(default_factory=dict)
    seconds: float = 0.0
    predictions: str | None = None

    def find(
        self, model: Model, share: float | None, *, strategy: str = Strategy.GRADIENT.value, count: int | None = None
    ) -> Evaluation | None:
        """Return one evaluation, or None when there is none: target-only models and baselines have no n = 0."""
        wanted = (model, share, strategy, count)
        return next((one for one in self.evaluations if one.key == wanted), None)


@dataclass(frozen=True)
class SourceEvaluation:
    """Source learning with one seed: experiment (i) of the paper.

    Attributes:
        seed: decided weights, validation rows and batches.
        validation: agreement of ``s-SN`` and ``s-PEN`` with the held-out rows of source people.
        gate: mean weights of s-PEN's gate over each source person's held-out rows (Fig. 4, left); experts are
            in the order of the people, sorted by name.
        steps: optimizer steps of every stage.
        seconds: time of all epochs.
    """

    seed: int
    validation: dict[str, Agreement]
    gate: GateMeans
    steps: dict[str, int]
    seconds: float

    @property
    def gain(self) -> float | None:
        """CCC of s-PEN minus CCC of s-SN; None where either is missing or undefined."""
        ccc = [found.ccc for model in ("s-SN", "s-PEN") if (found := self.validation.get(model))]
        return None if len(ccc) < 2 or None in ccc else float(ccc[1] - ccc[0])  # type: ignore[operator]

    @property
    def gate_matrix(self) -> Doubles:
        """Mean weight of each expert, a row for each person: ``[n_s, n_s]``, people and experts by name."""
        return np.array([self.gate[name] for name in sorted(self.gate)], dtype=np.float64)


@dataclass(frozen=True)
class DataRecord:
    """What was evaluated.

    Attributes:
        origin: DATA as it was given.
        digest: hash of features and labels.
        synthetic: True for invented people; every number must say so.
        rows: number of rows, source and target.
        feature_size: D_z.
        source, target: people, sorted by name, with their numbers of rows.
        backbone: name and hash of the network that made the features; empty when they were given.
        validation_fraction, split_seed: held-out rows of the run that learned this backbone, which every seed holds out
            again, so that no row that the backbone has learned from is ever called held out; None for given features,
            of which each seed holds out its own.
        backbone_saw_people: whether the source people taught this backbone; None where the plan says it.
    """

    origin: str
    digest: str
    synthetic: bool
    rows: int
    feature_size: int
    source: dict[str, int]
    target: dict[str, int]
    backbone: str = ""
    validation_fraction: float | None = None
    split_seed: int | None = None
    backbone_saw_people: bool | None = None

    @classmethod
    def of(cls, table: SubjectTable, feature_size: int, backbone: str = "") -> DataRecord:
        """Describe a table.

        Args:
            table: source and target people.
            feature_size: D_z.
            backbone: name and hash of the network that made the features.
        """
        source, target = ({name: len(table.rows_of(name)) for name in table.subjects(role)} for role in ROLES)
        origin = without_home(table.origin)
        return cls(origin, table.digest, table.synthetic, len(table), feature_size, source, target, backbone)


@dataclass(frozen=True)
class ProtocolResult:
    """The whole protocol: the contents of ``results.json`` without its summary.

    Attributes:
        plan: the settings.
        data: what was evaluated.
        sources: source learning, one for each seed.
        cells: adaptation, for every seed, sampling, scope and study.
        command, versions: how to get this again.
    """

    plan: ProtocolPlan
    data: DataRecord
    sources: list[SourceEvaluation]
    cells: list[Cell]
    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def select(self, sampling: Sampling, scope: AdaptationScope, study: Study = "models") -> Iterator[Cell]:
        """Yield the cells of one table, one for each seed."""
        wanted = (sampling, scope, study)
        yield from (cell for cell in self.cells if (cell.sampling, cell.scope, cell.study) == wanted)

    @classmethod
    def load(cls, path: Path) -> ProtocolResult:
        """Read ``results.json``; other keys, such as the summary, are ignored.

        Args:
            path: the file.

        Raises:
            BadInput: the file is missing, or is not of this version.
        """
        values = read_json(path)
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise BadInput(f"{path} is not a protocol's results of format {FORMAT}; run the protocol again")
        return validated(cls, values, str(path))

    def save(self, path: Path, **more: Any) -> bool:
        """Write ``results.json`` and return whether its content is new.

        Args:
            path: the file.
            more: further keys and their plain values.
        """
        text = to_json({"format": FORMAT, **to_plain(self), **more})
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return False
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return True
