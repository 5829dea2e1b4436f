"""Core ML programs evaluated without Apple's runtime: the *saved* package, one MIL operation after the other.

The package is read back from its files, weights included, and each operation is computed by coremltools'
own constant folding (``value_inference``); the few operations that have none, or a wrong one, are written out
below. This checks the program as written, not Apple's runtime, which may add in another order or round
elsewhere; ``export/check_coreml.py`` checks that on a Mac.

MIL: https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pen_mobile.errors import BadInput, PenMobileError, one_line
from pen_mobile.utils.library_patches import import_coremltools

Arrays = dict[str, NDArray[Any]]

_WEIGHTS = Path("Data", "com.apple.CoreML", "weights")


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
        self._main = _read(path)
        with _whatever_it_raises(f"{path.name}: its weights cannot be unpacked"):
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
        with torch.no_grad(), _whatever_it_raises(f"{self.path.name}: the program cannot be evaluated"):
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
        compute = _WRITTEN_OUT.get(operation.op_type, _by_value_inference)
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


def evaluate(package: Path, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
    """Evaluate a saved ``.mlpackage`` on this machine.

    Args:
        package: the package's folder.
        inputs: one array for each input, by name; an image as ``[1, 3, H, W]``, values 0 to 255.

    Raises:
        BadInput: it is no package, or the inputs are not the program's.
        PenMobileError: an operation cannot be evaluated here.
    """
    return MilProgram(package)(inputs)


def stored_weights(package: Path) -> Arrays:
    """Return every number that a saved package stores, as stored (codes, scales and tables stay apart), by name."""
    return constants(_read(package))


def constants(function: Any) -> Arrays:
    """Return every numeric constant of a MIL function, by name; parts of compressed weights as ``name.part``."""
    found: dict[str, Any] = {}
    for operation in function.operations:
        output = operation.outputs[0]
        if operation.op_type.startswith("constexpr_"):
            # Its parts have no names of their own in the file.
            found |= {f"{output.name}.{part}": variable.val for part, variable in operation.inputs.items()}
        elif operation.op_type == "const" and not _only_compressed(output):
            found[output.name] = output.val
    arrays = {name: np.asarray(value) for name, value in found.items()}
    return {name: array for name, array in arrays.items() if array.dtype.kind in "fiu"}


def weights_digest(weights: Arrays) -> str:
    """SHA-256 over names, number formats, shapes and values of weights, in order of their names."""
    sha = hashlib.sha256()
    for name, values in sorted(weights.items()):
        sha.update(f"{name} {values.dtype.str} {list(values.shape)}\n".encode())
        sha.update(np.ascontiguousarray(values).tobytes())
    return sha.hexdigest()


def different_weights(found: Arrays, expected: Arrays) -> list[str]:
    """Return the names under which two sets of weights differ in any bit, or that only one of them has."""
    both = set(found) & set(expected)
    return sorted(set(found) ^ set(expected) | {name for name in both if not _same(found[name], expected[name])})


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())


def _only_compressed(constant: Any) -> bool:
    users = constant.child_ops
    return bool(users) and all(user.op_type.startswith("constexpr_") for user in users)


def _read(path: Path) -> Any:
    import_coremltools()
    from coremltools.converters.mil.frontend.milproto.load import load
    from coremltools.models.utils import load_spec

    if not (path / "Manifest.json").is_file():
        raise BadInput(f"{path} is not a Core ML package")
    with _whatever_it_raises(f"{path.name}: coremltools cannot read this package"):
        spec = load_spec(str(path))
        return load(spec, spec.specificationVersion, str(path / _WEIGHTS)).functions["main"]


@contextmanager
def _whatever_it_raises(summary: str) -> Iterator[None]:
    """Turn into one line what coremltools, its C++ and protobuf raise on a broken package: nearly anything."""
    try:
        yield
    except PenMobileError:
        raise
    except Exception as error:  # noqa: BLE001
        raise BadInput(f"{summary}: {one_line(f'{type(error).__name__}: {error}')}") from None


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


def _by_value_inference(operation: Any) -> Any:
    found = operation.value_inference()
    if found is None:
        raise NotImplementedError
    return found


def _tensor(variable: Any) -> Tensor | None:
    """Return a variable's value in float32, in which torch adds before the result is rounded to its own format."""
    return None if variable is None or variable.val is None else torch.from_numpy(np.asarray(variable.val)).float()


def _padded(operation: Any, x: Tensor, kernel: tuple[int, ...], dilations: list[int], filler: float) -> Tensor:
    """Pad the spatial dimensions as ``pad_type`` says."""
    kind = operation.pad_type.val
    if kind == "valid":
        return x
    if kind == "custom":
        pad = [int(size) for size in operation.pad.val]
    else:
        pad = _same_padding(x.shape[2:], kernel, operation.strides.val, dilations, kind)
    # torch counts dimensions from the last one.
    pairs = [pad[2 * axis : 2 * axis + 2] for axis in reversed(range(len(kernel)))]
    return functional.pad(x, [size for pair in pairs for size in pair], value=filler)


def _same_padding(
    sizes: torch.Size, kernel: tuple[int, ...], strides: Any, dilations: list[int], kind: str
) -> list[int]:
    """Return (before, after) per dimension so that the output has ceil(size / stride) elements."""
    pad = []
    for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        total = max(0, (-(-size // int(stride)) - 1) * int(stride) + (k - 1) * dilation + 1 - size)
        less, more = total // 2, total - total // 2
        pad += [less, more] if kind == "same" else [more, less]
    return pad


def _conv(operation: Any) -> NDArray[Any]:
    x, weight, bias = _tensor(operation.x), _tensor(operation.weight), _tensor(operation.bias)
    assert x is not None
    assert weight is not None
    dilations = [int(value) for value in operation.dilations.val]
    x = _padded(operation, x, tuple(weight.shape[2:]), dilations, 0.0)
    convolve = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}[x.ndim]
    strides = [int(value) for value in operation.strides.val]
    found: Tensor = convolve(x, weight, bias, stride=strides, dilation=dilations, groups=int(operation.groups.val))
    return found.numpy()


def _pool(operation: Any, filler: float, pool: Callable[..., Tensor]) -> NDArray[Any]:
    if operation.ceil_mode.val:
        raise NotImplementedError
    x, kernel = _tensor(operation.x), tuple(int(value) for value in operation.kernel_sizes.val)
    assert x is not None
    if x.ndim != 4:
        raise NotImplementedError
    x = _padded(operation, x, kernel, [1, 1], filler)
    return pool(x, kernel, stride=[int(value) for value in operation.strides.val]).numpy()


def _max_pool(operation: Any) -> NDArray[Any]:
    return _pool(operation, float("-inf"), functional.max_pool2d)


def _avg_pool(operation: Any) -> NDArray[Any]:
    if operation.exclude_padding_from_average.val and operation.pad_type.val != "valid" and any(operation.pad.val):
        raise NotImplementedError
    return _pool(operation, 0.0, functional.avg_pool2d)


def _batch_norm(operation: Any) -> NDArray[Any]:
    x, mean, variance = _tensor(operation.x), _tensor(operation.mean), _tensor(operation.variance)
    assert x is not None
    gamma, beta = _tensor(operation.gamma), _tensor(operation.beta)
    return functional.batch_norm(x, mean, variance, gamma, beta, eps=float(operation.epsilon.val)).numpy()


def _concat(operation: Any) -> NDArray[Any]:
    """Join; ``interleave`` (channel shuffles) takes one of each in turn, which coremltools' own folding forgets."""
    arrays, axis = [np.asarray(variable.val) for variable in operation.values], int(operation.axis.val)
    if not operation.interleave.val:
        return np.concatenate(arrays, axis)
    axis %= arrays[0].ndim
    shape = list(arrays[0].shape)
    shape[axis] *= len(arrays)
    return np.stack(arrays, axis + 1).reshape(shape)


def _silu(operation: Any) -> NDArray[Any]:
    x = _tensor(operation.x)
    assert x is not None
    return functional.silu(x).numpy()


_WRITTEN_OUT: dict[str, Callable[[Any], Any]] = {
    "avg_pool": _avg_pool,
    "batch_norm": _batch_norm,
    "concat": _concat,
    "conv": _conv,
    "max_pool": _max_pool,
    "silu": _silu,
}
