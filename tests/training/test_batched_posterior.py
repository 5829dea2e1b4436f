"""Many people at once: every one as the reference has it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from pen_mobile.models.posterior import adapt
from pen_mobile.training.strategies.prior import PersonLabels, adapt_people
from tests.models.test_posterior import EXPERTS, a_prior, somebody


def _labels(count: int, seed: int) -> PersonLabels:
    _, z, y, _, time = somebody(count, seed=seed)
    return PersonLabels(*map(torch.from_numpy, (z, y, time)))


def test_everybody_is_as_alone() -> None:
    head = somebody()[0]
    prior = replace(a_prior(), check_limit=np.full(2, -0.5), error_limit=np.full(2, 0.1))
    people = [_labels(count, seed) for seed, count in enumerate([5, 1, 40, 12, 3, 60])]
    found = adapt_people(prior, torch.from_numpy(head), people)
    for person, adapted, report in zip(people, found.heads, found.report, strict=True):
        z, y, time = (values.numpy() for values in person)
        expected, of_one = adapt(prior, head, z, y, np.ones(len(y)), time)
        np.testing.assert_allclose(adapted.numpy(), expected, atol=1e-9)
        np.testing.assert_allclose(report.numpy(), of_one, atol=1e-8)
    assert len(set(found.report[:, ReportRow.VERDICT].flatten().tolist())) > 1  # both accepted and declined ones


def test_a_broken_moment_has_no_vote_and_nobody_is_no_work() -> None:
    head = torch.from_numpy(somebody()[0])
    person = _labels(8, 3)
    broken = person._replace(z=person.z.clone())
    broken.z[2] *= 1e6
    without = [i for i in range(8) if i != 2]
    rest = PersonLabels(*(values[without] for values in person))
    one, other = adapt_people(a_prior(), head, [broken, rest]).heads
    np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-9)
    assert adapt_people(a_prior(), head, []).heads.shape == (0, 3 * EXPERTS, head.shape[1])
    nothing = PersonLabels(person.z[:0], person.y[:0], person.time[:0])
    found = adapt_people(a_prior(), head, [nothing])
    assert (found.report[:, ReportRow.VERDICT] == Verdict.NO_LABELS).all()
    np.testing.assert_array_equal(found.heads[0].numpy(), head.numpy())
