"""No row from which anything has learned is ever called held out or test, whatever the seeds of run and protocol."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_fabric import Fabric

from pen_mobile.contract.strategy import Strategy
from pen_mobile.data.table import FeatureTable, SubjectTable
from pen_mobile.paper.protocol_input import FeatureStore, read_people
from pen_mobile.paper.protocol_plan import ProtocolPlan
from pen_mobile.paper.protocol_tasks import TaskContext
from pen_mobile.paper.target_evaluation import Target
from pen_mobile.training.prior.summary import read_summary
from pen_mobile.training.run_folder import Run

CPU = Fabric(accelerator="cpu", devices=1)
PLAN = ProtocolPlan(epochs=1, optimizer="adam", shares=(0.0, 0.5))


@pytest.fixture
def frame_run(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the run on ``people``, with the name that stands for them on the command line."""
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    record = json.loads((folder / "run.json").read_text())
    record["data"]["origin"] = "synthetic:sources=3,targets=2,seconds=40,fps=2,seed=1"
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_source_learning_holds_out_what_the_backbone_has_not_seen(
    frame_run: Path, people: SubjectTable, tmp_path: Path, seed: int
) -> None:
    given = read_people(str(frame_run))
    context = TaskContext(tmp_path, PLAN, given.store(tmp_path / "cache", CPU), "cpu", frame_run)
    learned = context.learn_source(seed, tmp_path / "source")
    source = people.take(people.rows_with_role("source"))
    of_backbone = Run.open(frame_run).config.halves(source)
    of_heads = learned.config.halves(context.features.table("source"))
    assert learned.config.seed == seed
    assert learned.config.backbone_saw_people is True
    assert np.intersect1d(of_backbone[0], of_heads[1]).size == 0
    for one, other in zip(of_backbone, of_heads, strict=True):
        np.testing.assert_array_equal(one, other)


def test_stage_2_starts_from_the_head_of_stage_1(frame_run: Path, tmp_path: Path) -> None:
    """Algorithm 1, step 2 goes on with W^s: before a step, its loss on the same held-out rows is stage 1's best."""
    store = read_people(str(frame_run)).store(tmp_path / "cache", CPU)
    learned = TaskContext(tmp_path, PLAN, store, "cpu", frame_run).learn_source(5, tmp_path / "source")
    first, second = Run.open(frame_run).record.stages["1-backbone"], learned.record.stages["2-shared"]
    assert second.epochs[0].validation_loss == pytest.approx(first.best_loss, rel=1e-3)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 99), rows=st.integers(60, 200), step=st.sampled_from([0.5, 1.0, 4.0]))
@pytest.mark.parametrize("sampling", ["random", "blocks", "first", "recent"])
def test_no_row_that_adapts_is_tested(sampling: str, seed: int, rows: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    table = FeatureTable(
        subject=np.repeat(["ann", "ben"], rows),
        role=np.repeat(["target"], 2 * rows),
        time_s=np.tile(np.arange(rows) * step, 2),
        affect=rng.uniform(-1, 1, (2 * rows, 2)).astype(np.float32),
        features=rng.normal(size=(2 * rows, 3)).astype(np.float32),
        origin="drawn",
    )
    target = Target.split(table, PLAN, sampling, seed)  # type: ignore[arg-type]
    for name, split in target.splits.items():
        assert not np.intersect1d(split.pool, split.test).size
        assert set(split.pool) | set(split.test) <= set(np.flatnonzero(table.subject == name))
        for share in PLAN.adapting_shares:
            assert set(target.share(share)[name]) <= set(split.pool)


def test_features_that_are_given_need_no_run(make_features, tmp_path: Path) -> None:
    store = read_people(str(make_features())).store(tmp_path / "cache", CPU)
    assert isinstance(store, FeatureStore)
    record = store.record
    assert (record.split_seed, record.validation_fraction, record.backbone_saw_people) == (None, None, None)
    context, source = TaskContext(tmp_path, PLAN, store, "cpu"), store.table("source")
    halves = [context.learn_source(seed, tmp_path / f"{seed}").config.halves(source) for seed in (0, 1)]
    assert halves[0][1].tolist() != halves[1][1].tolist()


@pytest.mark.parametrize("saw", [False, True])
def test_the_prior_knows_whether_the_backbone_saw_the_people(make_features, tmp_path: Path, saw: bool) -> None:
    """No run tells, so the plan does; the guard of the phone's default then judges as phones will."""
    plan = replace(PLAN, strategies=(Strategy.PRIOR,), backbone_saw_people=saw)
    store = read_people(str(make_features())).store(tmp_path / "cache", CPU)
    learned = TaskContext(tmp_path, plan, store, "cpu").learn_source(0, tmp_path / "source")
    assert read_summary(learned.prior_file).backbone_saw_people == saw
