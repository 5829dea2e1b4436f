"""The target people of one cell: who adapts to which rows, and what their heads answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pen_mobile.data.adaptation_splits import AdaptationSplit, adaptation_split
from pen_mobile.data.table import FeatureTable
from pen_mobile.errors import BadInput
from pen_mobile.metrics import agreement
from pen_mobile.models.heads import ExpertHead
from pen_mobile.paper.results import (
    EQUATION_8,
    OWN_MEAN,
    GateMeans,
    Model,
    Outcome,
    Predictions,
    Sampling,
    estimate_key,
)
from pen_mobile.types import Floats, Rows

Heads = dict[str, Tensor]
"""Person -> the packed head that answers for that person."""

_BATCH = 4096  # rows tested at once


class Answer(NamedTuple):
    """What some heads say about all test rows: estimates ``[N, 2]``, and the mean gate of each person."""

    estimate: Floats
    gate: GateMeans


@dataclass(frozen=True, eq=False)
class Trial:
    """An outcome before it is compared with the labels; for the names see :class:`Outcome`."""

    model: Model
    share: float | None
    count: int | None
    labels: int
    steps: int
    seconds: float
    answer: Answer
    strategy: str = EQUATION_8


@dataclass(frozen=True, eq=False)
class Target:
    """The target people of one cell, ready to adapt and to test.

    Attributes:
        features, affect: z ``[N, D_z]`` and labels ``[N, 2]`` of all target rows.
        time_s: seconds ``[N]``.
        splits: rows of each person that may adapt and that test.
        left_out: people too short for the sampling, and why.
    """

    features: Tensor
    affect: Tensor
    time_s: NDArray[np.float64]
    splits: dict[str, AdaptationSplit]
    left_out: dict[str, str]

    @classmethod
    def split(cls, table: FeatureTable, sampling: Sampling, seed: int, device: torch.device | str = "cpu") -> Target:
        """Split every person's rows once; every share of the cell tests on the same rows.

        Raises:
            BadInput: nobody's recording is long enough for the sampling.
        """
        splits, left_out = {}, {}
        for subject in table.subjects():
            try:
                splits[subject] = adaptation_split(table, subject, sampling, seed)
            except BadInput as error:
                left_out[subject] = str(error)
        if not splits:
            raise BadInput(f"{next(iter(left_out.values()))}, and so are all others; choose other --samplings")
        features, affect = (torch.from_numpy(values).to(device) for values in (table.features, table.affect))
        return cls(features, affect, table.time_s, splits, left_out)

    def share(self, share: float) -> dict[str, Rows]:
        """Return each person's adaptation rows: the share, but at least one row, so that everybody has some."""
        splits = self.splits
        return {name: split.pool[: max(1, len(split.adaptation(share)))] for name, split in splits.items()}

    def first(self, count: int) -> dict[str, Rows]:
        """Return each person's first ``count`` adaptation rows; fewer where there are fewer."""
        return {name: split.pool[:count] for name, split in self.splits.items()}

    @property
    def largest_pool(self) -> int:
        """The most labels that anybody can give."""
        return max(len(split.pool) for split in self.splits.values())

    @cached_property
    def labels(self) -> Floats:
        """Labels of all test rows, person after person, ``[N, 2]``."""
        labels: Floats = self.affect.cpu().numpy()[self._test_rows]
        return labels

    @cached_property
    def _test_rows(self) -> Rows:
        return np.concatenate([split.test for split in self.splits.values()])

    def everybody(self, head: Tensor) -> Heads:
        """Let one head answer for all."""
        return dict.fromkeys(self.splits, head)

    def test(self, heads: Heads) -> Answer:
        """Let each person's head answer that person's test rows."""
        answers = [predict(heads[name], self.features, split.test) for name, split in self.splits.items()]
        gate = {name: gate.mean(axis=0).tolist() for name, (_, gate) in zip(self.splits, answers, strict=True)}
        return Answer(np.concatenate([estimate for estimate, _ in answers]), gate)

    def own_mean(self, rows: dict[str, Rows], share: float | None, count: int | None = None) -> Trial:
        """Answer with the mean of the labels that each person gave: what knowing only *who* it is achieves."""
        affect = self.affect.cpu().numpy()
        means = {name: affect[rows[name]].mean(axis=0) for name in self.splits}
        estimate = np.repeat(list(means.values()), [len(split.test) for split in self.splits.values()], axis=0)
        return Trial(OWN_MEAN, share, count, sum(map(len, rows.values())), 0, 0.0, Answer(estimate, {}))

    def outcome(self, test: Trial) -> Outcome:
        """Compare answers with labels, over all people and for each."""
        ends = np.cumsum([len(split.test) for split in self.splits.values()])
        people = {
            name: agreement(test.answer.estimate[end - len(split.test) : end], self.labels[end - len(split.test) : end])
            for (name, split), end in zip(self.splits.items(), ends, strict=True)
        }
        values = dict(vars(test))
        answer = values.pop("answer")
        return Outcome(**values, pooled=agreement(answer.estimate, self.labels), people=people)

    def predictions(self, tests: Sequence[Trial]) -> Predictions:
        """Keep every answer of a model study beside the labels."""
        rows = self._test_rows
        subject = np.repeat(list(self.splits), [len(split.test) for split in self.splits.values()])
        estimates = {
            estimate_key(test.model, test.share): test.answer.estimate for test in tests if test.share is not None
        }
        return Predictions(subject, self.time_s[rows], self.labels, estimates)


@torch.no_grad()
def predict(head_parameters: Tensor, features: Tensor, rows: Rows) -> tuple[Floats, Floats]:
    """Return affect ``[B, 2]`` and gate weights ``[B, n_s]`` that a packed head gives some rows of features."""
    head = ExpertHead(head_parameters.shape[1] - 1, head_parameters.shape[0] // 3).to(head_parameters.device)
    head.head_parameters.copy_(head_parameters)
    parts = [head(features[chosen]) for chosen in torch.split(torch.from_numpy(rows), _BATCH)]
    affect, gate = (torch.cat([getattr(part, name) for part in parts]) for name in ("affect", "gate"))
    return affect.cpu().numpy(), gate.cpu().numpy()
