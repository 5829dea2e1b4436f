"""The report: one self-contained file, the numbers it was given, and nothing half-written."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from pen_mobile.bundle.verification import Check, Verification
from pen_mobile.contract.manifest import Manifest
from pen_mobile.data.images import ArrayFrames
from pen_mobile.data.table import FeatureTable, FrameTable
from pen_mobile.evaluation.personalization import Personalization, PersonResult, Trace
from pen_mobile.metrics import Agreement
from pen_mobile.phone.adaptation.adapt import AdaptationResult
from pen_mobile.reports.demo_report import DemoContext, TrainingStage, headline, write_demo_page
from pen_mobile.reports.html import SampleFace, sample_faces
from pen_mobile.utils import files

BANNER = "no number here may be compared with real recordings"
REFUSAL = "held-out error would go from 0.2100 to 0.3456; the old state stays"
ODD_NAME = "<b>&"
DASH = "\N{EN DASH}"
VOID = {"meta", "link", "br", "img", "hr", "input"}

ACCEPTED = AdaptationResult(
    True, "held-out error went from 0.3000 to 0.2000", 24, 17, 0.3, 0.2, steps=180, seconds=0.4321
)
REFUSED = AdaptationResult(False, REFUSAL, 23, 16, 0.21, 0.3456, steps=77, seconds=0.25)


def person(
    name: str, adaptation: AdaptationResult, before: Agreement, after: Agreement, moments: int = 60
) -> PersonResult:
    rng = np.random.default_rng(3)
    affect = np.clip(rng.normal(0, 0.4, (moments, 2)), -1, 1).astype(np.float32)
    estimates = (affect * 0.5 + 0.3, affect + 0.1, np.full_like(affect, 0.2))
    gate = np.array([0.5, 0.3, 0.2], np.float32)
    own_mean = Agreement(0.0, 0.0, 0.41, 0.43)
    trace = Trace(np.arange(moments) / 5, affect, *estimates)
    return PersonResult(name, adaptation, before, after, own_mean, gate, gate[::-1], trace)


def personalization(synthetic: bool = True) -> Personalization:
    kept = Agreement(0.25, 0.35, 0.3, 0.4)
    people = [
        person("ann", ACCEPTED, Agreement(0.111, 0.333, 0.3, 0.4), Agreement(0.6, 0.7, 0.1, 0.2)),
        person(ODD_NAME, REFUSED, kept, kept),
        person("one moment", ACCEPTED, Agreement(None, None, 0.2, 0.2), Agreement(None, None, 0.3, 0.3), moments=1),
    ]
    pooled = (Agreement(0.2, 0.4, 0.35, 0.35), Agreement(0.5, 0.6, 0.2, 0.2), Agreement(0.1, 0.1, 0.42, 0.42))
    return Personalization(people, *pooled, synthetic=synthetic)


def one_person(synthetic: bool = True) -> Personalization:
    """Return a result that is quick to draw."""
    result = personalization(synthetic)
    return replace(result, people=result.people[2:])


def manifest(synthetic: bool = True) -> Manifest:
    sizes = {"head.pte": 45120, "head-parameters.f32": 180, "golden.safetensors": 900, "personal_store.sql": 50}
    return Manifest.model_validate(
        {
            "format": "pen-mobile-bundle",
            "schema_version": 1,
            "recipe": "android-fp32",
            "precision": "fp32",
            "affect": ("valence", "arousal"),
            "affect_range": (-1, 1),
            "backbone": None,
            "head": {
                "file": "head.pte",
                "head_parameters": "head-parameters.f32",
                "expert_count": 3,
                "feature_size": 4,
                "predict": {"method": "predict", "batch": 8},
                "train": [
                    {
                        "method": "train_adadelta",
                        "optimizer": "adadelta",
                        "state": [{"name": "parameters", "shape": (1, 9, 5)}],  # (1, 3 n_s, D_z + 1)
                        "steps": 2,
                        "batch": 4,
                        "constants": {},
                        "hyper": [],
                    }
                ],
            },
            "adaptation": {
                "strategy": "gradient",
                "optimizer": "adadelta",
                "steps": 100,
                "check_every": 10,
                "patience": 3,
                "held_out": 0.3,
                "min_labels": 8,
                "margin": 0.0,
            },
            "golden": {
                "file": "golden.safetensors",
                "feature_tolerance": 1e-4,
                "affect_tolerance": 1e-4,
                "train_tolerance": 1e-3,
            },
            "store_schema": "personal_store.sql",
            "source": {
                "subjects": 3,
                "data_digest": "ab" * 32,
                "synthetic": synthetic,
                "validation": {},
                "seed": 5,
                "versions": {},
            },
            "files": {name: {"bytes": size, "sha256": "0" * 64} for name, size in sizes.items()},
        }
    )


def context(synthetic: bool = True) -> DemoContext:
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    return DemoContext(
        title="A demonstration",
        synthetic=synthetic,
        source_subjects=3,
        labels=24,
        manifest=manifest(synthetic),
        verification=Verification([Check("affect", 3e-7, 1e-4)], Agreement(1.0, 1.0, 0.0, 0.0)),
        bundle_bytes={"head.pte": 45120, "manifest.json": 2048},
        seconds={"source learning": 12.34, "adapting": 1.5},
        stages=[TrainingStage("2-shared", 7, 0.0812)],
        command="pen-mobile demo --out '<here>'",
        versions={"python": "3.11.9"},
        seed=5,
        faces={ODD_NAME: [SampleFace(-0.5, 0.25, image)]},
    )


def written(folder: Path, result: Personalization | None = None, told: DemoContext | None = None) -> str:
    path = folder / "report.html"
    write_demo_page(path, result or personalization(), told or context())
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("report"))


class Reader(HTMLParser):
    """Collects tags, ids, references and table rows, and insists that tags are balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "srcset", "data", "action"):
                self.references.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def row(self, name: str) -> list[str]:
        tidy = ([" ".join(cell.split()) for cell in row] for row in self.rows)
        return next(cells for cells in tidy if cells[0] == name)


def test_page_is_well_formed_and_loads_nothing(page: str) -> None:
    reader = Reader(page)
    assert reader.open == []
    assert not reader.tags & {"script", "iframe", "object", "embed"}
    assert all(reference.startswith(("#", "data:")) for reference in reader.references)
    assert not re.search(r"https?://|@import|url\((?!#)", page)


def test_ids_are_unique_and_every_reference_has_one(page: str) -> None:
    reader = Reader(page)
    assert len(reader.ids) == len(set(reader.ids))
    wanted = {reference[1:] for reference in reader.references if reference.startswith("#")}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", page))
    assert wanted
    assert wanted <= set(reader.ids)


@pytest.mark.parametrize("synthetic", [True, False])
def test_banner_if_and_only_if_synthetic(tmp_path: Path, synthetic: bool) -> None:
    page = written(tmp_path, one_person(synthetic), context(synthetic))
    assert (BANNER in page) == synthetic
    assert ("They show real people" in page) != synthetic


def test_banner_when_only_the_result_knows(tmp_path: Path) -> None:
    assert BANNER in written(tmp_path, one_person(True), context(False))


def test_names_are_escaped(page: str) -> None:
    assert ODD_NAME not in page
    for name in ("ann", ODD_NAME, "one moment"):
        assert f"<h3>{escape(name)}</h3>" in page
    assert "pen-mobile demo --out &#39;&lt;here&gt;&#39;" in page


def test_refusal_shows_its_reason(page: str) -> None:
    assert Reader(page).row(ODD_NAME)[-1] == f"refused: {REFUSAL}"
    assert Reader(page).row("ann")[-1] == f"accepted: {ACCEPTED.reason}"


def test_table_holds_the_numbers(page: str) -> None:
    # CCC (0.111 + 0.333) / 2 = 0.222 -> (0.6 + 0.7) / 2 = 0.65; RMSE sqrt((0.3^2 + 0.4^2) / 2) = 0.3536,
    # sqrt((0.1^2 + 0.2^2) / 2) = 0.1581, sqrt((0.41^2 + 0.43^2) / 2) = 0.4201; 0.4321 s = 432 ms
    row = ["ann", "0.222", "0.650", "0.000", "0.354", "0.158", "0.420", "24", "180", "432"]
    assert Reader(page).row("ann")[:-1] == row
    pooled = ["all, pooled", "0.300", "0.550", "0.100", "0.350", "0.200", "0.420", "71"]  # 24 + 23 + 24 labels
    assert Reader(page).row("all, pooled")[:-1] == pooled
    assert Reader(page).row("affect") == ["affect", "3.0e-07", "1.0e-04", "passed"]
    assert Reader(page).row("head.pte")[1] == "45.1 kB"
    assert Reader(page).row("2-shared") == ["2-shared", "7", "0.0812"]


def test_undefined_ccc_is_a_dash(page: str) -> None:
    assert Reader(page).row("one moment")[1:6] == [DASH, DASH, "0.000", "0.200", "0.300"]
    assert "None" not in page


def test_headline_says_what_happened() -> None:
    good = personalization()
    assert headline(good, 24) == (
        "With 24 labels each, the phones came closer to what people felt: over all people, CCC rose from 0.30 to 0.55 "
        "and RMSE fell from 0.35 to 0.20; 1 of 3 people got better, 1 got worse and 1 phone refused to change."
    )
    bad = replace(good, before=good.after, after=good.before)
    assert headline(bad, 1).startswith("With 1 label each, the phones moved away from what people felt: ")
    mixed = replace(good, after=Agreement(0.5, 0.5, 0.5, 0.5))
    assert "the result is mixed: over all people, CCC rose from 0.30 to 0.50 and RMSE rose" in headline(mixed, 24)
    same = replace(good, after=good.before)
    assert "CCC stayed at 0.30 and RMSE stayed at 0.35" in headline(same, 24)
    undefined = replace(good, before=Agreement(None, None, 0.3, 0.3))
    assert "CCC" not in headline(undefined, 24)


def test_failed_verification_is_named(tmp_path: Path) -> None:
    failed = Verification([Check("gate", 0.5, 1e-4)], Agreement(1.0, 1.0, 0.0, 0.0))
    page = written(tmp_path, one_person(), replace(context(), verification=failed))
    assert Reader(page).row("gate") == ["gate", "5.0e-01", "1.0e-04", "failed"]
    assert "Not verified:" in page


def test_same_input_same_bytes(tmp_path: Path, page: str) -> None:
    assert written(tmp_path) == page


@pytest.mark.parametrize("name", ["_flush", "replacing"])
def test_a_failure_leaves_the_old_page_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    if name == "_flush":
        monkeypatch.setattr(files, "_flush", fail)  # written, but not safely on disk
    else:
        monkeypatch.setattr(Path, "write_text", lambda *_, **__: fail())  # not even written
    with pytest.raises(OSError, match="no space left"):
        write_demo_page(path, one_person(), context())
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_bytes() == b"old"


def test_a_page_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    broken = replace(context(), faces={"one moment": [SampleFace(0, 0, np.zeros((0, 0, 3), np.uint8))]})
    with pytest.raises((ValueError, cv2.error)):
        write_demo_page(tmp_path / "report.html", one_person(), broken)
    assert list(tmp_path.iterdir()) == []


def table_of(affect: np.ndarray, size: int = 128) -> FrameTable:
    count = len(affect)
    pixels = np.zeros((count, size, size, 3), np.uint8)
    pixels[:] = np.arange(count, dtype=np.uint8)[:, None, None, None]
    names, roles = np.repeat("me", count), np.repeat("target", count)
    return FrameTable(names, roles, np.arange(count, dtype=float), affect.astype(np.float32), ArrayFrames(pixels))


def test_sample_faces_are_spread_over_the_plane() -> None:
    corners = [(-0.9, 0.9), (0.9, 0.9), (-0.8, -0.8), (0.8, -0.8)]
    crowd = [(0.01 * row, 0.0) for row in range(20)]
    faces = sample_faces(table_of(np.array(crowd + corners)), "me", count=5)
    found = [(round(face.valence, 2), round(face.arousal, 2)) for face in faces]
    assert found == sorted([(0.0, 0.0), *corners])  # the calmest and the four corners, by valence
    assert [int(face.image[0, 0, 0]) for face in faces] == [20, 22, 0, 23, 21]  # each with its own frame
    assert {face.image.shape for face in faces} == {(96, 96, 3)}


def test_sample_faces_of_few_frames_and_of_none() -> None:
    few = table_of(np.zeros((2, 2)), size=40)
    assert [face.image.shape for face in sample_faces(few, "me")] == [(40, 40, 3)] * 2
    assert (
        sample_faces(FeatureTable(few.subject, few.role, few.time_s, few.affect, np.zeros((2, 4), np.float32)), "me")
        == []
    )
