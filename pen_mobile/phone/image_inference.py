"""Predictions for one image or a folder of images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pen_mobile.data.images import IMAGE_SUFFIXES, list_images
from pen_mobile.errors import BadInput
from pen_mobile.phone.phone import Affect, Phone
from pen_mobile.utils.plain import Result
from pen_mobile.utils.progress import SILENT, Progress


@dataclass(frozen=True)
class ImagePredictions(Result):
    """The predictions for several images.

    Attributes:
        images: by file name, for images in which a face was found.
        refused: by file name, why there is no prediction.
        others: names of files in the folder that are not taken for images.
    """

    images: dict[str, Affect]
    refused: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def predict_images(phone: Phone, path: Path, aligned: bool = False, progress: Progress = SILENT) -> ImagePredictions:
    """Predict for an image file, or for every image in a folder, in order of name.

    Args:
        phone: an open phone.
        path: an image file, or a folder of them.
        aligned: the images are square face crops already; nothing is detected.
        progress: shows how many are done.

    Raises:
        BadInput: no image, or no face in any.
    """
    if not path.is_dir():
        return ImagePredictions({path.name: phone.predict(path, aligned)})
    files, others = list_images(path)
    if not files:
        raise BadInput(f"{path} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    predictions = ImagePredictions({}, others=[other.name for other in others])
    with progress.task("predicting", len(files)) as task:
        for file in files:
            try:
                predictions.images[file.name] = phone.predict(file, aligned)
            except BadInput as error:
                predictions.refused[file.name] = str(error)
            task.advance(1)
    if not predictions.images:
        first = next(iter(predictions.refused.values()))
        raise BadInput(f"{path}: no prediction for any of {len(files)} images; the first: {first}")
    return predictions
