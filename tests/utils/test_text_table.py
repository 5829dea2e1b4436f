"""The table model: plain text for terminals, HTML for pages and notebooks."""

from __future__ import annotations

import pytest

from pen_mobile.utils.table import Cell, Row, Table, typographic

TABLE = Table(
    ("person", "CCC", "note"),
    [
        ("<ann>", "0.512", "fine"),
        Row([Cell("block")], "title"),
        (Cell("ben"), Cell("-0.031", bold=True, note="2 labels"), Cell("worse", tone="worse")),
        Row(("own mean", "-", ""), "reference"),
    ],
    "Everyone & all",
)


def test_numbers_are_found_column_by_column() -> None:
    assert TABLE.numeric() == [False, True, False]
    assert Table(("a", "b"), []).numeric() == [False, False]
    assert Table(("a",), [("x",), ("1",)]).numeric() == [False]


@pytest.mark.parametrize(
    "text",
    ["1", "-0.5", "+0.25", "1,200", "3.0e-05", "0.61 ± 0.02", "45.2 MB", "12 %", "-0.93 to 1.00", "-", "", "5 ms"],
)
def test_numbers(text: str) -> None:
    assert Table(("a",), [(text,)]).numeric() == [True]


@pytest.mark.parametrize("text", ["5 of 6", "target-01", "0.1.2 or", "1 person", "nan"])
def test_words(text: str) -> None:
    assert Table(("a",), [(text,)]).numeric() == [False]


def test_plain_text() -> None:
    assert TABLE.texts()[1:3] == [["block", "", ""], ["ben", "-0.031 (2 labels)", "worse"]]


def test_html_is_escaped_aligned_and_marked() -> None:
    page = TABLE.to_html()
    assert "&lt;ann&gt;" in page
    assert "<caption>Everyone &amp; all</caption>" in page
    assert "<strong>\N{MINUS SIGN}0.031</strong><small>2 labels</small>" in page
    assert '<span class="mark worse">worse</span>' in page
    assert '<tr class="reference"><th scope="row" style="text-align:left">own mean</th>' in page
    assert '<td data-label="CCC" class="num" style="text-align:right">\N{EN DASH}</td>' in page
    assert '<th scope="rowgroup" colspan="3">block</th>' in page


def test_long_text_makes_a_list_on_narrow_screens() -> None:
    assert '<table class="grid">' in TABLE.to_html()
    assert (
        '<table class="stack">'
        in Table(("a", "b", "c"), [("1", "2", "a sentence with many words in it, for once")]).to_html()
    )


def test_groups_stand_above_their_columns() -> None:
    page = Table(("", "before", "after"), [("a", "1", "2")], groups=[("CCC", 2)]).to_html()
    assert '<th scope="colgroup" colspan="2" class="group">CCC</th>' in page


def test_only_numbers_get_a_minus_sign() -> None:
    assert typographic("target-01") == "target-01"
    assert typographic("-1.5") == "\N{MINUS SIGN}1.5"
