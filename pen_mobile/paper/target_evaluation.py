"""The target people of one cell: the rows that adapt and test, and the evaluation of heads on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pen_mobile.data.adaptation_splits import AdaptationSplit, adaptation_split
from pen_mobile.data.table import FeatureTable
from pen_mobile.errors import BadInput
from pen_mobile.metrics import agreement
from pen_mobile.models.heads import ExpertHead
from pen_mobile.paper.predictions import Predictions, estimate_key
from pen_mobile.paper.protocol_plan import ProtocolPlan, Sampling
from pen_mobile.paper.protocol_result import OWN_MEAN, Evaluation, GateMeans, Model
from pen_mobile.types import Floats, Rows

Heads = dict[str, Tensor]
"""Person -> head parameters for that person."""

_BATCH = 4096  # rows tested at once
_SINGLE = 0.5  # share of blocks with one row from which it is said


class Answer(NamedTuple):
    """Estimates for all test rows ``[N, 2]``, and the mean gate of each person."""

    estimate: Floats
    gate: GateMeans


Tested = tuple[Evaluation, Answer]
"""An evaluation, and the estimates that it is of."""


@dataclass(frozen=True, eq=False)
class Target:
    """The target people of one cell, ready to adapt and to test.

    Attributes:
        features, affect: z ``[N, D_z]`` and labels ``[N, 2]`` of all target rows.
        time_s: seconds ``[N]``.
        splits: rows of each person that may adapt and that test.
        left_out: people too short for the sampling, and why.
        notes: what a reader should know about the rows.
    """

    features: Tensor
    affect: Tensor
    time_s: NDArray[np.float64]
    splits: dict[str, AdaptationSplit]
    left_out: dict[str, str]
    notes: list[str]

    @classmethod
    def split(
        cls, table: FeatureTable, plan: ProtocolPlan, sampling: Sampling, seed: int, device: torch.device | str = "cpu"
    ) -> Target:
        """Split every person's rows once; every share of the cell tests on the same rows.

        Args:
            table: target people with features.
            plan: lengths of blocks and gaps.
            sampling: how the rows that adapt are chosen.
            seed: decides every draw.
            device: where heads adapt and are tested.

        Raises:
            BadInput: nobody's recording is long enough for the sampling.
        """
        splits, left_out = {}, {}
        for subject in table.subjects():
            try:
                splits[subject] = adaptation_split(
                    table, subject, sampling, seed, block_s=plan.block_seconds, gap_s=plan.gap_seconds
                )
            except BadInput as error:
                left_out[subject] = str(error)
        if not splits:
            raise BadInput(f"{next(iter(left_out.values()))}, and so are all others; choose other --samplings")
        features, affect = (torch.from_numpy(values).to(device) for values in (table.features, table.affect))
        notes = _block_notes(table, plan) if sampling == "blocks" else []
        return cls(features, affect, table.time_s, splits, left_out, notes)

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
        """Return one head for all people."""
        return dict.fromkeys(self.splits, head)

    def test(self, heads: Heads) -> Answer:
        """Return the estimates of each person's head for that person's test rows."""
        answers = [predict(heads[name], self.features, split.test) for name, split in self.splits.items()]
        gate = {name: gate.mean(axis=0).tolist() for name, (_, gate) in zip(self.splits, answers, strict=True)}
        return Answer(np.concatenate([estimate for estimate, _ in answers]), gate)

    def own_mean(self, rows: dict[str, Rows], share: float | None, count: int | None = None) -> Tested:
        """Evaluate the mean of the labels that each person gave: what knowing only *who* it is achieves."""
        affect = self.affect.cpu().numpy()
        means = {name: affect[rows[name]].mean(axis=0) for name in self.splits}
        estimate = np.repeat(list(means.values()), [len(split.test) for split in self.splits.values()], axis=0)
        return self.compare(Answer(estimate, {}), OWN_MEAN, share=share, count=count, **label_counts(rows))

    def evaluate(self, heads: Heads, model: Model, **facts: Any) -> Tested:
        """Test heads on each person's test rows.

        Args:
            heads: head parameters of each person.
            model: name of the model.
            facts: further fields of the :class:`Evaluation`.
        """
        return self.compare(self.test(heads), model, **facts)

    def compare(self, answer: Answer, model: Model, **facts: Any) -> Tested:
        """Compare estimates with labels, over all people and for each.

        Args:
            answer: estimates for all test rows.
            model: name of the model.
            facts: further fields of the :class:`Evaluation`; nothing adapted where they do not say.
        """
        ends = np.cumsum([len(split.test) for split in self.splits.values()])
        people = {
            name: agreement(answer.estimate[end - len(split.test) : end], self.labels[end - len(split.test) : end])
            for (name, split), end in zip(self.splits.items(), ends, strict=True)
        }
        fields = {"share": None, "count": None, "labels": 0, "fewest": 0, "steps": 0, "seconds": 0.0} | facts
        return Evaluation(model, pooled=agreement(answer.estimate, self.labels), people=people, **fields), answer

    def predictions(self, tested: Sequence[Tested]) -> Predictions:
        """Return the estimates of a model study beside the labels."""
        subject = np.repeat(list(self.splits), [len(split.test) for split in self.splits.values()])
        estimates = {
            estimate_key(one.model, one.share): answer.estimate for one, answer in tested if one.share is not None
        }
        return Predictions(subject, self.time_s[self._test_rows], self.labels, estimates)


def label_counts(rows: dict[str, Rows]) -> dict[str, int]:
    """Return how many labels all people give, and how many the person with the fewest.

    Args:
        rows: adaptation rows of each person.
    """
    counts = [len(mine) for mine in rows.values()]
    return {"labels": sum(counts), "fewest": min(counts)}


def _block_notes(table: FeatureTable, plan: ProtocolPlan) -> list[str]:
    """Return a note where blocks of time hold one row each."""
    sizes = []
    for subject in table.subjects():
        times = table.time_s[table.rows_of(subject)]
        sizes += np.unique((times - times[0]) // plan.block_seconds, return_counts=True)[1].tolist()
    single = float(np.mean(np.array(sizes) == 1))
    if single < _SINGLE:
        return []
    return [
        f"{single:.0%} of the blocks of {plan.block_seconds:g} s hold a single row: they are then rows drawn at random "
        f"that keep {plan.gap_seconds:g} s apart; --block-seconds sets longer ones"
    ]


@torch.no_grad()
def predict(head_parameters: Tensor, features: Tensor, rows: Rows) -> tuple[Floats, Floats]:
    """Return affect and gate weights of a head for some rows of features.

    Args:
        head_parameters: ``[3 n_s, D_z + 1]``.
        features: z of all rows, ``[N, D_z]``.
        rows: numbers of the rows to predict, ``[B]``.

    Returns:
        Affect ``[B, 2]`` and gate weights ``[B, n_s]``.
    """
    head = ExpertHead(head_parameters.shape[1] - 1, head_parameters.shape[0] // 3).to(head_parameters.device)
    head.head_parameters.copy_(head_parameters)
    parts = [head(features[chosen]) for chosen in torch.split(torch.from_numpy(rows), _BATCH)]
    affect, gate = (torch.cat([getattr(part, name) for part in parts]) for name in ("affect", "gate"))
    return affect.cpu().numpy(), gate.cpu().numpy()
