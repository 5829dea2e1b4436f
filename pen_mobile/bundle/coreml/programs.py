"""From torch modules to Core ML programs (mlprogram, iOS 17 and later).

The backbone takes an image and normalises inside. The head's ``predict`` and ``train`` are the same torch
programs that ExecuTorch gets, so training is an ordinary prediction to Core ML, state in and state out,
and runs wherever Core ML does; ``MLUpdateTask`` knows neither these losses nor these optimizers.

The head computes in float32 whatever the backbone does: Adadelta's eps of 1e-7 is near the smallest float16,
and its slots would be off by 40 % (https://apple.github.io/coremltools/docs-guides/source/typed-execution.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from pen_mobile.bundle.coreml.description import About, Port, describe
from pen_mobile.bundle.coreml.mil_weights import Arrays, constants, weights_digest
from pen_mobile.bundle.coreml.mlpackage import Package
from pen_mobile.bundle.programs.adapt import AdaptProgram
from pen_mobile.bundle.programs.head import HeadProgram, PredictProgram
from pen_mobile.bundle.programs.train import TrainProgram
from pen_mobile.contract.adaptation_report import ReportRow
from pen_mobile.data.detectors.face_boxes import SIDE
from pen_mobile.errors import PenMobileError
from pen_mobile.models.backbone import Backbone
from pen_mobile.models.blazeface import BlazeFaceNetwork
from pen_mobile.utils.library_patches import import_coremltools

Weights = Literal["fp32", "fp16", "int8", "palettized-4"]
"""How a backbone's weights are stored; all but ``fp32`` compute in float16."""

FRAME, FEATURE, IMAGE = "frame", "feature", "image"


@dataclass(frozen=True)
class CoreMLModel:
    """A converted program.

    Attributes:
        package: what is saved.
        weights: the numbers of the program as it was converted, to compare with what was saved.
        inputs, outputs: names, in the order of the torch program's.
    """

    package: Package
    weights: Arrays
    inputs: list[str]
    outputs: list[str]

    def part(self) -> dict[str, Any]:
        """Return the entry of the manifest, a :class:`~pen_mobile.contract.part.CoreMLPart`."""
        return {"inputs": self.inputs, "outputs": self.outputs, "weights": weights_digest(self.weights)}


def convert_backbone(backbone: Backbone, weights: Weights, about: About) -> CoreMLModel:
    """Convert a backbone to ``frame (RGB image) -> feature [1, D_z]``, normalisation inside.

    Raises:
        PenMobileError: coremltools cannot convert this network.
    """
    ct = import_coremltools()
    size = backbone.input_size
    shape = (1, 3, size, size)
    image = ct.ImageType(name=FRAME, shape=shape, color_layout=ct.colorlayout.RGB)
    converted = _translate(backbone.eval(), (torch.zeros(shape),), [image], [FEATURE], half=weights != "fp32")
    inputs = [Port(FRAME, f"Face crop, {size} x {size} pixels, RGB, 0 to 255; normalised inside.")]
    outputs = [Port(FEATURE, f"Feature z, float32 [1, {backbone.feature_size}].")]
    purpose = f"{backbone.name}: a face becomes a feature; weights stored as {weights}."
    return _finish(_compress(converted, weights), purpose, inputs, outputs, about)


def convert_face(network: BlazeFaceNetwork, half: bool, about: About) -> CoreMLModel:
    """Convert a face detector to ``image (RGB image) -> places, probabilities``, normalisation inside.

    Args:
        network: BlazeFace.
        half: compute, and store weights, in float16.
        about: what the package says about itself.

    Raises:
        PenMobileError: coremltools cannot convert the network.
    """
    ct = import_coremltools()
    shape = (1, 3, SIDE, SIDE)
    image = ct.ImageType(name=IMAGE, shape=shape, color_layout=ct.colorlayout.RGB)
    inputs = [Port(IMAGE, f"Square image, {SIDE} x {SIDE} pixels, RGB, 0 to 255; normalised inside.")]
    outputs = [
        Port("places", "For each anchor, shares of the side: centre, width, height of the box, right eye, left eye."),
        Port("scores", "For each anchor, the probability of a face."),
    ]
    names = [port.name for port in outputs]
    converted = _translate(network.eval(), (torch.zeros(shape),), [image], names, half)
    return _finish(converted, "BlazeFace, short range: where faces and their eyes are.", inputs, outputs, about)


def convert_head(program: HeadProgram, about: About) -> CoreMLModel:
    """Convert one of the head's methods, in float32, with the inputs and outputs of the torch program."""
    if isinstance(program, PredictProgram):
        return _convert_predict(program, about)
    if isinstance(program, TrainProgram):
        return _convert_train(program, about)
    assert isinstance(program, AdaptProgram)
    return _convert_adapt(program, about)


def _convert_predict(program: PredictProgram, about: About) -> CoreMLModel:
    inputs = [_parameters(program), Port("z", f"Features, float32 [1, {program.batch}, {program.size.features}].")]
    outputs = [
        Port("targets", "Estimate of every target for each feature, in the order of the manifest."),
        Port("gate", "Weight of each expert for each feature; they sum to 1."),
    ]
    purpose = "The head: estimates from features (predict). The head parameters are an input."
    return _convert(program, purpose, inputs, outputs, about)


def _convert_train(program: TrainProgram, about: About) -> CoreMLModel:
    s, b = program.steps, program.batch
    slots = [Port(name, "Optimizer slot of the state; starts at zero.") for name in list(program.state_shapes())[1:]]
    state = [_parameters(program), *slots]
    inputs = [
        *state,
        Port("z", f"Features of {s} steps with {b} samples each, float32 [{s}, {b}, {program.size.features}]."),
        Port("y", "Labels of every target, in the order of the manifest."),
        Port("weight", "Share of each sample; 0 pads a short batch, at least one of every step is above 0."),
        Port("hyper", f"{', '.join(program.hyper_names)}."),
    ]
    outputs = [
        *(port.after(f"{port.name} after the steps.") for port in state),
        Port("loss", "Loss before each step."),
    ]
    purpose = f"The head: {s} training step(s) with {program.optimizer_name} on the phone, state in and state out."
    return _convert(program, purpose, inputs, outputs, about)


def _convert_adapt(program: AdaptProgram, about: About) -> CoreMLModel:
    n = program.labels
    inputs = [
        _parameters(program),
        Port("z", f"Features, float32 [1, {n}, {program.size.features}]."),
        Port("y", "Labels of every target, in the order of the manifest."),
        Port("weight", "Weight of each label; 0 pads."),
        Port("time", "Seconds since any fixed moment; differences count."),
    ]
    outputs = [
        _parameters(program).after("Head parameters adapted to the labels."),
        Port("report", f"Rows {', '.join(row.name.lower() for row in ReportRow)}; a column for each target."),
    ]
    purpose = f"The head: adapted to at most {n} labels of one person under the prior over people (adapt)."
    return _convert(program, purpose, inputs, outputs, about)


def _parameters(program: HeadProgram) -> Port:
    shape = list(program.size.parameters_shape)
    return Port("head_parameters", f"Rows of the gate, then the targets of every expert; bias last; float32 {shape}.")


def _convert(
    program: HeadProgram, purpose: str, inputs: Sequence[Port], outputs: Sequence[Port], about: About
) -> CoreMLModel:
    ct = import_coremltools()
    examples = program.example_inputs()
    arrays = [ct.TensorType(name=port.name, shape=x.shape) for port, x in zip(inputs, examples, strict=True)]
    converted = _translate(program.eval(), examples, arrays, [port.name for port in outputs], half=False)
    return _finish(converted, purpose, inputs, outputs, about)


def _translate(
    module: nn.Module, examples: tuple[Tensor, ...], inputs: list[Any], outputs: list[str], half: bool
) -> Any:
    ct = import_coremltools()
    precision = ct.precision.FLOAT16 if half else ct.precision.FLOAT32
    try:
        with torch.no_grad():
            exported = torch.export.export(module, examples, strict=False).run_decompositions({})
        return ct.convert(
            exported,
            inputs=inputs,
            outputs=[ct.TensorType(name=name, dtype=np.float32) for name in outputs],
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=precision,
            skip_model_load=True,
        )
    except Exception as error:  # noqa: BLE001  a converter fails in as many ways as networks are written
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PenMobileError(f"coremltools cannot convert {type(module).__name__}: {reason}") from None


def _compress(model: Any, weights: Weights) -> Any:
    """Replace large weights by int8 codes (symmetric, per channel) or by 16 values a tensor (k-means)."""
    from coremltools.optimize import coreml as optimize

    if weights == "int8":
        quantizer = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8")
        return optimize.linear_quantize_weights(model, optimize.OptimizationConfig(global_config=quantizer))
    if weights == "palettized-4":
        palettizer = optimize.OpPalettizerConfig(mode="kmeans", nbits=4)
        return optimize.palettize_weights(model, optimize.OptimizationConfig(global_config=palettizer))
    return model


def _finish(model: Any, purpose: str, inputs: Sequence[Port], outputs: Sequence[Port], about: About) -> CoreMLModel:
    specification = model.get_spec()
    describe(specification.description, purpose, inputs, outputs, about)
    blob = Path(model.weights_dir) / "weight.bin"
    package = Package(specification.SerializeToString(deterministic=True), blob.read_bytes() if blob.is_file() else b"")
    numbers = constants(model._mil_program.functions["main"])
    return CoreMLModel(package, numbers, [port.name for port in inputs], [port.name for port in outputs])
