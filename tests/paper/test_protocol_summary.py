from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pen_mobile.metrics import Agreement
from pen_mobile.paper.protocol_plan import ProtocolPlan
from pen_mobile.paper.protocol_result import Cell, DataRecord, Evaluation, ProtocolResult, SourceEvaluation
from pen_mobile.paper.protocol_summary import MeanStd, bootstrap_interval, person_mean, summarize
from pen_mobile.paper.terminal_tables import as_parts, strategy_table, table_1

PLAN = ProtocolPlan(seeds=(0, 1), shares=(0.0, 0.05, 0.1), samplings=("random",), scopes=("pooled",))
DATA = DataRecord("z.npz", "abc", False, 9, 2, {"ann": 3, "bob": 3}, {"eve": 3})


def outcome(model, share, ccc, rmse=0.1, people=("eve", "finn"), **more):
    values = Agreement(ccc, ccc, rmse, rmse)
    return Evaluation(model, share, None, 10, 5, 0.002, values, dict.fromkeys(people, values), **more)


def result(*cells, gate=None):
    sources = [SourceEvaluation(0, {}, gate or {"ann": [0.9, 0.1], "bob": [0.2, 0.8]}, {}, 1.0)]
    return ProtocolResult(PLAN, DATA, sources, list(cells))


def cell(seed, *evaluations, study="models", scope="pooled"):
    return Cell(seed, "random", scope, study, list(evaluations))


def test_spread_is_mean_and_sample_deviation():
    # mean (1 + 3) / 2 = 2; deviation sqrt(((1 - 2)^2 + (3 - 2)^2) / (2 - 1)) = sqrt 2
    assert MeanStd.of([1.0, None, 3.0]) == MeanStd(2.0, pytest.approx(2**0.5))
    assert MeanStd.of([1.0]) == MeanStd(1.0, None)
    assert MeanStd.of([None]) == MeanStd(None, None)


def test_lines_are_over_seeds():
    summary = summarize(result(cell(0, outcome("s-SN", 0.05, 0.4)), cell(1, outcome("s-SN", 0.05, 0.6))))
    line = summary.find("random", "pooled", "s-SN", 0.05)
    assert line.pooled["ccc_valence"].mean == pytest.approx(0.5)
    assert line.pooled["ccc"].std == pytest.approx(0.2 / 2**0.5)  # sqrt((0.1^2 + 0.1^2) / 1)
    assert line.milliseconds.mean == 2.0
    assert summary.find("random", "pooled", "t-SN", 0.05) is None


def test_a_person_without_ccc_is_left_out_of_the_mean():
    one = outcome("s-SN", 0.05, 0.4)
    one.people["finn"] = Agreement(None, None, 0.3, 0.3)
    assert person_mean(one, "ccc") == pytest.approx(0.4)
    assert person_mean(one, "rmse") == pytest.approx(0.2)


def test_bootstrap_of_two_people_knows_all_four_draws():
    # Two people with 0 and 1, drawn twice: means 0, 1/2, 1/2, 1 with a quarter each, so 95 % spans all of it.
    assert bootstrap_interval(np.array([[0.0], [1.0]])) == (0.0, 1.0)


def test_bootstrap_of_equal_people_has_no_width():
    assert bootstrap_interval(np.full((5, 3), 0.25)) == (0.25, 0.25)


def test_bootstrap_resamples_people_not_single_seeds():
    # Seeds agree within a person: 100 of them say no more about other people than one does.
    people = np.array([0.0, 1.0, 2.0, 3.0])
    once, often = bootstrap_interval(people[:, None]), bootstrap_interval(np.repeat(people[:, None], 100, axis=1))
    # The mean of 4 draws from {0, 1, 2, 3} has deviation sqrt(1.25 / 4) = 0.56, so the interval is about 1.5 +- 1.1.
    assert once == pytest.approx((0.4, 2.6), abs=0.15)
    assert often == pytest.approx(once, abs=0.01)


def test_bootstrap_of_normal_people_agrees_with_the_textbook():
    people = np.random.default_rng(1).standard_normal((200, 1))
    low, high = bootstrap_interval(people)
    error = float(people.std(ddof=1)) / 200**0.5
    assert low == pytest.approx(float(people.mean()) - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(float(people.mean()) + 1.96 * error, abs=0.2 * error)


def test_bootstrap_leaves_out_what_is_undefined_and_needs_two_people():
    assert bootstrap_interval(np.array([[0.5, np.nan], [0.5, 0.5]])) == (0.5, 0.5)
    assert bootstrap_interval(np.array([[0.5, 0.7]])) is None


def test_differences_are_paired_by_seed_and_person():
    # Seeds differ by 0.4 but s-PEN is 0.1 above s-SN in both: the paired difference has no spread.
    cells = [
        cell(seed, outcome("s-SN", 0.05, level), outcome("s-PEN", 0.05, level + 0.1))
        for seed, level in ((0, 0.2), (1, 0.6))
    ]
    (found,) = [one for one in summarize(result(*cells)).differences if one.measure == "ccc"]
    assert (found.model, found.other, found.share) == ("s-PEN", "s-SN", 0.05)
    assert found.pooled.mean == pytest.approx(0.1)
    assert found.pooled.std == pytest.approx(0, abs=1e-12)
    assert (found.person, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))


def test_checks_say_what_holds_and_what_does_not():
    cells = cell(0, outcome("s-SN", 0.1, 0.5), outcome("s-PEN", 0.1, 0.4), outcome("own-mean", 0.1, 0.3, rmse=0.2))
    checks = {check.statement[:30]: check for check in summarize(result(cells)).checks}
    assert checks["s-PEN is at least as good as s"].holds is False
    assert checks["s-PEN is at least as good as s"].numbers == {"ccc difference at 10%": pytest.approx(-0.1)}
    assert checks["s-PEN is at least as good as e"].holds is True  # RMSE 0.1 against 0.2
    assert checks["s-SN is at least as good as t-"].holds is None  # nothing at 5 %


@pytest.mark.parametrize(("own", "holds"), [(0.8, True), (0.4, False)])
def test_the_gate_is_an_identity_when_every_own_expert_has_most_of_the_weight(own, holds):
    check = summarize(result(gate={"ann": [0.9, 0.1], "bob": [1 - own, own]})).checks[-1]
    assert check.holds is holds
    assert check.numbers["mean weight of the own expert"] == pytest.approx((0.9 + own) / 2)


def test_table_1_shows_dashes_where_there_is_nothing():
    found = result(cell(0, outcome("s-SN", 0.0, None), outcome("s-SN", 0.05, 0.5), outcome("t-SN", 0.05, 0.25)))
    table = table_1(found, summarize(found), "random", "pooled")
    assert table.head == ("measure", "model", "0%", "5%", "10%")
    assert table.rows[0] == ("CCC valence", "s-SN", "-", "0.500", "-")
    assert table.rows[2] == ("CCC valence", "t-SN", "-", "0.250", "-")


def test_the_strategy_table_names_the_best_of_each_measure():
    cells = cell(
        0,
        outcome("s-PEN", 0.05, 0.5, 0.3, strategy="gradient"),
        outcome("s-PEN", 0.05, 0.6, 0.4, strategy="ridge"),
        outcome("s-PEN", 0.0, 0.9, 0.1, strategy="none"),
        outcome("own-mean", 0.05, 0.9, 0.1),
        study="strategies",
        scope="person",
    )
    (row,) = strategy_table(summarize(result(cells)), "random").rows
    assert row == ("5%", "s-PEN", "ridge", "0.600", "0.400", "2.0", "gradient", "0.500", "0.300", "2.0")


def test_people_who_were_left_out_are_named():
    found = result(replace(cell(0, outcome("s-SN", 0.0, 0.5)), left_out={"tom": "tom has 3 rows"}))
    assert "left out: tom has 3 rows" in list(as_parts(found, summarize(found)))
