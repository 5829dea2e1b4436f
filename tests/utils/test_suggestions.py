"""What can be given instead of a value that is not known."""

from __future__ import annotations

from pen_mobile.utils.suggestions import choices, nearest


def test_the_nearest_comes_first() -> None:
    assert nearest("andriod-int8", ["ios-coreml", "android-fp32", "android-int8"])[0] == "android-int8"
    assert nearest("ADAM", ["sgd", "Adam"]) == ["Adam"]
    assert nearest("magic", ["sgd", "adam"]) == []


def test_short_lists_are_shown_whole() -> None:
    assert choices("magic", ["sgd", "adam", "lion"]) == "there are sgd, adam and lion"
    assert choices("adm", ["sgd", "adam"]) == "did you mean 'adam'? There are sgd and adam"
    assert choices("x", ["only"]) == "there is only"
    assert choices("x", []) == "there are none"


def test_a_long_list_is_not_cut_before_the_right_one() -> None:
    """100 people; the one that was meant is the last."""
    people = [f"person-{number:03d}" for number in range(99)] + ["zoe"]
    text = choices("zoee", people)
    assert text.startswith("did you mean 'zoe'? There are zoe, person-000, ")
    assert text.endswith(" and 88 more")
