"""The page of a table and the command that makes it: self-contained, escaped, and with the numbers it was given."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from pen_mobile.cli.main import cli
from pen_mobile.data.statistics import table_statistics
from pen_mobile.data.statistics_record import extent, headline, people_table
from pen_mobile.data.table import FeatureTable, FrameTable, SubjectTable
from pen_mobile.reports.data_report import write_data_page
from pen_mobile.utils import files

BANNER = "no number here may be compared with real recordings"
REAL = "They show real people"
ODD_NAME = "<b>&"
VOID = {"meta", "link", "br", "img", "hr", "input"}
SPEC = "synthetic:sources=2,targets=1,seconds=6,fps=2"


class Page(HTMLParser):
    """Every address the page asks for, every tag, and whether tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.addresses += [values[name] or "" for name in ("href", "src", "xlink:href") if name in values]
        if "id" in values:
            self.ids.append(values["id"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def features(names: dict[str, str], rows: int = 60) -> SubjectTable:
    """Make a real (not synthetic) table of people whose names are given, with their roles."""
    rng = np.random.default_rng(0)
    count = rows * len(names)
    return FeatureTable(
        subject=np.repeat(list(names), rows),
        role=np.repeat(list(names.values()), rows),
        time_s=np.tile(np.arange(rows) / 5, len(names)),
        affect=rng.uniform(-1, 1, (count, 2)).astype(np.float32),
        features=rng.standard_normal((count, 4), np.float32),
        origin="recordings <1>.npz",
    )


def written(table: SubjectTable, folder: Path) -> str:
    write_data_page(folder / "page.html", table, table_statistics(table))
    return (folder / "page.html").read_text(encoding="utf-8")


def invoke(*arguments: object) -> Any:
    result = CliRunner().invoke(cli, ["data", "inspect", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result


def test_page_of_frames_is_self_contained(people: FrameTable, tmp_path: Path) -> None:
    """5 people with 5 faces each, 3 figures, nothing to load, tags that close, ids that are unique."""
    text = written(people, tmp_path)
    page = Page(text)
    assert page.open == []
    assert page.tags.count("img") == 25
    assert page.tags.count("svg") == 3
    assert "script" not in page.tags
    assert all(address.startswith(("data:", "#")) for address in page.addresses), page.addresses
    assert {address[1:] for address in page.addresses if address[0] == "#"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"url\((?!#)|@import", text)
    assert BANNER in text
    assert REAL not in text
    for subject in people.subjects():
        assert subject in text


def test_page_is_for_its_user_alone(people: FrameTable, tmp_path: Path) -> None:
    """It shows faces."""
    written(people, tmp_path)
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o600


def test_faces_stand_where_their_labels_are(people: FrameTable, tmp_path: Path) -> None:
    """Places are percentages of the plane; all lie on it."""
    places = re.findall(
        r'style="left:(-?[\d.]+)%;top:(-?[\d.]+)%" alt="[^"]*valence (\S+), arousal', written(people, tmp_path)
    )
    assert len(places) == 25
    for left, top, valence in places:
        assert 0 <= float(left) <= 100
        assert 0 <= float(top) <= 100
        felt = float(valence.replace("\N{MINUS SIGN}", "-"))
        assert abs(felt) < 0.02 or (float(left) > 50) == (felt > 0)


def test_real_people_are_not_called_synthetic(people: FrameTable, tmp_path: Path) -> None:
    text = written(replace(people, synthetic=False), tmp_path)
    assert BANNER not in text
    assert REAL in text


def test_page_of_features_escapes_names(tmp_path: Path) -> None:
    """A name and an origin that look like markup stand as text everywhere, figures and warnings included."""
    table = features({"a": "source", "b": "source", ODD_NAME: "target"}, rows=40)
    text = written(table, tmp_path)
    page = Page(text)
    assert page.open == []
    assert not {"b", "img"} & set(page.tags)
    assert ODD_NAME not in text
    assert "<1>" not in text
    assert "&lt;b&gt;&amp; has only 40 rows" in text
    assert "Look at 3 warnings before training." in text
    assert table.digest in text


def test_no_warnings_is_said(tmp_path: Path) -> None:
    text = written(features({"a": "source", "b": "source", "t": "target"}), tmp_path)
    assert "Nothing stands out" in text
    assert "<details" not in text


def test_many_people_do_not_hide_the_rest(tmp_path: Path) -> None:
    """70 people with one row each: 70 warnings, 12 of them open; 60 bars, and the page says so."""
    names = {f"p{place:02}": "source" if place < 40 else "target" for place in range(70)}
    text = written(features(names, rows=1), tmp_path)
    assert "58 more warnings" in text
    assert text.count("has only 1 row;") == 70
    assert re.search(r"Shown are the first 60 of\s+70 people", text)


def test_one_role_alone_makes_a_page(tmp_path: Path) -> None:
    """The other half of the joint distribution says that nobody is there."""
    text = written(features({"a": "source", "b": "source"}), tmp_path)
    assert ">nobody<" in text
    assert "Wasserstein" not in text


def test_same_table_same_bytes(tmp_path: Path) -> None:
    table = features({"a": "source", "t": "target"})
    assert written(table, tmp_path) == written(table, tmp_path)


def test_old_page_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, table = tmp_path / "page.html", features({"a": "source"})
    path.write_text("old")

    def fail(_: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files, "flush", fail)
    with pytest.raises(OSError, match="disk full"):
        write_data_page(path, table, table_statistics(table))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_headline() -> None:
    """The verdict counts warnings, and says what a missing role prevents."""
    fine = features({"a": "source", "b": "source", "t": "target"})
    assert headline(table_statistics(fine)) == "Nothing stands out: these recordings can train and test a model."
    few = features({"a": "source", "t": "target"}, rows=40)
    assert headline(table_statistics(few)) == "Look at 3 warnings before training."
    assert headline(table_statistics(features({"a": "source"}))) == (
        "There are no target people: a model can be trained, but its adaptation not be tested."
    )
    assert (
        headline(table_statistics(features({"a": "target"}))) == "There are no source people: nothing can be trained."
    )


def test_extent() -> None:
    """Equal labels on both sides lie 0 apart; with one side there is no distance."""
    table = features({"a": "source", "t": "target"}, rows=1500)
    affect = np.concatenate([table.affect[:1500], table.affect[:1500]])
    same = table_statistics(replace(table, affect=affect))
    assert extent(same) == (
        "3,000 rows of 2 people, 1 source and 1 target. Labels of sources and targets lie 0.00 in valence and 0.00 in "
        "arousal apart (the range is 2)."
    )
    one = table_statistics(features({"a": "source"}, rows=1))
    assert extent(one) == "1 row of 1 person, 1 source and 0 targets."


def test_constant_labels_are_called_constant(tmp_path: Path) -> None:
    table = features({"a": "source", "t": "target"})
    affect = table.affect.copy()
    affect[:60, 1] = 0.25
    rows = people_table(table_statistics(replace(table, affect=affect))).texts()
    assert rows[0][9:12] == ["0.25 ± 0.00", "0.25 to 0.25", "constant"]
    assert rows[1][11] == "-"


class TestCommand:
    def test_features(self, tmp_path: Path) -> None:
        """JSON holds the numbers; the table for people has one line per person and every warning."""
        path, table = tmp_path / "f.npz", features({"ann": "source", "ben": "source", "tom": "target"}, rows=40)
        np.savez(path, z=table.features, y=table.affect, subject=table.subject, role=table.role)
        document = json.loads(invoke(path, "--json", "-q").stdout)
        assert (document["rows"], document["people_per_role"]) == (120, {"source": 2, "target": 1})
        assert document["features"]["size"] == 4
        assert document["html"] is None
        assert len(document["warnings"]) == 3
        printed = invoke(path, "-q").stdout
        assert printed == ""
        printed = invoke(path).stdout
        assert all(name in printed for name in ("ann", "ben", "tom"))
        assert "warning: tom has only 40 rows" in printed

    def test_synthetic(self, tmp_path: Path) -> None:
        """3 people, 6 s at 2 frames a second: 12 rows each; the page is where --html says."""
        page = tmp_path / "new" / "page.html"
        result = invoke(SPEC, "--frame-size", 32, "--html", page, "--json", "-q")
        document = json.loads(result.stdout)
        assert (document["rows"], document["synthetic"], document["html"]) == (36, True, str(page))
        text = page.read_text(encoding="utf-8")
        assert BANNER in text
        assert "32 px faces" in text
