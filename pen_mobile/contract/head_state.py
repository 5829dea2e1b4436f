"""Head parameters as bytes: what a phone stores, restores and hashes.

They are the matrix ``[n_s (1 + K), D_z + 1]``, row-major little-endian float32, with nothing before or after it: n_s
rows of the gate, then the K targets of every expert; the last column is the bias. Kotlin and Swift read it with a byte
buffer and no library. The optimizer's slots are no part of it: every adaptation starts them at zero.
"""

from __future__ import annotations

import math

import numpy as np

from pen_mobile.contract.head import HeadPart, TrainPart
from pen_mobile.errors import BadInput
from pen_mobile.types import Floats

State = list[Floats]
"""What a train method takes and returns: the head parameters, then the optimizer's slots."""


def parameters_to_bytes(parameters: Floats) -> bytes:
    """Return head parameters as little-endian float32.

    Args:
        parameters: ``[1, n_s (1 + K), D_z + 1]``.
    """
    return np.ascontiguousarray(parameters, dtype="<f4").tobytes()


def parameters_from_bytes(blob: bytes, head: HeadPart) -> Floats:
    """Read head parameters back.

    Args:
        blob: what :func:`parameters_to_bytes` returned.
        head: whose parameters they are.

    Returns:
        ``[1, n_s (1 + K), D_z + 1]``.

    Raises:
        BadInput: the number of bytes is not that of this head.
    """
    expected = parameter_bytes(head)
    if len(blob) != expected:
        raise BadInput(f"a head of {len(blob)} bytes does not belong to this bundle, whose heads have {expected}")
    return np.frombuffer(blob, dtype="<f4").reshape(head.parameters_shape).astype(np.float32)


def parameter_bytes(head: HeadPart) -> int:
    """Return the size of head parameters in bytes."""
    return 4 * math.prod(head.parameters_shape)


def fresh_state(parameters: Floats, part: TrainPart) -> State:
    """Return a state with these parameters and every optimizer slot at its start, zero."""
    return [parameters.astype(np.float32), *(np.zeros(slot.shape, np.float32) for slot in part.state[1:])]
