"""Formats by name: the command line offers what can be read, and options stay with their format."""

from __future__ import annotations

from pathlib import Path

import click
import cv2
import numpy as np
import pytest

from pen_mobile.cli.data import prepare
from pen_mobile.data.readers.formats import FORMATS, read_recordings
from pen_mobile.errors import BadInput


def test_the_command_line_offers_what_can_be_read() -> None:
    """It lists the names itself, because importing the readers takes time that ``--help`` does not have."""
    (option,) = (one for one in prepare.params if one.name == "kind")
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == FORMATS


def test_a_table_is_a_file(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    path = tmp_path / "people.csv"
    path.write_text("subject,role,valence,arousal,image\nann,target,0.5,0,a.png\n")
    (recording,) = read_recordings(path, "table")
    assert (recording.subject, recording.role) == ("ann", "target")
    with pytest.raises(BadInput, match="--lag belongs to recola; table has no rater lag"):
        read_recordings(path, "table", lag_s=(1.0, 0.0))


@pytest.mark.parametrize("name", ["recola", "afew-va", "aff-wild2"])
def test_the_others_are_folders(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"people\.csv: cannot be read as a folder"):
        read_recordings(tmp_path / "people.csv", name)


def test_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown format 'semaine'; there are recola, afew-va, aff-wild2 and table"):
        read_recordings(tmp_path, "semaine")
