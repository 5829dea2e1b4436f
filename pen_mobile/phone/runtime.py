"""The programs of a bundle, executed by the real ExecuTorch runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.contract.head_state import State
from pen_mobile.contract.method_shapes import MethodShapes
from pen_mobile.errors import BadInput, BundleError, one_line
from pen_mobile.phone.executorch_runtime import executorch_runtime, use_threads
from pen_mobile.types import Floats, Image
from pen_mobile.utils.call_clock import CALL_MEGABYTES, supervised_call
from pen_mobile.utils.memory_limit import memory_limit

Method = Callable[..., Sequence[Floats]]
_PROGRAM_MEGABYTES = 2000
_FLOAT32 = 6
"""ExecuTorch's number for it, as in ``torch``'s ``ScalarType``."""


class Programs(NamedTuple):
    """The methods of a bundle, arrays in, arrays out; ``train`` by optimizer."""

    predict: Method
    train: Mapping[str, Method]
    backbone: Method | None
    adapt: Method | None = None
    face: Method | None = None


class BundleRuntime:
    """Backbone and head of one bundle, loaded and ready.

    Attributes:
        bundle: the folder and its manifest.
        threads: size of ExecuTorch's thread pool, which all programs of the process share.
    """

    def __init__(self, bundle: BundleFolder, threads: int = 1) -> None:
        """Load the bundle's programs; methods that adapt are loaded when they are called first.

        Raises:
            BundleError: the runtime does not accept a program, or is not the one that the bundle is for.
        """
        self.bundle, self.threads = bundle, threads
        with _limited_memory(bundle.origin):
            self._programs = self._load(threads)
        head, backbone = bundle.manifest.head, bundle.manifest.backbone
        self._batch = np.zeros((1, head.predict.batch, head.feature_size), np.float32)
        size = 0 if backbone is None else backbone.crop.size
        self._planes = np.empty((1, 3, size, size), np.float32)  # a fresh one costs as much as filling it
        self._channels = np.empty((3, size, size), np.uint8)
        self._each_channel = list(self._channels)

    def _load(self, threads: int) -> Programs:
        manifest = self.bundle.manifest
        if manifest.runtime != "executorch":
            raise BundleError(
                f"{self.bundle.origin} is a Core ML bundle: it runs on Apple systems only; "
                "'pen-mobile verify' checks it here"
            )
        use_threads(threads)
        parts, head = manifest.head, self._program(manifest.head.file)
        train: dict[str, Method] = {
            part.optimizer: head.method(part.method, MethodShapes.of_train(parts, part), at_once=False)
            for part in parts.train
        }
        predict = head.method(parts.predict.method, MethodShapes.of_predict(parts))
        adapt, backbone = None, None
        if parts.adapt is not None:
            adapt = head.method(parts.adapt.method, MethodShapes.of_adapt(parts, parts.adapt), at_once=False)
        if manifest.backbone is not None:
            program = self._program(manifest.backbone.file)
            backbone = program.method(manifest.backbone.method, MethodShapes.of_backbone(manifest.backbone))
        face = None
        if manifest.face is not None:
            shapes = MethodShapes.of_face(manifest.face)
            face = self._program(manifest.face.file).method(manifest.face.method, shapes)
        return Programs(predict, train, backbone, adapt, face)

    def _program(self, name: str) -> ProgramFile:
        return ProgramFile(self.bundle.file(name), self.bundle.content(name))

    def features(self, frames: NDArray[np.uint8]) -> Floats:
        """Return features ``[N, D_z]`` of uint8 RGB frames ``[N, S, S, 3]``.

        Raises:
            BadInput: the bundle has no backbone, or takes frames of another size.
        """
        backbone, program = self.bundle.manifest.backbone, self._programs.backbone
        if program is None or backbone is None:
            raise BadInput(f"{self.bundle.origin} has no backbone: it was trained on features; give features")
        size = backbone.crop.size
        if frames.dtype != np.uint8 or frames.shape[1:] != (size, size, 3):
            given = f"{frames.dtype} {list(frames.shape)}"
            raise BadInput(f"frames are {given}, the backbone takes uint8 [N, {size}, {size}, 3]")
        found = []
        for frame in frames:
            cv2.split(np.ascontiguousarray(frame), self._each_channel)  # takes apart faster than numpy
            np.copyto(self._planes, self._channels)
            found.append(program(self._planes)[0])
        return _joined(found, backbone.feature_size)

    def detect(self, square: Image) -> tuple[Floats, Floats]:
        """Return places ``[anchors, 8]`` and probabilities ``[anchors]`` of one look of the face detector.

        Args:
            square: uint8 RGB ``[side, side, 3]``, side as the manifest says.

        Raises:
            BadInput: the bundle carries no face detector.
        """
        if self._programs.face is None:
            raise BadInput(f"{self.bundle.origin} carries no face detector: it takes aligned frames only")
        planes = np.ascontiguousarray(square.transpose(2, 0, 1)[None], np.float32)
        places, scores = self._programs.face(planes)
        return places[0], scores[0, :, 0]

    def predict(self, parameters: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Return estimates ``[N, K]`` and gate weights ``[N, n_s]`` of features ``[N, D_z]`` (Eq. 1)."""
        head, size = self.bundle.manifest.head, self._batch.shape[1]
        self._check_features(z)
        answers = [self._predict_batch(parameters, z[start : start + size]) for start in range(0, len(z), size)]
        if len(answers) == 1:  # which every prediction on a phone has
            return answers[0]
        estimates, gates = zip(*answers, strict=True) if answers else ((), ())
        return _joined(estimates, head.target_count), _joined(gates, head.expert_count)

    def _predict_batch(self, parameters: Floats, z: Floats) -> tuple[Floats, Floats]:
        rows = len(z)
        self._batch[0, :rows] = z  # rows behind the last hold older features: every row is answered by itself
        estimates, gate = self._programs.predict(parameters, self._batch)
        return estimates[0, :rows], gate[0, :rows]

    def train(
        self, optimizer: str, state: State, z: Floats, y: Floats, weight: Floats, hyper: Floats
    ) -> tuple[State, Floats]:
        """Take K optimizer steps (Eq. 8) and return the new state and the loss before each step.

        Args:
            optimizer: one that the bundle carries.
            state: the tensors that the manifest lists for it, in its order.
            z, y, weight: features ``[S, B, D_z]``, labels ``[S, B, K]``, weights ``[S, B]``; weight 0 pads.
            hyper: the numbers that the manifest lists, in its order.
        """
        *new_state, loss = self._programs.train[optimizer](*state, z, y, weight, hyper)
        return new_state, loss

    def adapt(self, parameters: Floats, z: Floats, y: Floats, weight: Floats, time: Floats) -> tuple[Floats, Floats]:
        """Return the head adapted under the prior, and the report about it.

        Args:
            parameters: the shipped head, ``[1, n_s (1 + K), D_z + 1]``.
            z: features ``[1, N, D_z]``, as many as the manifest says.
            y: labels ``[1, N, K]``.
            weight: ``[1, N]``; 0 pads.
            time: seconds since any fixed moment, ``[1, N]``.

        Returns:
            Head parameters of the same shape, and the report ``[1, R, K]``.

        Raises:
            BadInput: the bundle carries no such method.
        """
        if self._programs.adapt is None:
            raise BadInput(f"{self.bundle.origin} carries no method adapt; export the run again")
        adapted, report = self._programs.adapt(parameters, z, y, weight, time)
        return adapted, report

    def head_parameters(self) -> Floats:
        """Return the parameters that the bundle ships, ``[1, n_s (1 + K), D_z + 1]``."""
        head = self.bundle.manifest.head
        values = np.frombuffer(self.bundle.content(head.head_parameters), dtype="<f4")
        return values.reshape(head.parameters_shape).astype(np.float32)

    def _check_features(self, z: Floats) -> None:
        expected = self.bundle.manifest.head.feature_size
        if z.ndim != 2 or z.shape[1] != expected:
            raise BadInput(f"features are {list(z.shape)}, this bundle takes [N, {expected}]")


class ProgramFile:
    """One program file. Methods hold on to it: freeing a program under a method ends the process."""

    def __init__(self, path: Path, content: bytes) -> None:
        """Load a program.

        Args:
            path: of the file, for messages.
            content: of the file, as it was hashed.

        Raises:
            BundleError: the runtime does not accept it.
        """
        self.path = path
        try:
            self._program = executorch_runtime().load_program(content)
        except RuntimeError as error:
            raise BundleError(f"{path}: the runtime does not accept this program: {one_line(error)}") from None

    def method(self, name: str, expected: MethodShapes, *, at_once: bool = True) -> _Method:
        """Return a method.

        Args:
            name: of the method.
            expected: shapes of its inputs and outputs; all are float32.
            at_once: False loads it when it is called first.

        Raises:
            BundleError: the program has no such method, or one of other shapes.
        """
        try:
            stated = _stated_shapes(self._program.metadata(name))
        except (RuntimeError, LookupError, ValueError) as error:
            raise self._not_loaded(name, error) from None
        if stated != expected:
            raise BundleError(
                f"{self.path}: method {name} takes and returns {one_line(stated)}, "
                f"the manifest says {one_line(expected)}"
            )
        return _Method(self, name, len(expected.inputs), self.load(name) if at_once else None)

    def load(self, name: str) -> Any:
        """Return the runtime's own object of a method.

        Args:
            name: of the method.

        Raises:
            BundleError: the runtime does not accept it.
        """
        try:
            return self._program.load_method(name)
        except (RuntimeError, LookupError, ValueError) as error:
            raise self._not_loaded(name, error) from None

    def _not_loaded(self, name: str, error: Exception) -> BundleError:
        return BundleError(f"{self.path}: method {name} cannot be loaded: {one_line(error)}")


class _Method:
    """One method of a program: arrays in, arrays out."""

    def __init__(self, program: ProgramFile, name: str, inputs: int, method: Any) -> None:
        self._program, self._name, self._method = program, name, method
        self._arrays: list[Floats | None] = [None] * inputs
        self._tensors: list[Any] = [None] * inputs

    def __call__(self, *arrays: Floats) -> Sequence[Floats]:
        if self._method is None:
            with _limited_memory(self._program.path):
                self._method = self._program.load(self._name)
        for place, array in enumerate(arrays):
            if array is not self._arrays[place]:  # a tensor shares the memory of its array: one that comes again has it
                self._arrays[place], self._tensors[place] = array, torch.from_numpy(array)
        try:
            with supervised_call():
                outputs = self._method.execute(self._tensors)
        except RuntimeError as error:
            raise BundleError(f"{self._program.path}: method {self._name} failed: {one_line(error)}") from None
        except MemoryError:
            raise BundleError(
                f"{self._program.path}: method {self._name} wants more than {CALL_MEGABYTES:,} MB of memory in one call"
            ) from None
        return [output.numpy() for output in outputs]


@contextmanager
def _limited_memory(origin: Path) -> Iterator[None]:
    try:
        with memory_limit(_PROGRAM_MEGABYTES, give_back=False):
            yield
    except MemoryError:
        raise BundleError(
            f"{origin}: its programs want more than {_PROGRAM_MEGABYTES:,} MB of memory, as none of a phone does; "
            "take the bundle from its maker"
        ) from None


def _joined(parts: Sequence[Floats], width: int) -> Floats:
    return np.concatenate([np.empty((0, width), np.float32), *parts])


def _stated_shapes(method: Any) -> MethodShapes:
    inputs = [method.input_tensor_meta(place) for place in range(method.num_inputs())]
    outputs = [method.output_tensor_meta(place) for place in range(method.num_outputs())]
    if {tensor.dtype() for tensor in (*inputs, *outputs)} != {_FLOAT32}:
        raise ValueError("not all of its tensors are float32")
    return MethodShapes([tuple(tensor.sizes()) for tensor in inputs], [tuple(tensor.sizes()) for tensor in outputs])
