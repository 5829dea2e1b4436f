"""``pen-mobile predict``: what the phone says about an image, a folder of images or a video."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pen_mobile.cli.options import PATH, allow_older_option, key_option, public_key_option, read_key
from pen_mobile.cli.output import Output, output_options
from pen_mobile.errors import BadInput
from pen_mobile.utils.table import Part, Table
from pen_mobile.utils.text import counted, decimal

if TYPE_CHECKING:
    from pen_mobile.phone.phone import Phone


@click.command()
@click.argument("bundle", type=PATH)
@click.argument("image", metavar="IMAGE|FOLDER|VIDEO", type=PATH)
@click.option("--store", type=PATH, help="Personal store, for the owner's adapted head.")
@key_option
@public_key_option
@allow_older_option
@click.option("--aligned", is_flag=True, help="The images are square face crops already; detect nothing.")
@click.option(
    "--fps", type=click.FloatRange(0, min_open=True), help="Moments of a video a second; default every frame."
)
@click.option("--smooth", is_flag=True, help="Smooth a video's estimates in time (One-Euro filter).")
@click.option("--out", type=PATH, help="CSV file to make, a line for each moment of a video.")
@output_options
def predict(
    bundle: Path,
    image: Path,
    store: Path | None,
    key_file: Path | None,
    public_key: Path | None,
    allow_older: bool,
    aligned: bool,
    fps: float | None,
    smooth: bool,
    out: Path | None,
    output: Output,
) -> None:
    """Estimate affect in an image, a folder or a video."""
    from pen_mobile.contract.bundle_folder import refuse_no_bundle

    refuse_no_bundle(bundle)  # before seconds of imports
    from pen_mobile.data.readers.video_files import is_video
    from pen_mobile.phone.phone import Phone
    from pen_mobile.phone.store.options import StoreOptions
    from pen_mobile.utils.files import refuse_existing

    video = is_video(image)
    if store is not None and not store.exists():
        raise BadInput(f"{store} does not exist; 'pen-mobile adapt' makes one")
    if key_file is not None and store is None:
        raise BadInput("--key-file opens a store; give --store, too")
    if fps is not None and not math.isfinite(fps):
        raise BadInput(f"--fps is {fps:g}; give a number above 0")
    if not video and (fps is not None or smooth or out is not None):
        raise BadInput(f"{image}: --fps, --smooth and --out are for videos, which this is not")
    if out is not None:
        refuse_existing(out)
    options = StoreOptions(key=read_key(key_file, output.progress), allow_older_bundle=allow_older)
    with Phone.open(bundle, store, public_key=public_key, options=options) as phone:
        if phone.store.change is not None:
            output.progress.say(f"{store}: {phone.store.change}")
        if video:
            _predict_video(phone, image, out, output, fps=fps, aligned=aligned, smooth=smooth)
        else:
            _predict_images(phone, image, aligned, output)


def _predict_images(phone: Phone, path: Path, aligned: bool, output: Output) -> None:
    from pen_mobile.phone.image_inference import predict_images

    predictions = predict_images(phone, path, aligned, output.progress)
    stages = next(iter(predictions.images.values())).milliseconds
    rows = [
        (name, *map(decimal, found.targets.values()), *(f"{ms:.1f}" for ms in found.milliseconds.values()))
        for name, found in predictions.images.items()
    ]
    gates = [f"{name}: gate weights {_weights(found.gate)}" for name, found in predictions.images.items()]
    refusals = [f"no prediction: {reason}" for reason in predictions.refused.values()]
    if predictions.others:
        refusals.append(
            f"{counted(len(predictions.others), 'file')} not taken for images: {', '.join(predictions.others)}"
        )
    clipped = sum(bool(found.clipped) for found in predictions.images.values())
    refusals += _cautions(phone, clipped, len(predictions.images))
    head = ("image", *phone.manifest.targets, *(f"{stage} ms" for stage in stages))
    output.finish(predictions.to_dict(), [Table(head, rows), *gates, *refusals])


def _predict_video(phone: Phone, path: Path, out: Path | None, output: Output, **options: Any) -> None:
    from pen_mobile.phone.video_inference import VideoSummary, predict_video, write_csv

    summary = VideoSummary()
    moments = summary.count(predict_video(phone, path, progress=output.progress, **options))
    if out is None:
        rows = [moment.row(phone.manifest.targets) for moment in moments]
        found: dict[str, Any] = {"moments": rows}
        cells = [tuple("-" if cell is None else str(cell) for cell in row.values()) for row in rows]
        parts: list[Part] = [Table(tuple(rows[0]), cells)]
    else:
        write_csv(moments, phone.manifest.targets, out)
        found, parts = {"out": str(out)}, [f"{out}: one line for each moment"]
    without = [f"{count:,} without a prediction: {reason}" for reason, count in summary.refused.items()]
    output.finish(
        {"video": str(path)} | summary.to_dict() | found,
        [
            *parts,
            f"{path}: {summary.predicted:,} moments predicted{''.join(f'; {line}' for line in without)}",
            *_cautions(phone, summary.clipped, summary.predicted),
        ],
    )


def _cautions(phone: Phone, clipped: int, predicted: int) -> list[str]:
    """Return what a person must know about estimates that cannot be right."""
    from pen_mobile.contract.caution import absurd_error

    low, high = phone.manifest.label_range
    outside = (
        f"caution: {clipped:,} of {counted(predicted, 'prediction')} lay outside {low:g} to {high:g} and became the "
        "nearer end: the model was not trained on faces like these"
    )
    absurd = absurd_error(phone.manifest.source.validation, phone.manifest.label_range)
    return [*([outside] if clipped else []), *([absurd] if absurd else [])]


def _weights(gate: list[float]) -> str:
    return " ".join(f"{weight:.3f}" for weight in gate)
