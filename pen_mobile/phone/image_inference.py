"""Predictions for one image or a folder of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pen_mobile.errors import BadInput
from pen_mobile.phone.phone import Affect, Phone
from pen_mobile.utils.progress import SILENT, Progress

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


@dataclass(frozen=True)
class ImagePredictions:
    """What the phone said about each image.

    Attributes:
        affects: by file name, for images in which a face was found.
        refused: by file name, why there is no prediction.
    """

    affects: dict[str, Affect]
    refused: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        return {"images": {name: affect.as_json() for name, affect in self.affects.items()}, "refused": self.refused}


def predict_images(phone: Phone, path: Path, aligned: bool = False, progress: Progress = SILENT) -> ImagePredictions:
    """Predict for an image file, or for every image in a folder, in order of name.

    Raises:
        BadInput: no image, or no face in any.
    """
    if not path.is_dir():
        return ImagePredictions({path.name: phone.predict(path, aligned)}, {})
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise BadInput(f"{path} holds no images ({', '.join(sorted(_SUFFIXES))})")
    predictions = ImagePredictions({}, {})
    with progress.task("predicting", len(files)) as task:
        for file in files:
            try:
                predictions.affects[file.name] = phone.predict(file, aligned)
            except BadInput as error:
                predictions.refused[file.name] = str(error)
            task.advance(1)
    if not predictions.affects:
        first = next(iter(predictions.refused.values()))
        raise BadInput(f"{path}: no prediction for any of {len(files)} images; the first: {first}")
    return predictions
