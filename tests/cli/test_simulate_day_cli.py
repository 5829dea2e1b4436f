"""``pen-mobile simulate-day`` from end to end: a folder with everything, or one line and nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pen_mobile.cli.main import cli
from pen_mobile.errors import BadInput
from pen_mobile.simulation.schedule import pace_of
from pen_mobile.utils.memory_limit import can_limit_memory
from pen_mobile.utils.resources import contract_folder

DATA = "synthetic:sources=1,targets=1,seconds=40,fps=2,seed=1"


def arguments(bundle: Path, out: Path, *more: object) -> list[str]:
    return ["simulate-day", *map(str, (bundle, "--data", DATA, "--subject", "target-01", "--out", out, *more))]


def refused(*command: str) -> str:
    error = CliRunner().invoke(cli, command).exception
    assert isinstance(error, BadInput), error
    assert "\n" not in str(error)
    return str(error)


@pytest.mark.slow
def test_a_day_from_end_to_end(bundle_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "day"
    command = arguments(bundle_folder, out, "--profile", "desktop", "--seeds", 2, "--ask", "k-centre", "--smooth")
    done = CliRunner().invoke(cli, [*command, "--json", "-q"])
    assert done.exception is None, done.exception
    document = json.loads(done.stdout)
    assert sorted(file.name for file in out.iterdir()) == ["day.html", "day.json", "day.png"]
    kept = json.loads((out / "day.json").read_text())
    assert len(kept["curves"]["time_s"]) == len(kept["curves"]["this phone"]["so far"]["ccc_valence"])
    assert document["quality"] == kept["quality"]
    assert list(kept["quality"]) == ["never adapting", "this phone", "everything, no limits", "own mean so far"]
    assert kept["pace"]["text"].startswith("80 moments in 40 s, stretched 1458 times to 16 h, 07:00 to 23:00")  # 39.5 s
    assert [day["seed"] for day in kept["days"]] == [0, 1]
    assert all(day["attempts"] for day in kept["days"])
    assert kept["estimated"]["frame_seconds"] > 0
    assert "estimated" in kept["estimated"]["note"]
    assert kept["data"]["digest"]
    assert kept["versions"]["executorch"]
    page = (out / "day.html").read_text()
    assert "synthetic person" in page
    assert "<svg" in page
    assert "exists already" in refused(*command)


@pytest.mark.slow
@pytest.mark.skipif(not can_limit_memory(), reason="only Linux caps memory")
def test_a_phone_with_too_little_memory_is_one_line(bundle_folder: Path, tmp_path: Path) -> None:
    """The backbone alone is 45 MB."""
    profile = tmp_path / "small.toml"
    text = (contract_folder() / "profiles" / "phone-2018.toml").read_text()
    profile.write_text(text.replace("memory_mb = 192", "memory_mb = 12").replace('"phone-2018"', '"small"'))
    said = refused(*arguments(bundle_folder, tmp_path / "day", "--profile", profile, "-q"))
    assert said.startswith("small: out of memory: the bundle's programs, the store and training need more than")
    assert not (tmp_path / "day").exists()


@pytest.mark.slow
def test_somebody_unknown(bundle_folder: Path, tmp_path: Path) -> None:
    command = arguments(bundle_folder, tmp_path / "day", "-q")
    command[command.index("target-01")] = "nobody"
    assert "no subject 'nobody'" in refused(*command)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--profile", "phone-1999", "no profile 'phone-1999'"),
        ("--ask", "everything", "unknown query strategy 'everything'"),
        ("--start", "25:00", "is not a time of the day"),
    ],
)
def test_a_wrong_option_is_refused_at_once(tmp_path: Path, option: str, value: str, problem: str) -> None:
    assert problem in refused(*arguments(tmp_path, tmp_path / "day", option, value))


@pytest.mark.slow
def test_interrupting_leaves_nothing(bundle_folder: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "pen_mobile", *arguments(bundle_folder, tmp_path / "day", "--seeds", 200)]
    process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(temporary.rglob("*.sqlite")) and time.monotonic() < deadline:  # until the phone is at work
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    try:
        assert process.wait(60) == 130, process.communicate()[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert not (tmp_path / "day").exists()
    assert [path.name for path in temporary.iterdir() if path.name.startswith(".pen-mobile")] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hours", "nan"), "--hours is nan"),
        (("--hours", "inf"), "--hours is inf"),
        (("--budget", "nan"), "--budget is nan"),
    ],
)
def test_numbers_that_make_no_day_are_named(
    bundle_folder: Path, tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    assert message in refused(*arguments(bundle_folder, tmp_path / "day", *options))
    assert not (tmp_path / "day").exists()


def test_a_recording_without_length_makes_no_day() -> None:
    with pytest.raises(BadInput, match="moments at two times"):
        pace_of(np.zeros(5), "07:00", 16)
