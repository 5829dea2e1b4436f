"""Table 2's designs on the same rows as everything else, and the search over both lambdas."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pen_mobile.cli.main import cli
from pen_mobile.data.load import load_table
from pen_mobile.data.table import FeatureTable
from pen_mobile.paper import comparator_study
from pen_mobile.paper.comparator_study import run_comparator_study
from pen_mobile.paper.comparison import comparison_rows
from pen_mobile.paper.protocol_plan import CellKey, ProtocolPlan
from pen_mobile.paper.protocol_result import UNADAPTED, ProtocolResult

KEY = CellKey(0, "random", "pooled", "comparators")


class Echo:
    """Says the first two features of every row: an estimate that gives its row away."""

    def predict(self, z: np.ndarray, time_s: np.ndarray | None = None) -> np.ndarray:
        assert time_s is not None
        assert (np.diff(time_s) > 0).all()
        return z[:, :2]


def echoing(table: FeatureTable) -> FeatureTable:
    """The same people, rows in no order, whose first two features are their labels."""
    order = np.random.default_rng(3).permutation(len(table))
    table.features[:, :2] = table.affect
    return table.take(order)


def roles(table: FeatureTable) -> tuple[FeatureTable, FeatureTable]:
    source, target = (table.take(table.rows_with_role(role)) for role in ("source", "target"))
    return source, target


def test_estimates_meet_the_labels_of_their_own_rows(make_features, monkeypatch: pytest.MonkeyPatch) -> None:
    """With labels as estimates the error is 0 only if every estimate is compared with its own row's label."""
    monkeypatch.setattr(comparator_study, "_DESIGNS", {"SVR": lambda *_: Echo()})
    cell = run_comparator_study(*roles(echoing(load_table(str(make_features())))), ProtocolPlan(), KEY)
    (outcome,) = cell.evaluations
    assert outcome.pooled.rmse == 0
    assert outcome.pooled.ccc == pytest.approx(1)
    assert sorted(outcome.people) == ["eve", "finn", "gus"]


@pytest.mark.slow
def test_both_designs_learn_something(make_features) -> None:
    """Labels follow the features of these people: a linear SVR of frames must beat a constant, whose CCC is 0."""
    cell = run_comparator_study(*roles(load_table(str(make_features()))), ProtocolPlan(), KEY)
    by_name = {outcome.model: outcome for outcome in cell.evaluations}
    assert list(by_name) == ["GRU", "SVR"]
    ccc = by_name["SVR"].pooled.ccc
    assert ccc is not None
    assert ccc > 0.2
    assert all(outcome.strategy == UNADAPTED and outcome.labels == 0 for outcome in cell.evaluations)


@pytest.mark.slow
def test_table_2_and_the_lambdas_on_the_command_line(make_features, tmp_path: Path) -> None:
    quick = ["--epochs", "2", "--optimizer", "adam", "--samplings", "random", "--scopes", "pooled", "--jobs", "1"]
    command = ["protocol", str(make_features()), "--out", str(tmp_path / "out"), *quick, "--no-strategies"]
    done = CliRunner().invoke(cli, [*command, "--cross-validate"])
    assert done.exit_code == 0, done.output
    assert "End2You" in done.output
    assert "published, of RECOLA, real people" in done.output
    result = ProtocolResult.load(tmp_path / "out" / "results.json")
    assert [row.name for row in comparison_rows(result)] == ["End2You's design", "AVEC 2016 baseline's design"]
    search = json.loads((tmp_path / "out" / "lambdas.json").read_text())
    assert len(search) == 64
    assert (result.plan.lambda_0, result.plan.lambda_1) == (search[0]["lambda_0"], search[0]["lambda_1"])
    assert search[0]["loss"] == min(candidate["loss"] for candidate in search)
