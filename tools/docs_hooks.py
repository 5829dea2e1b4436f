"""Hooks of the docs site: documents that stand elsewhere in the repository become pages, and links fit both places."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

REPOSITORY = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "export/README.md": "reference/recipes.md",
    "export/BUNDLE.md": "reference/bundle-format.md",
    "export/KOTLIN.md": "how-to/kotlin.md",
    "export/SWIFT.md": "how-to/swift.md",
    "benchmarks/README.md": "reference/benchmarks.md",
}
"""Documents of the repository, and the pages of the site that show them."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the documents that stand outside ``docs``, and a list of all decisions.

    Args:
        files: pages in ``docs``.
        config: of the site.
    """
    from mkdocs.structure.files import File

    for document, page in PAGES.items():
        text = (REPOSITORY / document).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=adapted(text, document, page)))
    for picture in sorted((REPOSITORY / "benchmarks").glob("results/*/*.png")):
        page = str(picture.relative_to(REPOSITORY / "benchmarks"))
        files.append(File.generated(config, page, abs_src_path=str(picture)))
    files.append(File.generated(config, "decisions.md", content=decisions()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Let links of a page in ``docs`` that lead out of it lead to the page of that document.

    Args:
        markdown: text of the page.
        page: the page.
        config: of the site.
        files: all pages.
    """
    source = page.file.src_uri
    return markdown if source in PAGES.values() else adapted(markdown, f"docs/{source}", source)


def adapted(text: str, document: str, page: str) -> str:
    """Return a document whose links fit the site; a link to a file that is no page becomes plain text.

    Args:
        text: the document.
        document: its path in the repository.
        page: its path in the site.
    """

    def replace(link: re.Match[str]) -> str:
        image, title, target = link.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return link[0]
        path, _, anchor = target.partition("#")
        found = page_of(posixpath.normpath(posixpath.join(posixpath.dirname(document), path)))
        if found is None:
            return title
        relative = posixpath.relpath(found, posixpath.dirname(page) or ".")
        return f"{image}[{title}]({relative}{'#' + anchor if anchor else ''})"

    return _LINK.sub(replace, text)


def page_of(document: str) -> str | None:
    """Return the page that shows a file or folder of the repository, or None.

    Args:
        document: path in the repository.
    """
    if document in PAGES:
        return PAGES[document]
    if document == "docs/adr":
        return "decisions.md"
    if document.startswith("docs/") and (REPOSITORY / document).is_file():
        return document.removeprefix("docs/")
    if document.startswith("benchmarks/results/") and document.endswith(".png"):
        return document.removeprefix("benchmarks/")
    return PAGES.get(f"{document}/README.md")


def decisions() -> str:
    """Return the page that lists all decisions with their dates and states."""
    rows = [_row(path) for path in sorted((REPOSITORY / "docs" / "adr").glob("*.md"))]
    head = ["# Decisions", "", "What somebody may want to reverse, and why it is so.", ""]
    return "\n".join([*head, "| decision | date | status |", "|---|---|---|", *rows, ""])


def _row(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix("# ")
    date, status = (re.search(rf"^{name}: (.*)$", text, re.MULTILINE) for name in ("Date", "Status"))
    return f"| [{title}](adr/{path.name}) | {date[1] if date else ''} | {status[1] if status else ''} |"
