"""The method ``adapt`` as a Core ML program: converted, saved, read back, evaluated, and equal to the reference."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pen_mobile.bundle.coreml.description import About
from pen_mobile.bundle.coreml.mil_evaluation import MilProgram
from pen_mobile.bundle.coreml.programs import convert_head
from pen_mobile.bundle.programs.adapt import AdaptProgram
from pen_mobile.bundle.programs.head import HeadSize
from tests.nightly import times
from tests.owners import a_prior, an_owner, assert_equal_to_reference

FEATURES, EXPERTS, LABELS = 24, 3, 32


@pytest.mark.slow
def test_owners(tmp_path: Path) -> None:
    prior = a_prior(FEATURES)
    model = convert_head(AdaptProgram(HeadSize(FEATURES, EXPERTS), prior, LABELS).eval(), About("us", "ours", "1"))
    assert model.inputs == ["head_parameters", "z", "y", "weight", "time"]
    assert model.outputs == ["head_parameters_new", "report"]
    (tmp_path / "adapt.mlpackage").mkdir()
    program = MilProgram(model.package.write(tmp_path / "adapt.mlpackage"))

    def evaluated(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        found = program({name: array.numpy() for name, array in zip(model.inputs, inputs, strict=True)})
        head_parameters, report = (torch.from_numpy(found[name]) for name in model.outputs)
        return head_parameters, report

    for seed in range(times(50, nightly=200)):
        owner = an_owner(prior, EXPERTS, LABELS, LABELS - seed % LABELS, seed)
        assert_equal_to_reference(evaluated, prior, owner)
