"""A backbone in onnxruntime: float32, and static QDQ int8 (weights per channel) from its own quantizer."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import inference
import numpy as np


def convert(precision: str, folder: Path, model: Path) -> None:
    import torch
    from source_network import network

    module, size = network(folder)
    with tempfile.TemporaryDirectory() as temporary:
        exported = Path(temporary) / "network.onnx"
        example = (torch.zeros(1, 3, size, size),)
        torch.onnx.export(module, example, str(exported), input_names=["frame"], external_data=False, dynamo=True)
        if precision != "fp32":
            exported = quantized(exported, folder, unsigned=precision.endswith("unsigned"))
        exported.replace(model)


def quantized(exported: Path, folder: Path, unsigned: bool) -> Path:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
    from source_network import calibration

    class Frames(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(calibration(folder).transpose(0, 3, 1, 2))

        def get_next(self) -> dict[str, np.ndarray] | None:
            frame = next(self.left, None)
            return None if frame is None else {"frame": np.ascontiguousarray(frame[None])}

    prepared, out = exported.with_name("prepared.onnx"), exported.with_name("int8.onnx")
    quant_pre_process(str(exported), str(prepared))
    kind = QuantType.QUInt8 if unsigned else QuantType.QInt8
    quantize_static(
        str(prepared),
        str(out),
        Frames(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=kind,
        weight_type=kind,
    )
    return out


def serve(model: Path, frames: Path, features: Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    planes = np.load(frames).transpose(0, 3, 1, 2).astype(np.float32)
    found = [session.run(None, {"frame": np.ascontiguousarray(frame[None])})[0] for frame in planes]
    np.save(features, np.concatenate(found))
    frame = np.ascontiguousarray(planes[:1])
    inference.serve(lambda: session.run(None, {"frame": frame}), {"version": onnxruntime.__version__})


if __name__ == "__main__":
    if sys.argv[1] == "convert":
        convert(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        serve(*map(Path, sys.argv[2:5]))
