"""Work ahead: the same results in the same order, not further ahead than told, and nothing left running."""

from __future__ import annotations

import threading
import time

import pytest

from pen_mobile.training.prefetch import prefetch


def square(number: int) -> int:
    time.sleep(0.002 * (number % 3))  # later ones finish first
    return number * number


@pytest.mark.parametrize("threads", [0, 1, 2, 5])
def test_results_come_in_order(threads: int) -> None:
    assert list(prefetch(square, range(20), threads)) == [number * number for number in range(20)]
    assert list(prefetch(square, [], threads)) == []


def test_without_threads_the_caller_does_the_work() -> None:
    (worker,) = prefetch(lambda _: threading.get_ident(), [1], 0)
    assert worker == threading.get_ident()
    (worker,) = prefetch(lambda _: threading.get_ident(), [1], 1)
    assert worker != threading.get_ident()


def test_not_more_is_begun_than_the_threads_can_hold() -> None:
    """Two threads: one result handed out and two in the making, of a hundred."""
    begun: list[int] = []
    results = prefetch(begun.append, range(100), 2)
    next(results)
    time.sleep(0.05)
    assert sorted(begun) == [0, 1, 2]
    results.close()  # type: ignore[attr-defined]
    assert len(begun) <= 3


def test_an_error_comes_in_its_turn() -> None:
    results = prefetch(lambda number: 1 / number, [2, 1, 0, 4], 3)
    assert [next(results), next(results)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_whoever_stops_early_leaves_no_thread() -> None:
    def ours() -> int:
        return sum(thread.name.startswith("ahead") for thread in threading.enumerate())

    for result in prefetch(square, range(50), 3):
        assert ours()
        if result:
            break
    del result
    assert not ours()
