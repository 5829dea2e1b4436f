"""Write benchmarks/README.md, and the pictures in it, from the results on disk.

Results of several machines stand side by side, one folder of results for each instruction set.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pen_mobile.bundle.recipe import load_recipe

HERE = Path(__file__).parent
RECIPE = "android-fp32"

INTRODUCTION = """# Benchmarks

One file for each question. `make bench` runs them all on your machine, makes the environments of the peers, and
rewrites this page and its pictures from `results/<instruction set>/*.json`; `make bench-quick` runs the tiny form of
each and writes nothing; `python benchmarks/compare.py OLD.json NEW.json` says what got worse between two results of one
benchmark.

Everything is measured on one core unless the question says otherwise, variants interleaved in one run; a cell is the
median with its quartiles, or a mean with its interval.

**Processors decide.** The order of two libraries can differ from one instruction set to the next, so results of
several stand side by side; read a loss on one of them as that processor's, not as the method's, and trust ratios, not
times. What ships is the first row of its group. Rows in which we lose are rows like all others, and what misses its
target is said below its table.
"""

ORDER = (
    "train_step",
    "adapt_method",
    "adapting",
    "personalize",
    "backbones",
    "recipes",
    "export_time",
    "startup",
    "predict_command",
    "detection",
    "quality_per_label",
    "no_transfer",
    "wrong_labels",
    "asking",
    "prepare",
    "render",
    "loading",
    "protocol",
    "train_command",
)
NAMES = {"avx2": "AVX2", "avx512": "AVX-512", "avx512-amx": "AVX-512 with AMX", "neon": "NEON", "sve": "SVE"}
_OF_EVERY_RESULT = {"question", "rows", "versions", "machine", "command", "commit", "remarks", "instruction_set"}

Result = dict[str, Any]
Row = dict[str, Any]


def main() -> None:
    """Write the page."""
    import plots

    results = HERE / "results"
    for name, draw in plots.PLOTS.items():
        for path in results.glob(f"*/{name}.json"):
            result = read(path)
            if any(isinstance(value, dict) for row in result["rows"] for value in row.values()):
                draw(result, path.with_suffix(".png"))
                use_few_colours(path.with_suffix(".png"))
    (HERE / "README.md").write_text(page(results), encoding="utf-8")


def use_few_colours(path: Path) -> None:
    """Write a picture again with 256 colours, in a quarter of the bytes."""
    from PIL import Image

    with Image.open(path) as picture:
        reduced = picture.convert("RGB").quantize(256)
    reduced.save(path, optimize=True)


def page(results: Path) -> str:
    """Return the page: a section for each benchmark, in the order in which a reader asks."""
    found = {path.stem for path in results.glob("*/*.json")}
    parts = [INTRODUCTION]
    for name in sorted(found, key=lambda name: (_place(name), name)):
        paths = {path.parent.name: path for path in sorted(results.glob(f"*/{name}.json"))}
        parts.append(section({name: read(path) for name, path in paths.items()}))
        pictures = (path.with_suffix(".png") for path in paths.values())
        parts += [
            f"![{name}, {title(one.parent.name)}](results/{one.parent.name}/{name}.png)\n"
            for one in pictures
            if one.exists()
        ]
    return "\n".join(parts)


def read(path: Path) -> Result:
    """Read one result."""
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    return result


def title(instruction_set: str) -> str:
    """Return the name of an instruction set for people."""
    return NAMES.get(instruction_set, instruction_set)


def section(results: dict[str, Result]) -> str:
    """Return one benchmark as Markdown: question, rows, remarks, and how to repeat it on each instruction set."""
    lines = [f"## {next(iter(results.values()))['question']}", "", *table(side_by_side(results)), ""]
    for name, result in results.items():
        before = f"{title(name)}: " if len(results) > 1 else ""
        lines += [f"- {before}{remark}" for remark in result.get("remarks", [])]
    if lines[-1]:
        lines.append("")
    lines += [f"{source(name, result)}\n" for name, result in results.items()]
    return "\n".join(lines)


def source(instruction_set: str, result: Result) -> str:
    """Return how one result was made."""
    facts = ", ".join(f"{key} {plain(value)}" for key, value in result.items() if key not in _OF_EVERY_RESULT)
    packages = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    made = f"{title(instruction_set)}: `{result['command']}` at {result['commit']} on {result['machine']}"
    return f"{'; '.join(filter(None, (made, facts, packages)))}."


def side_by_side(results: dict[str, Result]) -> list[Row]:
    """Return the rows of all results in one table, measured columns once for each instruction set.

    Rows are matched by what is not measured: text and whole numbers. What ships comes first among rows that agree in
    everything but the variant.
    """
    if len(results) == 1:
        return shipped_first(next(iter(results.values()))["rows"])
    measured = [
        column
        for result in results.values()
        for row in result["rows"]
        for column, value in row.items()
        if isinstance(value, (dict, float))
    ]
    merged: dict[tuple[tuple[str, str], ...], Row] = {}
    for name, result in results.items():
        for row in result["rows"]:
            same = {column: str(value) for column, value in row.items() if column not in measured}
            there = merged.setdefault(tuple(same.items()), {column: row[column] for column in same})
            there.update({f"{column}, {title(name)}": row[column] for column in row if column in measured})
    order = [f"{column}, {title(name)}" for column in dict.fromkeys(measured) for name in results]
    rows = [{**_but(row, order), **{column: row.get(column, "") for column in order}} for row in merged.values()]
    return shipped_first(rows)


def shipped_first(rows: list[Row]) -> list[Row]:
    """Put the variant that recipes ship before the others of its size, and mark it."""
    shipped = shipped_step()
    if not any(row.get("variant") == shipped for row in rows):
        return rows
    sizes = {size: place for place, size in enumerate(dict.fromkeys(map(_size, rows)))}
    ordered = sorted(rows, key=lambda row: (sizes[_size(row)], row.get("variant") != shipped))
    return [row | {"variant": f"**{shipped} (ships)**"} if row.get("variant") == shipped else row for row in ordered]


def shipped_step() -> str:
    """Return the name of the train step in the recipes, as the benchmark calls it."""
    head = load_recipe(RECIPE).head
    several = f", {head.steps_per_call} steps a call" if head.steps_per_call > 1 else ""
    return f"ours, Adadelta{several}"


def table(rows: list[Row]) -> list[str]:
    """Return rows as lines of Markdown; a row need not have every column."""
    head = list(dict.fromkeys(column for row in rows for column in row))
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(cell(row.get(column, "")) for column in head) + " |" for row in rows]


def cell(value: Any) -> str:
    """Return a median with quartiles, a mean with its interval, or a plain value."""
    if not isinstance(value, dict):
        return str(value)
    middle = value.get("median", value.get("mean"))
    return f"{middle} ({value['lower']} - {value['upper']})" if "lower" in value else str(middle)


def plain(value: Any) -> str:
    """Return a fact in words."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(one)}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _size(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(column) for column in ("D_z", "batch", "threads"))


def _but(row: Row, columns: list[str]) -> Row:
    return {column: value for column, value in row.items() if column not in columns}


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


if __name__ == "__main__":
    main()
