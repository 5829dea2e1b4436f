"""The methods of a head together."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pen_mobile.bundle.programs.head import HeadSize
from pen_mobile.bundle.programs.head_methods import HeadMethods
from pen_mobile.bundle.recipe import load_recipe
from pen_mobile.models.optimizers import OPTIMIZERS
from tests.owners import a_prior


def unused_constants(program: nn.Module, inputs: tuple[torch.Tensor, ...]) -> list[str]:
    """Return the names of constants that the exported method never reads."""
    exported = torch.export.export(program, inputs, strict=False)
    names = exported.graph_signature.inputs_to_buffers
    return [names[node.name] for node in exported.graph.nodes if node.name in names and not node.users]


@pytest.mark.parametrize("steps", [1, 4])
def test_every_constant_is_used(steps: int) -> None:
    """A lowered program carries all of them: four that nothing read were 10 kB of ``adapt`` with eight targets."""
    rates = dict.fromkeys(OPTIMIZERS, 0.1)
    update = {"steps_per_call": steps, "batch": 4, "adapt_labels": 6, "learning_rate": rates}
    recipe = load_recipe("android-fp32").head.model_copy(update=update)
    programs = HeadMethods(HeadSize(16, 3, 2), recipe, a_prior(16)).programs()
    assert len(programs) == 2 + len(OPTIMIZERS)
    for name, program in programs.items():
        assert unused_constants(program.eval(), program.example_inputs()) == [], name
