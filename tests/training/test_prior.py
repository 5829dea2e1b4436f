"""The prior that is learned from source people: what it finds in people made to order, and that its guard is honest."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.data.table import FeatureTable
from pen_mobile.errors import BadInput
from pen_mobile.models.prior import NOT_ADAPTED, OWN_MEAN, Prior
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.prior.caution import DEFAULT
from pen_mobile.training.prior.decorrelation import fit_decorrelation
from pen_mobile.training.prior.episodes import COUNTS, SourcePerson, simulate
from pen_mobile.training.prior.guard import _disorder_limit, _surprise_limit
from pen_mobile.training.prior.learn import learn_prior, prior_stage, source_rows
from pen_mobile.training.prior.spreads import learn_spreads, weak_defaults
from pen_mobile.training.prior.summary import read_summary
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source
from pen_mobile.training.strategies.prior import PersonLabels, adapt_people, head_output
from pen_mobile.types import Floats

CONFIG = LearningConfig(optimizer="adam", learning_rate=0.01, head_epochs=20, joint_epochs=2)
FEATURES, ROWS = 12, 90
NAMES = ("valence", "arousal")


def a_person(seed: int, *, level: float = 0.1, transfer: bool = True) -> tuple[Floats, Floats]:
    """Return features and labels of somebody whose face says what everybody's says, or what nobody else's does."""
    common, own = np.random.default_rng(5), np.random.default_rng([seed, 1])
    mapping = (common if transfer else own).normal(size=(2, FEATURES)) + 0.2 * own.normal(size=(2, FEATURES))
    time = np.arange(ROWS)[:, None, None]
    waves = np.sin(2 * np.pi * (time / own.uniform(8, 40, (1, 2, 3)) + own.uniform(size=(1, 2, 3)))).sum(axis=2)
    moves = 0.2 * waves
    y = np.clip(moves + level * own.normal(size=2), -1, 1)
    z = moves @ mapping + 0.3 * own.normal(size=(ROWS, FEATURES))
    return z.astype(np.float32), y.astype(np.float32)


def a_table(people: int, **how: float) -> FeatureTable:
    found = [a_person(seed, **how) for seed in range(people)]  # type: ignore[arg-type]
    return FeatureTable(
        np.repeat([f"p{n:02}" for n in range(people)], ROWS),
        np.full(people * ROWS, "source"),
        np.tile(np.arange(float(ROWS)), people),
        np.concatenate([y for _, y in found]),
        features=np.concatenate([z for z, _ in found]),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return learn_source(a_table(6), CONFIG, tmp_path_factory.mktemp("prior") / "run")


@pytest.mark.slow
def test_source_learning_ends_with_a_prior(run: Run) -> None:
    prior, summary = run.prior(), read_summary(run.prior_file)
    assert (prior.targets, prior.feature_size) == (2, FEATURES)
    assert (summary.people, summary.learned, summary.backbone_saw_people) == (6, True, False)
    assert list(summary.targets) == list(NAMES)
    assert "on these people, a model's output holds for" in summary.text
    for target in summary.targets.values():
        assert target.error_adapted < target.error_own_mean
        assert target.gain > 0.5
    assert json.loads(run.prior_file.with_suffix(".json").read_text())["people"] == 6


def test_a_stage_that_is_done_is_only_read(run: Run) -> None:
    before = run.prior_file.stat().st_mtime_ns
    rows = source_rows(np.zeros((2, 1), np.float32), np.zeros((2, 2), np.float32), [np.arange(2)], np.arange(2.0))
    prior = prior_stage(run.prior_file, torch.zeros(1, 1), rows, NAMES, CONFIG, seen=False)
    assert run.prior_file.stat().st_mtime_ns == before
    np.testing.assert_array_equal(prior.log_weight, run.prior().log_weight)


def test_a_run_without_a_prior_says_so(tmp_path: Path, run: Run) -> None:
    with pytest.raises(BadInput, match="train again"):
        Run(tmp_path, run.record).prior()


def test_references_are_the_first_candidates(run: Run) -> None:
    prior = run.prior()
    np.testing.assert_array_equal(prior.gain_mean[[NOT_ADAPTED, OWN_MEAN]], [[1, 1], [0, 0]])
    np.testing.assert_array_equal(prior.level_mean[NOT_ADAPTED], prior.output_mean)
    assert (prior.weight_variance[:2] == 0).all()
    assert (prior.weight_variance[2:] > 0).all()


def test_the_guard_takes_honest_labels_of_new_people_and_no_inverted_ones(run: Run) -> None:
    prior, head = run.prior(), run.expert_head().head_parameters.detach()
    rows = np.arange(0, 60, 2)
    people = [a_person(seed) for seed in range(100, 130)]
    time = torch.from_numpy(rows.astype(np.float64))
    honest, inverted = (
        adapt_people(
            prior,
            head,
            [PersonLabels(torch.from_numpy(z[rows]), torch.from_numpy(sign * y[rows]), time) for z, y in people],
        )
        for sign in (1, -1)
    )
    assert float((honest.report[:, ReportRow.VERDICT] != Verdict.ADAPTED).any(dim=1).double().mean()) <= 0.05
    assert float((inverted.report[:, ReportRow.VERDICT] == Verdict.CONTRADICTS_HEAD).double().mean()) >= 0.95
    errors = []
    for adapted, (z, y) in zip(honest.heads, people, strict=True):
        tested = torch.from_numpy(z[70:].astype(np.float64))
        said = [head_output(one, tested, 2).numpy() for one in (head.double(), adapted)]
        errors.append([np.sqrt(np.mean((one - y[70:]) ** 2)) for one in (*said, y[rows].mean(axis=0))])
    shipped, adapted_error, own_mean = np.mean(errors, axis=0)
    assert adapted_error < shipped + 0.005
    assert adapted_error < own_mean


@pytest.mark.slow
def test_where_heads_do_not_transfer_nothing_is_declined_and_levels_are_learned(tmp_path: Path) -> None:
    run = learn_source(a_table(6, level=0.4, transfer=False), CONFIG, tmp_path / "run")
    prior, head = run.prior(), run.expert_head().head_parameters.detach()
    assert all(one.error_own_mean < one.error_not_adapted for one in read_summary(run.prior_file).targets.values())
    chosen = np.arange(0, 60, 6)
    labels = []
    for seed in range(200, 220):
        z, y = a_person(seed, level=0.4, transfer=False)
        labels.append(
            PersonLabels(torch.from_numpy(z[chosen]), torch.from_numpy(y[chosen]), torch.from_numpy(chosen * 1.0))
        )
    found = adapt_people(prior, head, labels)
    declined = found.report[:, ReportRow.VERDICT] != Verdict.ADAPTED
    assert float(declined.double().mean()) <= 0.05


def test_two_people_get_stated_defaults() -> None:
    table = a_table(2)
    rows = source_rows(table.features, table.affect, [table.rows_of(name) for name in table.subjects()], table.time_s)
    prior, summary = learn_prior(torch.zeros(6, FEATURES + 1), rows, NAMES, CONFIG, seen=True)
    assert not summary.learned
    assert summary.text.startswith("2 source people are too few to learn from")
    assert "Other people differ by more" in summary.text
    assert isinstance(prior, Prior)


def test_the_limit_of_surprise_stays_where_more_labels_were_not_simulated() -> None:
    """Everybody's surprise is 1 / N up to 40 labels; what 80 labels of a new person surprise by is taken as 1 / 40."""
    people = 6
    batches, reports = [], []
    for count in (1, 5, 10, 20, 40):
        batches.append(
            SimpleNamespace(labels=SimpleNamespace(y=np.zeros((people, count, 2))), person=np.arange(people))
        )
        reports.append(np.full((people, len(ReportRow), 2), 1 / count))
    limits = _surprise_limit(batches, reports)  # type: ignore[arg-type]
    for count, least in ((1, 1), (5, 1 / 5), (10, 1 / 10), (20, 1 / 20), (40, 1 / 40), (80, 1 / 40)):
        assert limits @ [1, count**-0.5, 1 / count] >= least - 1e-9, count


def test_the_limit_of_disorder_covers_what_was_simulated_and_lets_two_labels_through() -> None:
    """1 % of sets from .01 to 1 times (.5 + 2.5 / N) are above .99 of that; two labels have the disorder 1."""
    counts, sets = (1, 5, 10, 20, 40), np.arange(1, 101) / 100
    limits = _disorder_limit(counts, [0 * sets, *(sets * (0.5 + 2.5 / count) for count in counts[1:])])
    for count in (2, 5, 10, 20, 40, 80):
        limit = limits @ [1, count**-0.5, 1 / count]
        least = 1 if count == 2 else 0.99 * (0.5 + 2.5 / min(count, 40))
        assert least - 1e-9 <= limit < least + (1 if count == 2 else 0.1)


def test_shuffled_labels_of_one_stretch_are_declined(run: Run) -> None:
    """30 seconds in a row, of 20 new people; the prior knows six. In their own order hardly anybody's are declined.

    Roughness, which shares the row, is switched off: it alone would decline most of them, too.
    """
    prior = dataclasses.replace(run.prior(), roughness_limit=np.array([1e6, 0.0]))
    head, order = run.expert_head().head_parameters.detach(), np.random.default_rng(0)
    honest, shuffled = [], []
    for seed in range(1000, 1020):
        z, y = (torch.from_numpy(values[20:50]).double() for values in a_person(seed))
        honest.append(PersonLabels(z, y, torch.arange(30).double()))
        shuffled.append(honest[-1]._replace(y=y[order.permutation(30)]))
    shares = [adapt_people(prior, head, sets).report[:, ReportRow.ROUGHNESS, 0] for sets in (honest, shuffled)]
    assert int((shares[0] > 1).sum()) <= 1
    assert int((shares[1] > 1).sum()) >= 14


@pytest.mark.slow
def test_surprise_and_caution_are_not_learned_where_the_backbone_saw_the_people() -> None:
    """Their labels lie nearer to a head than a new person's, and adapting gains little; nobody can tell by how much."""
    table = a_table(5)
    rows = source_rows(table.features, table.affect, [table.rows_of(name) for name in table.subjects()], table.time_s)
    head = torch.zeros(6, FEATURES + 1)
    (unseen, _), (seen, summary) = (learn_prior(head, rows, NAMES, CONFIG, seen=seen) for seen in (False, True))
    assert unseen.surprise_limit.sum() < 1e3
    assert seen.surprise_limit.tolist() == [1e6, 0, 0]
    assert seen.caution.tolist() == [DEFAULT, DEFAULT] != unseen.caution.tolist()
    assert "does not judge how much labels surprise" in summary.text


def test_directions_that_dominate_are_shrunk_to_the_rest() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, 8)) @ np.diag([0.3, 1, 1, 1, 1, 1, 1, 1]) + 3 * rng.normal(size=(4000, 1))
    found = fit_decorrelation(z, most=1)
    x = found.apply(z)
    np.testing.assert_allclose(np.square(x).sum(axis=1).mean(), 1, rtol=1e-6)
    values = np.linalg.eigvalsh(np.cov(x.T))
    assert values[-1] / values[:-1].mean() < 2
    raw = np.linalg.eigvalsh(np.corrcoef(z.T))
    assert raw[-1] / raw[:-1].mean() > 20
    constant = fit_decorrelation(np.c_[z, np.full(4000, 0.5)])
    assert constant.scale[-1] == 0


def test_simulated_adaptations_never_test_what_adapts() -> None:
    rng = np.random.default_rng(0)
    person = SourcePerson(
        rng.normal(size=(ROWS, 4)), rng.normal(size=(ROWS, 2)), rng.normal(size=(ROWS, 2)), np.arange(90.0)
    )
    batches = simulate([person] * 3)
    assert {batch.labels.y.shape[1] for batch in batches} <= set(COUNTS)
    for batch in batches:
        same = (batch.test_y[:, :, None, 0] == batch.labels.y[:, None, :, 0]).any()
        assert not bool(same)


def test_spreads_of_levels_are_found() -> None:
    rng = np.random.default_rng(1)
    people = []
    for level in rng.normal(size=8):
        f = rng.normal(size=(ROWS, 1)) * 0.3
        y = 0.5 * level + f + 0.1 * rng.normal(size=(ROWS, 1))
        people.append(SourcePerson(np.zeros((ROWS, 1)), f, y, np.arange(float(ROWS))))
    start = weak_defaults(people, 0)
    found = learn_spreads(simulate(people), 0, start)
    assert found.level_spread > found.noise
    assert abs(found.gain - 1) < 0.1
    assert 0.08 < found.error < 0.14
