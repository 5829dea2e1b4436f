"""A backbone in int8: kept for later exports, and judged in the runtime."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pen_mobile.bundle.programs.lowered_cache import LoweredCache
from pen_mobile.bundle.programs.lowering import Lowered
from pen_mobile.contract.evidence import QuantizationPart
from pen_mobile.metrics import mean_ccc
from pen_mobile.models.heads import ExpertHead
from pen_mobile.phone.executorch_runtime import executorch_runtime, use_threads
from pen_mobile.types import Floats
from pen_mobile.utils.provenance import core_count

_REST = {"what": "int8"}  # key of what is kept beside the program


@dataclass(frozen=True, eq=False)
class Int8Backbone:
    """A backbone in int8, as it will ship.

    Attributes:
        lowered: the program.
        part: what the manifest says about it.
        golden: features of the golden frames as torch's int8 graph computes them, ``[G, D_z]``.
        head: the head that ships with it: the run's, or that re-tuned on int8 features.
    """

    lowered: Lowered
    part: QuantizationPart
    golden: Floats
    head: ExpertHead

    def save(self, key: dict[str, object], cache: LoweredCache) -> None:
        """Keep it for later exports.

        Args:
            key: everything that it follows from.
            cache: programs made before.
        """
        head_parameters = self.head.head_parameters.detach().numpy()
        arrays = {"golden": self.golden, "head_parameters": head_parameters}
        cache.put(key, self.lowered)
        cache.put_arrays(key | _REST, arrays, self.part.model_dump())

    @classmethod
    def load(cls, head: ExpertHead, key: dict[str, object], cache: LoweredCache) -> Int8Backbone | None:
        """Return what an earlier export kept, or None.

        Args:
            head: one of the right shape; gets the parameters of the head that ships.
            key: everything that it follows from.
            cache: programs made before.
        """
        lowered, others = cache.get(key), cache.get_arrays(key | _REST)
        if lowered is None or others is None or not {"golden", "head_parameters"} <= set(others[0]):
            return None  # also where an older version kept it under other names
        arrays, values = others
        head.load_state_dict({"head_parameters": torch.from_numpy(arrays["head_parameters"])})
        return cls(lowered, QuantizationPart.model_validate(values), arrays["golden"], head)


@torch.no_grad()
def head_ccc(head: ExpertHead, features: Floats, affect: Floats) -> float:
    """Return the mean CCC of what a head says about features ``[N, D_z]``; NaN when it is undefined."""
    found = mean_ccc(head(torch.from_numpy(features)).affect.numpy(), affect)
    return float("nan") if found is None else found


def runtime_features(lowered: Lowered, pixels: NDArray[np.uint8]) -> Floats:
    """Return features ``[N, D_z]`` of uint8 RGB frames ``[N, S, S, 3]`` from a program in the ExecuTorch runtime."""
    use_threads(core_count())
    program = executorch_runtime().load_program(lowered.buffer)  # freeing it under its method ends the process
    method = program.load_method("forward")
    assert method is not None
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), dtype=np.float32)
    outputs = [method.execute([torch.from_numpy(planes[row : row + 1])])[0] for row in range(len(planes))]
    return np.concatenate([output.numpy() for output in outputs])
