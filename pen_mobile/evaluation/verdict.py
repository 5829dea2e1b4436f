"""Verdicts in words: the change that adaptation made for each target, and its standing against the own mean."""

from __future__ import annotations

from typing import Literal

from pen_mobile.evaluation.personalization import Personalization, PersonResult
from pen_mobile.phone.adaptation.target_verdict import TargetVerdict, own_mean_words
from pen_mobile.utils.text import counted, joined

TARGETS = ("valence", "arousal")


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


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
