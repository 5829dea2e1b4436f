"""Verdicts in words: the change that adaptation made for each target, and its standing against the own mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pen_mobile.evaluation.personalization import Personalization, PersonResult
from pen_mobile.utils.text import counted, decimal, joined

TARGETS = ("valence", "arousal")
DIGITS = 2
"""Digits of errors in sentences."""

SAME = 0.01
"""A smaller difference of errors, in units of the labels, counts as none."""

Change = Literal["better", "worse", "the same"]


@dataclass(frozen=True)
class TargetVerdict:
    """Errors of one target, as RMSE in units of the labels.

    Attributes:
        target: name of the target.
        before: error of the shipped head.
        after: error of the head in use after the adaptation.
        own_mean: error of always answering the mean of the labels that the person gave.
    """

    target: str
    before: float
    after: float
    own_mean: float

    @property
    def change(self) -> Change:
        """``better`` when the error fell."""
        return _compared(self.after, self.before)

    @property
    def against_own_mean(self) -> Change:
        """``better`` when the error is smaller than that of the own mean."""
        return _compared(self.after, self.own_mean)

    @property
    def words(self) -> str:
        """Change with its numbers, such as ``valence got better (error 0.58 to 0.45)``."""
        if self.change == "the same":
            return f"{self.target} stayed the same (error {decimal(self.after, DIGITS)})"
        numbers = f"error {decimal(self.before, DIGITS)} to {decimal(self.after, DIGITS)}"
        return f"{self.target} got {self.change} ({numbers})"


def verdicts(result: Personalization | PersonResult) -> list[TargetVerdict]:
    """Return one verdict for each target.

    Args:
        result: results of one person, or of all people pooled.
    """
    three = (result.before, result.after, result.own_mean)
    return [TargetVerdict(target, *(getattr(agreement, f"rmse_{target}") for agreement in three)) for target in TARGETS]


def overall(result: Personalization | PersonResult) -> Literal["better", "worse", "mixed", "the same"]:
    """Return the verdict over all targets; ``mixed`` when some got better and others worse.

    Args:
        result: results of one person, or of all people pooled.
    """
    changes = {verdict.change for verdict in verdicts(result)} - {"the same"}
    if len(changes) > 1:
        return "mixed"
    return next(iter(changes), "the same")


def person_sentence(person: PersonResult) -> str:
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


def headline(result: Personalization) -> str:
    """Return what the phones did and what came of it over all people.

    Args:
        result: results of all people.
    """
    count, accepted = len(result.people), sum(person.adaptation.accepted for person in result.people)
    phones = f"All {count} phones" if accepted == count > 1 else f"{accepted} of {counted(count, 'phone')}"
    changes = joined([verdict.words for verdict in verdicts(result)])
    return f"{phones} took a new head into use after {label_counts(result)}. Over all people, {changes}."


def label_counts(result: Personalization) -> str:
    """Return how many labels the phones had, such as ``48 labels each`` or ``12 to 48 labels``.

    Args:
        result: results of all people.
    """
    counts = [person.labels_given for person in result.people]
    if min(counts) != max(counts):
        return f"{min(counts)} to {max(counts)} labels"
    return counted(counts[0], "label") + (" each" if len(counts) > 1 else "")


def own_mean_words(found: Sequence[TargetVerdict], own_mean: str) -> str:
    """Return the standing against always answering the own mean, with its errors.

    Args:
        found: verdicts of all targets.
        own_mean: words for that baseline, such as ``this person's own mean``.
    """
    parts = []
    for standing, change in _STANDINGS.items():
        targets = [one for one in found if one.against_own_mean == change]
        if targets:
            parts.append(f"{_are(targets)} {standing} always answering {own_mean} ({_errors(targets)})")
    return joined(parts)


_STANDINGS: dict[str, Change] = {"better than": "better", "as good as": "the same", "worse than": "worse"}


def _are(found: Sequence[TargetVerdict]) -> str:
    if len(found) == len(TARGETS) > 1:
        return "both are" if len(TARGETS) == 2 else "all are"
    return f"{joined([one.target for one in found])} {'is' if len(found) == 1 else 'are'}"


def _errors(found: Sequence[TargetVerdict]) -> str:
    return joined(list(dict.fromkeys(decimal(one.own_mean, DIGITS) for one in found)))


def _compared(error: float, other: float) -> Change:
    if abs(error - other) < SAME:
        return "the same"
    return "better" if error < other else "worse"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
