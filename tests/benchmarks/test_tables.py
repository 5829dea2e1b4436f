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
    text = section(result(rows, remarks=["Missed: by half."]))
    assert text.startswith("## How long?\n")
    assert "| variant | ms | MB |" in text
    assert "| ours | 1.5 (1.4 - 1.6) |  |" in text
    assert "| theirs | does not install | 2.5 |" in text
    assert "- Missed: by half." in text
    assert "`python x.py` at abc on here; seed 0; python 3.11." in text


def test_the_page_keeps_its_order_and_shows_the_pictures_that_are_there(tmp_path: Path) -> None:
    from tables import page

    for name in ("protocol", "train_step", "unheard_of"):
        (tmp_path / f"{name}.json").write_text(json.dumps(result([{"a": 1}], question=f"About {name}?")))
    (tmp_path / "protocol.png").write_bytes(b"")
    text = page(tmp_path)
    places = [text.index(f"About {name}?") for name in ("train_step", "protocol", "unheard_of")]
    assert places == sorted(places)
    assert "![protocol](results/protocol.png)" in text
    assert "train_step.png" not in text


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
        **{name: spread(0.5, "mean") for name in ("CCC person", "CCC pooled", "RMSE pooled")},
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
