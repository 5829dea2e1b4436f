from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.contract.strategy import Strategy
from pen_mobile.errors import BadInput
from pen_mobile.paper.predictions import Predictions
from pen_mobile.paper.protocol import RESULTS, run_protocol
from pen_mobile.paper.protocol_plan import ProtocolPlan
from pen_mobile.paper.protocol_result import MODELS, ProtocolResult
from pen_mobile.paper.protocol_tasks import task_keys
from pen_mobile.utils.files import read_json
from tests.paper.features_file import write_features

pytestmark = pytest.mark.slow

QUICK = ProtocolPlan(epochs=2, shares=(0.0, 0.1, 0.5), samplings=("random",), optimizer="adam")


def run(data: Path, folder: Path, plan: ProtocolPlan = QUICK, jobs: int = 1) -> ProtocolResult:
    return run_protocol(str(data), plan, folder, jobs=jobs)[0]


def timeless(value: Any) -> Any:
    """Drop everything that says how long something took."""
    if isinstance(value, dict):
        return {
            key: timeless(one)
            for key, one in value.items()
            if key not in ("seconds", "milliseconds", "command", "versions")
        }
    return [timeless(one) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    """The protocol of the quick plan on the usual features, run once."""
    folder = tmp_path_factory.mktemp("quick")
    run(write_features(folder), folder / "out")
    return folder / "out"


@pytest.fixture
def finished(quick_run, tmp_path):
    """A copy of it where the test goes on with it: what is finished is not made again."""
    shutil.copytree(quick_run, tmp_path / "out")


@pytest.fixture
def numbers() -> Any:
    return lambda folder: timeless(read_json(folder / RESULTS))


@pytest.mark.usefixtures("finished")
def test_every_cell_has_table_1(make_features, tmp_path):
    result = run(make_features(), tmp_path / "out")

    assert [(cell.sampling, cell.scope) for cell in result.cells] == [("random", "pooled"), ("random", "person")]
    for cell in result.cells:
        found = {(outcome.model, outcome.share) for outcome in cell.evaluations}
        adapted = {(model, share) for model in (*MODELS, "own-mean") for share in (0.1, 0.5)}
        assert found == adapted | {("s-SN", 0.0), ("s-PEN", 0.0)}  # without labels there is no target-only model
        assert all(list(outcome.people) == ["eve", "finn", "gus"] for outcome in cell.evaluations)


@pytest.mark.usefixtures("finished")
def test_labels_and_steps_are_counted(make_features, tmp_path):
    pooled, person = run(make_features(), tmp_path / "out").cells

    # 10 % of 100, 80 and 60 rows are 10 + 8 + 6 = 24 labels: one batch of 32 an epoch, 2 epochs.
    ten = pooled.find("s-PEN", 0.1)
    assert (ten.labels, ten.steps) == (24, 2)
    # 50 % are 120 labels: 4 batches. One person at a time has at most 50: 2 batches.
    assert pooled.find("t-SN", 0.5).steps == 8
    assert (person.find("t-SN", 0.5).labels, person.find("t-SN", 0.5).steps) == (120, 4)


@pytest.mark.usefixtures("undrawn")
def test_steps_can_be_the_same_for_every_share(make_features, tmp_path):
    plan = replace(QUICK, steps=7, scopes=("person",))
    (cell,) = run(make_features(), tmp_path / "out", plan).cells
    assert {outcome.steps for outcome in cell.evaluations if outcome.model in MODELS and outcome.share} == {7}


@pytest.mark.usefixtures("finished")
def test_both_scopes_test_the_same_unadapted_models_on_the_same_rows(make_features, tmp_path):
    pooled, person = run(make_features(), tmp_path / "out").cells
    assert pooled.find("s-PEN", 0.0) == person.find("s-PEN", 0.0)
    assert pooled.find("own-mean", 0.1) == person.find("own-mean", 0.1)
    assert pooled.find("s-PEN", 0.5) != person.find("s-PEN", 0.5)


@pytest.mark.usefixtures("finished")
def test_the_test_rows_are_fixed_and_never_adapt(make_features, tmp_path):
    result = run(make_features(), tmp_path / "out")
    said = [Predictions.load(tmp_path / "out" / cell.predictions) for cell in result.cells]

    for one in said:
        assert np.array_equal(one.affect, said[0].affect)
        assert {name: int((one.subject == name).sum()) for name in ("eve", "finn", "gus")} == {
            "eve": 50,
            "finn": 40,
            "gus": 30,
        }
        assert all(estimate.shape == (120, 2) for estimate in one.estimates.values())
    # The other half of eve's 100 rows adapts at 50 %, so the mean of all of them is the mean of both halves.
    with np.load(make_features()) as table:
        eve = table["y"][table["subject"] == "eve"]
    own_mean = said[0].estimates["own-mean@0.5"][said[0].subject == "eve"][0]
    tested = said[0].affect[said[0].subject == "eve"].mean(axis=0)
    assert np.allclose((own_mean + tested) / 2, eve.mean(axis=0), atol=1e-6)


@pytest.mark.usefixtures("finished")
def test_gates_are_means_over_people_and_sum_to_one(make_features, tmp_path):
    result = run(make_features(), tmp_path / "out")
    (source,) = result.sources
    assert list(source.gate) == ["ann", "bob", "cleo", "dora"]
    for gate in (source.gate, result.cells[0].gate_before, result.cells[0].gate_after):
        assert all(len(weights) == 4 and sum(weights) == pytest.approx(1, abs=1e-5) for weights in gate.values())
    assert result.cells[0].gate_before != result.cells[0].gate_after


@pytest.mark.usefixtures("undrawn")
def test_the_number_of_workers_changes_no_number(make_features, tmp_path, numbers):
    plan = replace(QUICK, seeds=(0, 1), samplings=("random", "blocks"))
    run(make_features(), tmp_path / "one", plan, jobs=1)
    run(make_features(), tmp_path / "two", plan, jobs=2)
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")


@pytest.mark.usefixtures("undrawn")
def test_only_the_first_seed_keeps_predictions(make_features, tmp_path):
    plan = replace(QUICK, seeds=(3, 4), scopes=("pooled",))
    first, second = run(make_features(), tmp_path / "out", plan).cells
    assert (first.seed, second.seed) == (3, 4)
    assert first.predictions is not None
    assert second.predictions is None


@pytest.mark.usefixtures("finished", "undrawn")
def test_a_run_without_some_cells_makes_only_those(make_features, tmp_path, numbers):
    data, folder = make_features(), tmp_path / "out"
    run(data, folder)
    before = numbers(folder)
    kept, lost = folder / "cells/seed-0-random-pooled-models.json", folder / "cells/seed-0-random-person-models.json"
    kept_at = kept.stat().st_mtime_ns
    lost.unlink()

    run(data, folder)

    assert kept.stat().st_mtime_ns == kept_at
    assert lost.exists()
    assert numbers(folder) == before


@pytest.mark.usefixtures("undrawn")
def test_results_come_back_as_they_went(make_features, tmp_path):
    result = run(make_features(), tmp_path / "out")
    again = ProtocolResult.load(tmp_path / "out" / RESULTS)
    assert again == result
    assert again.cells == result.cells
    assert again.sources == result.sources


@pytest.mark.usefixtures("finished")
def test_other_settings_in_the_same_folder_are_refused(make_features, tmp_path):
    run(make_features(), tmp_path / "out")
    with pytest.raises(BadInput, match=r"another epochs \(2 there, 3 here\)"):
        run(make_features(), tmp_path / "out", replace(QUICK, epochs=3))


@pytest.mark.usefixtures("finished")
def test_other_data_in_the_same_folder_are_refused(make_features, tmp_path):
    run(make_features(), tmp_path / "out")
    with pytest.raises(BadInput, match="protocol of other data"):
        run(make_features(seed=1), tmp_path / "out")


@pytest.mark.usefixtures("finished")
def test_the_same_data_under_another_name_go_on(make_features, tmp_path):
    data = make_features()
    first = run(data, tmp_path / "out")
    again = run(data.rename(tmp_path / "moved.npz"), tmp_path / "out")
    assert again.data == first.data


def test_a_folder_with_something_else_is_left_alone(make_features, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds no protocol"):
        run(make_features(), folder)
    assert [file.name for file in folder.iterdir()] == ["thesis.txt"]


def test_source_learning_comes_before_the_cells_that_need_it():
    keys = [str(key) for key in task_keys(replace(QUICK, seeds=(0, 1), strategies=(Strategy.GRADIENT,)))]
    assert keys[:4] == [
        "seed-0-source",
        "seed-0-random-person-strategies",
        "seed-0-random-pooled-models",
        "seed-0-random-person-models",
    ]
    assert keys[4] == "seed-1-source"


@pytest.mark.usefixtures("undrawn")
def test_a_person_with_three_rows_gives_one_label_at_least(make_features, tmp_path):
    (cell, _) = run(make_features({"eve": 100, "tom": 3}), tmp_path / "out").cells
    # tom's 3 rows: one tests, two may adapt. 10 % of 3 is no row: he gives one; 50 % are two.
    assert cell.find("s-PEN", 0.1).labels == 10 + 1
    assert cell.find("s-PEN", 0.5).labels == 50 + 2
    assert cell.find("s-PEN", 0.1).people["tom"].ccc is None  # one tested row has no correlation
    assert cell.find("s-PEN", 0.1).people["tom"].rmse > 0


@pytest.mark.usefixtures("undrawn")
def test_who_is_too_short_for_blocks_is_left_out_and_named(make_features, tmp_path):
    plan = replace(QUICK, samplings=("blocks",))
    (cell, _) = run(make_features({"eve": 100, "tom": 3}), tmp_path / "out", plan).cells
    assert "3 rows of 'tom' are too few" in cell.left_out["tom"]
    assert all(list(outcome.people) == ["eve"] for outcome in cell.evaluations)


@pytest.mark.usefixtures("undrawn")
def test_when_everybody_is_too_short_it_is_refused(make_features, tmp_path):
    plan = replace(QUICK, samplings=("blocks",))
    with pytest.raises(BadInput, match=r"3 rows of 'tom' are too few .* choose other --samplings"):
        run(make_features({"tom": 3}), tmp_path / "out", plan)
    assert not (tmp_path / "out" / "source").exists()  # before anything is learned


def test_constant_labels_give_no_nan(make_features, tmp_path):
    plan = replace(QUICK, samplings=("random", "blocks"))
    run(make_features(constant="finn"), tmp_path / "out", plan)  # to_json refuses NaN
    result = ProtocolResult.load(tmp_path / "out" / RESULTS)
    assert result.cells[0].find("own-mean", 0.5).people["finn"].ccc is None
    assert result.cells[0].find("own-mean", 0.5).people["finn"].rmse == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("size", "people"), [(64, 2), (3, 40)])
def test_any_width_and_number_of_people(make_features, tmp_path, size, people):
    rows = {f"person{place}": 30 + place for place in range(people)}
    result = run(make_features(rows, size=size), tmp_path / "out", replace(QUICK, samplings=("random", "blocks")))
    assert len(result.cells[0].evaluations[0].people) == people


@pytest.mark.usefixtures("undrawn")
def test_an_interrupted_run_leaves_no_half_written_file_and_goes_on(make_features, tmp_path, numbers):
    data, folder = make_features(), tmp_path / "out"
    plan = replace(QUICK, epochs=20, seeds=(0, 1))
    script = (
        "from pathlib import Path; from pen_mobile.paper.protocol import run_protocol\n"
        "from pen_mobile.paper.protocol_plan import ProtocolPlan\n"
        f"run_protocol({str(data)!r}, {plan!r}, Path({str(folder)!r}), jobs=2)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not list((folder / "cells").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert b"KeyboardInterrupt" in errors
    finished = {file: file.stat().st_mtime_ns for file in (folder / "cells").glob("*.json")}
    assert 0 < len(finished) < 6
    run(data, folder, plan)
    assert not list(folder.rglob(".*"))  # what a worker left that was ended while it wrote is swept
    run(data, tmp_path / "whole", plan)
    assert numbers(folder) == numbers(tmp_path / "whole")
    assert all(file.stat().st_mtime_ns == made for file, made in finished.items())


@pytest.mark.usefixtures("undrawn")
def test_strategies_are_compared_at_shares_and_at_numbers_of_labels(make_features, tmp_path):
    plan = replace(QUICK, strategies=(Strategy.GRADIENT, Strategy.RIDGE), counts=(5, 60))
    study, _, person = run(make_features(), tmp_path / "out", plan).cells

    assert (study.scope, study.study) == ("person", "strategies")
    # Nobody's pool has 60 rows: eve has 50.
    budgets = [(0.1, None), (0.5, None), (None, 5)]
    trials = {(one.model, one.strategy, one.share, one.count) for one in study.evaluations}
    assert trials == {
        *(
            (model, strategy, *budget)
            for model in ("s-SN", "s-PEN")
            for strategy in plan.strategies
            for budget in budgets
        ),
        *((model, "none", 0.0, None) for model in ("s-SN", "s-PEN")),
        *(("own-mean", "gradient", *budget) for budget in budgets),
    }
    assert study.find("s-PEN", None, strategy="ridge", count=5).labels == 15
    # Eq. 8 is the model study's adaptation, one head alone instead of side by side.
    alone, together = study.find("s-PEN", 0.5), person.find("s-PEN", 0.5)
    assert alone.pooled == pytest.approx(together.pooled, abs=1e-4)


@pytest.mark.usefixtures("undrawn")
def test_samplings_of_a_phone_and_amounts_that_not_everybody_has(make_features, tmp_path):
    """Eve has 100 rows, finn 80, gus 60: a count of 30 is the half of gus's, less the gap."""
    plan = replace(
        QUICK, samplings=("first", "recent"), scopes=("person",), strategies=(Strategy.OFFSET,), counts=(30,)
    )
    result = run(make_features(), tmp_path / "out", plan)
    assert [(cell.sampling, cell.study) for cell in result.cells] == [
        (sampling, study) for sampling in plan.samplings for study in ("strategies", "models")
    ]
    study = result.cells[0]
    offset = study.find("s-PEN", None, strategy="offset", count=30)
    assert offset.fewest < 30
    assert offset.labels == 2 * 30 + offset.fewest
    own_mean = study.find("own-mean", None, strategy="gradient", count=30)
    assert (own_mean.labels, own_mean.fewest) == (offset.labels, offset.fewest)
    unadapted = study.find("s-PEN", 0.0, strategy="none")
    assert (unadapted.labels, unadapted.fewest) == (0, 0)


@pytest.mark.usefixtures("undrawn")
def test_blocks_that_hold_one_row_each_are_called_out(make_features, tmp_path):
    plan = replace(QUICK, samplings=("blocks",), scopes=("pooled",), block_seconds=0.01, gap_seconds=0.0)
    (cell,) = run(make_features(), tmp_path / "out", plan).cells
    assert cell.notes == [
        "100% of the blocks of 0.01 s hold a single row: they are then rows drawn at random that keep 0 s apart; "
        "--block-seconds sets longer ones"
    ]
    (usual,) = run(make_features(), tmp_path / "usual", replace(plan, block_seconds=10.0)).cells
    assert usual.notes == []


@pytest.mark.usefixtures("undrawn")
def test_a_finished_protocol_draws_nothing_again(make_features, tmp_path, monkeypatch):
    data, folder = make_features(), tmp_path / "out"
    run(data, folder)
    page = (folder / "report.html").stat().st_mtime_ns
    monkeypatch.setattr("pen_mobile.paper.protocol_report.write_report", None)  # must not be called
    run(data, folder)
    assert (folder / "report.html").stat().st_mtime_ns == page
    (folder / "report.html").unlink()
    with pytest.raises(TypeError):
        run(data, folder)


@pytest.mark.usefixtures("undrawn")
def test_the_prior_adapts_one_model_in_every_sampling(make_features, tmp_path):
    samplings = ("random", "blocks", "first", "recent")
    plan = replace(QUICK, samplings=samplings, strategies=(Strategy.PRIOR, Strategy.OFFSET), counts=(5,))
    cells = [one for one in run(make_features(), tmp_path / "out", plan).cells if one.study == "strategies"]

    assert [one.sampling for one in cells] == list(samplings)
    for cell in cells:
        found = cell.find("s-PEN", None, strategy="prior", count=5)
        assert found.labels == 15
        assert found.steps == 0
        assert found.pooled.rmse < cell.find("own-mean", None, strategy="gradient", count=5).pooled.rmse + 0.005
        assert not [one for one in cell.evaluations if (one.model, one.strategy) == ("s-SN", "prior")]
