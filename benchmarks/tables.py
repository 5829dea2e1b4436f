"""Write benchmarks/README.md, and the pictures in it, from the results on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

INTRODUCTION = """# Benchmarks

One file for each question. `make bench` runs them all on your machine, makes the environments of the peers, and
rewrites this page and its pictures from `results/*.json`; `make bench-quick` runs the tiny form of each and writes
nothing; `python benchmarks/compare.py OLD.json NEW.json` says what got worse between two results of one benchmark.

Everything is measured on one core unless the question says otherwise, variants interleaved in one run; a cell is the
median with its quartiles, or a mean with its interval. Machines differ: trust the ratios. Rows in which we lose are
rows like all others, and what misses its target is said below its table.
"""

_ORDER = (
    "train_step",
    "adapting",
    "personalize",
    "backbones",
    "recipes",
    "export_time",
    "quality_per_label",
    "asking",
    "prepare",
    "render",
    "loading",
    "protocol",
)
_OF_EVERY_RESULT = {"question", "rows", "versions", "machine", "command", "commit", "remarks"}


def main() -> None:
    """Write the page."""
    import plots

    results = HERE / "results"
    for name, draw in plots.PLOTS.items():
        if (results / f"{name}.json").exists():
            draw(read(results / f"{name}.json"), results / f"{name}.png")
    (HERE / "README.md").write_text(page(results), encoding="utf-8")


def page(results: Path) -> str:
    """Return the page: a section for each result, in the order in which a reader asks."""
    paths = sorted(results.glob("*.json"), key=lambda path: (_place(path.stem), path.stem))
    parts = [INTRODUCTION]
    for path in paths:
        parts.append(section(read(path)))
        if path.with_suffix(".png").exists():
            parts.append(f"![{path.stem}](results/{path.stem}.png)\n")
    return "\n".join(parts)


def read(path: Path) -> dict[str, Any]:
    """Read one result."""
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def section(result: dict[str, Any]) -> str:
    """Return one benchmark as Markdown: question, rows, what its author has to say about them, and how to repeat it."""
    lines = [f"## {result['question']}", "", *table(result["rows"])]
    lines += ["", *(f"- {remark}" for remark in result.get("remarks", []))]
    facts = ", ".join(f"{key} {plain(value)}" for key, value in result.items() if key not in _OF_EVERY_RESULT)
    packages = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    if result.get("remarks"):
        lines.append("")
    lines += [f"`{result['command']}` at {result['commit']} on {result['machine']}; {facts}; {packages}.", ""]
    return "\n".join(lines)


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows as lines of Markdown; a row need not have every column."""
    head = list(dict.fromkeys(column for row in rows for column in row))
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(cell(row.get(column, "")) for column in head) + " |" for row in rows]


def cell(value: Any) -> str:
    """Return a median with quartiles, a mean with its interval, or a plain value."""
    if isinstance(value, dict):
        return f"{value.get('median', value.get('mean'))} ({value['lower']} - {value['upper']})"
    return str(value)


def plain(value: Any) -> str:
    """Return a fact in words."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(one)}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


if __name__ == "__main__":
    main()
