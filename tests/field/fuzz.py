"""Damaged files of every kind: each gives a result or one line that says what is wrong.

    python -m tests.field.fuzz KIND --seconds 12 --seed 0

changes bytes of small good files at random and reads them, until the time is over. It ends with an error at the first
traceback, at a message of several lines, at a file that takes longer than 10 s, or when memory exceeds 2 GB.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
from PIL import Image as Pillow
from pyarrow import parquet

from pen_mobile.data.images import read_image
from pen_mobile.data.load import load_table
from pen_mobile.data.prepared_folder import PREPARED
from pen_mobile.data.readers.afew_va import read_afew_va
from pen_mobile.data.readers.aff_wild2 import read_ratings
from pen_mobile.data.readers.arff import read_gold_standard
from pen_mobile.data.readers.image_table import read_image_table
from pen_mobile.data.readers.video import images_at, presentation_times
from pen_mobile.errors import BadInput
from pen_mobile.utils.processor import peak_memory

HANG_S = 10
MOST_BYTES = 2 << 30

Read = Callable[[Path], object]
Seed = tuple[str, bytes, Read]
"""File name, good content, and how it is read."""


def images() -> list[Seed]:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    seeds = []
    for kind, options in (
        *((name, {}) for name in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "JPEG2000", "AVIF", "PPM")),
        ("JPEG", {"progressive": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ):
        stream = io.BytesIO()
        Pillow.fromarray(pixels).save(stream, kind, **options)
        seeds.append((f"a.{kind.lower()}", stream.getvalue(), read_image))
    return seeds


def tables() -> list[Seed]:
    csv = "subject,role,time_s,valence,arousal,image\nann,source,0,0.5,-0.25,a.png\nbob,target,1.5,0.1,0.2,a.png\n"
    columns = {
        "subject": ["ann", "bob"],
        "role": ["source", "target"],
        "valence": [0.5, 0.1],
        "arousal": [0.0, 0.2],
        "time_s": [0.0, 1.0],
    }
    seeds = [(f"t{n}.csv", csv.encode(encoding), read) for n, (encoding, read) in enumerate(CSV_READERS)]
    seeds += [("semi.csv", csv.replace(",", ";").replace("0.", "0,").encode(), read_image_table)]
    for compression in ("none", "snappy", "zstd"):
        stream = io.BytesIO()
        parquet.write_table(pa.table(columns | {"feature": [[1.0, 2.0], [3.0, 4.0]]}), stream, compression=compression)
        seeds.append((f"{compression}.parquet", stream.getvalue(), load))
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, z=np.eye(2), y=np.zeros((2, 2)), subject=np.array(["a", "b"]), role=np.array(["source", "target"]))
        seeds.append((f"{save.__name__}.npz", stream.getvalue(), load))
    return seeds


def arff() -> list[Seed]:
    head = "@relation GOLDSTANDARD\r\n\r\n@attribute Instance_name string\r\n@attribute frameTime numeric\r\n"
    rows = "".join(f"dev_1,{row * 0.04:g},{row / 100 - 0.05:.4f}\r\n" for row in range(10))
    text = f"{head}@attribute GoldStandard numeric\r\n\r\n@data\r\n\r\n{rows}"
    ratings = "valence,arousal\n" + "0.1,-0.2\n-5,-5\n" * 5
    return [("dev_1.arff", text.encode(), read_gold_standard), ("v.txt", ratings.encode(), read_ratings)]


def documents() -> list[Seed]:
    clip = {"actor": "Ann", "frames": {f"{n:05d}": {"valence": n, "arousal": -n, "landmarks": []} for n in range(4)}}
    crop = {"detector": "lbp-frontal", "margin": 3.0, "eye_height": 0.4, "size": 224}
    one = {"name": "a", "subject": "a", "role": "source", "rated": 1, "kept": 1, "dropped": {}}
    prepared = {
        "format": 2,
        "crop": crop,
        "detector_sha256": None,
        "rows": 1,
        "recordings": [one],
        "left_out": {},
        "versions": {"python": "3.11"},
    }
    return [
        ("001.json", json.dumps(clip).encode(), clip_of),
        ("prepared.json", json.dumps(prepared).encode(), folder_of),
    ]


def videos() -> list[Seed]:
    seeds = []
    for name, codec in (
        *(("a.mp4", "libx264"), ("a.avi", "libx264"), ("a.mkv", "libx264"), ("a.ts", "mpeg2video"), ("b.mp4", "mpeg4")),
        *(("a.webm", "libvpx"), ("a.mov", "mjpeg"), ("a.flv", "flv1"), ("a.wmv", "wmv2")),
    ):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            with av.open(str(path), "w") as container:
                stream = container.add_stream(codec, rate=25)
                stream.width, stream.height = 64, 48
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                for number in range(8):
                    image = np.full((48, 64, 3), 20 * number, np.uint8)
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                container.mux(stream.encode())
            seeds.append((name, path.read_bytes(), watch))
    return seeds


def load(path: Path) -> object:
    return load_table(str(path), 16)


def clip_of(path: Path) -> object:
    folder = path.parent / "001"
    folder.mkdir(exist_ok=True)
    path.replace(folder / "001.json")
    return read_afew_va(path.parent)


def folder_of(path: Path) -> object:
    path.replace(path.parent / PREPARED)
    return load_table(str(path.parent), 16)


def watch(path: Path) -> object:
    times = np.unique(presentation_times(path))[:50]
    return [image.shape for _, image in images_at(path, times, 1e-3)]


CSV_READERS: list[tuple[str, Read]] = [("utf-8", load), ("utf-16", load), ("utf-8", read_image_table)]
KINDS: dict[str, Callable[[], list[Seed]]] = {
    "images": images,
    "tables": tables,
    "arff": arff,
    "json": documents,
    "videos": videos,
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with some stretches overwritten, removed, repeated or inserted."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(0, len(changed) + 1))
        length = int(rng.choice([1, 1, 2, 4, 16, 64]))
        piece = bytes(changed[place : place + length])
        kind = rng.integers(0, 6)
        if kind == 0:
            changed[place : place + length] = rng.bytes(length)
        elif kind == 1:
            del changed[place : place + length]
        elif kind == 2:
            changed[place:place] = piece * int(rng.integers(1, 5))
        elif kind == 3:
            changed[place:place] = rng.bytes(length)
        elif kind == 4:
            changed[place : place + length] = bytes([int(rng.choice([0, 1, 127, 128, 255]))]) * length
        else:
            del changed[int(rng.integers(len(changed) // 2, len(changed) + 1)) :]
    return bytes(changed)


def fuzz(kind: str, seconds: float, seed: int) -> Counter[str]:
    """Read damaged files until the time is over; returns how many were read and how many refused."""
    rng = np.random.default_rng(seed)
    seeds, counts = KINDS[kind](), Counter[str]()
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        name, content, read = seeds[rng.integers(len(seeds))]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(damaged(content, rng))
            Pillow.new("RGB", (8, 8)).save(path.parent / "a.png")
            signal.alarm(HANG_S)
            try:
                read(path)
                counts["read"] += 1
            except BadInput as error:
                if "\n" in str(error):
                    raise AssertionError(f"{name}: a message of several lines: {error}") from error
                counts["refused"] += 1
            finally:
                signal.alarm(0)
        used = peak_memory()
        assert used < MOST_BYTES, f"{name}: {used >> 20} MiB of memory"
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts = fuzz(options.kind, options.seconds, options.seed)
    print(json.dumps({"kind": options.kind, "seed": options.seed, **counts}))
    sys.exit(0 if sum(counts.values()) else 1)


if __name__ == "__main__":
    main()
