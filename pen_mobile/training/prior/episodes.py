"""Simulated adaptation of source people: some of a person's labels adapt, some of the rest test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pen_mobile.training.batched_posterior import CandidatePosteriors, LabelBatch
from pen_mobile.types import Doubles, Rows

COUNTS = (1, 5, 10, 20, 40, 80)
"""Numbers of labels that are simulated."""

MOST_ROWS = 300
"""Rows of a person that take part, spread over time; neighbouring frames are nearly copies."""

_MOST_EPISODES = 240
_MOST_TESTED = 60
_BLOCKS = 20  # of a recording
_GAPS = 150  # of a recording: rows nearer than this to a tested one do not adapt


class SourcePerson(NamedTuple):
    """One source person, in order of time.

    Attributes:
        x: decorrelated features, ``[N, D_z]``.
        f: output of a head that has not seen this person minus its mean over the people it has seen, ``[N, K]``.
        y: labels, ``[N, K]``.
        time: seconds, ``[N]``.
    """

    x: Doubles
    f: Doubles
    y: Doubles
    time: Doubles


class Episode(NamedTuple):
    """One simulated adaptation: number of the person, rows that adapt, rows that test."""

    person: int
    labels: Rows
    test: Rows


@dataclass(frozen=True, eq=False)
class EpisodeBatch:
    """Episodes with one number of labels.

    Attributes:
        person: number of the person of each, ``[B]``.
        labels: of each.
        test_f, test_y: output of the head and labels of the tested rows, ``[B, M, K]``.
        test_gram: products of their features with those of the labels, ``[B, M, N]``.
    """

    person: Rows
    labels: LabelBatch
    test_f: Tensor
    test_y: Tensor
    test_gram: Tensor


def estimates_of(batch: EpisodeBatch, posteriors: CandidatePosteriors, target: int) -> Tensor:
    """Return what each candidate estimates for the tested rows, ``[B, C, M]``.

    Args:
        batch: simulated adaptations.
        posteriors: of their labels.
        target: number of the target.
    """
    level, gain = (values[:, :, target, None] for values in (posteriors.level, posteriors.gain))
    return level + gain * batch.test_f[:, None, :, target] + posteriors.alpha[:, :, target] @ batch.test_gram.mT


def thin(count: int, most: int = MOST_ROWS) -> Rows:
    """Return so many of ``count`` rows at most, evenly from first to last."""
    return np.unique(np.round(np.linspace(0, count - 1, min(count, most))).astype(np.intp))


def simulate(people: Sequence[SourcePerson], seed: int = 0, repeats: int = 1) -> list[EpisodeBatch]:
    """Return simulated adaptations of all people, one batch for each number of labels.

    Labels are drawn at random, in blocks of a twentieth of the recording, from its beginning, and just before its
    middle.

    Args:
        people: source people.
        seed: decides random draws.
        repeats: how often random draws and blocks are drawn.
    """
    found: dict[int, list[Episode]] = {}
    for number, person in enumerate(people):
        rng = np.random.default_rng([seed, number])
        for pool, test in (split for _ in range(repeats) for split in _splits(person.time, rng)):
            for count in COUNTS:
                if count <= len(pool) and len(test):
                    labels = np.sort(pool[:count])
                    found.setdefault(count, []).append(Episode(number, labels, test[thin(len(test), _MOST_TESTED)]))
    grams = [torch.from_numpy(person.x @ person.x.T) for person in people]
    most = max(1, repeats * _MOST_EPISODES // max(1, len(found)))
    return [_batch(people, grams, [some[i] for i in thin(len(some), most)]) for some in found.values()]


def _splits(time: Doubles, rng: np.random.Generator) -> Iterator[tuple[Rows, Rows]]:
    """Yield rows that may adapt, in the order in which they are taken, and rows that test."""
    count = len(time)
    order = rng.permutation(count)
    yield order[count // 2 :], np.sort(order[: count // 2])
    span = max(float(time[-1] - time[0]), 1e-9)
    gap = span / _GAPS
    block = np.floor((time - time[0]) / span * _BLOCKS * (1 - 1e-9)).astype(int)
    blocks = rng.permutation(np.unique(block))
    tested = np.isin(block, blocks[: len(blocks) // 2])
    if tested.any():
        near = np.abs(time[:, None] - time[tested]).min(axis=1) < gap
        pool = [np.flatnonzero((block == number) & ~near) for number in blocks[len(blocks) // 2 :]]
        yield np.concatenate(pool), np.flatnonzero(tested)
    middle = time[count // 2]
    before, after = np.flatnonzero(time < middle - gap), np.flatnonzero(time >= middle)
    yield before, after
    yield before[::-1], after


def _batch(people: Sequence[SourcePerson], grams: Sequence[Tensor], episodes: Sequence[Episode]) -> EpisodeBatch:
    tested = max(len(episode.test) for episode in episodes)
    tests = [np.resize(episode.test, tested) for episode in episodes]  # a short test is repeated

    def gather(name: str, rows: Sequence[Rows]) -> Tensor:
        pairs = zip(episodes, rows, strict=True)
        return torch.from_numpy(np.stack([getattr(people[episode.person], name)[chosen] for episode, chosen in pairs]))

    def products(rows: Sequence[Rows]) -> Tensor:
        pairs = zip(episodes, rows, strict=True)
        return torch.stack([grams[episode.person][chosen][:, episode.labels] for episode, chosen in pairs])

    rows = [episode.labels for episode in episodes]
    y, time = gather("y", rows), gather("time", rows)
    labels = LabelBatch(gather("f", rows), products(rows), y, torch.ones_like(time), time)
    person = np.array([episode.person for episode in episodes])
    return EpisodeBatch(person, labels, gather("f", tests), gather("y", tests), products(tests))
