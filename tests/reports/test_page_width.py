"""On a phone's screen nothing runs off a page; what is wider scrolls in its own box."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.data.statistics import table_statistics
from pen_mobile.data.table import FeatureTable
from pen_mobile.reports.data_report import write_data_page
from tests.paper import test_protocol_report as protocol
from tests.reports import test_demo_report as demo
from tests.reports.browser import CHROMIUM, layout
from tests.simulation import test_day_report as day

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

LONG = "a-recording-with-a-name-that-is-longer-than-a-phone-is-wide-0001"


def demo_page(folder: Path) -> str:
    context = replace(demo.context(), title=LONG, command=f"pen-mobile demo --out {LONG}/{LONG}")
    return demo.written(folder, told=context)


def day_page(folder: Path) -> str:
    simulated = day.simulated_day((0, 1))
    return day.written(folder, replace(simulated, settings=replace(simulated.settings, subject=LONG)))


def data_page(folder: Path) -> str:
    affect = np.random.default_rng(0).uniform(-1, 1, (80, 2)).astype(np.float32)
    names, roles = np.repeat([LONG, "t"], 40), np.repeat(["source", "target"], 40)
    features = np.ones((80, 3), np.float32)
    table = FeatureTable(names, roles, np.tile(np.arange(40.0), 2), affect, features=features, origin=LONG + ".npz")
    write_data_page(folder / "page.html", table, table_statistics(table))
    return (folder / "page.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [demo_page, day_page, data_page, protocol.full], ids=["demo", "day", "data", "protocol"]
)
def test_nothing_runs_off_a_phone(make: object, tmp_path: Path) -> None:
    assert callable(make)
    found = layout(make(tmp_path), 390, tmp_path)
    assert found["outside"] == []
    assert found["page"] <= found["width"] <= 390
