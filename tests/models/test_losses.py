"""The losses, Eqs. 4-8: each against the sums as the paper writes them, and once by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pen_mobile.models.heads import ExpertHead, HeadOutput
from pen_mobile.models.losses import (
    LossTerms,
    adaptation_loss,
    affect_loss,
    selector_loss,
    source_loss,
    sparsity_loss,
)

LAMBDA_0, LAMBDA_1 = 0.3, 0.07
ROWS_OF = {0: 4, 1: 1, 2: 6}  # N_i: samples of each source person
COUNT = 11  # N = 4 + 1 + 6


@pytest.fixture
def batch() -> tuple[HeadOutput, Tensor, Tensor]:
    """What a random head says about ``COUNT`` samples of three people, their labels and their indices."""
    generator = torch.Generator().manual_seed(5)
    head = ExpertHead(4, 3)
    head.reset_parameters(generator)
    output = head(2 * torch.randn(COUNT, 4, generator=generator))
    affect = 2 * torch.rand(COUNT, 2, generator=generator) - 1
    subject = torch.tensor([person for person, rows in ROWS_OF.items() for _ in range(rows)])
    return HeadOutput(*(part.detach() for part in output)), affect, subject[torch.randperm(COUNT, generator=generator)]


def eq_5(output: HeadOutput, affect: Tensor, subject: Tensor) -> float:
    total = 0.0
    for person in ROWS_OF:
        for sample in (subject == person).nonzero().flatten().tolist():
            for dimension in (0, 1):
                total += (affect[sample, dimension].item() - output.affect[sample, dimension].item()) ** 2
    return total / COUNT


def eq_6(output: HeadOutput, subject: Tensor) -> float:
    """H(c, c~) = - sum_k c_k log c~_k with the one-hot c of the person."""
    total = 0.0
    for person in ROWS_OF:
        for sample in (subject == person).nonzero().flatten().tolist():
            h = output.logits[sample].tolist()
            normaliser = sum(math.exp(value) for value in h)
            for expert, value in enumerate(h):
                c = 1.0 if expert == person else 0.0
                total -= c * math.log(math.exp(value) / normaliser)
    return total / COUNT


def eq_7(output: HeadOutput, subject: Tensor) -> float:
    total = 0.0
    for person in ROWS_OF:
        for sample in (subject == person).nonzero().flatten().tolist():
            for value in output.logits[sample].tolist():
                total += abs(value)
    return total / COUNT


def test_loops_see_every_sample(batch: tuple[HeadOutput, Tensor, Tensor]) -> None:
    assert {person: int((batch[2] == person).sum()) for person in ROWS_OF} == ROWS_OF


def test_single_terms_are_equations_5_6_and_7(batch: tuple[HeadOutput, Tensor, Tensor]) -> None:
    output, affect, subject = batch
    assert affect_loss(output.affect, affect).item() == pytest.approx(eq_5(*batch), rel=1e-5)
    assert selector_loss(output.logits, subject).item() == pytest.approx(eq_6(output, subject), rel=1e-5)
    assert sparsity_loss(output.logits).item() == pytest.approx(eq_7(output, subject), rel=1e-5)


def test_source_loss_is_equation_4(batch: tuple[HeadOutput, Tensor, Tensor]) -> None:
    output, affect, subject = batch
    expected = eq_5(*batch) + LAMBDA_0 * eq_6(output, subject) + LAMBDA_1 * eq_7(output, subject)
    assert source_loss(output, affect, subject, LAMBDA_0, LAMBDA_1).item() == pytest.approx(expected, rel=1e-5)


def test_gate_loss_is_that_of_section_3_5(batch: tuple[HeadOutput, Tensor, Tensor]) -> None:
    output, _, subject = batch
    expected = eq_6(output, subject) + LAMBDA_1 * eq_7(output, subject)
    assert LossTerms.of(0.0, LAMBDA_1).gate_loss(output.logits, subject).item() == pytest.approx(expected, rel=1e-5)


def test_adaptation_loss_is_equation_8(batch: tuple[HeadOutput, Tensor, Tensor]) -> None:
    output, affect, subject = batch
    expected = eq_5(*batch) + LAMBDA_1 * eq_7(output, subject)
    assert adaptation_loss(output, affect, LAMBDA_1).item() == pytest.approx(expected, rel=1e-5)


ESTIMATE = torch.tensor([[0.5, 0.0], [1.0, -1.0]])
LABEL = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
LOGITS = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])  # softmax: (1/4, 3/4) twice
SUBJECT = torch.tensor([1, 0])
BY_HAND = HeadOutput(ESTIMATE, torch.softmax(LOGITS, 1), LOGITS, torch.zeros(2, 2, 2))


def test_equation_5_by_hand() -> None:
    """Sample 1: 0.5^2 + 0^2 = 0.25. Sample 2: 1^2 + (-1 - 1)^2 = 5. Mean: 5.25 / 2 = 2.625."""
    assert affect_loss(ESTIMATE, LABEL).item() == pytest.approx(2.625)


def test_equation_6_by_hand() -> None:
    """Sample 1 is person 1: -ln 3/4 = 0.287682. Sample 2 is person 0: -ln 1/4 = 1.386294. Mean: 0.836988."""
    assert selector_loss(LOGITS, SUBJECT).item() == pytest.approx(0.836988, abs=1e-6)


def test_equation_7_by_hand() -> None:
    """|1| + |-2| + |0| = 3 and |0.5| + |0.5| + |-1| = 2; mean 2.5."""
    assert sparsity_loss(torch.tensor([[1.0, -2.0, 0.0], [0.5, 0.5, -1.0]])).item() == pytest.approx(2.5)


def test_equation_4_by_hand() -> None:
    """2.625 + 0.1 x 0.836988 + 0.01 x ln 3 (each sample has |h| = 0 + 1.098612) = 2.625 + 0.083699 + 0.010986."""
    assert source_loss(BY_HAND, LABEL, SUBJECT, 0.1, 0.01).item() == pytest.approx(2.719685, abs=1e-6)


def test_gate_loss_by_hand() -> None:
    """0.836988 + 0.01 x 1.098612 = 0.847974."""
    assert LossTerms.of(0.0, 0.01).gate_loss(LOGITS, SUBJECT).item() == pytest.approx(0.847974, abs=1e-6)


def test_equation_8_by_hand() -> None:
    """2.625 + 0.01 x 1.098612 = 2.635986."""
    assert adaptation_loss(BY_HAND, LABEL, 0.01).item() == pytest.approx(2.635986, abs=1e-6)


def test_losses_are_means_not_sums() -> None:
    """The same samples twice give the same loss, so that a batch's size does not change the step."""
    twice = HeadOutput(*(torch.cat([part, part]) for part in BY_HAND))
    once = source_loss(BY_HAND, LABEL, SUBJECT, LAMBDA_0, LAMBDA_1)
    again = source_loss(twice, torch.cat([LABEL, LABEL]), torch.cat([SUBJECT, SUBJECT]), LAMBDA_0, LAMBDA_1)
    torch.testing.assert_close(once, again)


def test_adaptation_moves_gate_and_experts() -> None:
    """Eq. 8 has no term for the gate's people, yet reaches the gate through the mixture."""
    head = ExpertHead(4, 3)
    head.reset_parameters(torch.Generator().manual_seed(0))
    adaptation_loss(head(torch.ones(2, 4)), LABEL, lambda_1=0.0).backward()
    assert head.head_parameters.grad is not None
    assert (head.head_parameters.grad.abs().sum(dim=1) > 0).all()


def keras_loss(output: HeadOutput, affect: Tensor, subject: Tensor, lambda_0: float, lambda_1: float) -> Tensor:
    """Keras' ``mse`` is a mean over samples and targets; Section 3.5 takes the mean of the absolute pre-activations."""
    crossentropy = -torch.log(output.gate[torch.arange(COUNT), subject]).mean()
    return (output.affect - affect).square().mean() + lambda_0 * crossentropy + lambda_1 * output.logits.abs().mean()


def test_convention_keras_takes_means(batch: tuple[HeadOutput, Tensor, Tensor]) -> None:
    terms = LossTerms.of(LAMBDA_0, LAMBDA_1, "keras", expert_count=3)
    torch.testing.assert_close(terms.loss(*batch), keras_loss(*batch, LAMBDA_0, LAMBDA_1))
    output, _, subject = batch
    expected = selector_loss(output.logits, subject) + LAMBDA_1 * output.logits.abs().mean()
    torch.testing.assert_close(terms.gate_loss(output.logits, subject), expected)


def test_equation_4_as_written_is_twice_the_one_of_keras(batch: tuple[HeadOutput, Tensor, Tensor]) -> None:
    """With (lambda_0, lambda_1) against (lambda_0 / 2, lambda_1 n_s / 2): 1e-3 and 9 experts are 5e-4 and 4.5e-3."""
    written = source_loss(*batch, LAMBDA_0, LAMBDA_1)
    torch.testing.assert_close(written, 2 * keras_loss(*batch, LAMBDA_0 / 2, LAMBDA_1 * 3 / 2))
