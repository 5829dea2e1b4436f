"""Verdicts in words: the change that adaptation made for each target, and its standing against the own mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

from pen_mobile.metrics import Agreement
from pen_mobile.phone.adaptation.result import AdaptationResult
from pen_mobile.phone.adaptation.target_verdict import TargetVerdict, own_mean_words
from pen_mobile.targets import Targets
from pen_mobile.utils.table import Row, Table
from pen_mobile.utils.text import counted, decimal, joined


class Compared(Protocol):
    """Agreement of the shipped head, of the adapted head, and of the own mean."""

    @property
    def targets(self) -> Targets: ...

    @property
    def before(self) -> Agreement: ...

    @property
    def after(self) -> Agreement: ...

    @property
    def own_mean(self) -> Agreement: ...


class OnePerson(Compared, Protocol):
    """The same for one person, with the adaptation on that person's phone."""

    @property
    def subject(self) -> str: ...

    @property
    def adaptation(self) -> AdaptationResult: ...

    @property
    def labels_given(self) -> int: ...


class Everybody(Compared, Protocol):
    """The same for all people pooled."""

    @property
    def people(self) -> Sequence[OnePerson]: ...


def verdicts(result: Compared) -> list[TargetVerdict]:
    """Return one verdict for each target.

    Args:
        result: results of one person, or of all people pooled.
    """
    three, unit = (result.before, result.after, result.own_mean), result.targets.half_width
    return [
        TargetVerdict(name, *(getattr(agreement, f"rmse_{name}") for agreement in three), unit=unit)
        for name in result.targets.names
    ]


def overall(result: Compared) -> Literal["better", "worse", "mixed", "the same"]:
    """Return the verdict over all targets; ``mixed`` when some got better and others worse.

    Args:
        result: results of one person, or of all people pooled.
    """
    changes = {verdict.change for verdict in verdicts(result)} - {"the same"}
    if len(changes) > 1:
        return "mixed"
    return next(iter(changes), "the same")


def person_sentence(person: OnePerson) -> str:
    """Return what one phone did and what came of it, in one or two sentences.

    Args:
        person: result of one person.
    """
    labels = counted(person.labels_given, "label")
    if not person.adaptation.accepted:
        return f"The phone kept its head after {labels}: {person.adaptation.reason}."
    changes = _capital(joined([verdict.words for verdict in verdicts(person)]))
    standing = own_mean_words(verdicts(person), "this person's own mean")
    return f"The phone took a new head into use after {labels}. {changes}; {standing}."


def headline(result: Everybody) -> str:
    """Return what the phones did and what came of it over all people.

    Args:
        result: results of all people.
    """
    count, accepted = len(result.people), sum(person.adaptation.accepted for person in result.people)
    phones = f"{accepted} of {counted(count, 'phone')}"
    if count > 1 and accepted in (0, count):
        phones = f"All {count} phones" if accepted else f"None of {count} phones"
    changes = joined([verdict.words for verdict in verdicts(result)])
    return f"{phones} took a new head into use after {label_counts(result)}. Over all people, {changes}."


def label_counts(result: Everybody) -> str:
    """Return how many labels the phones had, such as ``48 labels each`` or ``12 to 48 labels``.

    Args:
        result: results of all people.
    """
    counts = [person.labels_given for person in result.people]
    if min(counts) != max(counts):
        return f"{min(counts)} to {max(counts)} labels"
    return counted(counts[0], "label") + (" each" if len(counts) > 1 else "")


def agreement_table(person: OnePerson) -> Table:
    """Return CCC and RMSE of one person: before, after, and of the own mean.

    Args:
        person: result of one person.
    """
    three = (("before", person.before), ("after", person.after), ("own mean", person.own_mean))
    return agreements_table("", three)


def agreements_table(title: str, rows: Iterable[tuple[str, Agreement]]) -> Table:
    """Return CCC and RMSE of every target, a line for each agreement.

    Args:
        title: above the names.
        rows: names and agreements of the same targets.
    """
    rows = list(rows)
    head = (title, *(f"{measure} {target}" for measure in ("CCC", "RMSE") for target in rows[0][1].targets))
    return Table(head, [(name, *map(decimal, agreement.root.values())) for name, agreement in rows])


def people_table(result: Everybody) -> Table:
    """Return CCC and RMSE over all targets of every person, and of all people pooled.

    Args:
        result: results of all people.
    """
    head = ("person", "CCC before", "after", "own mean", "RMSE before", "after", "own mean", "guard")
    rows = [
        Row((person.subject, *_means(person), "accepted" if person.adaptation.accepted else "refused"))
        for person in result.people
    ]
    return Table(head, [*rows, Row(("all, pooled", *_means(result), ""), "total")])


def _means(result: Compared) -> list[str]:
    three = (result.before, result.after, result.own_mean)
    return [decimal(agreement.ccc) for agreement in three] + [decimal(agreement.rmse) for agreement in three]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
