"""Invented people whose faces show affect, each in a way of their own: the data set that needs no download."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pen_mobile.data.frames import ArrayFrames
from pen_mobile.data.rendering import ACTIONS, Appearance, Colour, Hair, brow_colour, render_faces
from pen_mobile.data.table import ROLES, FrameTable, Role
from pen_mobile.errors import BadInput
from pen_mobile.types import Doubles, Image
from pen_mobile.utils.progress import SILENT, Progress, Task
from pen_mobile.utils.suggestions import choices
from pen_mobile.utils.validation import validated

Palette = list[Colour]

# What everybody shares. Rows are ACTIONS; columns are valence, arousal, and arousal while valence is negative
# (which tells tense brows from sad ones).
MEAN_GAIN = np.array(
    [
        [0.80, 0.05, 0.00],  # smile
        [0.08, 0.38, 0.00],  # mouth_open
        [0.00, 0.32, 0.00],  # eye_open
        [0.08, 0.45, -0.25],  # brow_raise
        [-0.10, 0.00, -0.80],  # brow_slant
    ]
)
MEAN_REST = np.array([0.05, 0.24, 0.72, 0.0, 0.05])
ACTION_RANGE = np.array([0.8, 0.36, 0.32, 0.45, 0.4])  # what people use of each action; individuals differ in this unit
ACTION_LIMITS = np.array([[-1.15, 1.15], [0.0, 1.0], [0.15, 1.25], [-1.1, 1.1], [-1.1, 1.1]])

# How far individuals stray from it: enough that a model of everybody is biased and mis-scaled for some people,
# little enough that everyone's own face still tells valence and arousal apart.
GAIN_SPREAD = 0.35  # s.d. of the logarithm of a person's overall gain, for each column
ACTION_SPREAD = 0.30  # s.d. of the logarithm of each single gain around it
CROSS_TALK = 0.35  # s.d. of what leaks between valence and arousal, in units of ACTION_RANGE
REST_SPREAD = 0.40  # s.d. of the resting face, in the same unit
ASYMMETRY = 0.10  # s.d. of half the difference between left and right, in the same unit
WORST_CONDITION = 2.5  # people whose gain matrix is nearer to singular than this are not invented

POSE_SPREAD = np.array([0.12, 0.08, 0.05, 0.03, 0.03, 0.03])  # in the order of drawing.POSE
EXPOSURE = -0.12  # logarithm of the usual brightness: bright backgrounds keep their colour
LIGHT_SPREAD = np.array([0.12, 0.05, 0.12, 0.08])  # logarithm of brightness and warmth; slope across and down
NOISE_SPREAD = 3.5  # grey levels
NOISE_OFFSETS = 1 << 16
BLINKS_PER_S, BLINK_S = 0.25, 0.12  # rate; half the time that a blink takes
CHUNK = 125  # frames drawn at a time

SKINS: Palette = [(250, 218, 196), (240, 200, 170), (222, 175, 138), (196, 142, 104), (160, 108, 76), (120, 80, 58)]
HAIRS: Palette = [(42, 34, 34), (74, 50, 38), (120, 78, 46), (206, 160, 86), (164, 82, 46), (158, 158, 162)]
IRISES: Palette = [(92, 60, 36), (70, 104, 140), (78, 112, 74), (60, 44, 36)]
SHIRTS: Palette = [(62, 98, 138), (150, 66, 70), (64, 116, 96), (196, 150, 64), (92, 80, 120), (70, 74, 84)]
BACKGROUNDS: Palette = [(206, 220, 228), (226, 216, 200), (208, 222, 206), (220, 210, 224), (196, 204, 214)]


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
    return validated(SyntheticConfig, values, f"{SYNTHETIC}:{settings}")


@plain_dataclass(frozen=True, eq=False)
class Person:
    """Somebody invented: a face, and a personal way to show affect on it.

    Attributes:
        name: such as ``target-03``.
        role: source or target.
        look: appearance.
        gain: facial action per unit of valence, arousal, and arousal while valence is negative, float64 ``[5, 3]``.
        rest: the face at zero affect, float64 ``[5]``.
        asymmetry: added on image right and subtracted on image left, float64 ``[5]``.
        key: seed, role and number: what the person's random streams start from.
    """

    name: str
    role: Role
    look: Appearance
    gain: Doubles
    rest: Doubles
    asymmetry: Doubles
    key: tuple[int, int, int]

    def express(self, affect: NDArray[np.float32]) -> Doubles:
        """Map affect ``[N, 2]`` to facial actions of image left and right, float64 ``[N, 2, 5]``."""
        valence, arousal = affect.astype(np.float64).T
        terms = np.stack([valence, arousal, np.maximum(-valence, 0) * arousal], axis=1)
        both = self.rest + np.einsum("nk,ak->na", terms, self.gain)
        middle, half = ACTION_LIMITS.mean(axis=1), np.diff(ACTION_LIMITS)[:, 0] / 2
        sides = np.stack([both - self.asymmetry, both + self.asymmetry], axis=1)
        return cast(Doubles, middle + half * np.tanh((sides - middle) / half))


def synthetic_people(config: SyntheticConfig) -> list[Person]:
    """Invent sources, then targets. Nobody changes when the config asks for more people."""
    wanted = {"source": config.sources, "target": config.targets}
    return [_invent(config.seed, role, number) for role in ROLES for number in range(1, wanted[role] + 1)]


def _invent(seed: int, role: Role, number: int) -> Person:
    key = (seed, ROLES.index(role), number)
    rng = np.random.default_rng([*key, 0])
    look = _invent_look(rng)
    gain = _invent_gain(rng)
    while np.linalg.cond(gain[:, :2]) > WORST_CONDITION:
        gain = _invent_gain(rng)
    rest = MEAN_REST + REST_SPREAD * ACTION_RANGE * rng.standard_normal(len(ACTIONS))
    asymmetry = ASYMMETRY * ACTION_RANGE * rng.standard_normal(len(ACTIONS))
    return Person(f"{role}-{number:02d}", role, look, gain, rest, asymmetry, key)


def _invent_gain(rng: np.random.Generator) -> Doubles:
    strength = GAIN_SPREAD * rng.standard_normal(3) + ACTION_SPREAD * rng.standard_normal(MEAN_GAIN.shape)
    leak = CROSS_TALK * ACTION_RANGE[:, None] * rng.standard_normal((len(ACTIONS), 2))
    return MEAN_GAIN * np.exp(strength) + np.pad(leak, ((0, 0), (0, 1)))


def _invent_look(rng: np.random.Generator) -> Appearance:
    def one_of(colours: Palette) -> Colour:
        return colours[rng.integers(len(colours))]

    skin = one_of(SKINS)
    return Appearance(
        skin=skin,
        hair=one_of([hair for hair in HAIRS if _stands_out(hair, skin) and _stands_out(brow_colour(hair), skin)]),
        iris=one_of(IRISES),
        shirt=one_of(SHIRTS),
        background=one_of(BACKGROUNDS),
        hair_style=get_args(Hair)[rng.choice(5, p=[0.27, 0.22, 0.2, 0.23, 0.08])],
        hair_length=rng.choice([0.0, 0.6, 1.15], p=[0.5, 0.2, 0.3]),
        curls=rng.choice([0.0, 0.045], p=[0.7, 0.3]),
        face_width=rng.uniform(0.72, 0.86),
        jaw=rng.uniform(0.8, 1.0),
        eye_spacing=rng.uniform(0.32, 0.39),
        eye_size=rng.uniform(0.9, 1.12),
        brow_thickness=rng.uniform(0.03, 0.06),
        mouth_width=rng.uniform(0.3, 0.4),
        lip=rng.uniform(0.035, 0.07),
        glasses=bool(rng.random() < 0.25),
        beard=bool(rng.random() < 0.2),
    )


def _stands_out(colour: Colour, skin: Colour) -> bool:
    return bool(np.abs(np.subtract(colour, skin)).sum() > 80)


def affect_trajectory(rng: np.random.Generator, seconds: float, fps: float) -> NDArray[np.float32]:
    """Return valence and arousal over time, float32 ``[N, 2]``: drifts of 20 s and episodes of 3 s, within [-1, 1]."""
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


def synthetic_table(config: SyntheticConfig, progress: Progress = SILENT) -> FrameTable:
    """Film everybody the config asks for.

    Returns:
        A table marked synthetic, one person after the other; its frames take
        ``people * seconds * fps * size * size * 3`` bytes of memory.
    """
    people, each = synthetic_people(config), config.frames_each
    affect = np.empty((len(people), each, 2), dtype=np.float32)
    pixels = np.empty((len(people), each, config.size, config.size, 3), dtype=np.uint8)
    with progress.task("Drawing people", total=len(people) * each) as task:
        for row, person in enumerate(people):
            affect[row] = affect_trajectory(np.random.default_rng([*person.key, 1]), config.seconds, config.fps)
            _film(person, affect[row], config.fps, pixels[row], task)
    return FrameTable(
        subject=np.repeat([person.name for person in people], each),
        role=np.repeat([person.role for person in people], each),
        time_s=np.tile(np.arange(each) / config.fps, len(people)),
        affect=affect.reshape(-1, 2),
        frames=ArrayFrames(pixels.reshape(-1, *pixels.shape[2:])),
        origin=config.spec,
        synthetic=True,
    )


def _film(person: Person, affect: NDArray[np.float32], fps: float, out: Image, task: Task) -> None:
    """Draw a person feeling ``affect [N, 2]`` into ``out [N, S, S, 3]``, before an ordinary hand-held camera."""
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


def _expose(drawn: Image, light: Doubles, noise: NDArray[np.float32], rng: np.random.Generator) -> Image:
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
