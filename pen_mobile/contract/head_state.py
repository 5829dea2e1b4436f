"""The head state as bytes: what the phone stores, restores and hashes.

The tensors of ``manifest.head.state`` in their order, each row-major float32 little-endian, with
nothing before, between or after them. Kotlin and Swift read it with a byte buffer and no library.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.manifest import HeadPart
from pen_mobile.errors import BadInput

State = list[NDArray[np.float32]]


def state_to_bytes(state: State) -> bytes:
    """Return the state's tensors as one run of little-endian float32."""
    return b"".join(np.ascontiguousarray(tensor, dtype="<f4").tobytes() for tensor in state)


def state_from_bytes(blob: bytes, head: HeadPart) -> State:
    """Read a state back.

    Raises:
        BadInput: the number of bytes is not that of this head's state.
    """
    shapes = [tensor.shape for tensor in head.state]
    expected = 4 * sum(math.prod(shape) for shape in shapes)
    if len(blob) != expected:
        raise BadInput(
            f"a head state of {len(blob)} bytes does not belong to this bundle, whose states have {expected}"
        )
    values = np.frombuffer(blob, dtype="<f4")
    state: State = []
    for shape in shapes:
        count = math.prod(shape)
        state.append(values[:count].reshape(shape).astype(np.float32))
        values = values[count:]
    return state


def fresh_state(parameters: NDArray[np.float32], head: HeadPart) -> State:
    """Return a state with these parameters and every optimizer slot at its start, zero."""
    return [parameters.astype(np.float32), *(np.zeros(slot.shape, np.float32) for slot in head.state[1:])]
