"""onnxruntime-training: the head as one matrix or as nine experts, mean squared error, its own AdamW.

It has no Adadelta, and the absolute value of the gate's activations is left out: less work than ours.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from step_worker import EXPERTS, Samples, Step, Wanted, initial_parameters, serve

# The package's own first lines import torch, for an fp16 optimizer that is not used here.
_training = ModuleType("onnxruntime.training")
_training.__path__ = [str(Path(onnxruntime.__file__).parent / "training")]
sys.modules["onnxruntime.training"] = _training

import onnxruntime.training.api as ort  # noqa: E402
from onnxruntime.training import artifacts  # noqa: E402

_WARNINGS_AND_ERRORS = 3


def make(wanted: Wanted) -> Step:
    """Return a step of the variant ``fused`` or ``nine experts``."""
    onnxruntime.set_default_logger_severity(_WARNINGS_AND_ERRORS)
    model = {"fused": fused, "nine experts": nine_experts}[wanted.variant](initial_parameters(wanted.features))
    module, optimizer = _trainer(model, wanted.threads)
    samples = Samples(wanted)

    def step() -> None:
        z, y = samples.fresh()
        module(z[0], y[0])
        optimizer.step()
        module.lazy_reset_grad()

    return step


def _trainer(model: onnx.ModelProto, threads: int) -> tuple[ort.Module, ort.Optimizer]:
    trained = [tensor.name for tensor in model.graph.initializer if tensor.name.startswith("w")]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        loss, adamw = artifacts.LossType.MSELoss, artifacts.OptimType.AdamW
        artifacts.generate_artifacts(
            model, requires_grad=trained, frozen_params=[], loss=loss, optimizer=adamw, artifact_directory=temporary
        )
        state = ort.CheckpointState.load_checkpoint(str(folder / "checkpoint"))
        paths = [str(folder / f"{part}_model.onnx") for part in ("training", "eval")]
        module = ort.Module(paths[0], state, paths[1], session_options=options)
        optimizer = ort.Optimizer(str(folder / "optimizer_model.onnx"), module)
    module.train()
    return module, optimizer


def fused(head_parameters: np.ndarray) -> onnx.ModelProto:
    """One product gives gate and experts."""
    nodes = [
        helper.make_node("Gemm", ["z", "w", "w_bias"], ["all"], transB=1),
        helper.make_node("Split", ["all", "sizes"], ["logits", "flat"], axis=1),
        helper.make_node("Reshape", ["flat", "shape"], ["experts"]),
    ]
    constants = {"sizes": np.array([EXPERTS, 2 * EXPERTS]), "shape": np.array([-1, EXPERTS, 2])}
    return _model(nodes, {**_layer("w", head_parameters), **constants}, head_parameters.shape[1] - 1)


def nine_experts(head_parameters: np.ndarray) -> onnx.ModelProto:
    """Ten layers side by side, as the network is usually written down."""
    nodes = [helper.make_node("Gemm", ["z", "w_gate", "w_gate_bias"], ["logits"], transB=1)]
    weights = {**_layer("w_gate", head_parameters[:EXPERTS]), "one": np.array([1])}
    for i in range(EXPERTS):
        nodes.append(helper.make_node("Gemm", ["z", f"w_{i}", f"w_{i}_bias"], [f"flat_{i}"], transB=1))
        nodes.append(helper.make_node("Unsqueeze", [f"flat_{i}", "one"], [f"expert_{i}"]))
        weights |= _layer(f"w_{i}", head_parameters[EXPERTS + 2 * i : EXPERTS + 2 * i + 2])
    nodes.append(helper.make_node("Concat", [f"expert_{i}" for i in range(EXPERTS)], ["experts"], axis=1))
    return _model(nodes, weights, head_parameters.shape[1] - 1)


def _layer(name: str, rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(rows[:, :-1]), f"{name}_bias": np.ascontiguousarray(rows[:, -1])}


def _model(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], features: int) -> onnx.ModelProto:
    """Add softmax, weighting and sum."""
    mixture = [
        helper.make_node("Softmax", ["logits"], ["gate"], axis=1),
        helper.make_node("Unsqueeze", ["gate", "last"], ["column"]),
        helper.make_node("Mul", ["column", "experts"], ["weighed"]),
        helper.make_node("ReduceSum", ["weighed", "middle"], ["affect"], keepdims=0),
    ]
    arrays = {**weights, "middle": np.array([1]), "last": np.array([2])}
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", features])
    affect = helper.make_tensor_value_info("affect", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph([*nodes, *mixture], "head", [z], [affect], initializer=tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


if __name__ == "__main__":
    serve(make, lambda: {"onnxruntime-training": onnxruntime.__version__, "numpy": np.__version__})
