"""Core ML programs evaluated without Apple's runtime: the *saved* package, one MIL operation after the other.

This checks the program as written, not Apple's runtime, which may add in another order or round elsewhere;
``export/check_coreml.py`` checks that on a Mac.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pen_mobile.bundle.coreml.mil_operations import compute
from pen_mobile.bundle.coreml.mil_weights import Arrays, constants, explained, read_main
from pen_mobile.errors import BadInput, PenMobileError


class MilProgram:
    """The main function of a package, ready to be evaluated many times.

    Attributes:
        path: the package.
        inputs: shape of every input, by name.
        outputs: names of the outputs, in order.
        weights: every number that the package stores, as :func:`stored_weights` returns them.
    """

    def __init__(self, path: Path) -> None:
        """Read specification and weights; the files are not needed afterwards.

        Raises:
            BadInput: it is no package, or one that coremltools cannot read.
        """
        self.path = path
        self._main = read_main(path)
        with explained(f"{path.name}: its weights cannot be unpacked"):
            self.inputs = {name: tuple(variable.shape) for name, variable in self._main.inputs.items()}
            self.outputs = [variable.name for variable in self._main.outputs]
            self.weights = constants(self._main)
            for operation in self._main.operations:
                _settle(operation)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return the outputs by name.

        Raises:
            BadInput: an input is missing, unknown or of another shape; or the program is broken.
            PenMobileError: an operation cannot be evaluated here.
        """
        self._check(inputs)
        with torch.no_grad(), explained(f"{self.path.name}: the program cannot be evaluated"):
            for name, variable in self._main.inputs.items():
                _give(variable, np.asarray(inputs[name]))
            for operation in self._main.operations:
                if not _is_constant(operation):
                    self._evaluate(operation)
            return {variable.name: np.array(variable.val) for variable in self._main.outputs}

    def operation_types(self) -> list[str]:
        """Return the type of every operation but constants, in order."""
        return [operation.op_type for operation in self._main.operations if operation.op_type != "const"]

    def dtypes(self) -> set[str]:
        """Return the number formats of everything computed, such as ``fp16``; integers and constants apart."""
        from coremltools.converters.mil.mil import types

        computed = [variable.dtype for op in self._main.operations if op.op_type != "const" for variable in op.outputs]
        return {types.builtin_to_string(dtype) for dtype in computed if types.is_float(dtype)}

    def _check(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        for name in sorted(set(inputs) ^ set(self.inputs)):
            raise BadInput(f"{self.path.name}: input {name} is {'missing' if name in self.inputs else 'unknown'}")
        for name, shape in self.inputs.items():
            if np.shape(inputs[name]) != shape:
                raise BadInput(f"{self.path.name}: input {name} is {list(np.shape(inputs[name]))}, not {list(shape)}")

    def _evaluate(self, operation: Any) -> None:
        try:
            found = compute(operation)
        except NotImplementedError:
            raise PenMobileError(
                f"{self.path.name}: operation {operation.op_type} ({operation.name}) cannot be evaluated on this "
                "system; export/check_coreml.py checks the program on a Mac"
            ) from None
        results = found if isinstance(found, (list, tuple)) else [found]
        for variable, value in zip(operation.outputs, results, strict=True):
            _give(variable, np.asarray(value))


def _is_constant(operation: Any) -> bool:
    kind: str = operation.op_type
    return kind == "const" or kind.startswith("constexpr_")


def _settle(operation: Any) -> None:
    """Make a constant usable as a value: compressed weights unpacked, ``np.bool_`` (numpy refuses it) a bool."""
    if operation.op_type.startswith("constexpr_"):
        _give(operation.outputs[0], operation.materialized_val_inference())
    elif operation.op_type == "const" and isinstance(operation.outputs[0].val, np.bool_):
        operation.outputs[0]._sym_val = SimpleNamespace(val=bool(operation.outputs[0].val))


def _give(variable: Any, value: NDArray[Any]) -> None:
    """Let a variable hold a value, in the number format that the program gives it."""
    from coremltools.converters.mil.mil import types

    variable._sym_val = SimpleNamespace(val=value.astype(types.nptype_from_builtin(variable.dtype), copy=False))
