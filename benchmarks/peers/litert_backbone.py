"""A backbone in LiteRT (TensorFlow Lite): float32, and static int8 from its own quantizer; frames channels last."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import inference
import numpy as np


def convert(precision: str, folder: Path, model: Path) -> None:
    if precision != "fp32":
        quantize(folder / "litert fp32", folder, model)
        return
    import litert_torch
    import torch
    from source_network import network

    module, size = network(folder)
    channels_last = litert_torch.to_channel_last_io(module, args=[0]).eval()
    temporary = model.with_suffix(".tflite")
    litert_torch.convert(channels_last, (torch.zeros(1, size, size, 3),)).export(str(temporary))
    temporary.replace(model)


def quantize(float_model: Path, folder: Path, model: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe
    from source_network import calibration

    runner = Interpreter(str(float_model)).get_signature_runner()
    (name,) = runner.get_input_details()
    frames = [{name: frame[None]} for frame in calibration(folder)]
    tool = quantizer.Quantizer(str(float_model), recipe.static_wi8_ai8())
    ranges = tool.calibrate({"serving_default": frames})
    temporary = model.with_suffix(".tflite")
    tool.quantize(ranges).export_model(str(temporary), overwrite=True)
    temporary.replace(model)


def serve(model: Path, frames: Path, features: Path) -> None:
    from importlib import metadata

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()

    def estimate(frame: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(taken["index"], frame)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    frames_in = [rounded(frame[None], taken) for frame in np.load(frames)]
    np.save(features, np.concatenate([as_float(estimate(frame), given) for frame in frames_in]))
    inference.serve(lambda: estimate(frames_in[0]), {"version": metadata.version("ai-edge-litert")})


def rounded(frame: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Return a frame as a model takes it; an int8 model leaves this to its host, and it is not timed."""
    if tensor["dtype"] == np.float32:
        return frame.astype(np.float32)
    scale, zero = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(frame / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def as_float(value: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Return what a model gave as float32."""
    if tensor["dtype"] == np.float32:
        return value
    scale, zero = tensor["quantization"]
    return ((value.astype(np.float32) - zero) * scale).astype(np.float32)


if __name__ == "__main__":
    if sys.argv[1] == "convert":
        convert(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        serve(*map(Path, sys.argv[2:5]))
