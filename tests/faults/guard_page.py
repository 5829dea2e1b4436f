"""The page ``docs/guard.md``: what became of heads under attack, as tables."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from tests.faults.attacks import ANOTHER_PERSON, ATTACKS, HONEST
from tests.faults.guard_bound import best_share_caught

COUNTS, SAMPLINGS = (5, 20, 60), ("random", "one stretch")


class Setting(NamedTuple):
    """One row of the table."""

    attack: str
    strategy: str
    sampling: str
    count: int


class Case(NamedTuple):
    """One adaptation.

    Attributes:
        setting: the row that it belongs to.
        accepted: whether the new head was taken into use.
        declined: whether a check spoke against the labels or the new head. A phone also keeps its head when no number
            of gradient steps is better than none.
        invalid: whether the labels were refused before they were stored.
        change: of the true RMSE of the head in use.
        distance: of the features from the owner's earlier ones.
    """

    setting: Setting
    accepted: bool
    declined: bool
    invalid: bool
    change: float
    distance: float


def table(found: list[Case], margin: float) -> str:
    """Return one Markdown row for each setting.

    Args:
        found: all cases.
        margin: of the recipe.
    """
    order = list(ATTACKS)
    settings = sorted({case.setting for case in found}, key=lambda row: (order.index(row.attack), *row[1:3], row.count))
    return "\n".join(_row(setting, [case for case in found if case.setting == setting], margin) for setting in settings)


def _row(setting: Setting, group: list[Case], margin: float) -> str:
    changes = np.array([case.change for case in group])
    accepted = sum(case.accepted for case in group)
    kept = f"{len(group) - accepted}" + (" (before they are stored)" if group[0].invalid else "")
    worse = int((changes > margin).sum())
    return (
        f"| {setting.attack} | {setting.strategy} | {setting.sampling} | {setting.count} | {accepted} | {kept} | "
        f"{changes.mean():+.3f} | {changes.max():+.3f} | {worse} |"
    )


def totals(found: list[Case], margin: float) -> str:
    """Return the sums that the guard promises, one line for each strategy.

    Args:
        found: all cases.
        margin: of the recipe.
    """
    attacked_worse = "attacks that left the head worse by more than the margin"
    lines = [f"| strategy | honest sets declined | accepted | {attacked_worse} | worst |", "|---|---|---|---|---|"]
    for strategy in sorted({case.setting.strategy for case in found}):
        mine = [case for case in found if case.setting.strategy == strategy]
        honest = [case for case in mine if case.setting.attack == HONEST]
        attacked = [case for case in mine if case.setting.attack not in (HONEST, ANOTHER_PERSON)]
        worse = sum(case.change > margin for case in attacked)
        worst = max(attacked, key=lambda case: case.change)
        declined, accepted = (sum(getattr(case, name) for case in honest) for name in ("declined", "accepted"))
        lines.append(
            f"| {strategy} | {_share(declined, len(honest))} | {_share(accepted, len(honest))} | "
            f"{_share(worse, len(attacked))} | {worst.change:+.3f}: {worst.setting.attack}, {worst.setting.count} "
            f"labels, {worst.setting.sampling} |"
        )
    return "\n".join(lines)


def identity(found: list[Case], margin: float) -> str:
    """Return what a comparison with the owner's earlier features catches of another person's faces.

    The largest distance that 95 % of the owners' own sets have is the threshold, for each count and sampling.

    Args:
        found: all cases.
        margin: of the recipe.
    """
    lines = ["| labels | sampling | worse by more than the margin | of these, features far from the owner's |"]
    lines += ["|---|---|---|---|"]
    strategy = found[0].setting.strategy
    for sampling, count in itertools.product(SAMPLINGS, COUNTS):
        key = (strategy, sampling, count)
        own = [case for case in found if case.setting == (HONEST, *key)]
        others = [case for case in found if case.setting == (ANOTHER_PERSON, *key)]
        threshold = np.quantile([case.distance for case in own], 0.95)
        worse = [case for case in others if case.change > margin]
        caught = sum(case.distance > threshold for case in worse)
        lines.append(f"| {count} | {sampling} | {_share(len(worse), len(others))} | {caught} of {len(worse)} |")
    return "\n".join(lines)


def _share(count: int, of: int) -> str:
    return f"{count} of {of} ({100 * count / max(of, 1):.1f} %)"


def caught(found: list[Case]) -> str:
    """Return how many sets of inverted and shuffled labels were refused, for each number of labels.

    Args:
        found: all cases.
    """
    lines = ["| attack | labels | sampling | refused |", "|---|---|---|---|"]
    for attack, sampling, count in itertools.product(("all labels inverted", "labels shuffled"), SAMPLINGS, COUNTS):
        group = [case for case in found if case.setting[::2] == (attack, sampling) and case.setting.count == count]
        refused = sum(not case.accepted for case in group)
        lines.append(f"| {attack} | {count} | {sampling} | {_share(refused, len(group))} |")
    return "\n".join(lines)


def bounds(found: list[Case], count: int) -> str:
    """Return how many shuffled sets were refused, and how many the best possible test refuses.

    Args:
        found: all cases.
        count: N, labels.
    """
    lines = ["| labels | sampling | refused by strategy prior | most that any test finds |", "|---|---|---|---|"]
    for sampling in SAMPLINGS:
        setting = ("labels shuffled", "prior", sampling, count)
        group = [case for case in found if case.setting == setting]
        refused = _share(sum(not case.accepted for case in group), len(group))
        lines.append(f"| {count} | {sampling} | {refused} | {100 * best_share_caught(count, sampling):.0f} % |")
    return "\n".join(lines)


PAGE = """# What the guard lets through

Written by `python -m tests.faults.guard_report`: {seeds} invented owners (seeds 0 to {last}), a bundle of recipe
android-fp32 that was trained on {sources} others, {counts} labels from the first {half} s of a recording, drawn at
random or consecutive seconds. The *true* change is that of the RMSE of the head in use on the last {tested} s, which
the phone never gets; it is 0 where the phone kept its head. Every refusal was found in the history or the log with its
reason. The people are invented: the numbers show how the guard behaves, not how good a model is.

Nobody here took part in training a backbone. Where the source people did, surprise is not judged
([decision 22](adr/0022-one-report-decides.md)), and more gets through: with nine source people 14.5 % of the sets with
wrong labels left a head worse by more than the margin (11.1 to 18.3 over owners), the worst by .254, and 5.3 % of
honest sets. [benchmarks](../benchmarks/README.md) has every kind of set, and what caution costs and saves
(`python benchmarks/wrong_labels.py`).

## Sums

The margin is {margin:g}. Attacks are all but another person's faces together with that person's labels. Sets that are
neither declined nor accepted are those of which no number of gradient steps was better than none.

{totals}

Inverted and shuffled labels, of {counts} labels, both samplings and all strategies:

{caught}

With a bundle that was trained on {fewer} people, the limits are wider, for a few people tell less about the next:

{totals_of_fewer}

## How much few labels can tell

Five labels in another order are hardly a contradiction. The table has, beside what the phone refuses, the most that any
test can find when it declines 5 % of honest sets: a ratio of likelihoods (Neyman and Pearson) over all 120 orders,
computed with the owner's own way of showing affect, offset and noise, which no phone knows
(`tests/faults/guard_bound.py`).
In one stretch five labels are nearly the same, so their order says next to nothing, and does next to no harm.

{bounds}

## Another person

Faces of another person with that person's labels are a consistent set, and no label can reveal them: for the phone it
is a new owner. A comparison of the features with the owner's earlier ones can. The table counts the heads of strategy
{strategy} that became worse, and how many of those sets lie farther from the owner's features (distance of the means,
in standard deviations) than 95 % of the owners' own sets. The phone makes no such comparison by itself: the first
labels have nothing to be compared with, and a new camera looks like a new person. An app that wants it has the
features.

{identity}

## What holds, and what does not

- A label that is NaN or out of range, and a feature with NaN or infinity, is refused with all that came with it before
  anything is stored, and the log gives the reason. A head with a number that is not finite is never accepted.
- On the labels themselves, each left out in its turn as part of a stretch of time, the RMSE of an accepted target grows
  by no more than the margin and what chance explains. That is a statement about these labels. On later moments it
  holds as often as the last column shows: labels of one part of a recording do not speak for another.
- Labels close in time count as few labels. Consecutive seconds are one stretch of a slow mood, and little can be said
  against them. So they move a head little, too: *caution* keeps back a share of every change that is larger for
  fewer effective labels, for the prior as large as costs honest source people no more than chance.
- When *all* labels are wrong, they cannot judge. The phone then declines labels that agree with the shipped head less
  than honest labels do, that are farther from what the prior expects at these moments (*surprise*), or that would fit
  these moments as well in another order. How far honest labels are was learned from the source people, so that at most
  5 % of honest sets are declined; where heads do not transfer between people, the prior expects nothing, and a
  contradiction is no evidence.
- Labels that are wrong in a way that the shipped head cannot contradict are learned: the same offset at all moments, or
  labels that happen to fit. Labels that are all the same are declined, from five on. `pen-mobile phone rollback` goes
  back.

## All settings

Worse are heads whose true change is more than the margin.

| attack | strategy | sampling | labels | accepted | kept the old head | mean true change | largest | worse |
|---|---|---|---|---|---|---|---|---|
{rows}

Commit {commit}, {seconds:.0f} s with {workers} processes.
"""
