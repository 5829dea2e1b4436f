"""Programs that somebody wrote on purpose: a method that never returns, and one that wants absurd buffers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
