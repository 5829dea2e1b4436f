"""What README and docs do with the demo's run and bundle."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.readme import (
    README,
    REPOSITORY,
    assert_git_ignores_all,
    blocks_of,
    run_block,
    run_document,
    run_script,
)

pytestmark = pytest.mark.slow
DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as anyone runs it."""
    folder = tmp_path_factory.mktemp("demo")
    run_script("pen-mobile demo --out demo", folder)
    return folder / "demo"


@pytest.fixture
def folder(demo: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with the demo in it and nothing else; what commands leave there must not end in a commit."""
    (tmp_path / "demo").symlink_to(demo)
    yield tmp_path
    assert_git_ignores_all(tmp_path)


def test_the_demo_leaves_a_report(demo: Path) -> None:
    assert (demo / "report.html").stat().st_size > 100_000
    assert json.loads((demo / "results.json").read_text())["verification"]["passed"]


def test_the_tour_of_a_person_and_a_store(folder: Path) -> None:
    """The guard accepts as in the demo's own report; everything can be taken back, exported and deleted."""
    assert "intact and equal to its own golden vectors" in run_block("after the demo", folder)
    output = run_block("a person", folder)
    assert "on labels left out, valence got better" in output
    assert '"valence"' in output
    assert "the bundle's initial head is in use again" in output
    assert "60 samples" in run_block("the store", folder)
    assert (folder / "mine.zip").exists()


def test_the_tour_of_a_day(folder: Path) -> None:
    run_block("a day", folder)
    assert (folder / "day" / "day.png").stat().st_size > 10_000


def test_the_tour_of_features_and_the_protocol(folder: Path) -> None:
    run_block("features", folder)
    output = run_block("the protocol", folder)
    assert "features.npz: 1,800 rows" in output
    assert "Table 1: one head adapted to each person, as on a phone" in output
    assert re.search(r"40 each +s-PEN", output)  # everybody can give 40 of 60 labels
    assert (folder / "people.html").stat().st_size > 10_000
    assert (folder / "evaluation" / "report.html").stat().st_size > 100_000


@pytest.fixture(scope="module")
def signed(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo and what the README's signed export leaves; signed programs come from no cache."""
    folder = tmp_path_factory.mktemp("signed")
    (folder / "demo").symlink_to(demo)
    assert "made with the key that was given" in run_block("a signed bundle", folder)
    assert_git_ignores_all(folder)
    return folder


@pytest.mark.parametrize("page", ["how-to/sign-a-bundle.md", "tutorials/bundle-into-app.md"])
def test_pages_that_go_on_with_the_tour_of_a_signed_bundle(page: str, signed: Path) -> None:
    assert run_document(DOCS / page, signed, after="a signed bundle")


def test_the_first_lines_of_python(folder: Path) -> None:
    """The README's first block of Python, with pictures, labels and times of somebody."""
    block = README.split("```python\n")[1].split("```")[0]
    given = (
        "import time, numpy as np, pen_mobile\nfrom skimage import data, io\nio.imsave('photo.png', data.astronaut())\n"
        "images, labels, times = ['photo.png'] * 3, np.zeros((3, 2)), time.time() - np.arange(3) * 600\n"
    )
    (folder / "block.py").write_text(
        given + block + "print(affect.valence, affect.arousal, affect.gate, result.accepted)\n"
    )
    assert run_script("python block.py", folder).split()[-1] == "True"  # three labels that say nothing unusual


@pytest.mark.parametrize(
    "page",
    [
        "quick-start.md",
        "how-to/encrypt-a-store.md",
        "how-to/notebooks.md",
        "reference/exit-codes.md",
    ],
)
def test_pages_that_use_the_demo(page: str, folder: Path) -> None:
    assert run_document(DOCS / page, folder)


def test_every_tested_block_of_the_readme_is_named_here() -> None:
    tested = set(
        (Path(__file__).read_text() + (Path(__file__).parent / "test_documents_recipes.py").read_text()).split('"')
    )
    assert {block.name for block in blocks_of(README)} <= tested
