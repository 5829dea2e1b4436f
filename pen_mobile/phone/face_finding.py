"""How a phone finds a face: with the bundle's own program, or not at all."""

from __future__ import annotations

from pen_mobile.contract.face import FacePart
from pen_mobile.data.detectors.blazeface import BlazeFace
from pen_mobile.data.detectors.face_boxes import letterbox, weighted_faces
from pen_mobile.data.faces import Face, FaceDetector
from pen_mobile.errors import BadInput
from pen_mobile.phone.runtime import BundleRuntime
from pen_mobile.types import Image


class ProgramLook:
    """One look at an image by the program in the bundle."""

    def __init__(self, runtime: BundleRuntime, part: FacePart) -> None:
        """Take a loaded bundle.

        Args:
            runtime: its programs.
            part: what its manifest says of the face detector.
        """
        self._runtime, self._part = runtime, part

    def __call__(self, image: Image) -> list[Face]:
        """Return the faces in an image, in its pixels.

        Args:
            image: uint8 RGB ``[H, W, 3]``.
        """
        square, box = letterbox(image, self._part.side)
        found = weighted_faces(*self._runtime.detect(square), self._part.search)
        return [box.face(face[4:]) for face in found]

    def close(self) -> None:
        """Release nothing: the program is the bundle's."""
        return None


def face_detector(runtime: BundleRuntime) -> FaceDetector:
    """Return the detector that a bundle asks for: its own program, or the cascade that scikit-image carries.

    Args:
        runtime: the bundle's programs.

    Raises:
        BadInput: the bundle asks for BlazeFace and does not carry it.
    """
    manifest = runtime.bundle.manifest
    if manifest.face is not None:
        return BlazeFace(ProgramLook(runtime, manifest.face), manifest.face.search)
    if manifest.backbone is not None and manifest.backbone.crop.detector == "lbp-frontal":
        from pen_mobile.data.detectors.lbp import LbpFrontal

        return LbpFrontal()
    raise BadInput(
        f"{runtime.bundle.origin} carries no face detector: it takes aligned frames only; give --aligned for a face "
        "crop, or export it again where BlazeFace's weights can be had (pen-mobile doctor)"
    )
