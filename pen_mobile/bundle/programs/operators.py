"""What of a program runs outside its delegate, read from the file alone."""

from __future__ import annotations

from pathlib import Path


def operators_outside(path: Path) -> list[str]:
    """Return the operators of a ``.pte`` file that run on portable kernels, each once: ``aten::_to_copy.out``."""
    from executorch.codegen.tools import selective_build  # reads the flatbuffer in C++; nothing public does

    content = path.read_bytes()  # the program below points into it: freeing it first ends the process
    program = selective_build._get_program_from_buffer(content)
    operators = set(selective_build._get_program_operators(program))
    del program
    return sorted(operators)
