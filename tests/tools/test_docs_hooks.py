"""The docs site: links fit, every document has its page, and every decision its date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tools.docs_hooks import PAGES, REPOSITORY, adapted, decisions, page_of

DECISIONS = sorted((REPOSITORY / "docs" / "adr").glob("*.md"))


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[a](https://example.org/x)", "[a](https://example.org/x)"),
        ("[a](#here)", "[a](#here)"),
        ("[a](glossary.md#gate)", "[a](glossary.md#gate)"),
        ("[a](../export/BUNDLE.md#bytes)", "[a](reference/bundle-format.md#bytes)"),
        ("[a](../README.md)", "[a](index.md)"),
        ("[a](../export)", "[a](reference/recipes.md)"),
        ("[a](adr)", "[a](decisions.md)"),
        ("[a](../tests/readme.py)", "a"),  # no page of the site
    ],
)
def test_links_of_a_page_in_docs(link: str, expected: str) -> None:
    assert adapted(link, "docs/guard.md", "guard.md") == expected


def test_links_of_a_document_outside_docs() -> None:
    assert adapted("[a](docs/day.md)", "README.md", "index.md") == "[a](day.md)"
    assert adapted("[a](BUNDLE.md)", "export/README.md", "reference/recipes.md") == "[a](bundle-format.md)"
    assert adapted("![b](results/avx2/backbones.png)", "benchmarks/README.md", "reference/benchmarks.md") == (
        "![b](../results/avx2/backbones.png)"
    )


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_every_decision_has_a_date_and_a_status(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(r"^Date: 20\d\d-[01]\d-[0-3]\d( \(.*\))?$", text, re.MULTILINE)
    assert re.search(r"^Status: \w", text, re.MULTILINE)
    assert f"(adr/{path.name})" in decisions()


def test_every_page_of_the_navigation_exists() -> None:
    class Loader(yaml.SafeLoader):
        """YAML with tags of Python names, which stay unread."""

    text = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    pages = re.findall(r"([\w/-]+\.md)$", str(yaml.load(text, Loader)["nav"]).replace("'", "\n"), re.MULTILINE)
    assert len(pages) > 20
    for page in pages:
        made = page in {*PAGES.values(), "decisions.md"}
        assert made or (REPOSITORY / "docs" / page).is_file(), page
    assert page_of("docs/glossary.md") == "glossary.md"
