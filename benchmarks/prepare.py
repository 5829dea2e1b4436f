"""How many frames a second become aligned face crops, on one core?"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import tempfile  # noqa: E402
from collections.abc import Callable  # noqa: E402
from contextlib import ExitStack, closing  # noqa: E402
from pathlib import Path  # noqa: E402

import av  # noqa: E402
import click  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402
from skimage import data  # noqa: E402

from pen_mobile.contract.crop import Crop  # noqa: E402
from pen_mobile.data.detectors.blazeface import BLAZEFACE, BlazeFace  # noqa: E402
from pen_mobile.data.detectors.lbp import LBP_FRONTAL, LbpFrontal  # noqa: E402
from pen_mobile.data.detectors.mediapipe_blazeface import MediaPipeLook  # noqa: E402
from pen_mobile.data.detectors.model_file import resolve_model  # noqa: E402
from pen_mobile.data.faces import FaceDetector, crop_face, make_crop  # noqa: E402
from pen_mobile.data.preparation import prepare  # noqa: E402
from pen_mobile.data.readers.recording import Recording  # noqa: E402
from pen_mobile.errors import BadInput  # noqa: E402

FPS = 25


def seated_person(frames: int) -> list[np.ndarray]:
    """640 x 480: a photographed head that sways by 12 pixels to each side every two seconds, and nods by 3."""
    scene = np.full((480, 640, 3), 96, np.uint8)
    scene[:, 64:576] = data.astronaut()[:480]
    time_s = np.arange(frames) / FPS
    sway, nod = np.round(12 * np.sin(np.pi * time_s)), np.round(3 * np.sin(2 * np.pi * time_s))
    return [np.roll(scene, (int(down), int(across)), (0, 1)) for across, down in zip(sway, nod, strict=True)]


def look(detector: BlazeFace, frames: list[np.ndarray]) -> None:
    for pixels in frames:
        detector.faces(pixels)


def detect_align_encode(detector: FaceDetector, frames: list[np.ndarray]) -> None:
    face = None
    for pixels in frames:
        face = detector.find(pixels, face)
        assert face is not None
        cv2.imencode(".jpg", crop_face(pixels, face, make_crop()), [cv2.IMWRITE_JPEG_QUALITY, 95])


def write_video(path: Path, frames: list[np.ndarray]) -> Recording:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    times = np.arange(len(frames)) / FPS
    return Recording("ann", "source", path, times, np.zeros((len(frames), 2), np.float32), "ann")


def prepared(recording: Recording, recipe: Crop) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prepare([recording], Path(folder) / "out", recipe, jobs=1)


def variants(
    network: BlazeFace | None, frames: list[np.ndarray], recording: Recording
) -> dict[str, tuple[int, Callable[[], None]]]:
    """Return, by name, how many frames a call takes and the call."""
    few = frames[: max(1, len(frames) // 10)]
    cascade = LbpFrontal()
    found: dict[str, tuple[int, Callable[[], None]]] = {}
    if network is not None:
        recipe = make_crop(BLAZEFACE)
        found["BlazeFace, one look"] = len(frames), lambda: look(network, frames)
        found["BlazeFace: detect, align, encode"] = len(frames), lambda: detect_align_encode(network, frames)
        found["BlazeFace: data prepare, H.264 file"] = len(frames), lambda: prepared(recording, recipe)
    found[f"{LBP_FRONTAL}: detect, align, encode"] = len(few), lambda: detect_align_encode(cascade, few)
    return found


@click.command()
@click.option("--quick", is_flag=True, help="Few frames.")
def main(quick: bool) -> None:
    cv2.setNumThreads(1)
    frames = seated_person(5 if quick else 250)
    try:
        model = resolve_model()
    except BadInput as error:
        click.echo(f"BlazeFace is left out: {error}")
        model = None
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        network = None if model is None else stack.enter_context(closing(BlazeFace(MediaPipeLook(model))))
        calls = variants(network, frames, write_video(Path(folder) / "ann.mp4", frames))
        rounds = 1 if quick else 7
        seconds = measure.interleave({name: call for name, (_, call) in calls.items()}, rounds, 1)
    rows = []
    for name, (count, _) in calls.items():
        rate = measure.summary([count / value for value in seconds[name]])
        rows.append({"640 x 480 to 224 px": name, "frames/s": {key: round(value) for key, value in rate.items()}})
        click.echo(f"{name}: {rate['median']:.0f} frames/s")
    if not quick:
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, rounds=rounds, frames=len(frames)))


if __name__ == "__main__":
    main()
