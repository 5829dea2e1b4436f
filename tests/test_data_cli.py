"""``pen-mobile data``: a RECOLA tree made here is prepared, inspected and learned from."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data

from pen_mobile.cli import cli
from pen_mobile.errors import BadInput

FRAMES = 12
NAMES = ("train_1", "train_2", "dev_1")


@pytest.fixture
def recola(tmp_path: Path) -> Path:
    """Three recordings of half a second: 12 frames of a photograph that moves, 12 ratings in each dimension."""
    root = tmp_path / "recola"
    for folder in ("recordings_video", "ratings_gold_standard/valence", "ratings_gold_standard/arousal"):
        (root / folder).mkdir(parents=True)
    face = np.ascontiguousarray(cv2.resize(data.astronaut()[:360, :480], (320, 240), interpolation=cv2.INTER_AREA))
    for number, name in enumerate(NAMES):
        with av.open(str(root / "recordings_video" / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 4_000_000
            for shift in range(FRAMES):
                picture = av.VideoFrame.from_ndarray(np.roll(face, shift + number, axis=1), format="rgb24")
                for packet in stream.encode(picture):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        for dimension, value in (("valence", 0.01), ("arousal", -0.02)):
            rows = "".join(f"{name},{row * 0.04:g},{value * (row + number):.4f}\r\n" for row in range(FRAMES))
            head = "@relation GOLDSTANDARD\r\n\r\n@attribute Instance_name string\r\n@attribute frameTime numeric\r\n"
            text = f"{head}@attribute GoldStandard numeric\r\n\r\n@data\r\n\r\n{rows}"
            (root / "ratings_gold_standard" / dimension / f"{name}.arff").write_bytes(text.encode())
    return root


def run(*arguments: object) -> dict[str, object]:
    result = CliRunner().invoke(cli, [*map(str, arguments), "--json", "-q"])
    assert result.exception is None, result.exception
    document: dict[str, object] = json.loads(result.stdout)
    return document


def test_prepare_inspect_train(recola: Path, tmp_path: Path) -> None:
    people = tmp_path / "people"
    made = run("data", "prepare", recola, "--format", "recola", "--out", people, "--size", 32, "--jobs", 1)
    assert made["rows"] == len(NAMES) * FRAMES
    page = tmp_path / "people.html"
    seen = run("data", "inspect", people, "--html", page)
    assert seen["rows"] == len(NAMES) * FRAMES
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    small = ("--backbone", "resnet18", "--weights", "none", "--input-size", 32, "--max-steps", 1, "--device", "cpu")
    run("train", people, "--out", tmp_path / "run", *small)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["data"]["source_subjects"] == ["train_1", "train_2"]
    assert record["data"]["crop_margin"] == 1.3


def test_what_is_not_of_the_format_is_refused(tmp_path: Path) -> None:
    command = ["data", "prepare", str(tmp_path), "--out", str(tmp_path / "out"), "--format"]
    refused = CliRunner().invoke(cli, [*command, "recola"]).exception
    assert isinstance(refused, BadInput)
    assert "ratings_gold_standard" in str(refused)
    refused = CliRunner().invoke(cli, [*command, "afew-va", "--lag", "1", "1"]).exception
    assert isinstance(refused, BadInput)
    assert "--lag belongs to recola" in str(refused)
    assert not (tmp_path / "out").exists()
