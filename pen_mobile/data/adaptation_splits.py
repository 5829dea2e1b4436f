"""How a target person's rows divide into those that may adapt and those that test (Section 4).

Every scheme fixes about half of the rows as the test, and puts the rest in an order of which any
beginning is a fair choice of labels. So a larger share contains every smaller one, and nothing that
adapts is ever tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.splits import generator_for
from pen_mobile.data.table import FeatureTable, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.types import Rows
from pen_mobile.utils.suggestions import choices

GAP_S = 2.0
"""Rows closer than this to the other side of a cut in time are used for neither: neighbouring frames are copies."""

BLOCK_S = 10.0
"""Length of the pieces into which ``blocks`` cuts a recording."""

_CELLS = 4  # per axis of the affect plane, for ``stratified``


@dataclass(frozen=True)
class AdaptationSplit:
    """One person's rows.

    Attributes:
        pool: rows that may adapt, in the order in which they are taken.
        test: rows that test, in order of time; the same for every share.
        count: how many rows the person has, of which shares are reckoned.
    """

    pool: Rows
    test: Rows
    count: int

    def adaptation(self, share: float) -> Rows:
        """Return the rows that adapt when a share of the person's rows is labelled.

        Args:
            share: of all rows of the person, 0 to 0.5.

        Returns:
            The first rows of the pool; fewer when the pool is smaller.
        """
        return self.pool[: round(share * self.count)]


def adaptation_split(
    table: SubjectTable,
    subject: str,
    scheme: str = "random",
    seed: int = 0,
    features: NDArray[np.float32] | None = None,
    *,
    block_s: float = BLOCK_S,
    gap_s: float = GAP_S,
) -> AdaptationSplit:
    """Split one person's rows; other people in the table change nothing.

    Args:
        table: people.
        subject: the person.
        scheme: ``random`` (the paper: both halves at random), ``first`` (the first half of the recording adapts, from
            its beginning on; the second tests), ``recent`` (the same, from the latest row before the cut back),
            ``halves`` (the same at random order), ``blocks`` (whole pieces of time), ``stratified`` (random half,
            taken evenly over the affect plane) or ``k-centre`` (random half, taken so that each row is far from those
            before it in feature space).
        seed: decides every draw.
        features: z of every row of the table, ``[N, D_z]``; ``k-centre`` needs them.
        block_s: length of a piece of time, seconds.
        gap_s: rows closer to the other side of a cut in time are used for neither, seconds.

    Returns:
        Rows that may adapt and rows that test.

    Raises:
        BadInput: an unknown scheme, or a recording too short for it.
    """
    if scheme not in SCHEMES:
        raise BadInput(f"unknown split {scheme!r}; {choices(scheme, SCHEMES)}")
    rows = table.rows_of(subject)
    if features is None and isinstance(table, FeatureTable):
        features = table.features
    person = _Person(table, rows, generator_for(seed, subject), features, block_s, gap_s)
    pool, test = SCHEMES[scheme](person)
    if not len(pool) or not len(test):
        raise BadInput(f"{table.origin}: the {len(rows)} rows of {subject!r} are too few for the split {scheme!r}")
    return AdaptationSplit(pool, test[np.lexsort((test, table.time_s[test]))], len(rows))


@dataclass(frozen=True)
class _Person:
    """One person's rows in order of time, the dice, and the lengths of pieces and gaps."""

    table: SubjectTable
    rows: Rows
    rng: np.random.Generator
    features: NDArray[np.float32] | None
    block_s: float
    gap_s: float

    @property
    def times(self) -> NDArray[np.float64]:
        return self.table.time_s[self.rows]

    def random_halves(self) -> tuple[Rows, Rows]:
        order = self.rng.permutation(self.rows)
        half = len(order) // 2
        return order[half:], order[:half]


def _random(person: _Person) -> tuple[Rows, Rows]:
    return person.random_halves()


def _first(person: _Person) -> tuple[Rows, Rows]:
    times = person.times
    cut = times[len(times) // 2]
    return person.rows[times < cut - person.gap_s], person.rows[times >= cut]


def _recent(person: _Person) -> tuple[Rows, Rows]:
    pool, test = _first(person)
    return pool[::-1].copy(), test  # torch takes no negative strides


def _halves(person: _Person) -> tuple[Rows, Rows]:
    pool, test = _first(person)
    return person.rng.permutation(pool), test


def _blocks(person: _Person) -> tuple[Rows, Rows]:
    """Half of the blocks test; rows of the others that are near in time to a tested row are left out."""
    times = person.times
    block = np.floor((times - times[0]) / person.block_s).astype(int)
    order = person.rng.permutation(np.unique(block))
    tested = np.isin(block, order[: len(order) // 2])
    near = _near(times, times[tested], person.gap_s)
    pool = [person.rows[(block == number) & ~near] for number in order[len(order) // 2 :]]
    return np.concatenate(pool), person.rows[tested]


def _stratified(person: _Person) -> tuple[Rows, Rows]:
    """Go round the cells of the affect plane, one row from each that has any left."""
    pool, test = person.random_halves()
    cell = np.clip(((person.table.affect[pool] + 1) / 2 * _CELLS).astype(int), 0, _CELLS - 1)
    number = cell[:, 0] * _CELLS + cell[:, 1]
    turn = np.empty(len(pool), dtype=int)
    for value in np.unique(number):
        members = np.flatnonzero(number == value)
        turn[members] = np.arange(len(members))
    return pool[np.argsort(turn, kind="stable")], test


def _k_centre(person: _Person) -> tuple[Rows, Rows]:
    if person.features is None:
        raise BadInput("the split 'k-centre' needs features")
    pool, test = person.random_halves()
    return pool[np.fromiter(_farthest_first(person.features[pool]), dtype=int)], test


SCHEMES: dict[str, Callable[[_Person], tuple[Rows, Rows]]] = {
    "random": _random,
    "first": _first,
    "recent": _recent,
    "halves": _halves,
    "blocks": _blocks,
    "stratified": _stratified,
    "k-centre": _k_centre,
}


def _near(times: NDArray[np.float64], others: NDArray[np.float64], gap_s: float) -> NDArray[np.bool_]:
    """Tell which times lie closer than the gap to any of the others (sorted, at least one)."""
    if not len(others):
        return np.zeros(len(times), dtype=bool)
    place = np.searchsorted(others, times)
    after = np.abs(others[np.minimum(place, len(others) - 1)] - times)
    before = np.abs(others[np.maximum(place - 1, 0)] - times)
    return np.minimum(after, before) < gap_s


def _farthest_first(points: NDArray[np.float32]) -> Iterator[int]:
    """Yield all indices: the point nearest the mean, then always the one farthest from all yielded (Gonzalez 1985)."""
    chosen = int(np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1)))
    distance = np.full(len(points), np.inf)
    for _ in range(len(points)):
        yield chosen
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen], axis=1))
        distance[chosen] = -1
        chosen = int(np.argmax(distance))
