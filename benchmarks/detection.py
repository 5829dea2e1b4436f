"""How long does the bundle's face program take to find a face, beside MediaPipe's detector with the same weights?

Post-processing is part of both: sampling of the square, threshold, and the weighted mean. One core; the photograph has
512 x 512 pixels, the wide picture 640 x 360.
"""

from __future__ import annotations

import measure

measure.pin_to_one_core()

import tempfile  # noqa: E402
from collections.abc import Callable  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import click  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402
from skimage import data  # noqa: E402

from pen_mobile.bundle.face import find_face_model, lower_face  # noqa: E402
from pen_mobile.contract.face import FacePart  # noqa: E402
from pen_mobile.data.detectors.blazeface import BlazeFace, Look  # noqa: E402
from pen_mobile.data.detectors.face_boxes import letterbox, weighted_faces  # noqa: E402
from pen_mobile.data.detectors.mediapipe_blazeface import MediaPipeLook  # noqa: E402
from pen_mobile.data.faces import Face  # noqa: E402
from pen_mobile.phone.executorch_runtime import executorch_runtime, use_threads  # noqa: E402

LIMIT = 1.3
OURS, THEIRS = "face.pte", "MediaPipe"
NOTE = "Other work on a machine only ever lengthens a call, so the shortest of 600 are compared."
Calls = dict[str, Callable[[], Any]]


class ProgramLook:
    """A face program without a bundle around it."""

    def __init__(self, path: Path, part: FacePart) -> None:
        use_threads(1)
        self._program = executorch_runtime().load_program(path)
        self._method, self._part = self._program.load_method(part.method), part

    def __call__(self, image: np.ndarray) -> list[Face]:
        import torch

        square, box = letterbox(image, self._part.side)
        planes = np.ascontiguousarray(square.transpose(2, 0, 1)[None], np.float32)
        places, scores = self._method.execute([torch.from_numpy(planes)])
        return [
            box.face(face[4:]) for face in weighted_faces(places[0].numpy(), scores[0, :, 0].numpy(), self._part.search)
        ]

    def close(self) -> None:
        return None


@click.command()
@click.option("--quick", is_flag=True, help="A few calls.")
def main(quick: bool) -> None:
    cv2.setNumThreads(1)
    model = find_face_model({"detector": "blazeface"})
    if model is None:
        click.echo("nothing is measured: BlazeFace's weights cannot be had")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.pte"
        lower_face(model).write(path)
        looks: dict[str, Look] = {
            OURS: ProgramLook(path, model.part(path.name, coreml=False, half=False)),
            THEIRS: MediaPipeLook(model.path),
        }
        rows = [_row(name, calls, 3 if quick else 600) for name, calls in _calls(looks).items()]
        looks[THEIRS].close()
    if not quick:
        missed = [f"Missed: {row['what']}, more than {LIMIT} times." for row in rows if row["ratio"] > LIMIT]
        click.echo(measure.record(str(__doc__).splitlines()[0], rows, remarks=[NOTE, *missed]))


def _row(name: str, calls: Calls, rounds: int) -> dict[str, Any]:
    found = measure.interleave(calls, rounds, 1)
    ours, theirs = (1e3 * min(found[who]) for who in (OURS, THEIRS))
    click.echo(f"{name}: {ours:.2f} ms, MediaPipe {theirs:.2f} ms, {ours / theirs:.2f} times")
    shortest = {f"{OURS}, shortest ms": round(ours, 3), f"{THEIRS}, shortest ms": round(theirs, 3)}
    return {"what": name, **shortest, "ratio": round(ours / theirs, 3)}


def _calls(looks: dict[str, Look]) -> dict[str, Calls]:
    photograph = data.astronaut()
    wide = cv2.resize(photograph[40:328], (640, 360), interpolation=cv2.INTER_AREA)
    found = {}
    for name, image in {"one look, 512 x 512": photograph, "one look, 640 x 360": wide}.items():
        found[name] = {who: partial(look, image) for who, look in looks.items()}
    whole = {who: partial(BlazeFace(look).find, photograph) for who, look in looks.items()}
    return found | {"find the face, 512 x 512": whole}


if __name__ == "__main__":
    main()
