"""The formats of recordings by the name that a person types."""

from __future__ import annotations

from pathlib import Path

from pen_mobile.data.left_out import LeftOut
from pen_mobile.data.readers.afew_va import read_afew_va
from pen_mobile.data.readers.aff_wild2 import read_aff_wild2
from pen_mobile.data.readers.disk import entries
from pen_mobile.data.readers.image_table import read_image_table
from pen_mobile.data.readers.recola import read_recola
from pen_mobile.data.readers.recording import Recording
from pen_mobile.errors import BadInput
from pen_mobile.targets import Targets
from pen_mobile.utils.progress import SILENT, Progress
from pen_mobile.utils.suggestions import choices

FORMATS = ("recola", "afew-va", "aff-wild2", "table")


def read_recordings(
    source: Path,
    name: str,
    lag_s: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
    progress: Progress = SILENT,
    left_out: LeftOut | None = None,
    targets: Targets | None = None,
) -> list[Recording]:
    """Read all rated recordings of a data set.

    Args:
        source: the folder as the data set is handed out; for ``table`` the file.
        name: one of :data:`FORMATS`.
        lag_s: seconds that raters of valence and arousal are behind (RECOLA only).
        seed: decides which actors become targets (AFEW-VA only).
        progress: told what was left out (Aff-Wild2), and which columns are not used (table).
        left_out: gets what cannot be used; None raises the first.
        targets: names and range of the labels (table only); None is valence and arousal.

    Raises:
        BadInput: the source is not of this format, or an option does not belong to it.
    """
    if any(lag_s) and name != "recola":
        raise BadInput(f"--lag belongs to recola; {name} has no rater lag")
    if name == "table":
        return read_image_table(source, left_out, progress, targets)
    if targets is not None:
        raise BadInput(f"--targets and --label-range belong to table; {name} has valence and arousal from -1 to 1")
    entries(source)  # a folder that can be read
    if name == "recola":
        return read_recola(source, lag_s, left_out)
    if name == "afew-va":
        return read_afew_va(source, seed=seed, left_out=left_out)
    if name == "aff-wild2":
        return read_aff_wild2(source, progress=progress, left_out=left_out)
    raise BadInput(f"unknown format {name!r}; {choices(name, FORMATS)}")
