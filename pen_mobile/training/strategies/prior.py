"""Adaptation by the learned prior, for many people at once: what phones do with the method ``adapt``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.models.prior import Prior
from pen_mobile.training.batched_posterior import LabelBatch, posterior

_TOGETHER = 2**22  # numbers in the systems of one batch: more would leave the cache and gain nothing


class PersonLabels(NamedTuple):
    """Labels of one person.

    Attributes:
        z: features, ``[N, D_z]``.
        y: labels, ``[N, K]``.
        time: seconds since any fixed moment, ``[N]``.
    """

    z: Tensor
    y: Tensor
    time: Tensor


class PriorAdaptation(NamedTuple):
    """Adapted heads of B people.

    Attributes:
        heads: head parameters, float64 ``[B, n_s (1 + K), D_z + 1]``; where a target was declined its rows are shipped.
        report: rows of :class:`~pen_mobile.contract.adaptation_report.ReportRow`, float64 ``[B, R, K]``.
    """

    heads: Tensor
    report: Tensor


def head_output(head_parameters: Tensor, z: Tensor, targets: int) -> Tensor:
    """Return the output of a head (Eqs. 1-3), ``[..., K]``.

    Args:
        head_parameters: ``[n_s (1 + K), D_z + 1]``.
        z: features, ``[..., D_z]``, of the same dtype.
        targets: K.
    """
    expert_count = len(head_parameters) // (1 + targets)
    products = z @ head_parameters[:, :-1].T + head_parameters[:, -1]
    gate = torch.softmax(products[..., :expert_count], dim=-1)
    experts = products[..., expert_count:].view(*z.shape[:-1], expert_count, targets)
    return torch.einsum("...i,...ik->...k", gate, experts)


@torch.no_grad()
def adapt_people(prior: Prior, head_parameters: Tensor, people: Sequence[PersonLabels]) -> PriorAdaptation:
    """Return the posterior mean of each person's head, as :func:`pen_mobile.models.posterior.adapt` does one by one.

    Args:
        prior: learned from source people.
        head_parameters: the shipped head, ``[n_s (1 + K), D_z + 1]``.
        people: labels of each person, any number of them.
    """
    head = head_parameters.double()
    parts = [_adapt(prior, head, people[start:stop]) for start, stop in _batches(prior, people)]
    if not parts:
        return PriorAdaptation(head.new_zeros(0, *head.shape), head.new_zeros(0, len(ReportRow), prior.targets))
    return PriorAdaptation(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _batches(prior: Prior, people: Sequence[PersonLabels]) -> Iterator[tuple[int, int]]:
    """Yield runs of people whose systems together are not too many numbers."""
    start, widest = 0, 0
    for stop, person in enumerate(people):
        widest_with = max(widest, len(person.y))
        size = (stop + 1 - start) * prior.candidates * prior.targets * widest_with**2
        if stop > start and size > _TOGETHER:
            yield start, stop
            start, widest_with = stop, len(person.y)
        widest = widest_with
    if people:
        yield start, len(people)


def _adapt(prior: Prior, head: Tensor, people: Sequence[PersonLabels]) -> PriorAdaptation:
    numbers = [torch.from_numpy(value) for value in (prior.feature_mean, prior.feature_scale, prior.directions)]
    mean, scale, directions = numbers
    count = max(1, *(len(person.y) for person in people))
    z = mean.expand(len(people), count, -1).clone()
    y, weight = z.new_zeros(len(people), count, prior.targets), z.new_zeros(len(people), count)
    time = z.new_zeros(len(people), count)
    for row, person in enumerate(people):
        size = len(person.y)
        z[row, :size], y[row, :size], time[row, :size] = person.z, person.y, person.time
        weight[row, :size] = 1
    standardised = (z - mean) * scale
    broken = standardised.square().sum(dim=2) > float(prior.feature_limit[0])
    z[broken], weight[broken], standardised[broken] = mean, 0, 0
    x = standardised - standardised @ directions.T @ directions
    output_mean = torch.from_numpy(prior.output_mean)
    f = head_output(head, z, prior.targets) - output_mean
    found = posterior(prior, LabelBatch(f, x @ x.mT, y, weight, time))
    weights = x.mT @ found.alpha  # [B, D_z, K]
    weights = (weights - directions.T @ (directions @ weights)) * scale[:, None]
    bias = found.level - found.gain * output_mean - mean @ weights
    adopted = found.report[:, ReportRow.VERDICT] == Verdict.ADAPTED
    change = torch.cat([weights, bias[:, None]], dim=1).mT * adopted[:, :, None]  # [B, K, D_z + 1]
    gain = torch.where(adopted, found.gain, 1.0)
    experts = len(head) // (1 + prior.targets)
    rows = head[experts:].view(experts, prior.targets, -1) * gain[:, None, :, None] + change[:, None]
    gate = head[:experts].expand(len(people), -1, -1)
    return PriorAdaptation(torch.cat([gate, rows.flatten(1, 2)], dim=1), found.report)
