"""A RECOLA tree with a real face in it, made byte by byte."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
from skimage import data

FRAMES = 12
NAMES = ("train_1", "train_2", "dev_1")


def write_recola(root: Path) -> None:
    """Three recordings of half a second: 12 frames of a photograph that moves, 12 ratings in each dimension."""
    for folder in ("recordings_video", "ratings_gold_standard/valence", "ratings_gold_standard/arousal"):
        (root / folder).mkdir(parents=True)
    face = np.ascontiguousarray(cv2.resize(data.astronaut()[:360, :480], (320, 240), interpolation=cv2.INTER_AREA))
    for number, name in enumerate(NAMES):
        _write_video(root / "recordings_video" / f"{name}.mp4", face, number)
        for dimension, value in (("valence", 0.01), ("arousal", -0.02)):
            rows = "".join(f"{name},{row * 0.04:g},{value * (row + number):.4f}\r\n" for row in range(FRAMES))
            head = "@relation GOLDSTANDARD\r\n\r\n@attribute Instance_name string\r\n@attribute frameTime numeric\r\n"
            text = f"{head}@attribute GoldStandard numeric\r\n\r\n@data\r\n\r\n{rows}"
            (root / "ratings_gold_standard" / dimension / f"{name}.arff").write_bytes(text.encode())


def _write_video(path: Path, face: np.ndarray, number: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 4_000_000
        for shift in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(np.roll(face, shift + number, axis=1), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
