"""A TensorFlow Lite file with BlazeFace's layers and invented weights, written field by field."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import flatbuffers
import numpy as np
from numpy.typing import NDArray

WIDTHS = (24, 24, 28, 32, 36, 42, 48, 56, 64, 72, 80, 88, 96, 96, 96, 96, 96)
CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE = 3, 4, 6
Layer = tuple[int, NDArray[np.float16], NDArray[np.float16]]


def layers(seed: int = 0) -> list[Layer]:
    """Kind, kernel and bias of every convolution of BlazeFace, in the order of MediaPipe's file."""
    rng = np.random.default_rng(seed)

    def layer(kind: int, outputs: int, side: int, inputs: int) -> Layer:
        shape = (1, side, side, outputs) if kind == DEPTHWISE_CONV_2D else (outputs, side, side, inputs)
        fan_in = side * side * (1 if kind == DEPTHWISE_CONV_2D else inputs)
        kernel = rng.normal(0, (1 / fan_in) ** 0.5, shape)
        return kind, kernel.astype(np.float16), rng.normal(0, 0.1, outputs).astype(np.float16)

    found = [layer(CONV_2D, WIDTHS[0], 5, 3)]
    for inputs, outputs in pairwise(WIDTHS):
        found += [layer(DEPTHWISE_CONV_2D, inputs, 3, 1), layer(CONV_2D, outputs, 1, inputs)]
    return found + [layer(CONV_2D, out, 1, width) for out, width in ((2, 88), (6, 96), (32, 88), (96, 96))]


def write_tflite(path: Path, content: list[Layer], half: bool = True) -> Path:
    """Write convolutions; half: weights are float16 behind operators that widen them, else float32."""
    builder = flatbuffers.Builder(1 << 16)
    buffers, tensors, operators = [_table(builder, {})], [], []
    codes = [_table(builder, {0: ("b", kind), 3: ("i", kind)}) for kind in (CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE)]
    for kind, *arrays in content:
        places = []
        for array in arrays:
            stored = array if half else array.astype(np.float32)
            buffers.append(_table(builder, {0: ("t", builder.CreateByteVector(stored.tobytes()))}))
            shape = {0: ("t", _integers(builder, array.shape))}
            tensors.append(_table(builder, {**shape, 1: ("b", int(half)), 2: ("I", len(buffers) - 1)}))
            if half:
                tensors.append(_table(builder, shape))
                operators.append(_operator(builder, 2, [len(tensors) - 2], [len(tensors) - 1]))
            places.append(len(tensors) - 1)
        operators.append(_operator(builder, int(kind == DEPTHWISE_CONV_2D), [0, *places], [0]))
    graph = _table(builder, {0: ("t", _offsets(builder, tensors)), 3: ("t", _offsets(builder, operators))})
    parts = {1: codes, 2: [graph], 4: buffers}
    vectors = {place: ("t", _offsets(builder, tables)) for place, tables in parts.items()}
    builder.Finish(_table(builder, {0: ("I", 3), **vectors}), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _operator(builder: flatbuffers.Builder, code: int, inputs: list[int], outputs: list[int]) -> int:
    places = {1: ("t", _integers(builder, inputs)), 2: ("t", _integers(builder, outputs))}
    return _table(builder, {0: ("I", code), **places})


def _table(builder: flatbuffers.Builder, fields: dict[int, tuple[str, int]]) -> int:
    builder.StartObject(6)
    for place, (kind, value) in fields.items():
        if kind == "t":
            builder.PrependUOffsetTRelativeSlot(place, value, 0)
        elif kind == "b":
            builder.PrependInt8Slot(place, value, 0)
        elif kind == "I":
            builder.PrependUint32Slot(place, value, 0)
        else:
            builder.PrependInt32Slot(place, value, 0)
    return int(builder.EndObject())


def _integers(builder: flatbuffers.Builder, values: tuple[int, ...] | list[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.int32)))


def _offsets(builder: flatbuffers.Builder, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())
