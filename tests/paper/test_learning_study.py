"""The comparison of ways to learn from source people, and what the report says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pen_mobile.data.load import load_table
from pen_mobile.data.table import FeatureTable
from pen_mobile.paper.learning_study import EXPERTS, THEN_HEAD, TOGETHER, run_learning_study
from pen_mobile.paper.paper_tables import learning_table
from pen_mobile.paper.protocol import run_protocol
from pen_mobile.paper.protocol_plan import CellKey, ProtocolPlan
from pen_mobile.paper.protocol_result import ISOLATED, JOINT, ProtocolResult
from pen_mobile.paper.protocol_summary import summarize
from pen_mobile.paper.terminal_tables import as_parts
from pen_mobile.training.run_folder import Run

PLAN = ProtocolPlan(
    epochs=2,
    shares=(0.0, 0.5),
    samplings=("random",),
    scopes=("pooled",),
    optimizer="adam",
    learning_strategies=True,
)


@pytest.fixture
def result(make_features, tmp_path: Path) -> ProtocolResult:
    return run_protocol(str(make_features()), PLAN, tmp_path / "out", jobs=1)[0]


@pytest.mark.slow
def test_every_way_is_tested_with_every_share(result: ProtocolResult, tmp_path: Path) -> None:
    (cell,) = result.select("random", "pooled", "learning")
    models = next(result.select("random", "pooled"))
    found = {(one.model, one.strategy, one.share) for one in cell.evaluations}
    assert found == {("s-SN", THEN_HEAD, share) for share in PLAN.shares} | {
        ("s-PEN", strategy, share) for strategy in EXPERTS for share in PLAN.shares
    }
    for share in PLAN.shares:  # what source learning did is the first of them
        for model, strategy in (("s-SN", THEN_HEAD), ("s-PEN", JOINT)):
            one, same = cell.find(model, share, strategy=strategy), models.find(model, share)
            assert one is not None
            assert same is not None
            assert (one.labels, one.steps) == (same.labels, same.steps)
            assert one.pooled.ccc == pytest.approx(same.pooled.ccc, abs=1e-4)
    assert cell.held_out[JOINT] == pytest.approx(result.sources[0].validation["s-PEN"], abs=1e-5)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Strategies of learning from source people" in page
    parts = as_parts(result, summarize(result), [])
    assert [part for part in parts if isinstance(part, str) and part.startswith("ways to learn from source people")]


@pytest.mark.slow
def test_the_statement_of_the_paper_is_held_against_them_where_they_are(result: ProtocolResult) -> None:
    (cell,) = result.select("random", "pooled", "learning")
    numbers = {}
    for name in (JOINT, ISOLATED):
        one = cell.find("s-PEN", 0.0, strategy=name)
        assert one is not None
        numbers[name] = one.pooled.ccc
    (statement,) = (one for one in summarize(result).statements if "isolation" in one.text)
    assert statement.numbers == pytest.approx(numbers)
    assert statement.holds == (numbers[JOINT] > numbers[ISOLATED])
    less = replace(result, cells=[cell for cell in result.cells if cell.study == "models"])
    summary = summarize(less)
    assert not learning_table(less, summary).rows
    assert not [one for one in summary.statements if "isolation" in one.text]


@pytest.mark.slow
def test_the_backbones_own_head_is_tested_where_there_is_one(result: ProtocolResult, tmp_path: Path) -> None:
    table = load_table(str(next(tmp_path.glob("*.npz"))), 16)
    assert isinstance(table, FeatureTable)
    source, target = (table.take(np.flatnonzero(table.role == role)) for role in ("source", "target"))
    run = Run.open(tmp_path / "out" / "source" / "seed-0")
    nothing = torch.zeros(3, table.features.shape[1] + 1)
    key = CellKey(0, "random", "pooled", "learning")
    cell = run_learning_study(source, target, replace(PLAN, shares=(0.0,)), key, run, nothing)
    own = cell.find("s-SN", 0.0, strategy=TOGETHER)
    assert own is not None
    labels = target.affect[np.concatenate([np.flatnonzero(target.subject == name) for name in target.subjects()])]
    assert own.pooled.rmse_valence == pytest.approx(float(np.sqrt(np.square(labels[:, 0]).mean())), abs=0.1)
    assert cell.held_out[TOGETHER].ccc_valence in (None, pytest.approx(0.0, abs=1e-6))
