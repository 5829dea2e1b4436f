"""Golden vectors: inputs with the float model's answers, by which any runtime can be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_mobile.types import Floats
from pen_mobile.utils.files import new_folder, refuse_existing, write_json

NO_FRAMES = np.empty((0, 1, 1, 3), np.uint8)


@dataclass(frozen=True)
class Golden:
    """Examples and answers, as they stand in the bundle's golden file.

    Attributes:
        frames: uint8 ``[G, S, S, 3]``; no rows when the bundle has no backbone.
        features: z of the frames (or invented ones), ``[G, D_z]``.
        labels: invented, ``[G, K]``.
        targets, gate: outputs of the shipped head, ``[G, K]`` and ``[G, n_s]``.
        batches: per optimizer, rows of each training step, int32 ``[T, B]``, T 20 or the next multiple of the
            steps in one call; -1 pads a short batch.
        hyper: per optimizer, the numbers given at every call (learning rate, lambda_1), ``[2]``.
        losses: per optimizer, the loss before each step, ``[T]``.
        trained: per optimizer, the head parameters after all steps, ``[1, n_s (1 + K), D_z + 1]``.
        adapt_moments: features of the label sets, ``[M, D_z]``; None where the bundle carries no method ``adapt``.
        adapt_rows, adapt_labels, adapt_times: per label set, moments int32 ``[n]``, labels ``[n, K]``, seconds ``[n]``.
        adapt_reports: per label set, the report ``[R, K]``.
        adapt_targets: per label set, the adapted head's outputs for all moments, ``[M, K]``.
        int8_features: z of the frames as torch computes them with the backbone in int8, ``[G, D_z]``; None when
            the backbone is in float.
        face_image: uint8 ``[side, side, 3]``; None where the bundle carries no face detector.
        face_places, face_scores: what the float detector makes of it, ``[anchors, 8]`` and ``[anchors]``.
    """

    frames: NDArray[np.uint8]
    features: Floats
    labels: Floats
    targets: Floats
    gate: Floats
    batches: dict[str, NDArray[np.int32]]
    hyper: dict[str, Floats]
    losses: dict[str, Floats]
    trained: dict[str, Floats]
    adapt_moments: Floats | None = None
    adapt_rows: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    adapt_labels: dict[str, Floats] = field(default_factory=dict)
    adapt_times: dict[str, Floats] = field(default_factory=dict)
    adapt_reports: dict[str, Floats] = field(default_factory=dict)
    adapt_targets: dict[str, Floats] = field(default_factory=dict)
    int8_features: Floats | None = None
    face_image: NDArray[np.uint8] | None = None
    face_places: Floats | None = None
    face_scores: Floats | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array by name; those of one optimizer or label set are called ``losses.adam`` and so on."""
        found: dict[str, NDArray[Any]] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, dict):
                found |= {f"{each.name}.{key}": array for key, array in value.items()}
            elif value is not None:
                found[each.name] = value
        return {name: np.ascontiguousarray(array) for name, array in found.items()}

    def write(self, path: Path) -> None:
        """Write as safetensors."""
        from safetensors.numpy import save_file

        save_file(self.arrays(), path)

    def write_plain(self, folder: Path, head_parameters: Floats) -> None:
        """Write one file of raw little-endian numbers for each array, and ``golden.json`` that lists them.

        For tests in languages without a safetensors reader; row-major, nothing before or after the numbers.

        Args:
            folder: to make.
            head_parameters: the head that answered, which a bundle has in a file of its own.

        Raises:
            BadInput: ``folder`` exists.
        """
        refuse_existing(folder, "--golden-to")
        with new_folder(folder) as new:
            index = {}
            for name, array in (self.arrays() | {"head_parameters": head_parameters}).items():
                little = array.astype(array.dtype.newbyteorder("<"))
                (new / f"{name}.bin").write_bytes(little.tobytes())
                index[name] = {"file": f"{name}.bin", "dtype": array.dtype.name, "shape": list(array.shape)}
            write_json(new / "golden.json", index)

    @classmethod
    def read(cls, path: Path) -> Golden:
        """Read back what :meth:`write` wrote."""
        from safetensors.numpy import load_file

        return cls.from_arrays(load_file(path))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Golden:
        """Make one again of what :meth:`arrays` returned."""
        values: dict[str, Any] = {name: {} for name in ("batches", "hyper", "losses", "trained")}
        for name, array in arrays.items():
            place, _, key = name.partition(".")
            if key:
                values.setdefault(place, {})[key] = array
            else:
                values[place] = array
        return cls(**values)
