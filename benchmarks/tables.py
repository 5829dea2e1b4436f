"""Write benchmarks/README.md from the results on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

INTRODUCTION = """# Benchmarks

One file for each question; `make bench` runs them all and rewrites this page from `results/*.json`. Everything is
measured on one core unless the question says otherwise, variants interleaved in one run; a cell is the median with its
quartiles. Machines differ: trust the ratios.
"""


def main() -> None:
    """Write the page."""
    parts = [INTRODUCTION]
    for path in sorted((HERE / "results").glob("*.json")):
        parts.append(section(json.loads(path.read_text(encoding="utf-8"))))
        if path.with_suffix(".png").exists():
            parts.append(f"![{path.stem}](results/{path.stem}.png)\n")
    (HERE / "README.md").write_text("\n".join(parts), encoding="utf-8")


def section(result: dict[str, Any]) -> str:
    """Return one benchmark as Markdown."""
    rows = result["rows"]
    head = list(rows[0])
    lines = [f"## {result['question']}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell(row[column]) for column in head) + " |" for row in rows]
    known = {"question", "rows", "versions", "machine", "command", "commit"}
    facts = ", ".join(f"{key} {value}" for key, value in result.items() if key not in known)
    packages = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines += ["", f"`{result['command']}` at {result['commit']} on {result['machine']}; {facts}; {packages}.", ""]
    return "\n".join(lines)


def cell(value: Any) -> str:
    """Return a median with quartiles, or a plain value."""
    if isinstance(value, dict):
        return f"{value['median']} ({value['lower']} - {value['upper']})"
    return str(value)


if __name__ == "__main__":
    main()
