"""The protocol's page: the numbers it was given, the best marked, and no section without content."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from pen_mobile.metrics import Agreement
from pen_mobile.paper.comparison import ComparisonRow
from pen_mobile.paper.person_scores import by_size, person_scores, representative
from pen_mobile.paper.predictions import Predictions, estimate_key
from pen_mobile.paper.protocol_plan import ProtocolPlan
from pen_mobile.paper.protocol_report import write_report
from pen_mobile.paper.protocol_result import (
    Cell,
    DataRecord,
    Evaluation,
    ProtocolResult,
    SourceEvaluation,
)
from pen_mobile.paper.protocol_summary import summarize
from pen_mobile.paper.trace_figure import TracePanel, person_trace_figure
from tests.agreements import agreed

BANNER = "no number here may be compared with real recordings"
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
ODD_NAME = "<b>&"
VOID = {"meta", "link", "br", "img"}
PREDICTIONS = "predictions/first.npz"
HEADINGS = {
    "tables": "Table 1: adapting with n % of the labels",
    "checks": "Statements of the paper",
    "curves": "Learning curves",
    "joint": "Labels of source and target people",
    "people": "Person by person",
    "gates": "Weights of the experts",
    "traces": "Moment by moment",
    "strategies": "Strategies of adaptation",
    "others": "Table 2: other methods",
    "left_out": "People left out",
}


class Page(HTMLParser):
    """Rows of all tables, which of their cells are bold, headings, ids and what the page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.best: list[list[bool]] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.best.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.best[-1].append(False)
        elif tag == "strong" and {"td", "th"} & set(self.open):
            self.best[-1][-1] = True
        elif tag == "h2":
            self.headings.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        names = ("src", "srcset", "xlink:href") if tag == "a" else ("src", "srcset", "xlink:href", "href")
        self.loaded += [values[name] or "" for name in names if name in values]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data

    def row(self, name: str, place: int = 0) -> tuple[list[str], list[bool]]:
        """Return the texts of a row and which are bold; ``place`` counts the rows of that name."""
        found = [(row[1:], best[1:]) for row, best in zip(self.rows, self.best, strict=True) if row and row[0] == name]
        return found[place]


def outcome(model, share, ccc, rmse=0.1, people=("eve", "finn"), **more):
    values = ccc if isinstance(ccc, Agreement) else agreed(ccc, ccc, rmse, rmse)
    return Evaluation(
        model,
        share,
        more.pop("count", None),
        more.pop("labels", 20),
        more.pop("fewest", 20),
        5,
        0.25,
        values,
        dict.fromkeys(people, values),
        **more,
    )


def model_cell(seed=0, shift=0.0, people=("eve", "finn"), **more):
    """Return a cell where s-PEN is ahead of s-SN by 0.1 with 5 % and behind by 0.05 with 50 %."""
    evaluations = [
        outcome("s-SN", 0.0, 0.3 + shift, 0.30, people, labels=0),
        outcome("s-PEN", 0.0, None, 0.31, people, labels=0),
        *(
            outcome(model, share, ccc + shift, rmse, people)
            for share, numbers in {
                0.05: {"s-SN": (0.5, 0.2), "s-PEN": (0.6, 0.18), "t-SN": (0.4, 0.25), "own-mean": (0.1, 0.15)},
                0.5: {"s-SN": (0.75, 0.1), "s-PEN": (0.7, 0.1), "t-SN": (0.5, 0.2), "own-mean": (0.1, 0.15)},
            }.items()
            for model, (ccc, rmse) in numbers.items()
        ),
    ]
    cell = Cell(seed, "random", "pooled", "models", evaluations, **more)
    gates = {name: [0.75, 0.25] for name in people}
    return replace(cell, gate_before=gates, gate_after={name: [0.5, 0.5] for name in people})


def strategy_cell():
    def both(strategy, count, person, pooled, rmse, seconds, labels):
        values = agreed(pooled, pooled, rmse, rmse)
        one = outcome("s-PEN", None, values, strategy=strategy, count=count, labels=labels)
        return replace(one, seconds=seconds, people={"eve": agreed(person, person, 0.1, 0.1)})

    evaluations = [
        replace(outcome("s-PEN", 0.0, 0.55, 0.16, ("eve",), strategy="none", labels=0), seconds=0.0),
        both("gradient", 5, 0.4, 0.6, 0.20, 0.25, 5),
        both("ridge", 5, 0.5, 0.5, 0.17, 0.001, 5),
        outcome("own-mean", None, 0.0, 0.18, ("eve",), count=5, labels=5),
        both("gradient", 20, 0.7, 0.8, 0.10, 0.5, 20),
        both("ridge", 20, 0.6, 0.7, 0.12, 0.002, 20),
        outcome("own-mean", None, 0.0, 0.17, ("eve",), count=20, labels=20),
    ]
    return Cell(0, "random", "person", "strategies", evaluations)


def result(*cells, synthetic=True, shares=(0.0, 0.05, 0.5), seeds=(0,), people=("eve", "finn"), **more):
    plan = ProtocolPlan(seeds=seeds, shares=shares)
    target = dict.fromkeys(people, 40)
    data = DataRecord("z.npz", "abc123", synthetic, 1280, 16, {"ann": 600, "bob": 600}, target, "resnet18 f00d")
    gate = {"ann": [0.9, 0.1], "bob": [0.2, 0.8]}
    versions = {"python": "3.11.7", "pen-mobile": "0.1.0"}
    sources = [SourceEvaluation(seed, {}, gate, {}, 1.5) for seed in seeds]
    return ProtocolResult(plan, data, sources, list(cells), "pen-mobile protocol z.npz", versions, **more)


def predictions(people=("eve", "finn"), moments=40):
    time_s = np.arange(moments) * 0.2
    time_s[moments // 2 :] += 60  # a gap
    affect = np.stack([np.sin(time_s), np.cos(time_s)], axis=1).astype(np.float32)
    both = np.concatenate([affect] * len(people))
    keys = [estimate_key(model, share) for model in ("s-SN", "s-PEN") for share in (0.0, 0.5)]
    estimates = {key: both * np.float32(0.5) for key in keys}
    return Predictions(np.repeat(list(people), moments), np.tile(time_s, len(people)), both, estimates)


def written(folder: Path, given: ProtocolResult, **more) -> str:
    path = write_report(given, summarize(given), folder, **more)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def full(folder: Path) -> str:
    predictions(("eve", ODD_NAME)).save(folder / PREDICTIONS)
    people = ("eve", ODD_NAME)
    cell = model_cell(people=people, predictions=PREDICTIONS, left_out={"tom": "tom has 3 rows"})
    affect = {"source": np.zeros((3, 2), np.float32), "target": np.full((2, 2), 0.5, np.float32)}
    gru = ComparisonRow("GRU", "source people", agreed(0.41, 0.31, 0.2, 0.2), 12.5)
    return written(folder, result(cell, strategy_cell(), people=people), affect=affect, comparisons=[gru])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocol")
    full(folder)
    return folder


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_every_section_is_there(page):
    assert set(HEADINGS.values()) <= set(page.headings)


def test_page_loads_nothing_and_ids_are_unique(page, text):
    assert all(reference.startswith(("#", "data:")) for reference in page.loaded)
    assert len(page.ids) == len(set(page.ids))
    wanted = {reference[1:] for reference in page.loaded if reference.startswith("#")}
    assert wanted | set(re.findall(r"url\(#([^)]+)\)", text)) <= set(page.ids)
    assert "<script" not in text


def test_names_are_escaped(text):
    assert ODD_NAME not in text
    assert "&lt;b&gt;&amp;" in text


def test_nothing_undefined_is_written(text):
    visible = unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL))
    limits = ["undefined", "undefined"]  # among the limits and in the glossary
    assert re.findall(r"\b(?:nan|inf|undefined)\b", visible, re.IGNORECASE) == limits


def test_table_1_holds_the_numbers(page):
    """Valence comes first; s-PEN has no CCC unadapted. RMSE of valence is the third block."""
    assert page.row("s-SN")[0] == ["0.300", "0.500", "0.750"]
    assert page.row("s-PEN")[0] == [DASH, "0.600", "0.700"]
    assert page.row("t-PEN")[0] == [DASH, DASH, DASH]
    assert page.row("own mean")[0] == [DASH, "0.100", "0.100"]
    assert page.row("s-PEN", 2)[0] == ["0.310", "0.180", "0.100"]
    assert page.row("own mean", 2)[0] == [DASH, "0.150", "0.150"]


def test_with_one_seed_nothing_is_bold(page, text):
    assert not any(any(page.row(name)[1]) for name in ("s-SN", "s-PEN", "own mean"))
    assert "One seed: nothing says how much chance there is in a number" in " ".join(text.split())


@pytest.mark.slow
def test_bold_is_what_leads_by_more_than_the_deviation(tmp_path):
    """CCC is .5 and .52 of s-SN against .6 and .62 of s-PEN: .1 ahead, deviation .014; with 50 %, .05 the other way.

    Shifted by .2 instead of .02 the deviation is .141, and nothing leads. RMSE has no deviation: with 5 % the own mean
    is ahead of every model.
    """
    near = Page(written(tmp_path / "near", result(model_cell(0), model_cell(1, 0.02), seeds=(0, 1))))
    assert near.row("s-PEN")[1] == [False, True, False]
    assert near.row("s-SN")[1] == [False, False, True]
    assert near.row("own mean", 2)[1] == [False, True, False]
    assert near.row("s-PEN", 2)[1] == [False, True, False]
    far = Page(written(tmp_path / "far", result(model_cell(0), model_cell(1, 0.2), seeds=(0, 1))))
    assert not any(far.row("s-PEN")[1] + far.row("s-SN")[1])


def test_several_seeds_show_mean_and_deviation(tmp_path):
    # CCC of s-SN with 5 % is 0.5 and 0.7: mean 0.6, deviation sqrt(0.1^2 + 0.1^2) = 0.1414
    page = Page(written(tmp_path, result(model_cell(0), model_cell(1, 0.2), seeds=(0, 1))))
    assert page.row("s-SN")[0][1] == "0.600 ± 0.141"


def test_paired_differences_have_intervals(page):
    # s-PEN - s-SN: 0.6 - 0.5 = 0.1 with 5 %, 0.7 - 0.75 = -0.05 with 50 %, the same for both people: no width
    texts, best = page.row("mean of people")
    assert texts == [DASH, "+0.100+0.100 to +0.100", f"{MINUS}0.050{MINUS}0.050 to {MINUS}0.050"]
    assert best == [False, True, True]
    assert page.row("pooled rows")[0] == [DASH, "+0.100", f"{MINUS}0.050"]


def test_checks_say_what_holds(page):
    titles = [row[0] for row in page.rows]
    place = titles.index("s-PEN is ahead of s-SN from 10 % of the labels on (CCC) [Table 1]")
    assert page.rows[place + 1] == ["pooled, random", "does not hold", "difference at 50 %: -0.050"]
    place = titles.index("s-SN is ahead of t-SN with every amount of labels (CCC) [Table 1]")
    assert page.rows[place + 1][1] == "holds"
    place = next(at for at, title in enumerate(titles) if title.startswith("source people: the gate"))
    assert page.rows[place + 1][:2] == ["source learning", "holds"]


def test_strategies_have_a_row_each(page):
    assert page.row("gradient", 2)[0] == ["0.400", "0.600", "0.200", "250.0"]
    assert page.row("ridge (server only)", 2)[0] == ["0.500", "0.500", "0.170", "1.0"]
    assert page.row("not adapted")[0] == ["0.550", "0.550", "0.160", DASH]
    assert page.row("own mean", 6)[0] == ["0.000", "0.000", "0.180", DASH]
    assert page.row("gradient", 3)[0][:2] == ["0.700", "0.800"]  # 20 labels come after 5


def test_published_and_measured_stand_apart(page, text):
    # mean of 0.41 and 0.31 is 0.36
    assert page.row("GRU")[0] == ["source people", "0.410", "0.310", "0.360", "0.200", "12.5"]
    assert page.row("s-PEN, 5 %")[0][1:5] == ["0.600", "0.600", "0.600", "0.180"]
    assert page.row("End2You")[0][:3] == ["0.58", "0.41", "0.50"]  # as the paper prints it
    measured, published = text.index("Measured here, on this data"), text.index("Published, RECOLA, real people")
    assert measured < published < text.index("End2You")
    assert "Not comparable with anything on this page" in text


def test_how_to_repeat(text):
    for word in ("pen-mobile protocol z.npz", "abc123", "resnet18 f00d", "3.11.7", "1,280", "tom has 3 rows"):
        assert word in text


@pytest.mark.parametrize("synthetic", [True, False])
def test_banner_if_and_only_if_synthetic(tmp_path, synthetic):
    text = written(tmp_path, result(model_cell(), synthetic=synthetic, shares=(0.05,)))
    assert (BANNER in text) == synthetic


def test_figures_decode_and_show_something(folder):
    files = sorted((folder / "figures").iterdir())
    names = {file.stem for file in files}
    assert {
        "joint-labels",
        "joint-estimates",
        "people-random-pooled",
        "gate-random-pooled",
        "trace-1",
        "strategies-random",
    } <= names
    assert {f"learning-curves-{kind}-random" for kind in ("ccc-pooled", "ccc-person", "rmse-pooled")} <= names
    assert {file.suffix for file in files} == {".png", ".svg"}
    for file in files:
        if file.suffix == ".png":
            image = cv2.imread(str(file))
            assert min(image.shape[:2]) > 300
            assert np.all(image[0, 0] == 255)  # on white, whatever the theme of who looks
            assert len(np.unique(image.astype(np.int64) @ [1, 256, 65536])) > 20  # colours
        else:
            assert ElementTree.parse(file).getroot().tag.endswith("svg")


def test_figures_are_in_the_page(text):
    pictures = re.findall(r"<svg .*?</svg>", text, flags=re.DOTALL)
    assert (
        len(pictures) == 3 + 1 + 1 + 1 + 1 + 2 + 1
    )  # curves, labels, estimates, people, gates, traces of two, strategies
    for picture in pictures:
        drawn = ElementTree.fromstring(picture.replace("xlink:href", "href"))
        assert sum(1 for _ in drawn.iter("path")) > 5
    assert "var(--after, #0b6fb8)" in text  # colours follow the page into the dark


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "there"),
    [
        (lambda: result(), {"checks", "others"}),
        (lambda: result(strategy_cell()), {"checks", "others", "strategies"}),
        (
            lambda: result(model_cell(predictions=PREDICTIONS)),  # whose file is gone
            {"tables", "checks", "curves", "people", "gates", "others"},
        ),
        (
            lambda: result(replace(model_cell(), gate_before={}, gate_after={}), shares=(0.5,)),
            {"tables", "checks", "people", "others"},
        ),
    ],
    ids=["nothing", "strategies", "models", "one share"],
)
def test_what_is_not_there_has_no_section(tmp_path, given, there):
    page = Page(written(tmp_path, given()))
    assert {name for name, heading in HEADINGS.items() if heading in page.headings} == there


def test_undefined_people_do_not_break_the_page(tmp_path):
    nobody = agreed(None, None, 0.1, 0.1)
    half = agreed(0.5, None, 0.1, 0.1)
    evaluations = [outcome(model, 0.5, nobody) for model in ("s-SN", "s-PEN")]
    for one in evaluations:
        one.people["finn"] = half
    text = written(tmp_path, result(Cell(0, "random", "pooled", "models", evaluations), shares=(0.0, 0.5)))
    assert Page(text).row("s-SN")[0] == [DASH, DASH]
    assert "nan" not in re.sub(r"<[^>]+>", " ", text).lower()


@pytest.mark.slow
def test_sixty_people_fit(tmp_path):
    people = tuple(f"person-with-a-long-name-{place}" for place in range(60))
    predictions(people).save(tmp_path / PREDICTIONS)
    text = written(tmp_path, result(model_cell(people=people, predictions=PREDICTIONS), people=people))
    heights = [float(height) for height in re.findall(r'viewBox="0 0 \d+ (\d+)"', text)]
    assert max(heights) < 1300
    assert len(list((tmp_path / "figures").glob("trace-*.png"))) == 3
    assert len(text) < 3_000_000


def test_people_are_sorted_by_who_gains_most_from_experts():
    def scored(name, sn, pen):
        return [
            replace(outcome(model, share, ccc), people={name: agreed(ccc, ccc, 0.1, 0.1)})
            for model, ccc in (("s-SN", sn), ("s-PEN", pen))
            for share in (0.0, 0.05)
        ]

    evaluations = [*scored("a", 0.5, 0.4), *scored("b", 0.5, 0.8), *scored("c", 0.5, 0.6), *scored("d", None, 0.6)]
    scores = person_scores([Cell(0, "random", "pooled", "models", evaluations)])
    assert [score.name for score in scores] == ["b", "c", "a"]  # +0.3, +0.1, -0.1; d has no difference
    assert [score.difference for score in scores] == pytest.approx([0.3, 0.1, -0.1])
    assert [score.name for score in by_size(scores)] == ["b", "c", "a"]  # Fig. 3 sorts by the absolute difference
    more = [*scored("a", 0.5, 0.3), *scored("b", 0.5, 0.6)]
    assert [one.name for one in by_size(person_scores([Cell(0, "random", "pooled", "models", more)]))] == ["a", "b"]
    many = [replace(scores[0], name=str(place)) for place in range(9)]
    assert [score.name for score in representative(many)] == ["0", "4", "8"]


def test_scores_leave_out_the_unadapted_model():
    evaluations = [outcome("s-SN", 0.0, 0.1), *(outcome("s-SN", share, 0.1 + share) for share in (0.1, 0.5))]
    evaluations += [outcome("s-PEN", 0.1, 0.5)]
    score = person_scores([Cell(0, "random", "pooled", "models", evaluations)])[0]
    assert score.ccc["s-SN"] == pytest.approx((0.4, 0.4))  # (0.2 + 0.6) / 2


def test_a_trace_is_broken_at_gaps():
    figure = person_trace_figure(predictions(moments=40), "eve", [TracePanel("adapted", {"s-PEN": "s-PEN@0.5"})])
    label = figure.axes[0].lines[0]
    shown = np.asarray(label.get_ydata())
    assert np.flatnonzero(np.isnan(shown)).tolist() == [20, 41]  # after the first half, and at the end
    assert np.sum(np.isfinite(shown)) == 40


@pytest.mark.slow
def test_same_input_same_page(tmp_path):
    given = result(model_cell(), shares=(0.05, 0.5))
    assert written(tmp_path / "one", given) == written(tmp_path / "two", given)
