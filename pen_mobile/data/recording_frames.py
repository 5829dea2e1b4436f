"""The frames of one recording: every face found becomes a file, and everything else is counted."""

from __future__ import annotations

from pathlib import Path

import cv2

from pen_mobile.contract.crop import Crop
from pen_mobile.data.faces import Face, FaceDetector, crop_face
from pen_mobile.data.images import read_image
from pen_mobile.data.left_out import LeftOut
from pen_mobile.data.prepared_folder import PreparedRecording
from pen_mobile.data.readers.recording import Recording
from pen_mobile.types import Image

NO_FACE = "no face found"
NO_IMAGE = "no readable image at this time"
_JPEG_QUALITY = 95


class Part(PreparedRecording):
    """What became of one recording, as kept until the folder is complete.

    Attributes:
        rows: rows of the recording that became frames.
        left_out: why the recording or some of its images cannot be used, one line for each by its name.
    """

    rows: list[int]
    left_out: dict[str, str]


class RecordingFrames:
    """The frames of one recording, as they are found."""

    def __init__(self, recording: Recording, left_out: LeftOut) -> None:
        """Begin with none.

        Args:
            recording: its images and ratings.
            left_out: gets images that cannot be read, and the recording itself when no face is in it.
        """
        self._recording, self._left_out = recording, left_out
        self._seen = 0
        self._rows: list[int] = []
        self._face: Face | None = None

    def write(self, folder: Path, detector: FaceDetector, crop: Crop) -> None:
        """Write a frame for each moment with a face.

        Args:
            folder: where the files go, named by row.
            detector: finds the eyes.
            crop: where they come to lie in a frame.
        """
        images = self._recording.images
        if isinstance(images, Path):
            from pen_mobile.data.readers.video import images_at

            with self._left_out.unless_good(str(images)):
                for row, image in images_at(images, self._recording.time_s):
                    self._write_frame(row, image, folder, detector, crop)
        else:
            for row, source in enumerate(images):
                with self._left_out.unless_good(str(source)):
                    self._write_frame(row, read_image(source), folder, detector, crop)
        if not self._rows and not self._left_out.reasons:
            origin = images if isinstance(images, Path) else self._recording.origin
            reason = f"{origin}: no face found in any of {self._seen} images"
            self._left_out.add(self._recording.subject, f"{self._recording.subject}: {reason}")

    def part(self, name: str) -> Part:
        """Return what became of the recording.

        Args:
            name: of the recording, unique in the prepared folder.
        """
        one, rated = self._recording, len(self._recording)
        dropped = {NO_IMAGE: rated - self._seen, NO_FACE: self._seen - len(self._rows)} | dict(one.dropped)
        return Part(
            name=name,
            subject=one.subject,
            role=one.role,
            rated=rated,
            kept=len(self._rows),
            dropped=dropped,
            rows=self._rows,
            left_out=self._left_out.reasons,
        )

    def _write_frame(self, row: int, image: Image, folder: Path, detector: FaceDetector, crop: Crop) -> None:
        self._seen += 1
        face = detector.find(image, self._face)
        if face is not None:
            self._face = face
            _write_jpeg(folder / f"{row:06d}.jpg", crop_face(image, face, crop))
            self._rows.append(row)


def _write_jpeg(path: Path, frame: Image) -> None:
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), quality)
    assert done
    path.write_bytes(encoded.tobytes())
