"""Images of all sorts: each is read upright, or refused in one line that names it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from pen_mobile.data.images import EncodedImage, list_images, read_image
from pen_mobile.errors import BadInput
from pen_mobile.types import Image

FORMATS = ["png", "jpg", "webp", "bmp", "tif", "gif", "jp2", "avif", "ppm"]
TURNED = {
    1: None,
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_90,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_270,
}
"""How an upright image is stored, so that each EXIF orientation turns it back."""


@pytest.fixture(scope="module")
def upright() -> Image:
    """40 x 64, four quarters of different grey on which smooth colour lies."""
    quarters = np.kron(np.array([[30, 90], [150, 210]]), np.ones((20, 32)))[:, :, None]
    slope = np.linspace(0, 40, 64)[None, :, None] * [1, 0.5, 0.2]
    return (quarters + slope).astype(np.uint8)


def encoded(image: Image, kind: str = "JPEG", **options: object) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(image).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_found_in_a_folder_and_read(tmp_path: Path, upright: Image, name: str) -> None:
    for path in (tmp_path / f"a.{name}", tmp_path / f"B.{name.upper()}"):
        Pillow.fromarray(upright).save(path)
        image = read_image(path)
        assert image.shape == (40, 64, 3)
        assert np.abs(image.astype(int) - upright).mean() < 6
    assert [path.name for path in list_images(tmp_path)[0]] == [f"B.{name.upper()}", f"a.{name}"]


def test_other_files_of_a_folder_are_listed_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("a.png", "IMG.HEIC", "notes.txt", ".DS_Store", "._a.png", "b.psd"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    images, others = list_images(tmp_path)
    assert [path.name for path in images] == ["a.png"]
    assert [path.name for path in others] == ["IMG.HEIC", "b.psd", "folder.png", "notes.txt"]


@pytest.mark.parametrize("name", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("orientation", TURNED)
def test_orientation_in_the_metadata_is_undone(tmp_path: Path, upright: Image, name: str, orientation: int) -> None:
    turn, exif = TURNED[orientation], Pillow.Exif()
    exif[274] = orientation
    stored = Pillow.fromarray(upright) if turn is None else Pillow.fromarray(upright).transpose(turn)
    options = {"tiffinfo": {274: orientation}} if name == "tif" else {"exif": exif.tobytes()}
    stored.save(tmp_path / f"a.{name}", **options)
    image = read_image(tmp_path / f"a.{name}")
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 6


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"subsampling": 0},
        {"optimize": True},
        {"quality": 20},
        {"progressive": True, "subsampling": 0},
    ],
    ids=str,
)
def test_a_jpeg_without_its_end_marker_holds_every_pixel(
    upright: Image, missing: int, options: dict[str, object]
) -> None:
    whole = encoded(upright, **options)
    assert whole.endswith(b"\xff\xd9")
    np.testing.assert_array_equal(
        read_image(EncodedImage("cut.jpg", whole[:-missing])), read_image(EncodedImage("whole.jpg", whole))
    )


def test_a_grey_jpeg_without_its_end_marker_is_read(upright: Image) -> None:
    whole = encoded(upright[:, :, 0])
    assert read_image(EncodedImage("cut.jpg", whole[:-2])).shape == (40, 64, 3)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("side", [64, 300])
def test_a_jpeg_that_lost_pixels_is_refused(share: float, progressive: bool, side: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    whole = encoded(noise, progressive=progressive)
    with pytest.raises(BadInput, match=r"cut\.jpg: an image that is cut short or damaged"):
        read_image(EncodedImage("cut.jpg", whole[: int(len(whole) * share)]))


def test_a_progressive_jpeg_cut_between_two_scans_is_refused(upright: Image) -> None:
    """Each scan makes the picture finer, so that what remains could be decoded without an error."""
    whole = encoded(upright, progressive=True)
    scans = [place for place in range(len(whole)) if whole[place : place + 2] == b"\xff\xda"]
    assert len(scans) > 5
    for scan in scans[1:]:
        with pytest.raises(BadInput, match="cut short or damaged"):
            read_image(EncodedImage("cut.jpg", whole[:scan]))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP", "PPM", "JPEG2000"])
def test_too_many_pixels_are_refused_before_any_is_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 x 25 are 1000 pixels."""
    image = EncodedImage("wide", encoded(np.zeros((25, 40, 3), np.uint8), kind))
    monkeypatch.setenv("PEN_MOBILE_MAX_MEGAPIXELS", "0.000999")
    with pytest.raises(BadInput, match=r"wide: 40 x 25 pixels are more than 0\.000999 million"):
        read_image(image)
    monkeypatch.setenv("PEN_MOBILE_MAX_MEGAPIXELS", "0.001")
    assert read_image(image).shape == (25, 40, 3)


@pytest.mark.slow
def test_a_bomb_takes_little_memory(tmp_path: Path) -> None:
    """40,000 x 40,000 pixels in 200 kB would be 4.8 GB."""
    Pillow.new("1", (40_000, 40_000)).save(tmp_path / "bomb.png")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pen_mobile.data.images import read_image\n"
        "from pen_mobile.errors import BadInput\n"
        "from pen_mobile.utils.processor import peak_memory\n"
        "before = peak_memory()\n"
        "try: read_image(Path(sys.argv[1]))\n"
        "except BadInput as error: print(error)\n"
        "assert peak_memory() - before < 50_000_000\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "bomb.png"], capture_output=True, text=True, check=True
    )
    assert "bomb.png: 40000 x 40000 pixels are more than 100 million" in done.stdout


@pytest.mark.parametrize("text", ["many", "0", "-1", "nan", "inf"])
def test_a_limit_that_is_none_is_refused(upright: Image, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PEN_MOBILE_MAX_MEGAPIXELS", text)
    with pytest.raises(BadInput, match=r"PEN_MOBILE_MAX_MEGAPIXELS is .*; give millions of pixels"):
        read_image(EncodedImage("a", encoded(upright)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(64), "HEIC images are not read here; save it as PNG or JPEG"),
        (b"\0\0\0\x18ftypmif1" + bytes(64), "HEIC images are not read here"),
        (encoded(np.zeros((32, 32, 3), np.uint8), "ICO"), "ICO images are not read here"),
        (encoded(np.zeros((32, 32, 3), np.uint8), "PCX"), "PCX images are not read here"),
        (encoded(np.zeros((32, 32, 3), np.uint8), "TGA"), "not an image|TGA images are not read here"),
        (b"%PDF-1.7\n" + bytes(100), "not an image|PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image that can be decoded"),
        (b"<!DOCTYPE html><html>404</html>", "not an image that can be decoded"),
        (b"", "not an image that can be decoded"),
        (bytes(1000), "not an image that can be decoded"),
    ],
)
def test_other_content_is_refused_as_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(BadInput, match=rf"a\.jpg: .*({message})") as caught:
        read_image(tmp_path / "a.jpg")
    assert "\n" not in str(caught.value)


def missing(path: Path) -> Path:
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def nul_in_the_name(path: Path) -> Path:
    return path.with_name("a\0b.png")


def name_too_long(path: Path) -> Path:
    return path.with_name("a" * 300 + ".png")


def inside_a_file(path: Path) -> Path:
    path.write_bytes(b"x")
    return path / "b.png"


def loop_of_links(path: Path) -> Path:
    path.symlink_to(path)
    return path


@pytest.mark.parametrize("place", [missing, folder, nul_in_the_name, name_too_long, inside_a_file, loop_of_links])
def test_places_that_hold_no_file_are_refused_in_one_line(tmp_path: Path, place: Callable[[Path], Path]) -> None:
    with pytest.raises(BadInput) as caught:
        read_image(place(tmp_path / "a.png"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["süß-顔.png", "with space.png", "-.png", "a:b.png", b"caf\xe9.png", b"\xff\xfe.png"])
def test_any_file_name_is_read(tmp_path: Path, upright: Image, name: str | bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(encoded(upright, "PNG"))
    np.testing.assert_array_equal(read_image(path), upright)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_a_pipe_is_read_to_its_end(tmp_path: Path, kind: str) -> None:
    """More than a pipe holds at once, so that the reader has to come back."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(encoded(noise, kind),))
    writer.start()
    assert read_image(pipe).shape == (300, 300, 3)
    writer.join()


@pytest.mark.parametrize(
    ("kind", "array"),
    [
        ("PNG", np.full((8, 8), 77, np.uint8)),
        ("PNG", np.full((8, 8), 77 * 257, np.uint16)),
        ("PNG", np.full((8, 8, 4), 77, np.uint8)),
        ("TIFF", np.full((8, 8), 77, np.uint8)),
        ("WEBP", np.full((8, 8, 4), 77, np.uint8)),
        ("PNG", np.full((8, 8), True)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.dtype}{list(value.shape)}",
)
def test_grey_deep_and_transparent_images_become_rgb_bytes(kind: str, array: np.ndarray) -> None:
    image = read_image(EncodedImage("a", encoded(array, kind)))
    assert image.dtype == np.uint8
    assert image.shape == (8, 8, 3)
    assert np.abs(image.astype(int) - (255 if array.dtype == bool else 77)).max() <= 1


SEEDS = {
    kind: encoded(np.random.default_rng(1).integers(0, 256, (24, 24, 3), np.uint8), kind)
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "JPEG2000", "AVIF", "PPM")
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kind=st.sampled_from(sorted(SEEDS)), data=st.data())
def test_damaged_images_are_read_or_refused_and_nothing_else(kind: str, data: st.DataObject) -> None:
    content = bytearray(SEEDS[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        if not content:
            break
    try:
        image = read_image(EncodedImage("a", bytes(content)))
    except BadInput as error:
        assert "\n" not in str(error)  # noqa: PT017  either is fine, but nothing else
    else:
        assert image.dtype == np.uint8
        assert image.ndim == 3


def test_opencv_is_not_asked_for_a_buffer_that_it_may_not_fill() -> None:
    """A float image given to cv2.resize with a uint8 destination leaves the destination as it was."""
    out = np.zeros((4, 4, 3), np.uint8)
    cv2.resize(np.ones((8, 8, 3), np.float32), (4, 4), dst=out)
    assert not out.any()
