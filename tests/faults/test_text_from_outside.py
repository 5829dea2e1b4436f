"""Text from outside is text: names of files, subjects and stores cannot move a cursor, and tables choose no files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from PIL import Image
from rich.console import Console

from pen_mobile.cli.main import cli
from pen_mobile.data.columns.outside import ALLOW_OUTSIDE
from pen_mobile.data.readers.image_table import read_image_table
from pen_mobile.errors import BadInput
from pen_mobile.phone.store.sample_record import check_origin
from pen_mobile.utils.progress_display import NotebookProgress, TerminalProgress
from pen_mobile.utils.readable import Readable, part_text, parts_html
from pen_mobile.utils.table import Part, Table

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


def test_notes_beside_a_bar_show_escapes_and_no_markup() -> None:
    """Names of subjects and recordings are notes; ``[/x]`` would otherwise end the bar with an error of markup."""
    stream = io.StringIO()
    progress = TerminalProgress(stream)
    progress._console = Console(file=stream, force_terminal=True, width=200, highlight=False)
    with progress.task(f"adapting {HOSTILE}", 2) as task:
        task.advance(1, f"[/x]{HOSTILE}\nlast")
    shown = stream.getvalue()
    assert f"adapting {SHOWN}" in shown
    assert f"[/x]{SHOWN}\\nlast" in shown
    assert "\x07" not in shown  # rich's own escape sequences stay
    assert "\x1b[2Ja" not in shown


def test_notes_in_a_log_are_one_line_each() -> None:
    stream = io.StringIO()
    progress = TerminalProgress(stream)
    with progress.task("adapting", 1) as task:
        task.advance(1, f"{HOSTILE}\nforged: done" + "x" * 200)
    progress.say(f"{HOSTILE}" + "y" * 200)
    first, second = stream.getvalue().splitlines()
    assert f"{SHOWN}\\nforged: done" in first
    assert second.startswith(SHOWN)


def test_notes_in_a_notebook_show_escapes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))
    notebook = SimpleNamespace(display=lambda data, **_: shown.append(data["text/plain"]) or handle)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=notebook))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    with NotebookProgress().task(f"adapting {HOSTILE}") as task:
        task.advance(1, f"{HOSTILE}\n")
    NotebookProgress().say(HOSTILE)
    assert shown[0] == f"adapting {SHOWN} ..."
    assert shown[1].endswith(f"{SHOWN}\\n")
    assert capsys.readouterr().out == f"{SHOWN}\n"


def test_a_wrong_argument_is_shown_as_escapes() -> None:
    """A shell's wildcard may give names of files as arguments."""
    words = ["-m", "pen_mobile", "doctor", f"x{HOSTILE}"]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, env=os.environ | {"PYTHONIOENCODING": "utf-8"}, check=False
    )
    assert done.returncode == 2
    assert b"\x1b" not in done.stderr


def test_titles_of_columns_and_the_short_form_of_a_result_show_escapes() -> None:
    assert "\x1b" not in part_text(Table((f"target {HOSTILE}",), [("1",)]))
    assert repr(_Result()) == f"<_Result: {SHOWN}>"


class _Result(Readable):
    def as_parts(self) -> list[Part]:
        return [HOSTILE]
