"""What of a program runs outside its delegate, read from the file alone."""

from __future__ import annotations


def operators_outside(content: bytes) -> list[str]:
    """Return the operators of a program that run on portable kernels, each once: ``aten::_to_copy.out``.

    Args:
        content: of a ``.pte`` file; the program below points into it, and freeing it first ends the process.
    """
    from executorch.codegen.tools import selective_build  # reads the flatbuffer in C++; nothing public does

    program = selective_build._get_program_from_buffer(content)
    operators = set(selective_build._get_program_operators(program))
    del program
    return sorted(operators)
