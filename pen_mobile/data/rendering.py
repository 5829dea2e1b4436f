"""Drawing stylised faces: an appearance, a facial action and a head pose become pixels.

Shapes are polygons in face units: the face spans -1 (crown) to 1 (chin), x runs to the right and y down. A shape has
the layout ``[B, K, P, 2]``: B frames, K polygons of one colour (two eyes, say), P corners, (x, y).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.appearance import INK, Appearance, Colour, brow_colour, mix
from pen_mobile.types import Image

Shape = NDArray[np.float64]
Painted = tuple[Shape, Colour]

ACTIONS = ("smile", "mouth_open", "eye_open", "brow_raise", "brow_slant")
"""Facial actions: 0 is slack (eyes and mouth shut), 1 is strong; negative smile is a frown, positive slant is sad."""
POSE = ("yaw", "pitch", "roll", "right", "down", "zoom")
"""Head pose: three angles in radians, two shifts in face units, the logarithm of the scale."""

SUPERSAMPLE = 2
SHIFT = 4  # corners are handed to OpenCV in sixteenths of a pixel
FACE_SCALE = 0.335  # image widths per face unit
CENTRE = (0.5, 0.51)  # where the middle of the face lies in the image
SIDES = np.array([-1.0, 1.0])[:, None]  # image left, image right: [K=2, P=1]
ARC = np.linspace(0, 2 * np.pi, 24, endpoint=False)
SPAN = np.linspace(-1, 1, 13)
WHITE, MOUTH, TONGUE = (250, 250, 248), (98, 26, 34), (214, 104, 108)


def render_faces(look: Appearance, action: NDArray[np.float64], pose: NDArray[np.float64], size: int) -> Image:
    """Draw one person in B frames, in even light and without noise.

    Args:
        look: the person's appearance.
        action: facial actions of image left and right, float64 ``[B, 2, 5]``, in the order of ``ACTIONS``.
        pose: head pose, float64 ``[B, 6]``, in the order of ``POSE``.
        size: side of the frames in pixels.

    Returns:
        uint8 RGB ``[B, size, size, 3]``.
    """
    side = size * SUPERSAMPLE
    layers = [(_to_canvas(shape, side), colour) for shape, colour in _layers(look, action, pose)]
    backdrop = _backdrop(look.background, side)
    canvas = np.empty_like(backdrop)
    out = np.empty((len(action), size, size, 3), dtype=np.uint8)
    for frame in range(len(action)):
        np.copyto(canvas, backdrop)
        for corners, colour in layers:
            cv2.fillPoly(canvas, corners[frame], colour, cv2.LINE_AA, SHIFT)
        cv2.resize(canvas, (size, size), dst=out[frame], interpolation=cv2.INTER_AREA)
    return out


def _backdrop(colour: Colour, side: int) -> Image:
    fall = np.linspace(1.06, 0.86, side)[:, None, None]
    return np.clip(np.broadcast_to(np.array(colour) * fall, (side, side, 3)), 0, 255).astype(np.uint8)


def _layers(look: Appearance, action: NDArray[np.float64], pose: NDArray[np.float64]) -> Iterator[Painted]:
    """Yield every shape from back to front, posed; depth is how far a part stands out of the face."""
    body = pose * [0, 0, 0.2, 0.5, 0.3, 1]
    head: list[tuple[float, Iterator[Painted]]] = [
        (0.00, _skull(look)),
        (0.30, _eyes(look, action)),
        (0.52, _nose(look)),
        (0.36, _mouth(look, action)),
        (0.10, _hair(look)),
        (0.34, _brows(look, action)),
        (0.38, _glasses(look)),
    ]
    for shape, colour in _hair_behind(look):
        yield _posed(shape, pose, -0.25), colour
    for shape, colour in _body(look):
        yield _posed(shape, body, 0.0), colour
    for depth, shapes in head:
        for shape, colour in shapes:
            yield _posed(shape, pose, depth), colour


def _posed(shape: Shape, pose: NDArray[np.float64], depth: float) -> Shape:
    """Turn, shift and scale ``[1 or B, K, P, 2]`` into ``[B, K, P, 2]``."""
    yaw, pitch, roll, right, down, zoom = (column[:, None, None] for column in pose.T)
    x = shape[..., 0] * np.cos(yaw) + depth * np.sin(yaw)
    y = shape[..., 1] * np.cos(pitch) + depth * np.sin(pitch)
    turned = np.stack([x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)], axis=-1)
    return cast(Shape, turned * np.exp(zoom)[..., None] + np.stack([right, down], axis=-1))


def _to_canvas(shape: Shape, side: int) -> NDArray[np.int32]:
    pixels = (shape * FACE_SCALE + CENTRE) * side - 0.5
    return np.rint(pixels * (1 << SHIFT)).astype(np.int32)


def _shape(x: Shape | float, y: Shape | float) -> Shape:
    """Join coordinates of any broadcastable layout up to ``[B, K, P]`` into a shape."""
    joined = np.stack(np.broadcast_arrays(x, y), axis=-1)
    return joined.reshape((1,) * (4 - joined.ndim) + joined.shape)


def _oval(x: Shape | float, y: Shape | float, width: Shape | float, height: Shape | float) -> Shape:
    return _shape(x + width * np.cos(ARC), y + height * np.sin(ARC))


def _band(x: Shape, top: Shape, bottom: Shape) -> Shape:
    """Close the area between two curves over the same ``x [.., P]``."""
    x, top, bottom = np.broadcast_arrays(x, top, bottom)
    there_and_back = np.concatenate([x, x[..., ::-1]], axis=-1)
    return _shape(there_and_back, np.concatenate([top, bottom[..., ::-1]], axis=-1))


def _outline(look: Appearance, angle: Shape) -> tuple[Shape, Shape]:
    """Return x and y of the face's edge; a small jaw narrows the lower half."""
    x, y = np.cos(angle), np.sin(angle)
    narrow = 1 - (1 - look.jaw) * np.clip(y, 0, 1) ** 2
    return look.face_width * np.sign(x) * np.abs(x) ** np.where(y > 0, 0.8, 0.95) * narrow, y


def _body(look: Appearance) -> Iterator[Painted]:
    yield _oval(0.0, 1.95, 1.15, 0.78), look.shirt
    yield _oval(0.0, 0.95, 0.34, 0.42), mix(look.skin, INK, 0.24)


def _skull(look: Appearance) -> Iterator[Painted]:
    yield _oval(SIDES * look.face_width, 0.05, 0.13, 0.2), mix(look.skin, INK, 0.1)
    yield _shape(*_outline(look, np.linspace(0, 2 * np.pi, 40, endpoint=False))), look.skin
    yield _oval(SIDES * look.face_width * 0.6, 0.3, 0.16, 0.12), mix(look.skin, (238, 92, 84), 0.16)
    if look.beard:
        x, y = _outline(look, np.pi / 2 + np.linspace(-1.5, 1.5, 25))
        inner = 0.36 - 0.05 * np.cos(np.linspace(-1, 1, 25) * np.pi * 2)
        yield _shape(np.append(x, x[::-1] * 0.8), np.append(y * 1.02, inner)), mix(look.hair, look.skin, 0.25)


def _eyes(look: Appearance, action: NDArray[np.float64]) -> Iterator[Painted]:
    smile, opening = action[:, :, 0, None], action[:, :, 2, None]
    x, y, width = SIDES * look.eye_spacing, -0.1, 0.2 * look.eye_size
    upper = width * opening
    lower = width * np.maximum(0.75 * np.minimum(opening, 1) - 0.2 * np.maximum(smile, 0), 0.04)

    def between_lids(local: Shape, level: Shape) -> Shape:
        lid = 1 - np.clip(local / width, -1, 1) ** 2
        return _shape(x + local, y + np.clip(level, -upper * lid, lower * lid))

    yield _band(x + width * SPAN, y - upper * (1 - SPAN**2), y + lower * (1 - SPAN**2)), WHITE
    for share, colour in ((0.58, look.iris), (0.3, INK)):
        yield between_lids(share * width * np.cos(ARC), share * width * np.sin(ARC) - 0.01), colour
    yield between_lids(0.035 + 0.028 * np.cos(ARC), -0.045 + 0.028 * np.sin(ARC)), WHITE
    lash = y - upper * (1 - SPAN**2)
    yield _band(x + 1.08 * width * SPAN, lash - 0.035 * (1.2 - SPAN**2), lash + 0.012), INK


def _brows(look: Appearance, action: NDArray[np.float64]) -> Iterator[Painted]:
    lift, slant = action[:, :, 3, None], action[:, :, 4, None]
    inward = (1 - SPAN) / 2
    x = SIDES * (look.eye_spacing + 0.01 + 0.05 * np.minimum(slant, 0) * inward + 0.25 * SPAN)
    arch = 0.07 * (1 - SPAN**2) * (1 + 0.4 * lift)
    y = -0.45 - 0.13 * lift - arch - 0.17 * slant * (inward - 0.35)
    half = look.brow_thickness * (0.35 + 0.65 * np.sqrt(inward))
    yield _band(x, y - half, y + half), brow_colour(look.hair)


def _nose(look: Appearance) -> Iterator[Painted]:
    yield _band(0.13 * SPAN, 0.21 + 0.05 * (1 - SPAN**2), 0.21 + 0.1 * (1 - SPAN**4)), mix(look.skin, INK, 0.24)


def _mouth(look: Appearance, action: NDArray[np.float64]) -> Iterator[Painted]:
    toward_right = (1 + SPAN) / 2
    smile = action[:, :1, 0, None] * (1 - toward_right) + action[:, 1:, 0, None] * toward_right
    opening = action[:, :, 1].mean(axis=1)[:, None, None]
    bow = 1 - SPAN**2
    x = look.mouth_width * (1 + 0.16 * smile - 0.16 * opening) * SPAN
    bend = smile * (1 + 0.2 * smile)
    line = 0.52 + (0.07 - 0.21 * SPAN**2) * bend
    top, bottom = line - 0.07 * opening * bow, line + 0.3 * opening * bow
    lips = mix(look.skin, (176, 44, 62), 0.5)
    yield _band(x * 1.06, top - look.lip * (0.15 + bow), bottom + 1.3 * look.lip * (0.1 + bow)), lips
    yield _band(x * 0.96, top, bottom), MOUTH
    yield _band(x * 0.62, np.maximum(bottom - 0.1, (top + bottom) / 2), bottom), TONGUE
    yield _band(x * 0.84, top, np.minimum(top + 0.045 + 0.04 * np.tanh(2 * smile), bottom)), WHITE


def _hair(look: Appearance) -> Iterator[Painted]:
    if look.hair_style == "bald":
        return
    across = np.linspace(1, -1, 25)
    edge = {
        "short": -0.68 + 0.46 * across**6,
        "swept": -0.62 + 0.2 * across + 0.3 * across**6,
        "fringe": -0.52 + 0.36 * across**8,
        "parted": -0.9 + 0.72 * np.abs(across - 0.15) ** 1.3,
    }[look.hair_style]
    angle = np.pi + np.linspace(-0.2, np.pi + 0.2, 49)
    puff = look.curls * (1 + np.cos(14 * angle))
    x, y = (look.face_width + 0.07 + puff) * np.cos(angle), -0.05 + (1.08 + puff) * np.sin(angle)
    yield _shape(np.append(x, look.face_width * 0.97 * across), np.append(y, edge)), look.hair


def _hair_behind(look: Appearance) -> Iterator[Painted]:
    if look.hair_style == "bald":
        return
    yield _oval(0.0, -0.25, look.face_width + 0.04, 0.8), mix(look.hair, INK, 0.3)
    if look.hair_length <= 0:
        return
    along = np.linspace(0, 1, 33)
    down = -1 + (1 + look.hair_length) * along
    wave = look.curls * (1 + np.cos(12 * down))
    half = (look.face_width + 0.17 + wave) * np.sqrt(1 - np.clip(-down, 0, 1) ** 2.5) * (1 - 0.45 * along**12)
    yield _shape(np.append(half, -half[::-1]), np.append(down, down[::-1])), mix(look.hair, INK, 0.3)


def _glasses(look: Appearance) -> Iterator[Painted]:
    if not look.glasses:
        return
    turn = np.linspace(0, 2 * np.pi, 25)
    rim = np.stack([np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.7, np.sin(turn)])
    ring = np.concatenate([rim * [[0.31], [0.26]], rim[:, ::-1] * [[0.275], [0.225]]], axis=1)
    yield _shape(SIDES * look.eye_spacing + ring[0], -0.06 + ring[1]), INK
    yield _band((look.eye_spacing - 0.28) * SPAN, -0.12 - 0.03 * (1 - SPAN**2), -0.08 - 0.03 * (1 - SPAN**2)), INK
