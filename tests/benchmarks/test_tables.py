"""The page and its pictures are made from results alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _beside_the_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def result(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    about = {"question": "How long?", "command": "python x.py", "commit": "abc", "machine": "here"}
    return {**about, "versions": {"python": "3.11"}, "seed": 0, **more, "rows": rows}


def spread(middle: float, name: str = "median") -> dict[str, float]:
    return {name: middle, "lower": middle - 0.1, "upper": middle + 0.1}


def test_a_section_holds_every_row_column_and_remark() -> None:
    from tables import section

    rows = [{"variant": "ours", "ms": spread(1.5)}, {"variant": "theirs", "ms": "does not install", "MB": 2.5}]
    text = section({"avx2": result(rows, remarks=["Missed: by half."])})
    assert text.startswith("## How long?\n")
    assert "| variant | ms | MB |" in text
    assert "| ours | 1.5 (1.4 - 1.6) |  |" in text
    assert "| theirs | does not install | 2.5 |" in text
    assert "- Missed: by half." in text
    assert "AVX2: `python x.py` at abc on here; seed 0; python 3.11." in text


def test_results_of_two_instruction_sets_stand_side_by_side() -> None:
    """Rows are matched by text and whole numbers; a row that one machine lacks has empty cells there."""
    from tables import section

    first = [{"D_z": 64, "runtime": "ours", "ms": spread(2.0)}, {"D_z": 64, "runtime": "theirs", "ms": spread(1.0)}]
    second = [{"D_z": 64, "runtime": "ours", "ms": 0.5}, {"D_z": 64, "runtime": "others", "ms": 0.7}]
    text = section({"avx2": result(first, remarks=["Missed."]), "avx512": result(second)})
    assert "| D_z | runtime | ms, AVX2 | ms, AVX-512 |" in text
    assert "| 64 | ours | 2.0 (1.9 - 2.1) | 0.5 |" in text
    assert "| 64 | theirs | 1.0 (0.9 - 1.1) |  |" in text
    assert "| 64 | others |  | 0.7 |" in text
    assert "- AVX2: Missed." in text
    assert "AVX-512: `python x.py`" in text


def test_what_ships_is_the_first_row_of_its_size() -> None:
    from tables import shipped_first, shipped_step

    sizes = [{"D_z": size, "batch": 32, "threads": 1} for size in (2048, 64)]
    rows = [{**size, "variant": variant} for size in sizes for variant in ("theirs", shipped_step(), "another")]
    ordered = shipped_first(rows)
    assert [row["variant"].strip("*").removesuffix(" (ships)") for row in ordered] == [
        shipped_step(),
        "theirs",
        "another",
    ] * 2
    assert [row["D_z"] for row in ordered] == [2048] * 3 + [64] * 3


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ({"avx", "avx2"}, "avx2"),
        ({"avx2", "avx512f"}, "avx512"),
        ({"avx2", "avx512f", "amx_int8"}, "avx512-amx"),
        ({"asimd", "fp"}, "neon"),
    ],
)
def test_instruction_set(flags: set[str], name: str) -> None:
    from measure import instruction_set

    assert instruction_set(flags) == name


def test_the_page_keeps_its_order_and_shows_the_pictures_that_are_there(tmp_path: Path) -> None:
    from tables import page

    (tmp_path / "avx2").mkdir()
    for name in ("protocol", "train_step", "unheard_of"):
        (tmp_path / "avx2" / f"{name}.json").write_text(json.dumps(result([{"a": 1}], question=f"About {name}?")))
    (tmp_path / "avx2" / "protocol.png").write_bytes(b"")
    text = page(tmp_path)
    places = [text.index(f"About {name}?") for name in ("train_step", "protocol", "unheard_of")]
    assert places == sorted(places)
    assert "![protocol, AVX2](results/avx2/protocol.png)" in text
    assert "train_step.png" not in text


def test_the_page_in_the_repository_is_made_from_its_results() -> None:
    from tables import page

    written = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    assert written == page(BENCHMARKS / "results"), "run benchmarks/tables.py"


TRAIN_STEP = [
    {"D_z": 64, "variant": "ours", "ms a step": spread(1.0)},
    {"D_z": 2048, "variant": "ours", "ms a step": spread(2.0)},
    {"D_z": 2048, "variant": "limit of this machine", "ms a step": spread(1.0)},
    {"D_z": 2048, "variant": "theirs", "ms a step": "does not install"},
]
BACKBONES = [
    {"backbone": "resnet50", "runtime": runtime, "precision": precision, "ms": spread(3.0)}
    for runtime in ("ours", "theirs")
    for precision in ("fp32", "int8")
]
QUALITY = [
    {
        "sampling": sampling,
        "way": way,
        "labels each": labels,
        **{name: spread(0.5, "mean") for name in ("CCC person", "CCC pooled", "RMSE person", "RMSE pooled")},
    }
    for sampling in ("random", "blocks")
    for way, labels in (("not adapted", 0), ("gradient", 5), ("gradient", 10), ("own mean, no model", 5))
]


@pytest.mark.parametrize(
    ("name", "rows"), [("train_step", TRAIN_STEP), ("backbones", BACKBONES), ("quality_per_label", QUALITY)]
)
def test_pictures_are_drawn_from_rows_alone(name: str, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    from matplotlib.image import imread
    from plots import PLOTS

    PLOTS[name](result(rows), tmp_path / "picture.png")
    pixels = imread(tmp_path / "picture.png")
    assert pixels.shape[0] > 100
    assert pixels.std() > 0.01  # not one colour


def test_the_limit_is_a_line_and_no_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import plots

    drawn: list[tuple[list[str], float | None]] = []
    real = plots.draw_bars

    def seen(axes: Any, names: list[str], values: list[dict[str, float]], limit: float | None = None) -> None:
        drawn.append((names, limit))
        real(axes, names, values, limit)

    monkeypatch.setattr(plots, "draw_bars", seen)
    plots.draw_train_step(result(TRAIN_STEP), tmp_path / "picture.png")
    assert drawn == [(["ours"], 1.0)]
