"""The Kotlin core's own tests, run by JUnit; and its enums, which must be those of the contract."""

from __future__ import annotations

import re
import subprocess

from pen_mobile.contract.adaptation_report import ReportRow, Verdict
from tests.android.kotlin import CORE, compiled, java_command, needs_kotlin

needs_kotlin()


def test_junit() -> None:
    folder = compiled()
    command = [*java_command(folder), "org.junit.platform.console.ConsoleLauncher", "--disable-banner"]
    command += ["--details=summary", "--scan-classpath", str(folder / "classes")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    found = re.search(r"(\d+) tests successful", done.stdout)
    assert found is not None
    assert int(found[1]) >= 20


def test_rows_and_verdicts_are_those_of_the_contract() -> None:
    """A row or a verdict has the same number in both; rows that the phone does not read may follow."""
    text = (CORE / "main" / "kotlin" / "penmobile" / "session" / "Report.kt").read_text(encoding="utf-8")
    rows, verdicts = (re.findall(r"^    ([A-Z_]+),$", part, re.M) for part in text.split("enum class")[1:3])
    assert rows == [row.name for row in ReportRow][: len(rows)]
    assert verdicts == [verdict.name for verdict in Verdict]
