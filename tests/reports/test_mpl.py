"""Figures are the same bytes whatever the user's matplotlib settings are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import hashlib, sys, tempfile
from pathlib import Path

from pen_mobile.reports import plot_style
from pen_mobile.reports.figure_output import inline_svg, save_figure
from pen_mobile.reports.plot_style import add_axes, add_title, affect_axis, figure_style

with figure_style():
    figure = plot_style.new_figure(120)
    axes = add_axes(figure, 30, 20, 300, 80)
    axes.plot([0, 1, 2], [0.5, -0.5, 0.2], label="label")
    affect_axis(axes, "y")
    add_title(axes, "a_title with $signs", "#123456")
print(hashlib.sha256(inline_svg(figure, "test").encode()).hexdigest())
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "figure.png"
    save_figure(figure, path)
    print(hashlib.sha256(path.read_bytes()).hexdigest())
print("pyplot" if "matplotlib.pyplot" in sys.modules else "no pyplot")
"""

RC = """
text.usetex: True
font.family: serif
figure.facecolor: red
axes.facecolor: black
savefig.bbox: tight
lines.linewidth: 9
path.sketch: 1, 100, 2
axes.spines.left: False
"""


def run(script: str, folder: Path | None = None, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "MATPLOTLIBRC")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment | variables, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def drawn(folder: Path, **variables: str) -> list[str]:
    return run(SCRIPT, folder, **variables).split("\n")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return drawn(tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("backend", ["nonsense", "module://nowhere.to.be.found", "TkAgg"])
def test_a_backend_changes_nothing(tmp_path: Path, plain: list[str], backend: str) -> None:
    assert plain[2] == "no pyplot"
    assert drawn(tmp_path, MPLBACKEND=backend) == plain


def test_a_users_matplotlibrc_changes_nothing(tmp_path: Path, plain: list[str]) -> None:
    (tmp_path / "matplotlibrc").write_text(RC)
    assert drawn(tmp_path) == plain
    (tmp_path / "elsewhere").mkdir()
    assert drawn(tmp_path / "elsewhere", MATPLOTLIBRC=str(tmp_path / "matplotlibrc")) == plain


def test_a_notebooks_backend_stays_for_its_own_plots() -> None:
    script = "from pen_mobile.reports import mpl; import matplotlib; print(matplotlib.rcParams['backend'])"
    assert run(script, MPLBACKEND="svg").strip() == "svg"


@pytest.mark.slow
def test_every_module_with_figures_imports_under_any_backend() -> None:
    modules = (
        "pen_mobile.reports.before_after_figure",
        "pen_mobile.reports.gate_figure",
        "pen_mobile.reports.person_figures",
        "pen_mobile.reports.data_figures",
        "pen_mobile.simulation.day_figure",
        "pen_mobile.paper.protocol_figures",
        "pen_mobile.paper.strategy_figures",
    )
    run(f"import {', '.join(modules)}", MPLBACKEND="nonsense")
