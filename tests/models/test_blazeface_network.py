"""BlazeFace in torch: against plain numpy with invented weights, and against MediaPipe with its own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pen_mobile.contract.face import FaceSearch
from pen_mobile.data.detectors.face_boxes import anchors, letterbox, weighted_faces
from pen_mobile.data.detectors.mediapipe_blazeface import MediaPipeLook
from pen_mobile.data.faces import Face
from pen_mobile.errors import BadInput
from pen_mobile.models.blazeface import BlazeFaceNetwork, load_blazeface
from pen_mobile.types import Image
from tests.data.detectors.photographs import darkened, mirrored, photograph, scaled, turned
from tests.tflite_file import CONV_2D, Layer, layers, write_tflite

Array = NDArray[np.float64]


def convolved(x: Array, layer: Layer, stride: int = 1) -> Array:
    """TensorFlow's SAME: the output has ceil(n / stride) rows, the odd row of padding goes to the end."""
    kind, kernel, bias = layer
    side, n = kernel.shape[1], x.shape[0]
    more = max((-(-n // stride) - 1) * stride + side - n, 0)
    pad = (more // 2, more - more // 2)
    windows = sliding_window_view(np.pad(x, (pad, pad, (0, 0))), (side, side), (0, 1))[::stride, ::stride]
    form = "ijcab,oabc->ijo" if kind == CONV_2D else "ijcab,oabc->ijc"
    return np.einsum(form, windows, kernel.astype(float), optimize=True) + bias.astype(float)


def by_numpy(image: Image, content: list[Layer]) -> tuple[Array, Array]:
    """All sixteen numbers and the logit of each anchor."""
    x = np.maximum(convolved(image / 127.5 - 1, content[0], 2), 0)
    tap = x
    for block in range(16):
        depthwise, pointwise = content[1 + 2 * block : 3 + 2 * block]
        stride = 2 if block in (2, 5, 11) else 1
        tap = x if block == 11 else tap
        side = x.shape[0] // stride
        shortcut = x.reshape(side, stride, side, stride, -1).max(axis=(1, 3))
        y = convolved(convolved(x, depthwise, stride), pointwise)
        x = np.maximum(y + np.pad(shortcut, ((0, 0), (0, 0), (0, y.shape[2] - shortcut.shape[2]))), 0)
    scores, places = (
        np.concatenate(
            [convolved(source, layer).reshape(-1, width) for source, layer in zip((tap, x), pair, strict=True)]
        )
        for pair, width in ((content[-4:-2], 1), (content[-2:], 16))
    )
    return places, scores


def look(network: BlazeFaceNetwork, image: Image) -> list[tuple[Face, float]]:
    """Faces of one look, with the side of their boxes, pixels."""
    square, box = letterbox(image)
    with torch.no_grad():
        places, scores = network(torch.from_numpy(square.transpose(2, 0, 1)[None].astype(np.float32)))
    found = weighted_faces(places[0].numpy(), scores[0, :, 0].numpy(), FaceSearch())
    return [(box.face(face[4:]), float(face[2]) * box.side) for face in found]


def test_the_network_is_what_the_layers_say(tmp_path: Path) -> None:
    content = layers(seed=5)
    network = load_blazeface(write_tflite(tmp_path / "model.tflite", content))
    image = np.random.default_rng(6).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    with torch.no_grad():
        places, scores = network(torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)))
    numbers, logits = by_numpy(image, content)
    centres = anchors().astype(float)
    expected = numbers[:, :8] / 128 + np.hstack([centres, np.zeros((896, 2)), centres, centres])
    np.testing.assert_allclose(places[0].numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(scores[0].numpy(), 1 / (1 + np.exp(-logits)), atol=1e-4)
    assert scores.std() > 0.05


def test_other_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"short\.tflite: not BlazeFace's weights \(short range\): its layers"):
        load_blazeface(write_tflite(tmp_path / "short.tflite", layers()[:-1]))
    swapped = [layers()[2], *layers()[1:]]
    with pytest.raises(BadInput, match="its layers are others"):
        load_blazeface(write_tflite(tmp_path / "swapped.tflite", swapped))
    (tmp_path / "text.tflite").write_text("not a network")
    with pytest.raises(BadInput, match=r"text\.tflite: not BlazeFace's weights: not a TensorFlow Lite file"):
        load_blazeface(tmp_path / "text.tflite")
    with pytest.raises(BadInput, match=r"missing\.tflite: cannot be read"):
        load_blazeface(tmp_path / "missing.tflite")


def two_people() -> Image:
    """The face twice, beside each other; the right one is smaller and darker."""
    face = photograph()[:256, 100:356]
    image = np.full((256, 480, 3), 90, np.uint8)
    image[:, :256] = face
    image[20:220, 270:470] = cv2.resize(face, (200, 200), interpolation=cv2.INTER_AREA) // 2
    return image


IMAGES = {
    "upright": photograph(),
    "turned left": turned(30)[0],
    "turned right": turned(-30)[0],
    "small": scaled(0.25)[0],
    "large": scaled(3)[0],
    "dark": darkened(0.3)[0],
    "mirrored": mirrored()[0],
    "wide": np.ascontiguousarray(photograph()[40:260]),
    "tall": np.ascontiguousarray(photograph()[:, 80:300]),
    "odd sides": np.ascontiguousarray(photograph()[:301, 60:477]),
    "stretched": np.asarray(cv2.resize(photograph(), (512, 430), interpolation=cv2.INTER_AREA)),
    "two people": two_people(),
}


@pytest.mark.parametrize("name", IMAGES)
def test_one_look_sees_what_mediapipe_sees(blazeface_model: Path, name: str) -> None:
    """The same faces, their eyes within 0.2 % of the box's side: 0.05 pixels of 128 and a little more."""
    reference = MediaPipeLook(blazeface_model)
    expected, found = reference(IMAGES[name]), look(load_blazeface(blazeface_model), IMAGES[name])
    reference.close()
    assert len(found) == len(expected) == (2 if name == "two people" else 1)
    for (face, side), other in zip(found, expected, strict=True):
        assert np.abs(np.subtract(face, other)).max() < 0.002 * side
