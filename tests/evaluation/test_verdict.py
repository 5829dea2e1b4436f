"""Verdicts in words: what got better and worse for each target, and how that stands against the own mean."""

from __future__ import annotations

import numpy as np
import pytest

from pen_mobile.evaluation.person_result import Personalization, PersonResult, Trace
from pen_mobile.evaluation.verdict import headline, overall, person_sentence, verdicts
from pen_mobile.phone.adaptation.result import AdaptationResult
from pen_mobile.phone.adaptation.target_verdict import TargetVerdict, own_mean_words
from tests.agreements import agreed

Errors = tuple[float, float]


def person(
    valence: Errors, arousal: Errors, own_mean: Errors = (0.6, 0.6), accepted: bool = True, labels: int = 48
) -> PersonResult:
    """Return a result whose errors before and after are given for each target."""
    before, after = zip(valence, arousal, strict=True)
    agreements = [agreed(0.5, 0.5, *errors) for errors in (before, after, own_mean)]
    gate, two = np.ones(1, np.float32), np.zeros((1, 2), np.float32)
    adaptation = AdaptationResult(accepted, "held-out error would go from 0.21 to 0.35", labels)
    return PersonResult(
        "ann", adaptation, *agreements, gate, gate, Trace(np.zeros(1), two, two, two, two), labels, True
    )


def everybody(*people: PersonResult) -> Personalization:
    return Personalization(list(people), people[0].before, people[0].after, people[0].own_mean, synthetic=True)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (0.58, 0.45, "valence got better (error 0.58 to 0.45)"),
        (0.45, 0.58, "valence got worse (error 0.45 to 0.58)"),
        (0.455, 0.446, "valence stayed the same (error 0.45)"),
    ],
)
def test_words_of_one_target(before: float, after: float, words: str) -> None:
    assert TargetVerdict("valence", before, after, 0.6).words == words


def test_a_target_that_got_worse_is_named() -> None:
    ann = person((0.58, 0.45), (0.40, 0.44))
    assert [one.change for one in verdicts(ann)] == ["better", "worse"]
    assert overall(ann) == "mixed"
    assert person_sentence(ann) == (
        "The phone took a new head into use after 48 labels. Valence got better (error 0.58 to 0.45) and arousal got "
        "worse (error 0.40 to 0.44); both are better than always answering this person's own mean (0.60)."
    )


def test_worse_than_the_own_mean_is_said() -> None:
    ann = person((0.9, 0.5), (0.7, 0.65), own_mean=(0.55, 0.62))
    assert own_mean_words(verdicts(ann), "this person's own mean") == (
        "valence is better than always answering this person's own mean (0.55) and arousal is worse than always "
        "answering this person's own mean (0.62)"
    )
    assert overall(ann) == "better"


def test_a_refusal_gives_its_reason() -> None:
    sentence = person_sentence(person((0.5, 0.5), (0.5, 0.5), accepted=False, labels=1))
    assert sentence == "The phone kept its head after 1 label: held-out error would go from 0.21 to 0.35."


def test_headline_counts_phones_and_labels() -> None:
    ann, ben = person((0.58, 0.45), (0.4, 0.4)), person((0.5, 0.5), (0.5, 0.5), accepted=False, labels=20)
    assert headline(everybody(ann, ann)) == (
        "All 2 phones took a new head into use after 48 labels each. Over all people, valence got better (error 0.58 "
        "to 0.45) and arousal stayed the same (error 0.40)."
    )
    assert headline(everybody(ann, ben)).startswith("1 of 2 phones took a new head into use after 20 to 48 labels. ")
    assert headline(everybody(ann)).startswith("1 of 1 phone took a new head into use after 48 labels. ")
