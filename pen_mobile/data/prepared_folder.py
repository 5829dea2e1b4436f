"""Contents of a prepared folder, for the code that writes it and the code that reads it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from pen_mobile.contract.crop import Crop
from pen_mobile.targets import VALENCE_AROUSAL, Targets

PREPARED = "prepared.json"
TABLE = "table.parquet"


class PreparedRecording(BaseModel):
    """What became of one recording.

    Attributes:
        name: name of the recording, unique in the folder.
        subject: name of its subject.
        role: ``source`` or ``target``.
        rated: how many moments had a rating.
        kept: how many of them became frames.
        dropped: how many moments were left out, by reason; rated = kept + dropped, but for drops of the reader.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    subject: str
    role: str
    rated: int
    kept: int
    dropped: dict[str, int]


class PreparedFolder(BaseModel):
    """``prepared.json``, which closes a prepared folder.

    Attributes:
        format: version of the folder's layout.
        crop: how the frames were cut out.
        detector_sha256: SHA-256 of the detector's weights; None where the detector has none.
        rows: how many frames there are.
        recordings: what became of each recording with a frame, in the order of the table.
        targets: names of the labels in the table, and their range.
        left_out: why recordings, images and rows are not there, one line for each by its name.
        versions: releases of the software that made the folder.
    """

    model_config = ConfigDict(frozen=True)

    format: int
    crop: Crop
    detector_sha256: str | None
    rows: int
    recordings: list[PreparedRecording]
    left_out: dict[str, str]
    versions: dict[str, str]
    targets: Targets = VALENCE_AROUSAL
