"""The face detector of a bundle: its program, and how a phone looks for a face with it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pen_mobile.contract.part import CoreMLPart, Count, FileName, MethodName, Part, Sha256, Tolerance

Share = Annotated[float, Field(gt=0, lt=1)]


class FaceSearch(Part):
    """How answers of the network become one face; the words are those of ``export/BUNDLE.md``, Faces.

    Attributes:
        min_score: probability from which an answer counts.
        max_overlap: answers that share more of their union are one face.
        window_margin: side of the square around a face that is looked at again, in distances between the eyes.
        window_eye_height: height of the eyes in it, as a share of the side, from the top.
        looks: how often it is looked at again, at most.
        settled: eyes that moved by less than this share of their distance have settled.
        reach: how far a face gets from one image to the next, in distances between the eyes.
        squares: how many pieces of a long image are looked at, at most, when the whole shows no face.
    """

    min_score: Share = 0.5
    max_overlap: Share = 0.3
    window_margin: Annotated[float, Field(ge=1, le=16)] = 4.5
    window_eye_height: Share = 0.4
    looks: Annotated[int, Field(ge=1, le=16)] = 4
    settled: Share = 0.04
    reach: Annotated[float, Field(gt=0, le=16)] = 2.0
    squares: Annotated[int, Field(ge=1, le=64)] = 8


class FacePart(Part):
    """The face detector.

    Its method takes one square image, float32 ``[1, 3, side, side]``, RGB, values 0 to 255, and returns places,
    float32 ``[1, anchors, 8]``, and probabilities of a face, float32 ``[1, anchors, 1]``. Places are shares of the
    side: centre, width and height of the box, then right eye and left eye, x before y.

    Attributes:
        name: of the network.
        weights: SHA-256 of the file from which its weights were read.
        tolerance: largest difference of places and probabilities from the float model.
        backend: ExecuTorch delegate it was lowered for, null for Core ML.
    """

    file: FileName
    method: MethodName
    name: str
    weights: Sha256
    side: Annotated[int, Field(ge=16, le=1024)]
    anchors: Annotated[Count, Field(le=1 << 16)]
    search: FaceSearch
    tolerance: Tolerance
    backend: Literal["xnnpack"] | None
    coreml: CoreMLPart | None = None
