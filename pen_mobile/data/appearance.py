"""What somebody looks like: colours and sizes of a face, drawn by lot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

Colour = tuple[int, int, int]
Hair = Literal["short", "swept", "fringe", "parted", "bald"]
Palette = list[Colour]
INK: Colour = (45, 34, 34)

SKINS: Palette = [(250, 218, 196), (240, 200, 170), (222, 175, 138), (196, 142, 104), (160, 108, 76), (120, 80, 58)]
HAIRS: Palette = [(42, 34, 34), (74, 50, 38), (120, 78, 46), (206, 160, 86), (164, 82, 46), (158, 158, 162)]
IRISES: Palette = [(92, 60, 36), (70, 104, 140), (78, 112, 74), (60, 44, 36)]
SHIRTS: Palette = [(62, 98, 138), (150, 66, 70), (64, 116, 96), (196, 150, 64), (92, 80, 120), (70, 74, 84)]
BACKGROUNDS: Palette = [(206, 220, 228), (226, 216, 200), (208, 222, 206), (220, 210, 224), (196, 204, 214)]


@dataclass(frozen=True)
class Appearance:
    """What somebody looks like, whatever they feel. Sizes are in face units; colours are RGB."""

    skin: Colour
    hair: Colour
    iris: Colour
    shirt: Colour
    background: Colour
    hair_style: Hair
    hair_length: float
    curls: float
    face_width: float
    jaw: float
    eye_spacing: float
    eye_size: float
    brow_thickness: float
    mouth_width: float
    lip: float
    glasses: bool
    beard: bool

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Appearance:
        """Draw somebody whose hair and brows can be told from the skin.

        Args:
            rng: source of chance.
        """

        def one_of(colours: Palette) -> Colour:
            return colours[rng.integers(len(colours))]

        skin = one_of(SKINS)
        return cls(
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


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return one colour with a share of another.

    Args:
        first: RGB, 0 to 255.
        second: the other colour.
        share: of the second, 0 to 1.
    """
    return cast(Colour, tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True)))


def brow_colour(hair: Colour) -> Colour:
    """Return the colour of the brows that go with a colour of hair.

    Args:
        hair: RGB, 0 to 255.
    """
    return mix(hair, INK, 0.35)


def _stands_out(colour: Colour, skin: Colour) -> bool:
    return bool(np.abs(np.subtract(colour, skin)).sum() > 80)
