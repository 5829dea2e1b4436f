"""Text from outside is text: names of files, subjects and stores cannot move a cursor, and tables choose no files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from pen_mobile.cli.main import cli
from pen_mobile.data.columns.outside import ALLOW_OUTSIDE
from pen_mobile.data.readers.image_table import read_image_table
from pen_mobile.errors import BadInput
from pen_mobile.phone.store.sample_record import check_origin
from pen_mobile.utils.readable import part_text, parts_html
from pen_mobile.utils.table import Table

HOSTILE = "\x1b[2Ja\x07\u202eb\x9b31m"
SHOWN = "\\x1b[2Ja\\x07\\u202eb\\x9b31m"


def test_an_error_shows_a_hostile_file_name_as_escapes(tmp_path: Path) -> None:
    words = ["-m", "pen_mobile", "verify", str(tmp_path / HOSTILE)]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, env=os.environ | {"PYTHONIOENCODING": "utf-8"}, check=False
    )
    assert done.returncode == 2
    assert SHOWN.encode() in done.stderr
    assert not {b"\x1b", b"\x07"} & {bytes([byte]) for byte in done.stderr}


def test_lines_and_tables_show_escapes_in_terminals_and_pages() -> None:
    parts = [f"line {HOSTILE}", Table(("who", "what"), [(HOSTILE, "1")])]
    shown = "".join(part_text(part, terminal=True) for part in parts)
    assert shown.count(SHOWN) == 2
    assert HOSTILE not in shown
    page = parts_html(parts)
    assert page.count(SHOWN) == 2
    assert "\x1b" not in page


@pytest.mark.parametrize("origin", ["=1+1", "+1", "-1", "@x", "\t=1", "'=1"])
def test_no_text_in_an_exported_table_is_a_formula(origin: str) -> None:
    """Origins are the only text in ``samples.csv``; everything else there is a number or one of two formats."""
    with pytest.raises(BadInput, match="is no name"):
        check_origin(origin)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "table"
    folder.mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "secret.png")
    Image.new("RGB", (64, 64)).save(folder / "mine.png")
    return folder / "table.csv"


@pytest.mark.parametrize("name", ["../secret.png", "{root}/secret.png", "x/../../secret.png"])
def test_a_table_takes_no_image_outside_its_folder(
    table: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = name.format(root=tmp_path)
    table.write_text(f"subject,role,valence,arousal,image\na,source,0,0,mine.png\na,source,0,0,{named}\n")
    with pytest.raises(BadInput, match=r"row 2: image .*secret\.png lies outside .* --allow-outside"):
        read_image_table(table)
    monkeypatch.setenv(ALLOW_OUTSIDE, "1")
    assert len(read_image_table(table)[0].images) == 2


def test_one_may_allow_them_on_the_command_line(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_OUTSIDE, "0")  # what the command sets is gone after the test
    table.write_text("subject,role,valence,arousal,image\n" + "a,source,0,0.1,../secret.png\n" * 2)
    refused = CliRunner().invoke(cli, ["data", "inspect", str(table)])
    assert "--allow-outside" in str(refused.exception)
    allowed = CliRunner().invoke(cli, ["data", "inspect", str(table), "--allow-outside"])
    assert "--allow-outside" not in str(allowed.exception)
    assert os.environ[ALLOW_OUTSIDE] == "1"


@pytest.mark.parametrize("inside", ["mine.png", "./mine.png", "x/../mine.png"])
def test_images_inside_are_taken(table: Path, inside: str) -> None:
    table.write_text(f"subject,role,valence,arousal,image\na,source,0,0,{inside}\n")
    assert len(read_image_table(table)[0].images) == 1
