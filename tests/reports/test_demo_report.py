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
from pen_mobile.contract.adaptation_report import Verdict
from pen_mobile.contract.manifest import Manifest
from pen_mobile.contract.strategy import Strategy
from pen_mobile.evaluation.person_result import Personalization, PersonResult, Trace
from pen_mobile.metrics import Agreement
from pen_mobile.phone.adaptation.result import AdaptationResult, targets_of
from pen_mobile.reports.demo_report import DemoContext, fewer_labels, write_demo_page
from pen_mobile.reports.sample_faces import SampleFace
from pen_mobile.targets import VALENCE_AROUSAL
from pen_mobile.training.prior.summary import PriorSummary, TargetSummary
from pen_mobile.training.stage_log import EpochLog, StageLog
from pen_mobile.utils import files
from tests.agreements import agreed
from tests.phone.adaptation.reports import made_up_report

BANNER = "no number here may be compared with real recordings"
REFUSAL = "held-out error would go from 0.2100 to 0.3456; the old state stays"
ODD_NAME = "<b>&"
DASH = "\N{EN DASH}"
VOID = {"meta", "link", "br", "img", "hr", "input"}

JUDGED = targets_of(made_up_report(Verdict.ADAPTED, Verdict.WORSE_LEFT_OUT), VALENCE_AROUSAL)
ACCEPTED = AdaptationResult(
    True, "valence got better", 24, JUDGED, 0.3, 0.2, Strategy.GRADIENT, "adam", steps=180, seconds=0.4321
)
REFUSED = AdaptationResult(False, REFUSAL, 23, JUDGED, 0.21, 0.3456, seconds=0.25)


def person(
    name: str, adaptation: AdaptationResult, before: Agreement, after: Agreement, moments: int = 60
) -> PersonResult:
    rng = np.random.default_rng(3)
    affect = np.clip(rng.normal(0, 0.4, (moments, 2)), -1, 1).astype(np.float32)
    estimates = (affect * 0.5 + 0.3, affect + 0.1, np.full_like(affect, 0.2))
    gate = np.array([0.5, 0.3, 0.2], np.float32)
    own_mean = agreed(0.0, 0.0, 0.41, 0.43)
    trace = Trace(np.arange(moments) / 5, affect, *estimates)
    return PersonResult(name, adaptation, before, after, own_mean, gate, gate[::-1], trace, adaptation.labels, True)


def personalization(synthetic: bool = True) -> Personalization:
    kept = agreed(0.25, 0.35, 0.3, 0.4)
    people = [
        person("ann", ACCEPTED, agreed(0.111, 0.333, 0.3, 0.4), agreed(0.6, 0.7, 0.1, 0.2)),
        person(ODD_NAME, REFUSED, kept, kept),
        person("one moment", ACCEPTED, agreed(None, None, 0.2, 0.2), agreed(None, None, 0.3, 0.3), moments=1),
    ]
    pooled = (agreed(0.2, 0.4, 0.35, 0.35), agreed(0.5, 0.6, 0.2, 0.2), agreed(0.1, 0.1, 0.42, 0.42))
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
            "schema_version": 2,
            "recipe": "android-fp32",
            "precision": "fp32",
            "targets": ["valence", "arousal"],
            "label_range": (-1, 1),
            "backbone": None,
            "head": {
                "file": "head.pte",
                "head_parameters": "head-parameters.f32",
                "expert_count": 3,
                "target_count": 2,
                "feature_size": 4,
                "predict": {"method": "predict", "batch": 8},
                "adapt": {"method": "adapt", "labels": 8, "noise_seconds": [5, 5], "margin": 0.02},
                "train": [
                    {
                        "method": "train_adadelta",
                        "optimizer": "adadelta",
                        "state": [{"name": "head_parameters", "shape": (1, 9, 5)}],  # (1, 3 n_s, D_z + 1)
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
            },
            "golden": {
                "file": "golden.safetensors",
                "feature_tolerance": 1e-4,
                "target_tolerance": 1e-4,
                "train_tolerance": 1e-3,
                "report_tolerance": 1e-3,
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
        verification=Verification([Check("affect", 3e-7, 1e-4)], agreed(1.0, 1.0, 0.0, 0.0)),
        bundle_bytes={"head.pte": 45120, "manifest.json": 2048},
        seconds={"source learning": 12.34, "adapting": 1.5},
        stages={"2-shared": StageLog([EpochLog(0.0812)] * 8)},
        command="pen-mobile demo --out '<here>'",
        versions={"python": "3.11.9"},
        seed=5,
        faces={ODD_NAME: [SampleFace((-0.5, 0.25), image)]},
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

    def named(self, name: str) -> list[list[str]]:
        tidy = ([" ".join(cell.split()) for cell in row] for row in self.rows)
        return [cells for cells in tidy if cells[0] == name]

    def row(self, name: str) -> list[str]:
        return self.named(name)[0]

    def last_row(self, name: str) -> list[str]:
        return self.named(name)[-1]


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


def test_decisions_show_errors_on_labels_left_out_and_reasons(page: str) -> None:
    refused = [ODD_NAME, "refused", "23", "8.0", "0.210", "0.346", "0.25", REFUSAL]
    assert Reader(page).last_row(ODD_NAME) == refused
    assert Reader(page).last_row("ann")[1:6] == ["accepted", "24", "8.0", "0.300", "0.200"]
    assert f"The phone kept its head after 23 labels: {REFUSAL}." in page
    assert "rises by no more than the margin of 0.02" in page


def test_table_holds_the_numbers(page: str) -> None:
    """RMSE before, after and of the own mean for valence, then for arousal, then CCC after."""
    reader = Reader(page)
    assert reader.row("ann") == ["ann", "0.300", "0.100", "0.410", "0.400", "0.200", "0.430", "0.600", "0.700"]
    pooled = ["all, pooled", "0.350", "0.200", "0.420", "0.350", "0.200", "0.420", "0.500", "0.600"]
    assert reader.row("all, pooled") == pooled
    assert reader.row("affect") == ["affect", "3.00e\N{MINUS SIGN}07", "1e\N{MINUS SIGN}04", "passed"]
    assert reader.row("head.pte")[1] == "45.1 kB"
    assert reader.row("2-shared") == ["2-shared", "7", "0.0812"]


def test_the_smaller_error_is_bold_only_where_a_difference_shows(tmp_path: Path) -> None:
    """After and own mean differ by .004 in valence, which two digits do not show, and by .1 in arousal."""
    ann = person("ann", ACCEPTED, agreed(0.1, 0.1, 0.5, 0.5), agreed(0.2, 0.2, 0.414, 0.33))
    result = replace(one_person(), people=[ann])
    row = re.search(r'<tr><th scope="row"[^>]*>ann</th>(.*?)</tr>', written(tmp_path, result)).group(1)  # type: ignore[union-attr]
    assert re.findall(r"<strong>([\d.]+)</strong>", row) == ["0.330"]


def test_undefined_ccc_is_explained(page: str) -> None:
    assert Reader(page).row("one moment")[-2:] == [f"{DASH}undefined"] * 2
    assert "None" not in page


def test_constant_estimates_are_called_constant(tmp_path: Path) -> None:
    still = personalization().people[0]
    trace = replace(still.trace, after=np.full_like(still.trace.after, 0.2))
    people = [replace(still, trace=trace, after=agreed(0.0, 0.0, 0.3, 0.3))]
    page = written(tmp_path, replace(personalization(), people=people))
    assert Reader(page).row("ann")[-2:] == ["0.000constant estimates"] * 2


def test_the_gate_map_says_when_no_strategy_changed_it(tmp_path: Path, page: str) -> None:
    assert "leaves the gate as it was shipped" not in page
    ann = personalization().people[0]
    same = replace(
        ann, gate_after=ann.gate_before, adaptation=replace(ACCEPTED, strategy=Strategy.PRIOR, optimizer=None)
    )
    text = " ".join(written(tmp_path, replace(personalization(), people=[same])).split())
    assert "The strategy that adapted (prior) changes the experts and leaves the gate as it was shipped" in text


def test_the_prior_says_how_people_differ(tmp_path: Path, page: str) -> None:
    assert "How people differ" not in page
    found = TargetSummary(0.06, 0.98, 0.0577, 0.309, 0.763, 0.299, 0.43, 6.12)
    prior = PriorSummary(9, True, True, {"valence": found}, "")
    page = written(tmp_path, one_person(), replace(context(), prior=prior))
    row = ["valence", "98% ± 6%", "0.06", "6.12 s", "0.309", "0.763", "0.299"]
    assert row in Reader(page).named("valence")
    assert "learned from 9 source people" in page
    weak = written(tmp_path, one_person(), replace(context(), prior=replace(prior, people=1, learned=False)))
    assert "1 source person is too few to learn from" in weak


def test_fewer_labels_than_asked_for_are_said(tmp_path: Path) -> None:
    result = replace(personalization(), people=[personalization().people[0]])
    assert fewer_labels(result, 24) is None
    sentence = (
        "60 labels of each person were asked for; the first halves of the recordings hold fewer moments, so the phones "
        "had 24 labels."
    )
    assert fewer_labels(result, 60) == sentence
    assert sentence in written(tmp_path, result, replace(context(), labels=60))


def test_contents_and_glossary(page: str) -> None:
    """Every section is in the contents; the glossary holds the terms of the page and no others."""
    titles = re.findall(r"<h2 id=\"([^\"]+)\">", page)
    assert re.findall(r'<li><a href="#([^"]+)">', page) == titles
    assert titles[-1] == "glossary"
    assert "<dt>CCC</dt>" in page
    assert "<dt>margin</dt>" in page
    assert "<dt>t-PEN, t-SN</dt>" not in page


def test_failed_verification_is_named(tmp_path: Path) -> None:
    failed = Verification([Check("gate", 0.5, 1e-4)], agreed(1.0, 1.0, 0.0, 0.0))
    page = written(tmp_path, one_person(), replace(context(), verification=failed))
    assert Reader(page).row("gate")[-1] == "FAILED"
    assert "Not verified:" in page


def test_same_input_same_bytes(tmp_path: Path, page: str) -> None:
    assert written(tmp_path) == page


@pytest.mark.parametrize("name", ["flush", "replacing"])
def test_a_failure_leaves_the_old_page_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    if name == "flush":
        monkeypatch.setattr(files, "flush", fail)  # written, but not safely on disk
    else:
        monkeypatch.setattr(Path, "write_text", lambda *_, **__: fail())  # not even written
    with pytest.raises(OSError, match="no space left"):
        write_demo_page(path, one_person(), context())
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_bytes() == b"old"


def test_a_page_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    broken = replace(context(), faces={"one moment": [SampleFace((0, 0), np.zeros((0, 0, 3), np.uint8))]})
    with pytest.raises((ValueError, cv2.error)):
        write_demo_page(tmp_path / "report.html", one_person(), broken)
    assert list(tmp_path.iterdir()) == []
