"""Results of a personalization print, and show in notebooks, as a verdict and tables."""

from __future__ import annotations

from tests.evaluation.test_verdict import everybody, person


def test_a_person() -> None:
    ann = person((0.58, 0.45), (0.40, 0.44))
    assert repr(ann).startswith("<PersonResult: ann: The phone took a new head into use after 48 labels. Valence got")
    lines = [line.split() for line in str(ann).split("\n")]
    assert ["after", "0.500", "0.500", "0.450", "0.440"] in lines
    assert ["own", "mean", "0.500", "0.500", "0.600", "0.600"] in lines
    assert ann._repr_html_().count("<table") == 1


def test_everybody() -> None:
    result = everybody(person((0.58, 0.45), (0.40, 0.44)), person((0.5, 0.5), (0.5, 0.5), accepted=False))
    assert repr(result).startswith("<Personalization: 1 of 2 phones took a new head into use")
    assert "synthetic people: not comparable with real recordings" in repr(result)
    page = result._repr_html_()
    assert page.index("1 of 2 phones") < page.index("<table") < page.index("The phone kept its head")
