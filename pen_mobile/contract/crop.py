"""The crop: where the eyes of a face come to lie in a frame."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DetectorName = Literal["blazeface", "lbp-frontal"]


class Crop(BaseModel):
    """How a face becomes a frame; server and phone must do the same.

    A similarity transform (shift, rotation, one scale) brings the eyes to ``eye_height``, level, and as far
    apart as ``1 / margin`` of the side, around the middle of the frame.

    Attributes:
        detector: name of the detector that finds the eyes.
        margin: side of the frame as a multiple of the distance between the eyes.
        eye_height: height of the eyes, as a share of the side, from the top.
        size: side of the frame, pixels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    detector: DetectorName
    margin: Annotated[float, Field(ge=1, le=16)]
    eye_height: Annotated[float, Field(gt=0, lt=1)]
    size: Annotated[int, Field(ge=16, le=2048)]
