"""The glossary of pages and of the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_mobile.reports.glossary import GLOSSARY, anchor, markdown, terms_in

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documentation_holds_the_same_terms() -> None:
    """To write it again, print ``pen_mobile.reports.glossary.markdown()`` into the file."""
    assert (DOCS / "glossary.md").read_text(encoding="utf-8") == markdown()


def test_terms_are_sorted_and_have_addresses_of_their_own() -> None:
    assert list(GLOSSARY) == sorted(GLOSSARY, key=str.lower)
    assert len({anchor(term) for term in GLOSSARY}) == len(GLOSSARY)
    assert anchor("t-PEN, t-SN") == "t-pen-t-sn"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Gates and experts", ["expert", "gate"]),
        ("the gatekeeper", []),
        ("s-SN is behind", ["s-PEN, s-SN"]),
        ("XNNPACK runs it", ["XNNPACK"]),
        ("an investigation", []),
    ],
)
def test_terms_in_a_text(text: str, found: list[str]) -> None:
    assert list(terms_in(text)) == found
