"""Write the README's table of results from the demo's ``results.json``.

make demo && python tools/readme_results.py demo/results.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- results: written by tools/readme_results.py -->\n", "<!-- end of results -->\n"


def results_table(results: dict[str, Any]) -> str:
    """Return the errors of every person before and after the adaptation as a Markdown table.

    Args:
        results: contents of ``results.json``.
    """
    head = "| synthetic person | valence before | after | own mean | arousal before | after | own mean | phone |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for person in results["people"]:
        verdict = "accepted" if person["adaptation"]["accepted"] else "refused"
        lines.append(_line(person["subject"], person, verdict))
    lines.append(_line("all, pooled", results["pooled"], ""))
    return "\n".join(lines) + "\n"


def with_results(readme: str, results: dict[str, Any]) -> str:
    """Return a README whose table of results is that of a demo.

    Args:
        readme: text with the two marks.
        results: contents of ``results.json``.
    """
    before, _, rest = readme.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError("the README has no place for results")
    return f"{before}{BEGIN}{results_table(results)}{END}{after}"


def _line(name: str, row: dict[str, Any], verdict: str) -> str:
    errors = (row[which][f"rmse_{target}"] for target in ("valence", "arousal") for which in _COLUMNS)
    return f"| {name} | {' | '.join(f'{error:.3f}' for error in errors)} | {verdict} |"


_COLUMNS = ("before", "after", "own_mean")


def main() -> None:
    """Read the options and rewrite the README."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    README.write_text(with_results(README.read_text(encoding="utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    main()
