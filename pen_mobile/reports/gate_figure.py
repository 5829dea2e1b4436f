"""Figure of the weights of the experts before and after adaptation."""

from __future__ import annotations

import math

import numpy as np

from pen_mobile.evaluation.person_result import Personalization
from pen_mobile.reports.figure_output import inline_svg
from pen_mobile.reports.mpl import Axes
from pen_mobile.reports.plot_style import (
    AFTER,
    BEFORE,
    INK,
    WIDTH,
    Cell,
    Values,
    add_axes,
    add_title,
    figure_style,
    new_figure,
    shade_cells,
    short_name,
    strength_key,
)


def gate_figure(result: Personalization) -> str:
    """Return the gate's mean weight of every expert for every person, before and after side by side.

    A gate that no adaptation changed is drawn once.

    Args:
        result: results of all people.
    """
    before = np.stack([person.gate_before for person in result.people])
    after = np.stack([person.gate_after for person in result.people])
    people, experts = before.shape
    side, strongest = max(142.0, 13.0 * experts), max(float(before.max()), float(after.max()), 1e-9)
    left, height = 112, 88 + 22 * people
    width = max(WIDTH, math.ceil(left + 2 * side + 18 + 6))
    with figure_style():
        figure = new_figure(height, width)
        panels = [("before", before, BEFORE, left), ("after", after, AFTER, left + side + 18)]
        if gate_is_unchanged(result):
            panels = [("before and after", before, INK, left)]
        for title, weights, colour, start in panels:
            axes = add_axes(figure, start, 22, side, 22 * people)
            draw_weights(axes, weights / strongest)
            add_title(axes, title, colour)
            axes.set_xlabel("expert", labelpad=1)
        names = [short_name(person.subject) for person in result.people]
        figure.axes[0].set_yticks(range(people), names, color=INK)
        key = add_axes(figure, left, height - 20, 142, 9)
        strength_key(key, [(step + 0.5) / 10 for step in range(10)], f"{strongest:.2f} mean weight")
        return inline_svg(figure, "Mean gate weight of every expert for every person, before and after")


def gate_is_unchanged(result: Personalization) -> bool:
    """Return whether adaptation left the gate of every person as it was.

    Args:
        result: results of all people.
    """
    return all(np.array_equal(person.gate_before, person.gate_after) for person in result.people)


def draw_weights(axes: Axes, strengths: Values) -> None:
    """Draw one square for each person and expert, the darker the heavier.

    Args:
        axes: the plot.
        strengths: from 0 to 1, ``[people, experts]``.
    """
    people, experts = strengths.shape
    cells = (
        Cell(expert - 0.46, person - 0.44, 0.92, 0.88, float(strength))
        for (person, expert), strength in np.ndenumerate(strengths)
    )
    shade_cells(axes, cells, INK)
    axes.set_xlim(-0.5, experts - 0.5)
    axes.set_ylim(people - 0.5, -0.5)
    step = math.ceil(experts / 10)
    axes.set_xticks(range(0, experts, step), [str(expert + 1) for expert in range(0, experts, step)])
    axes.set_yticks([])
    axes.tick_params(length=0)
