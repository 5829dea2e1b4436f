"""Synthetic recordings: people whose faces show affect, each in their own way; no download is needed."""

from __future__ import annotations

import zlib
from typing import Annotated, Any, cast

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pen_mobile.data.frames import ArrayFrames
from pen_mobile.data.rendering import ACTIONS, render_faces
from pen_mobile.data.synthetic_people import Person, draw_person
from pen_mobile.data.table import ROLES, FrameTable
from pen_mobile.errors import BadInput
from pen_mobile.targets import DEFAULT_TARGETS, VALENCE_AROUSAL, Targets
from pen_mobile.types import Doubles, Floats, Image
from pen_mobile.utils.progress import SILENT, Progress, Task
from pen_mobile.utils.suggestions import choices
from pen_mobile.utils.validation import validated

POSE_SPREAD = np.array([0.12, 0.08, 0.05, 0.03, 0.03, 0.03])  # in the order of rendering.POSE
EXPOSURE = -0.12  # logarithm of the usual brightness: bright backgrounds keep their colour
LIGHT_SPREAD = np.array([0.12, 0.05, 0.12, 0.08])  # logarithm of brightness and warmth; slope across and down
NOISE_SPREAD = 3.5  # grey levels
NOISE_OFFSETS = 1 << 16
BLINKS_PER_S, BLINK_S = 0.25, 0.12  # rate; half the time that a blink takes
CHUNK = 125  # frames drawn at a time

SYNTHETIC = "synthetic"
_SETTINGS = ("sources", "targets", "seconds", "fps", "seed")

People = Annotated[int, Field(ge=0, le=100_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class SyntheticConfig:
    """How many people there are, and how they are filmed; checked by pydantic.

    Attributes:
        sources: people who train the model.
        targets: people who own the phones.
        seconds: length of each recording.
        fps: frames (and labels) per second.
        size: side of the square frames, pixels.
        seed: same seed, same bytes.
    """

    sources: People = 9
    targets: People = 9
    seconds: Positive = 300.0
    fps: Positive = 25.0
    size: Annotated[int, Field(ge=32, le=1024)] = 64
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _has_frames(self) -> SyntheticConfig:
        if self.sources + self.targets == 0:
            raise ValueError("sources and targets are both 0; ask for at least one person")
        if self.frames_each < 1:
            raise ValueError(f"seconds {self.seconds:g} at fps {self.fps:g} holds no frame; ask for more of either")
        return self

    @property
    def spec(self) -> str:
        """Text that stands for the same people on the command line: ``synthetic:sources=9,...``."""
        return "synthetic:" + ",".join(f"{key}={getattr(self, key):.12g}" for key in _SETTINGS)

    @property
    def frames_each(self) -> int:
        """Frames in one person's recording."""
        return round(self.seconds * self.fps)


def parse_synthetic(settings: str, frame_size: int) -> SyntheticConfig:
    """Read ``key=value,...``; without them it is 9 source and 9 target people for a minute at 5 frames a second.

    Args:
        settings: the text after ``synthetic:``.
        frame_size: side of the frames, pixels.

    Raises:
        BadInput: a key is unknown, or a value is out of its range.
    """
    values: dict[str, Any] = {"seconds": 60, "fps": 5, "size": frame_size}
    for setting in filter(None, settings.split(",")):
        key, _, value = setting.partition("=")
        if key not in _SETTINGS:
            raise BadInput(f"{SYNTHETIC}:{setting}: unknown setting {key!r}; {choices(key, _SETTINGS)}")
        values[key] = value
    return validated(SyntheticConfig, values, f"{SYNTHETIC}:{settings}", strict=False)


def synthetic_people(config: SyntheticConfig) -> list[Person]:
    """Return sources, then targets; the same people again when a config asks for more.

    Args:
        config: how many, and the seed.
    """
    wanted = {"source": config.sources, "target": config.targets}
    return [
        draw_person(config.seed, place, role, number)
        for place, role in enumerate(ROLES)
        for number in range(1, wanted[role] + 1)
    ]


def affect_trajectory(rng: np.random.Generator, seconds: float, fps: float) -> Floats:
    """Return valence and arousal over time, with drifts of 20 s and episodes of 3 s.

    Args:
        rng: source of chance.
        seconds: length.
        fps: rows a second.

    Returns:
        float32 ``[N, 2]``, within [-1, 1].
    """
    return np.tanh(1.1 * _waves(rng, round(seconds * fps), fps, channels=2, fast_s=3, slow_s=20)).astype(np.float32)


def _waves(rng: np.random.Generator, frames: int, fps: float, channels: int, fast_s: float, slow_s: float) -> Doubles:
    """Return smooth random curves with s.d. 1, ``[frames, channels]``: half a sum of eight sines of t / tau + phase."""
    tau = np.geomspace(fast_s, slow_s, 8) * rng.uniform(1, 1.15, (channels, 8))
    phase = rng.uniform(0, 2 * np.pi, (channels, 8))
    time_s = np.arange(frames) / fps
    return cast(Doubles, np.sin(time_s[:, None, None] / tau + phase).sum(axis=-1) / 2)


def _openness(rng: np.random.Generator, frames: int, fps: float) -> Doubles:
    """Return what blinks leave of the eyes' opening, ``[frames]``: 1 between blinks, 0 in the middle of one."""
    time_s = np.arange(frames) / fps
    left = np.ones(frames)
    blink_s = rng.exponential(1 / BLINKS_PER_S)
    while blink_s < frames / fps:
        left = np.minimum(left, np.abs(time_s - blink_s) / BLINK_S)
        blink_s += BLINK_S + rng.exponential(1 / BLINKS_PER_S)
    return left


def synthetic_table(
    config: SyntheticConfig, progress: Progress = SILENT, targets: Targets = VALENCE_AROUSAL
) -> FrameTable:
    """Render the recordings of all people.

    Args:
        config: how many people, and how they are filmed.
        progress: shows how many frames are done.
        targets: what their labels are; a target other than valence and arousal is a blend of the two.

    Returns:
        A table marked synthetic, one person after the other; its frames take
        ``people * seconds * fps * size * size * 3`` bytes of memory.
    """
    people, each = synthetic_people(config), config.frames_each
    affect = np.empty((len(people), each, 2), dtype=np.float32)
    pixels = np.empty((len(people), each, config.size, config.size, 3), dtype=np.uint8)
    with progress.task("rendering faces", total=len(people) * each) as task:
        for row, person in enumerate(people):
            affect[row] = affect_trajectory(np.random.default_rng([*person.key, 1]), config.seconds, config.fps)
            _render_recording(person, affect[row], config.fps, pixels[row], task)
    return FrameTable(
        subject=np.repeat([person.name for person in people], each),
        role=np.repeat([person.role for person in people], each),
        time_s=np.tile(np.arange(each) / config.fps, len(people)),
        affect=_labels(affect.reshape(-1, affect.shape[-1]), targets),
        frames=ArrayFrames(pixels.reshape(-1, *pixels.shape[2:])),
        origin=config.spec,
        synthetic=True,
        targets=targets,
    )


def _labels(affect: Floats, targets: Targets) -> Floats:
    """Return the labels of people who feel ``affect``, valence and arousal, ``[N, K]``.

    Any other target is ``(v cos a + r sin a) / (|cos a| + |sin a|)``, whose angle a follows from its name.
    """
    if targets.is_default:
        return affect
    known = dict(zip(DEFAULT_TARGETS, affect.T, strict=True))
    columns = [known[name] if name in known else _blend(affect, name) for name in targets.names]
    return targets.to_labels(np.stack(columns, axis=1).astype(np.float32))


def _blend(affect: Floats, name: str) -> Doubles:
    angle = 2 * np.pi * (zlib.crc32(name.encode()) % 360) / 360
    weights = np.array([np.cos(angle), np.sin(angle)])
    return cast(Doubles, affect @ (weights / np.abs(weights).sum()))


def _render_recording(person: Person, affect: Floats, fps: float, out: Image, task: Task) -> None:
    """Render a person with ``affect [N, 2]`` into ``out [N, S, S, 3]``, before an ordinary hand-held camera."""
    frames, size = out.shape[:2]
    rng = np.random.default_rng([*person.key, 2])
    usual = rng.standard_normal(10)
    sway = 0.6 * usual + 0.8 * _waves(rng, frames, fps, channels=10, fast_s=0.8, slow_s=12)
    pose, light = sway[:, :6] * POSE_SPREAD, sway[:, 6:] * LIGHT_SPREAD
    action = person.express(affect)
    action[:, :, ACTIONS.index("eye_open")] *= _openness(np.random.default_rng([*person.key, 3]), frames, fps)[:, None]
    noise = NOISE_SPREAD * rng.standard_normal(size * size * 3 + NOISE_OFFSETS, dtype=np.float32)
    for start in range(0, frames, CHUNK):
        rows = slice(start, start + CHUNK)
        drawn = render_faces(person.look, action[rows], pose[rows], size)
        out[rows] = _expose(drawn, light[rows], noise, rng)
        task.advance(len(drawn))


def _expose(drawn: Image, light: Doubles, noise: Floats, rng: np.random.Generator) -> Image:
    """Light and photograph ``drawn [B, S, S, 3]``; each frame's noise is a stretch of the bank ``noise``."""
    size = drawn.shape[1]
    brightness, warmth, across, down = light.T[:, :, None]
    position = np.linspace(-1, 1, size)
    tint = np.exp(EXPOSURE + brightness + warmth * [1, 0, -1])
    columns = ((1 + across * position)[:, :, None] * tint[:, None, :]).astype(np.float32)
    lines = (1 + down * position).astype(np.float32)
    seen = drawn * columns[:, None] * lines[:, :, None, None]
    for frame, offset in enumerate(rng.integers(NOISE_OFFSETS, size=len(drawn))):
        seen[frame] += noise[offset : offset + seen[frame].size].reshape(seen[frame].shape)
    np.clip(seen, 0, 255, out=seen)
    return cast(Image, seen.astype(np.uint8))
