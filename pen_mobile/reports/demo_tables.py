"""Tables of the demo's page."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pen_mobile.evaluation.person_result import Personalization, PersonResult
from pen_mobile.evaluation.verdict import verdicts
from pen_mobile.phone.adaptation.target_verdict import TargetVerdict
from pen_mobile.training.prior.summary import PriorSummary
from pen_mobile.training.stage_log import StageLog
from pen_mobile.types import Floats
from pen_mobile.utils.table import Cell, Row, Table, Tone
from pen_mobile.utils.text import decimal, duration, file_size

_TONES: dict[str, Tone] = {"better": "better", "worse": "worse", "the same": ""}


def stages_table(stages: Mapping[str, StageLog]) -> Table:
    """Return the stages of training on the source people.

    Args:
        stages: logs by name, in order.
    """
    rows = [(name, str(len(log.epochs) - 1), decimal(log.best_loss, 4)) for name, log in stages.items()]
    return Table(("stage", "epochs", "best loss"), rows)


def prior_table(prior: PriorSummary) -> Table:
    """Return what the source people say about each target.

    Args:
        prior: summary of a run's prior.
    """
    head = ("", "output holds", "levels differ by", "errors alike for", "not adapted", "own mean", "adapted")
    rows = [
        (
            name,
            f"{found.gain:.0%} ± {found.gain_spread:.0%}",
            decimal(found.level_spread, 2),
            duration(found.noise_length_s),
            decimal(found.error_not_adapted),
            decimal(found.error_own_mean),
            decimal(found.error_adapted),
        )
        for name, found in prior.targets.items()
    ]
    return Table(head, rows, groups=[("", 3), ("error (RMSE)", 3)])


def errors_table(result: Personalization) -> Table:
    """Return RMSE and CCC of every person, before and after, with everybody pooled in the last line.

    Args:
        result: results of all people.
    """
    names = result.targets.names
    head = ["person", *("before", "after", "own mean") * len(names), *names]
    groups = [*((f"error (RMSE), {target}", 3) for target in names), ("CCC after", len(names))]
    rows = [Row([person.subject, *_errors(person), *_ccc_after(person)]) for person in result.people]
    pooled = [Cell(decimal(getattr(result.after, f"ccc_{target}"))) for target in names]
    return Table(head, [*rows, Row(["all, pooled", *_errors(result), *pooled], "total")], "", groups)


def person_table(person: PersonResult) -> Table:
    """Return CCC and RMSE of one person, before and after, a line for each target.

    Args:
        person: result of one person.
    """
    head, groups = ("", "before", "after", "before", "after", "own mean"), [("CCC", 2), ("error (RMSE)", 3)]
    pairs = ((person.before, person.trace.before), (person.after, person.trace.after))
    rows = []
    for column, verdict in enumerate(verdicts(person)):
        ccc = [_ccc(getattr(one, f"ccc_{verdict.target}"), estimates[:, column]) for one, estimates in pairs]
        rows.append(Row([verdict.target, *ccc, *_error_cells(verdict)]))
    return Table(head, rows, groups=groups)


def decisions_table(result: Personalization) -> Table:
    """Return each phone's decision: the labels and what they are worth, errors on labels left out, and the reason.

    Args:
        result: results of all people.
    """
    head = ("person", "decision", "labels", "effective labels", "error before", "error after", "seconds", "reason")
    return Table(head, [_decision(person) for person in result.people])


def seconds_table(seconds: Mapping[str, float]) -> Table:
    """Return the duration of every step, and of all together.

    Args:
        seconds: by step, in order.
    """
    rows = [Row((name, decimal(duration, 1))) for name, duration in seconds.items()]
    return Table(("step", "seconds"), [*rows, Row(("together", decimal(sum(seconds.values()), 1)), "total")])


def files_table(sizes: Mapping[str, int], roles: Mapping[str, str]) -> Table:
    """Return the files of a bundle.

    Args:
        sizes: bytes by name.
        roles: purpose by name.
    """
    rows = [(name, file_size(count), roles.get(name, "")) for name, count in sizes.items()]
    return Table(("file", "size", "purpose"), rows, "Files that ship to every phone")


def _decision(person: PersonResult) -> list[Cell | str]:
    done = person.adaptation
    return [
        person.subject,
        Cell("accepted", tone="better") if done.accepted else Cell("refused", tone="worse"),
        str(done.labels),
        decimal(done.effective_labels, 1),
        decimal(done.error_before),
        decimal(done.error_after),
        decimal(done.seconds, 2),
        done.reason,
    ]


def _errors(result: Personalization | PersonResult) -> list[Cell]:
    return [cell for verdict in verdicts(result) for cell in _error_cells(verdict)]


def _error_cells(verdict: TargetVerdict) -> list[Cell]:
    """Return the errors before, after and of the own mean; the smaller one of the last two is bold if they differ."""
    return [
        Cell(decimal(verdict.before)),
        Cell(decimal(verdict.after), verdict.against_own_mean == "better", tone=_TONES[verdict.change]),
        Cell(decimal(verdict.own_mean), verdict.against_own_mean == "worse"),
    ]


def _ccc_after(person: PersonResult) -> list[Cell]:
    return [
        _ccc(getattr(person.after, f"ccc_{target}"), person.trace.after[:, column])
        for column, target in enumerate(person.targets.names)
    ]


def _ccc(value: float | None, estimates: Floats) -> Cell:
    """Return a CCC; where estimates do not vary, or it is undefined, the cell says so."""
    constant = len(estimates) > 1 and np.ptp(estimates) == 0
    note = "constant estimates" if constant else "undefined" if value is None else ""
    return Cell(decimal(value), note=note)
