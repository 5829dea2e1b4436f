"""The page of a day: a verdict first, both targets, tables without empty ones, and addresses that exist."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.simulation.day_curves import curves_of
from pen_mobile.simulation.day_figure import day_figure
from pen_mobile.simulation.day_report import (
    attempts_table,
    day_parts,
    headline,
    quality_table,
    standing,
    write_day_page,
)
from pen_mobile.simulation.day_result import (
    ESTIMATORS,
    EVERYTHING,
    NEVER,
    OWN_MEAN,
    PHONE,
    DaySettings,
    OneDay,
    SimulatedDay,
)
from pen_mobile.simulation.day_trace import AdaptationAttempt, DayTrace, Moments
from pen_mobile.simulation.device_profile import load_profile
from pen_mobile.simulation.schedule import Pace

DIGEST = "ab" * 32


def simulated_day(seeds: tuple[int, ...] = (0,), attempts: bool = True) -> SimulatedDay:
    """Return a day of 120 moments in which valence is off by .4, .1, .05 and .6, and arousal by .2, .2, .1 and .1."""
    rng = np.random.default_rng(0)
    affect = rng.uniform(-0.4, 0.4, (120, 2)).astype(np.float32)
    errors = {NEVER: (0.4, 0.2), PHONE: (0.1, 0.2), EVERYTHING: (0.05, 0.1), OWN_MEAN: (0.6, 0.1)}
    predictions = {name: affect + np.array(error, np.float32) for name, error in errors.items()}
    done = [
        AdaptationAttempt(60, 12 * 3600.0, 21, True, "held-out error went from 0.4 to 0.1", 0.1, 0.2, 25.0),
        AdaptationAttempt(100, 15 * 3600.0, 40, False, "nothing was better than the head in use", 0.1, 0.2, 26.0),
    ]
    trace = DayTrace(predictions[PHONE], np.full(120, 24.0), [3, 50, 90], done if attempts else [])
    return SimulatedDay(
        DaySettings("target-03", load_profile("phone-2021"), "random", 4.0, 10.0, "07:00", seeds),
        "recordings <1>",
        DIGEST,
        True,
        119.0,
        Pace(7 * 3600.0, 300.0),
        Moments(7 * 3600.0 + 300.0 * np.arange(120), np.zeros((120, 1), np.float32), affect),
        [OneDay(seed, trace, predictions) for seed in seeds],
        0.0,
        True,
    )


def written(folder: Path, day: SimulatedDay) -> str:
    write_day_page(folder / "day.html", day, curves_of(day), "pen-mobile simulate-day x", {"python": "3.11"})
    return (folder / "day.html").read_text(encoding="utf-8")


def test_the_headline_is_a_verdict_for_each_target() -> None:
    assert headline(simulated_day()) == (
        "With 3 labels over the day, against never adapting: valence got better (error 0.40 to 0.10) and arousal "
        "stayed the same (error 0.20)."
    )
    assert standing(simulated_day()) == (
        "Valence is better than always answering the mean of the labels so far (0.60) and arousal is worse than always "
        "answering the mean of the labels so far (0.10)."
    )


def test_the_page_opens_with_the_verdict_and_shows_both_targets(tmp_path: Path) -> None:
    page = written(tmp_path, simulated_day())
    body = page[page.index("<header>") :]
    assert body.index("valence got better") < body.index("<table")
    assert page.count("<svg") == 3
    for target in ("valence", "arousal"):
        assert f'aria-label="Estimates and quality of {target}"' in page
    assert f"<dd>{DIGEST}</dd>" in page
    assert "recordings &lt;1&gt;" in page
    assert "no number here may be compared with real recordings" in page
    wanted = set(re.findall(r'href="#([^"]+)"', page))
    assert wanted <= set(re.findall(r' id="([^"]+)"', page))


def test_a_day_without_adaptations_has_no_empty_table(tmp_path: Path) -> None:
    page = written(tmp_path, simulated_day(attempts=False))
    assert "The phone never adapted" in page
    assert ">decision<" not in page


def test_seeds_are_a_column_only_where_there_are_several() -> None:
    assert "seed" not in attempts_table(simulated_day()).head
    two = attempts_table(simulated_day((0, 1)))
    assert [row[1] for row in two.texts()] == ["0", "0", "1", "1"]


def test_quality_table() -> None:
    rows = quality_table(simulated_day()).texts()
    assert [row[0] for row in rows] == list(ESTIMATORS)
    assert rows[1][1:3] == ["0.100", "0.200"]


def test_lines_for_a_terminal() -> None:
    lines = [part for part in day_parts(simulated_day()) if isinstance(part, str)]
    assert "asked 3 times (random), 2 adaptations, 1 of them accepted" in lines
    once = replace(simulated_day(), days=[replace(simulated_day().days[0])])
    once.days[0].trace.attempts.pop()
    assert "asked 3 times (random), 1 adaptation, 1 of them accepted" in day_parts(once)


@pytest.mark.parametrize("constant", [True, False])
def test_a_figure_is_drawn_even_where_ccc_is_undefined(constant: bool) -> None:
    day = simulated_day()
    if constant:
        day.moments.affect[:] = 0
        for values in day.days[0].predictions.values():
            values[:] = 0
    figure = day_figure(day, curves_of(day))
    assert len(figure.axes) == 1 + 2 * 6
