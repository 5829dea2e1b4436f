"""Golden vectors: inputs with the float model's answers, by which any runtime can be judged."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Golden:
    """Examples and answers, as they stand in the bundle's golden file.

    Attributes:
        frames: uint8 ``[G, S, S, 3]``; no rows when the bundle has no backbone.
        features: z of the frames (or invented ones), ``[G, D_z]``.
        labels: invented valence and arousal, ``[G, 2]``.
        affect, gate: what the initial head says, ``[G, 2]`` and ``[G, n_s]``.
        batches: rows of each training step, int32 ``[T, B]``, T 20 or the next multiple of the steps
            in one call; -1 pads a short batch.
        losses: loss before each step, ``[T]``.
        parameters: the packed matrix after all steps, ``[1, 3 n_s, D_z + 1]``.
        int8_features: z of the frames as torch computes them with the backbone in int8, ``[G, D_z]``; None when
            the backbone is in float.
    """

    frames: NDArray[np.uint8]
    features: Floats
    labels: Floats
    affect: Floats
    gate: Floats
    batches: NDArray[np.int32]
    losses: Floats
    parameters: Floats
    int8_features: Floats | None = None

    def write(self, path: Path) -> None:
        """Write as safetensors."""
        from safetensors.numpy import save_file

        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}, path)

    @classmethod
    def read(cls, path: Path) -> Golden:
        """Read back what :meth:`write` wrote."""
        from safetensors.numpy import load_file

        return cls(**load_file(path))
