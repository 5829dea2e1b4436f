"""What the protocol measures, as plain values: into JSON and back without loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pen_mobile.errors import BadInput
from pen_mobile.metrics import Agreement
from pen_mobile.utils.files import read_json, replacing, write_json

Model = Literal["s-SN", "s-PEN", "t-SN", "t-PEN", "own-mean", "GRU", "SVR"]
Sampling = Literal["random", "blocks"]
Pooling = Literal["pooled", "person"]
Study = Literal["models", "strategies", "comparators"]

MODELS: tuple[Model, ...] = ("s-SN", "s-PEN", "t-SN", "t-PEN")
"""The four models of Table 1, in its order."""

OWN_MEAN: Model = "own-mean"
"""The baseline beside them: always the mean of the labels that this person gave."""

EQUATION_8 = "eq8"
"""The paper's adaptation: gradient steps on Eq. 8 for gate and experts."""

UNADAPTED = "none"
"""Name of leaving the head as it is."""

GateMeans = dict[str, list[float]]
"""Person -> mean gate weight of every expert over that person's rows, ``[n_s]``."""

_FORMAT = 1


@dataclass(frozen=True)
class Outcome:
    """One model with one amount of labels, tested on the fixed test rows of every target person.

    Attributes:
        model: one of :data:`MODELS` or ``own-mean``.
        share: part of each person's rows that adapted (n / 100, so 0.05 is n = 5 %); None when a number of
            labels was fixed instead.
        count: labels that each person was asked for, where a number was fixed; None with a share. Who
            has fewer gives all.
        labels: labels used, summed over people.
        steps: optimizer steps of one adaptation; the largest of any person where people adapt one at a time.
        seconds: time that adaptation took; all heads of a model study train side by side and share it, the
            strategies are timed one at a time and this is the median over people.
        pooled: agreement over the concatenated test rows of all people.
        people: agreement over the test rows of each person.
        strategy: how the head was adapted; Eq. 8 in the model study.
    """

    model: Model
    share: float | None
    count: int | None
    labels: int
    steps: int
    seconds: float
    pooled: Agreement
    people: dict[str, Agreement]
    strategy: str = EQUATION_8

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        people = {name: values._asdict() for name, values in self.people.items()}
        return vars(self) | {"pooled": self.pooled._asdict(), "people": people}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Outcome:
        """Read what :meth:`as_json` returned."""
        people = {name: Agreement(**one) for name, one in values["people"].items()}
        return cls(**{**values, "pooled": Agreement(**values["pooled"]), "people": people})


@dataclass(frozen=True)
class Cell:
    """Everything measured with one seed, one sampling and one pooling.

    Attributes:
        seed: decided source learning, splits, random weights and batches.
        sampling: scheme of :mod:`pen_mobile.data.adaptation_splits` that chose the adaptation rows.
        pooling: ``pooled`` adapts one head to all target people together (the paper), ``person`` one head to
            each (the phone).
        study: ``models`` (Table 1), ``strategies`` (ways to adapt s-SN and s-PEN, one person at a time) or
            ``comparators`` (the designs of Table 2, which do not adapt).
        outcomes: one for each model (and strategy) and amount of labels.
        gate_before, gate_after: mean weights of s-PEN's gate over each target person's test rows, unadapted and
            after adaptation with the largest share; empty in a study of strategies.
        left_out: people whom this sampling cannot split, and why.
        seconds: how long the cell took.
        predictions: file with everything the models said (:class:`Predictions`), relative to the protocol's
            folder; kept for the first seed only.
    """

    seed: int
    sampling: Sampling
    pooling: Pooling
    study: Study
    outcomes: list[Outcome]
    gate_before: GateMeans = field(default_factory=dict)
    gate_after: GateMeans = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    predictions: str | None = None

    def find(
        self, model: Model, share: float | None, *, strategy: str = EQUATION_8, count: int | None = None
    ) -> Outcome | None:
        """Return one outcome, or None when there is none: target-only models and baselines have no n = 0."""
        wanted = (model, share, strategy, count)
        found = (one for one in self.outcomes if (one.model, one.share, one.strategy, one.count) == wanted)
        return next(found, None)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return vars(self) | {"outcomes": [outcome.as_json() for outcome in self.outcomes]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Cell:
        """Read what :meth:`as_json` returned."""
        return cls(**{**values, "outcomes": [Outcome.from_json(one) for one in values["outcomes"]]})


@dataclass(frozen=True)
class SourceOutcome:
    """What source learning with one seed gave.

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

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return vars(self) | {"validation": {name: values._asdict() for name, values in self.validation.items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SourceOutcome:
        """Read what :meth:`as_json` returned."""
        validation = {name: Agreement(**one) for name, one in values["validation"].items()}
        return cls(**{**values, "validation": validation})


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
    """

    origin: str
    digest: str
    synthetic: bool
    rows: int
    feature_size: int
    source: dict[str, int]
    target: dict[str, int]
    backbone: str = ""


@dataclass(frozen=True)
class ProtocolResult:
    """The whole protocol: the contents of ``results.json`` without its summary.

    Attributes:
        plan: the settings, as :class:`pen_mobile.paper.plan.ProtocolPlan` fields.
        data: what was evaluated.
        sources: source learning, one for each seed.
        cells: adaptation, for every seed, sampling, pooling and study.
        command, versions: how to get this again.
    """

    plan: dict[str, Any]
    data: DataRecord
    sources: list[SourceOutcome]
    cells: list[Cell]
    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def select(self, sampling: Sampling, pooling: Pooling, study: Study = "models") -> Iterator[Cell]:
        """Yield the cells of one table, one for each seed."""
        wanted = (sampling, pooling, study)
        yield from (cell for cell in self.cells if (cell.sampling, cell.pooling, cell.study) == wanted)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return vars(self) | {
            "format": _FORMAT,
            "data": asdict(self.data),
            "sources": [source.as_json() for source in self.sources],
            "cells": [cell.as_json() for cell in self.cells],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ProtocolResult:
        """Read what :meth:`as_json` returned; other keys, such as the summary, are ignored."""
        return cls(
            plan=values["plan"],
            data=DataRecord(**values["data"]),
            sources=[SourceOutcome.from_json(one) for one in values["sources"]],
            cells=[Cell.from_json(one) for one in values["cells"]],
            command=values["command"],
            versions=values["versions"],
        )

    @classmethod
    def load(cls, path: Path) -> ProtocolResult:
        """Read ``results.json``.

        Raises:
            BadInput: the file is missing, or is not of this version.
        """
        values = read_json(path)
        if not isinstance(values, dict) or values.get("format") != _FORMAT:
            raise BadInput(f"{path} is not a protocol's results of format {_FORMAT}; run the protocol again")
        return cls.from_json(values)

    def save(self, path: Path, **more: Any) -> None:
        """Write ``results.json``, with more keys when given."""
        write_json(path, self.as_json() | more)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What every model of one cell said about the test rows.

    Attributes:
        subject: person of each row, str ``[N]``; people in order of name, rows in order of time.
        time_s: seconds since the start of the recording, ``[N]``.
        affect: labels, ``[N, 2]``.
        estimates: ``model@share`` (see :func:`estimate_key`) -> estimates, ``[N, 2]``.
    """

    subject: NDArray[np.str_]
    time_s: NDArray[np.float64]
    affect: NDArray[np.float32]
    estimates: dict[str, NDArray[np.float32]]

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file, whole or not at all."""
        with replacing(path) as temporary, temporary.open("wb") as stream:
            columns: dict[str, Any] = {"subject": self.subject, "time_s": self.time_s, "affect": self.affect}
            columns |= self.estimates
            np.savez(stream, **columns)

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            values = dict(arrays)
        return cls(values.pop("subject"), values.pop("time_s"), values.pop("affect"), values)


def estimate_key(model: str, share: float) -> str:
    """Return the name of one model's estimates with one share of labels, such as ``s-PEN@0.05``."""
    return f"{model}@{share:g}"
