"""MIL operations computed one by one: by coremltools' own constant folding, or written out here.

coremltools has no ``value_inference`` for some operations, and a wrong one for some.

MIL: https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def compute(operation: Any) -> Any:
    """Return the result of an operation whose inputs have values, or a list of results.

    Args:
        operation: of a MIL program.

    Raises:
        NotImplementedError: it cannot be computed here.
    """
    return _WRITTEN_OUT.get(operation.op_type, _by_value_inference)(operation)


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
