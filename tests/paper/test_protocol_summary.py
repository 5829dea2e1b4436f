from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pen_mobile.paper.aggregates import MeanStd, person_mean
from pen_mobile.paper.differences import bootstrap_interval
from pen_mobile.paper.protocol_plan import ProtocolPlan
from pen_mobile.paper.protocol_result import Cell, DataRecord, Evaluation, ProtocolResult, SourceEvaluation
from pen_mobile.paper.protocol_summary import summarize
from pen_mobile.paper.report_tables import Setting, table_1_grids
from pen_mobile.paper.strategy_tables import interval_tables, winners_table
from pen_mobile.paper.terminal_tables import as_parts
from tests.agreements import agreed

PLAN = ProtocolPlan(seeds=(0, 1), shares=(0.0, 0.05, 0.1), samplings=("random",), scopes=("pooled",))
DATA = DataRecord("z.npz", "abc", False, 9, 2, {"ann": 3, "bob": 3}, {"eve": 3})


def outcome(model, share, ccc, rmse=0.1, people=("eve", "finn"), **more):
    values = agreed(ccc, ccc, rmse, rmse)
    return Evaluation(
        model,
        share,
        more.pop("count", None),
        10,
        more.pop("fewest", 5),
        5,
        0.002,
        values,
        dict.fromkeys(people, values),
        **more,
    )


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
    one.people["finn"] = agreed(None, None, 0.3, 0.3)
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


def found(*cells, gate=None):
    return {one.text: one for one in summarize(result(*cells, gate=gate)).statements}


def test_statements_say_what_holds_and_what_does_not():
    cells = cell(0, outcome("s-SN", 0.1, 0.5), outcome("s-PEN", 0.1, 0.4), outcome("own-mean", 0.1, 0.3, rmse=0.2))
    checks = found(cells)
    ahead = checks["s-PEN is ahead of s-SN from 10 % of the labels on (CCC)"]
    assert (ahead.holds, ahead.numbers) == (False, {"difference at 10 %": pytest.approx(-0.1)})
    own_mean = checks["s-PEN is at least as good as each person's own mean with every amount of labels (RMSE)"]
    assert (own_mean.holds, own_mean.source) == (True, "not in the paper")  # RMSE 0.1 against 0.2
    assert checks["s-SN is ahead of t-SN with every amount of labels (CCC)"].holds is None  # there is no t-SN


def paper_like():
    """Numbers like the paper's Table 1, valence: 0, 5 and 10 %."""
    rows = {"s-SN": (0.72, 0.80, 0.81), "s-PEN": (0.71, 0.80, 0.83), "t-SN": (0.71, 0.77), "t-PEN": (0.70, 0.74)}
    shares = (0.0, 0.05, 0.1)
    return [
        outcome(model, share, ccc)
        for model, values in rows.items()
        for share, ccc in zip(shares[-len(values) :], values, strict=True)
    ]


def test_statements_of_table_1_hold_on_numbers_like_the_papers():
    """s-PEN gains .09 to 5 % and .03 on; t-PEN is .10 and .09 behind, t-SN .09 and .04."""
    checks = found(cell(0, *paper_like()))
    assert checks["s-PEN gains more from no labels to the fewest than from the fewest to the most (CCC)"].holds
    assert checks["without labels, s-PEN is no better than s-SN on target people (CCC)"].holds
    assert checks["s-PEN is ahead of s-SN from 10 % of the labels on (CCC)"].holds
    assert checks["s-PEN is ahead of t-PEN with every amount of labels (CCC)"].holds
    helps = checks["learning from source people helps PEN more than SN (CCC, mean over n)"]
    assert helps.numbers == {"s-PEN minus t-PEN": pytest.approx(0.095), "s-SN minus t-SN": pytest.approx(0.065)}
    assert helps.holds


def test_statements_of_figure_3_are_about_people():
    """Eve is .3 ahead with s-PEN, finn .1 behind: .4 and .8 with s-SN, .7 and .7 with s-PEN."""
    people = {"s-SN": (0.4, 0.8), "s-PEN": (0.7, 0.7)}
    evaluations = [
        replace(
            outcome(model, 0.05, 0.5),
            people={name: agreed(ccc, ccc, 0.1, 0.1) for name, ccc in zip(("eve", "finn"), values, strict=True)},
        )
        for model, values in people.items()
    ]
    checks = found(cell(0, *evaluations))
    assert checks["s-PEN's CCC varies less from person to person than s-SN's"].holds
    large = checks["where s-PEN is ahead of s-SN, it is by more than s-SN is ahead elsewhere (CCC, mean of people)"]
    assert (large.holds, large.numbers["s-PEN ahead by"]) == (True, pytest.approx(0.3))
    assert large.numbers["s-SN ahead by"] == pytest.approx(0.1)


def test_statements_of_figure_4_count_effective_experts():
    """Weights (1, 0) are one expert, (.5, .5) two: of two experts the unadapted gate is not below half of them."""
    gates = replace(cell(0, *paper_like()), gate_before={"eve": [0.9, 0.1]}, gate_after={"eve": [0.5, 0.5]})
    checks = found(gates)
    assert not checks[
        "target people, not adapted: the gate is sparse (effective number of experts below half of them)"
    ].holds
    less = checks["target people: the adapted gate is less sparse (larger effective number of experts)"]
    assert (less.holds, less.numbers["adapted"]) == (True, pytest.approx(2.0))


@pytest.mark.parametrize(("own", "holds"), [(0.8, True), (0.4, False)])
def test_the_gate_is_an_identity_when_every_own_expert_has_most_of_the_weight(own, holds):
    checks = found(gate={"ann": [0.9, 0.1], "bob": [1 - own, own]})
    (check,) = [one for text, one in checks.items() if "near the identity" in text]
    assert check.holds is holds
    assert check.numbers["mean weight of the own expert"] == pytest.approx((0.9 + own) / 2)


def test_table_1_shows_dashes_where_there_is_nothing():
    numbers = result(cell(0, outcome("s-SN", 0.0, None), outcome("s-SN", 0.05, 0.5), outcome("t-SN", 0.05, 0.25)))
    table = table_1_grids(summarize(numbers), Setting("random", "pooled"), PLAN.shares)[0]
    assert table.head == ["n", "0 %", "5 %", "10 %"]
    assert table.texts()[1] == ["s-SN", "-", "0.500", "-"]
    assert table.texts()[3] == ["t-SN", "-", "0.250", "-"]


def strategies(*evaluations):
    return cell(0, *evaluations, study="strategies", scope="person")


def test_the_smallest_error_may_be_that_of_a_reference():
    """RMSE with 5 % of the labels: ridge .3, gradient .4, own mean .2; with 20 labels gradient .15; unadapted .25."""
    cells = strategies(
        outcome("s-PEN", 0.05, 0.5, 0.4, strategy="gradient"),
        outcome("s-PEN", 0.05, 0.6, 0.3, strategy="ridge"),
        outcome("s-PEN", 0.0, 0.9, 0.25, strategy="none"),
        outcome("own-mean", 0.05, 0.9, 0.2),
        outcome("s-PEN", None, 0.9, 0.15, strategy="gradient", count=20),
        outcome("own-mean", None, 0.9, 0.2, count=20),
    )
    table = winners_table(summarize(result(cells)), "random")
    assert table.texts() == [
        ["5 %", "s-PEN", "own mean", "0.200", "-", "0.200", "0.250"],
        ["20 each (some 5)", "s-PEN", "gradient", "0.150", "-", "0.200", "0.250"],
    ]


def test_a_winner_that_no_bundle_carries_is_marked():
    cells = strategies(
        outcome("s-PEN", None, 0.6, 0.1, strategy="ridge", count=5), outcome("own-mean", None, 0.9, 0.2, count=5)
    )
    (row,) = winners_table(summarize(result(cells)), "random").texts()
    assert row[:4] == ["5 each", "s-PEN", "ridge (server only)", "0.100"]


def test_strategies_are_compared_with_both_references():
    """The prior errs .1 less than the own mean and .15 less than the model as it is, for both people alike."""
    cells = strategies(
        outcome("s-PEN", None, 0.5, 0.1, strategy="prior", count=5),
        outcome("s-PEN", 0.0, 0.9, 0.25, strategy="none"),
        outcome("own-mean", None, 0.9, 0.2, count=5),
    )
    summary = summarize(result(cells))
    found = {(one.other, one.other_strategy): one for one in summary.differences}
    assert found["own-mean", "gradient"].person == pytest.approx(-0.1)
    to_unadapted = found["s-PEN", "none"]
    assert (to_unadapted.person, to_unadapted.low, to_unadapted.high) == pytest.approx((-0.15, -0.15, -0.15))
    assert {one.measure for one in found.values()} == {"rmse"}
    tables = interval_tables(summary, "random")
    assert [table.texts()[0][0] for table in tables] == ["prior, the phone's default with its guard"] * 2


def test_people_who_were_left_out_are_named():
    numbers = result(replace(cell(0, outcome("s-SN", 0.0, 0.5)), left_out={"tom": "tom has 3 rows"}))
    assert "left out: tom has 3 rows" in list(as_parts(numbers, summarize(numbers), []))


def test_statements_about_shares_that_the_plan_does_not_have_are_undecided():
    """Table 2 is about 0 and 5 %, and Fig. 4, right, about adapted gates."""
    rival = cell(0, outcome("GRU", 0.0, 0.1, strategy="none"), study="comparators")
    gates = {"gate_before": {"eve": [0.9, 0.1]}, "gate_after": {"eve": [0.5, 0.5]}}
    for shares, table_2, figure_4 in (((0.0, 0.05), True, True), ((0.0, 0.1), None, True), ((0.0,), None, None)):
        own = replace(cell(0, *(outcome("s-PEN", share, 0.5) for share in shares)), **gates)
        said = summarize(replace(result(own, rival), plan=replace(PLAN, shares=shares))).statements
        assert [one.holds for one in said if "End2You" in one.text] == [table_2]
        assert [one.holds for one in said if one.source == "Fig. 4, right"] == [figure_4]
