"""Programs that somebody wrote on purpose: a method that never returns, and two that want absurd memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pen_mobile.bundle.programs.lowering import lower
from tests.faults.bundles import PROGRAM, Copy


def craft(bundle: Path, folder: Path, change: Callable[[Any], None]) -> Path:
    """Copy a bundle with every method of its head's program changed, and seal it again."""
    from executorch.exir._serialize._program import deserialize_pte_binary, serialize_pte_binary

    copy = Copy(bundle, folder)
    file = deserialize_pte_binary(copy.content(PROGRAM))
    for plan in file.program.execution_plan:
        change(plan)
    copy.write(PROGRAM, bytes(serialize_pte_binary(file)))
    copy.reseal()
    return folder


def never_return(plan: Any) -> None:
    """Jump from the end of a method to its beginning."""
    from executorch.exir.schema import Bool, EValue, Instruction, JumpFalseCall

    plan.values.append(EValue(Bool(False)))
    jump = JumpFalseCall(cond_value_index=len(plan.values) - 1, destination_instruction=0)
    plan.chains[-1].instructions.append(Instruction(jump))


def want_absurd_buffers(plan: Any) -> None:
    """Plan a mebibyte of mebibytes for the values between operators."""
    plan.non_const_buffer_sizes = [0, *(1 << 40 for _ in plan.non_const_buffer_sizes[1:])]


def hungry_program() -> bytes:
    """Return a program file whose method ``predict``, ``[1, 1, 16]`` to the same, takes 8 GB when it is called.

    A row of 32,000 numbers, times itself as a column: 4.1 GB inside the delegate, and a copy.
    """
    return lower({"predict": (_Hungry(), (torch.zeros(1, 1, 16),))}).buffer


class _Hungry(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        row = torch.cat([z] * 2000, dim=2)
        square = torch.bmm(row.transpose(1, 2), row)
        return torch.bmm(torch.bmm(row, square)[:, :, :1], z)
