"""The convolutions of a TensorFlow Lite file, read without TensorFlow.

A file is one flatbuffer (https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs);
the numbers below are the places of fields in its tables.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from pen_mobile.types import Floats

_IDENTIFIER = b"TFL3"
_CONV_2D, _DEPTHWISE_CONV_2D, _DEQUANTIZE = 3, 4, 6
_NUMBERS: dict[int, type[np.generic]] = {0: np.float32, 1: np.float16}


class Convolution(NamedTuple):
    """Kernel and bias of one convolution, as the file has them.

    Attributes:
        kernel: ``[out, height, width, in]``, of a depthwise one ``[1, height, width, channels]``.
        bias: ``[out]``.
    """

    kernel: Floats
    bias: Floats


def read_convolutions(content: bytes) -> list[Convolution]:
    """Return the convolutions of a TensorFlow Lite model, in the order in which they run.

    Args:
        content: the file; weights are float32, or float16 behind operators that widen them.

    Raises:
        ValueError: not such a file, or weights of another type.
    """
    if content[4:8] != _IDENTIFIER:
        raise ValueError("not a TensorFlow Lite file")
    try:
        return list(_convolutions(content))
    except (struct.error, IndexError, TypeError) as error:
        raise ValueError(f"a damaged TensorFlow Lite file: {error}") from None


def _convolutions(content: bytes) -> Iterator[Convolution]:
    from flatbuffers import encode, packer
    from flatbuffers.table import Table

    model = Table(content, encode.Get(packer.uoffset, content, 0))
    graph, buffers = _tables(model, 2)[0], _tables(model, 4)
    codes = [_code(code) for code in _tables(model, 1)]
    tensors, widened = _tables(graph, 0), {}
    for operator in _tables(graph, 3):
        code, inputs = codes[_scalar(operator, 0, "<I")], _integers(operator, 1)
        if code == _DEQUANTIZE:
            widened[_integers(operator, 2)[0]] = inputs[0]
        elif code in (_CONV_2D, _DEPTHWISE_CONV_2D):
            kernel, bias = (_values(tensors[widened.get(place, place)], buffers) for place in inputs[1:3])
            yield Convolution(kernel, bias)


def _code(table: Any) -> int:
    """Return the number of a kind of operator: old files have it in a byte, new ones in four."""
    return max(_scalar(table, 0, "<b"), _scalar(table, 3, "<i"))


def _values(tensor: Any, buffers: list[Any]) -> Floats:
    kind = _scalar(tensor, 1, "<b")
    if kind not in _NUMBERS:
        raise ValueError(f"weights of type {kind}; float32 and float16 are read")
    values = np.frombuffer(_bytes(buffers[_scalar(tensor, 2, "<I")]), np.dtype(_NUMBERS[kind]).newbyteorder("<"))
    return values.astype(np.float32).reshape(_integers(tensor, 0))


def _tables(table: Any, field: int) -> list[Any]:
    start, count = _vector(table, field)
    return [type(table)(table.Bytes, table.Indirect(start + 4 * place)) for place in range(count)]


def _integers(table: Any, field: int) -> list[int]:
    start, count = _vector(table, field)
    return list(struct.unpack_from(f"<{count}i", table.Bytes, start))


def _bytes(table: Any) -> bytes:
    start, count = _vector(table, 0)
    content: bytes = table.Bytes[start : start + count]
    return content


def _scalar(table: Any, field: int, kind: str) -> int:
    place = table.Offset(4 + 2 * field)
    return int(struct.unpack_from(kind, table.Bytes, table.Pos + place)[0]) if place else 0


def _vector(table: Any, field: int) -> tuple[int, int]:
    place = table.Offset(4 + 2 * field)
    return (table.Vector(place), table.VectorLen(place)) if place else (0, 0)
