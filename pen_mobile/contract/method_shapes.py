"""What each method takes and returns, as it follows from the manifest; the program must state the same."""

from __future__ import annotations

from typing import NamedTuple

from pen_mobile.contract.adaptation_report import ReportRow
from pen_mobile.contract.face import FacePart
from pen_mobile.contract.head import AdaptPart, HeadPart, TrainPart
from pen_mobile.contract.manifest import BackbonePart

Shape = tuple[int, ...]


class MethodShapes(NamedTuple):
    """Shapes of a method's inputs and outputs, in order; all of them are float32."""

    inputs: list[Shape]
    outputs: list[Shape]

    def __str__(self) -> str:
        inputs, outputs = (", ".join(str(list(shape)) for shape in part) for part in self)
        return f"{inputs} -> {outputs}"

    @classmethod
    def of_backbone(cls, part: BackbonePart) -> MethodShapes:
        """One frame ``[1, 3, S, S]`` -> feature ``[1, D_z]``."""
        return cls([(1, 3, part.crop.size, part.crop.size)], [(1, part.feature_size)])

    @classmethod
    def of_predict(cls, head: HeadPart) -> MethodShapes:
        """Head parameters, features ``[1, B, D_z]`` -> targets ``[1, B, K]``, gate ``[1, B, n_s]``."""
        batch = head.predict.batch
        return cls(
            [head.parameters_shape, (1, batch, head.feature_size)],
            [(1, batch, head.target_count), (1, batch, head.expert_count)],
        )

    @classmethod
    def of_face(cls, part: FacePart) -> MethodShapes:
        """One image ``[1, 3, side, side]`` -> places ``[1, anchors, 8]``, probabilities ``[1, anchors, 1]``."""
        return cls([(1, 3, part.side, part.side)], [(1, part.anchors, 8), (1, part.anchors, 1)])

    @classmethod
    def of_train(cls, head: HeadPart, part: TrainPart) -> MethodShapes:
        """State, ``z [S, B, D_z]``, ``y [S, B, K]``, ``weight [S, B]``, ``hyper [H]`` -> state, ``loss [S]``."""
        state: list[Shape] = [tensor.shape for tensor in part.state]
        samples = (part.steps, part.batch)
        return cls(
            [*state, (*samples, head.feature_size), (*samples, head.target_count), samples, (len(part.hyper),)],
            [*state, (part.steps,)],
        )

    @classmethod
    def of_adapt(cls, head: HeadPart, part: AdaptPart) -> MethodShapes:
        """Head parameters, ``z [1,N,D_z]``, ``y [1,N,K]``, ``weight [1,N]``, ``time [1,N]`` -> the same, report."""
        samples = (1, part.labels)
        return cls(
            [head.parameters_shape, (*samples, head.feature_size), (*samples, head.target_count), samples, samples],
            [head.parameters_shape, (1, len(ReportRow), head.target_count)],
        )
