"""Data: prepared, read and described."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pen_mobile.api.calls import Place, Shown, as_path, as_table, public
from pen_mobile.targets import Targets
from pen_mobile.utils.progress_display import progress_of

if TYPE_CHECKING:
    from pen_mobile.data.prepared_folder import PreparedFolder
    from pen_mobile.data.statistics_record import TableStatistics
    from pen_mobile.data.table import SubjectTable


@public
def load_dataset(
    source: Place,
    *,
    size: int | None = None,
    targets: str | None = None,
    label_range: str | None = None,
    progress: Shown = False,
) -> SubjectTable:
    """Read people: their frames or features, and their labels.

    Args:
        source: a folder made by ``pen-mobile data prepare``, a ``.csv`` or ``.parquet`` table, ``.npz`` features, or
            ``synthetic`` (``synthetic:sources=3,targets=1,seconds=20,fps=2,seed=0``).
        size: side to which frames are brought, pixels; None keeps a prepared folder's, and takes 224 otherwise.
        targets: names of the columns with labels, such as ``"engagement"`` or ``"valence,arousal"``; None is valence
            and arousal, or what a prepared folder says.
        label_range: smallest and largest label, such as ``"1,9"``; None is -1 to 1, or what a prepared folder says.
        progress: True shows progress.

    Raises:
        BadInput: the file is missing, has other columns, or holds a value that cannot be.
    """
    from pen_mobile.data.load import load_table

    return load_table(str(source), size, progress_of(progress), Targets.parse(targets, label_range))


@public
def prepare_dataset(
    source: Place,
    out: Place,
    *,
    kind: str,
    size: int = 224,
    margin: float = 3.0,
    detector: str = "auto",
    face_model: Place | None = None,
    lag: tuple[float, float] = (0.0, 0.0),
    jobs: int | None = None,
    seed: int = 0,
    strict: bool = False,
    targets: str | None = None,
    label_range: str | None = None,
    progress: Shown = False,
) -> PreparedFolder:
    """Cut the faces out of recordings, into a folder that :func:`load_dataset` reads.

    The same call goes on after an interruption. A recording, image or row that cannot be used is left out and named.

    Args:
        source: folder of the data set, or a table of images.
        out: folder to make, or to go on with.
        kind: ``recola``, ``afew-va``, ``aff-wild2`` or ``table``.
        size: side of the face crops, pixels.
        margin: side of a crop as a multiple of the eye distance.
        detector: ``blazeface``, ``lbp-frontal``, or ``auto``: BlazeFace where its weights can be had.
        face_model: weights of BlazeFace; fetched once when None.
        lag: seconds by which raters of valence and of arousal are behind.
        jobs: processes; one for each processor when None.
        seed: decides which actors become targets (afew-va).
        strict: stop at the first recording, image or row that cannot be used.
        targets: as in :func:`load_dataset`, of a table.
        label_range: as in :func:`load_dataset`, of a table.
        progress: True shows progress.

    Returns:
        What was kept of each recording, and what was left out and why.

    Raises:
        BadInput: the source is not of this kind, ``out`` holds something else, or nothing can be used.
    """
    from pen_mobile.data.detectors.choice import best_detector
    from pen_mobile.data.faces import make_crop
    from pen_mobile.data.left_out import LeftOut
    from pen_mobile.data.preparation import prepare
    from pen_mobile.data.readers.formats import read_recordings

    shown, model = progress_of(progress), as_path(face_model)
    left_out = LeftOut(strict)
    recordings = read_recordings(Path(source), kind, lag, seed, shown, left_out, Targets.parse(targets, label_range))
    if detector == "auto":
        detector, model = best_detector(model, shown)
    crop = make_crop(detector, margin, size=size)
    return prepare(recordings, Path(out), crop, jobs, model, shown, left_out=left_out, strict=strict)


@public
def inspect_dataset(
    data: SubjectTable | Place,
    *,
    size: int | None = None,
    html: Place | None = None,
    targets: str | None = None,
    label_range: str | None = None,
    progress: Shown = False,
) -> TableStatistics:
    """Describe people: their number, the time covered, the distribution of labels, and what looks wrong.

    Args:
        data: people, or where they are, as :func:`load_dataset` takes it.
        size: side to which frames are brought, pixels.
        html: page to write, with figures and faces; an older page is replaced, another file is not.
        targets: as in :func:`load_dataset`.
        label_range: as in :func:`load_dataset`.
        progress: True shows progress.

    Raises:
        BadInput: the data cannot be read, or ``html`` is a file that is not such a page.
    """
    from pen_mobile.data.statistics import table_statistics
    from pen_mobile.utils.files import refuse_foreign

    shown, page = progress_of(progress), as_path(html)
    if page is not None:
        refuse_foreign(page, _PAGE)
    table = as_table(data, size, shown, Targets.parse(targets, label_range))
    statistics = table_statistics(table, shown)
    if page is not None:
        from pen_mobile.reports.data_report import write_data_page

        write_data_page(page, table, statistics)
    return statistics


_PAGE = b'<meta name="generator" content="PEN Mobile">'
"""What the beginning of every page of this package holds."""
