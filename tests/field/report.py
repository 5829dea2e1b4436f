"""The tables in docs/field-cases.md: every kind of mistake met in the field, what was tried of it, and the result.

    python -m tests.field.report [--seconds 60]

runs the tests of each kind, counts the carriers they try, fuzzes every kind of file for so many seconds, and writes
the page. It ends with 1 when something failed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "field-cases.md"

KINDS: dict[str, list[str]] = {
    "Arrays that are not what they seem": ["tests/phone/test_array_input.py"],
    "Videos as players show them": ["tests/data/readers/test_video.py", "tests/data/readers/test_nal_units.py"],
    "One bad recording, image or row": ["tests/data/readers/test_left_out.py", "tests/data/test_preparation.py"],
    "Tables as people make them": ["tests/data/columns", "tests/data/test_load.py", "tests/data/test_frames.py"],
    "Images of all sorts": ["tests/data/test_images.py"],
    "Names and places": [
        "tests/field/test_field_places.py",
        "tests/contract/test_bundle_folder.py::test_a_link_is_not_a_file",
    ],
    "The user's surroundings": ["tests/reports/test_mpl.py", "tests/cli/test_ending.py"],
    "Learning that goes wrong": [
        "tests/models/test_pretrained.py",
        "tests/training/test_fit.py::test_a_stage_that_diverges_says_where_and_what_to_lower",
        "tests/training/test_fit.py::test_data_that_are_not_finite_or_too_large_are_said_before_the_first_step",
    ],
    "Times of labels": [
        "tests/phone/test_array_input.py::test_times_of_all_kinds_are_seconds",
        "tests/phone/test_array_input.py::test_seconds_of_a_recording_become_unix_time_with_one_start",
        "tests/phone/test_array_input.py::test_times_that_mean_nothing_are_refused",
        "tests/phone/test_phone.py::test_the_times_of_images_are_kept",
        "tests/phone/test_phone.py::test_labels_that_retention_would_delete_are_refused",
    ],
    "Estimates outside the range": [
        "tests/contract/test_caution.py",
        "tests/phone/test_phone.py::test_estimates_outside_the_range_become_its_nearer_end",
    ],
    "Paths in runs": ["tests/utils/test_places.py"],
}
"""Test files, or single tests of them, by kind of mistake."""
FUZZED = ("images", "tables", "arff", "json", "videos")


@dataclass
class Tried:
    """One test: how many carriers it tried, and how many went well.

    Attributes:
        carriers: number of parametrized cases.
        passed: those that passed.
        skipped: those that this machine cannot run.
    """

    carriers: int = 0
    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)


def run(tests: list[str]) -> dict[str, Tried]:
    """Run test files and return what each test function tried."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n0", f"--junitxml={file}", *tests]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        cases = list(ElementTree.parse(file).getroot().iter("testcase"))
    found: dict[str, Tried] = {}
    for case in cases:
        name = case.get("name", "").partition("[")[0]
        tried = found.setdefault(name.removeprefix("test_").replace("_", " "), Tried())
        tried.carriers += 1
        outcomes = {child.tag for child in case}
        tried.skipped += "skipped" in outcomes
        tried.passed += not outcomes & {"skipped", "failure", "error"}
        if outcomes & {"failure", "error"}:
            tried.failures.append(case.get("name", ""))
    return found


def fuzz(kind: str, seconds: float) -> Counter[str]:
    """Fuzz one kind of file; a failure is counted as one."""
    command = [sys.executable, "-m", "tests.field.fuzz", kind, "--seconds", str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return Counter(failed=1)
    counts = json.loads(done.stdout.splitlines()[-1])
    return Counter({name: counts[name] for name in ("read", "refused") if name in counts})


def page(results: dict[str, dict[str, Tried]], fuzzed: dict[str, Counter[str]], seconds: float) -> str:
    """Return the page as Markdown."""
    lines = [
        "# What the field found",
        "",
        "Written by `python -m tests.field.report`. Each kind of mistake was met in bug reports and files of people",
        "who do this work. A *carrier* is one form of it: one file, array, name or setting that a test makes; a test",
        "of any array or table draws a hundred more at random and counts as one.",
        "",
        "| kind | tests | carriers | went well | skipped |",
        "|---|---|---|---|---|",
    ]
    for kind, tests in results.items():
        total = [sum(getattr(one, name) for one in tests.values()) for name in ("carriers", "passed", "skipped")]
        lines.append(f"| [{kind}](#{anchor(kind)}) | {len(tests)} | {' | '.join(map(str, total))} |")
    lines += [
        "",
        "## Damaged files",
        "",
        f"Bytes of small good files changed at random, for {seconds:g} s each: every file is read or refused in one",
        "line, none takes longer than 10 s, and memory stays below 2 GB (`tests/field/fuzz.py`).",
    ]
    lines += ["", "| files | read | refused in one line | failed |", "|---|---|---|---|"]
    lines += [f"| {kind} | {one['read']:,} | {one['refused']:,} | {one['failed']} |" for kind, one in fuzzed.items()]
    for kind, tests in results.items():
        lines += ["", f"## {kind}", "", "| what is tested | carriers | went well |", "|---|---|---|"]
        lines += [f"| {name} | {one.carriers} | {one.passed + one.skipped} |" for name, one in sorted(tests.items())]
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return "\n".join([*lines, "", f"{datetime.date.today()}, {machine}.", ""])


def anchor(title: str) -> str:
    return title.lower().replace(" ", "-").replace(",", "").replace("'", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="Time of fuzzing for each kind of file.")
    options = parser.parse_args()
    results = {kind: run(tests) for kind, tests in KINDS.items()}
    fuzzed = {kind: fuzz(kind, options.seconds) for kind in FUZZED}
    PAGE.write_text(page(results, fuzzed, options.seconds), encoding="utf-8")
    failures = [name for tests in results.values() for one in tests.values() for name in one.failures]
    print("\n".join(failures) or "everything went well")
    sys.exit(bool(failures or any(one["failed"] for one in fuzzed.values())))


if __name__ == "__main__":
    main()
