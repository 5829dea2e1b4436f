"""The command line as a user meets it: a real process, its two streams and its exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data

from pen_mobile.cli.main import cli

PROGRAM = Path(sys.executable).parent / "pen-mobile"


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )


def refused(*arguments: object) -> str:
    """Run in this process (fast), insist on bad input, and return the message."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exception is not None, result.output
    code = getattr(result.exception, "exit_code", result.exit_code)
    assert code == 2, result.exception
    message = str(result.exception)
    assert "\n" not in message
    return message


def test_verify_json_and_one_flipped_byte(bundle_folder: Path, tmp_path: Path) -> None:
    """Whole: JSON alone on standard output, nothing on standard error. Flipped: exit 2, one document and one line."""
    copy = tmp_path / "bundle"
    shutil.copytree(bundle_folder, copy)
    done = run("verify", copy, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["passed"]
    assert {check["name"] for check in document["checks"]} >= {"features", "targets", "adadelta: head parameters"}
    assert all(0 <= check["largest_error"] <= check["tolerance"] for check in document["checks"])
    content = bytearray((copy / "backbone.pte").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "backbone.pte").write_bytes(content)
    done = run("verify", copy, "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("bad input", 2)
    assert done.stderr == f"error: {error['message']}\n"
    assert "backbone.pte was changed" in error["message"]


@pytest.mark.slow
def test_predict_and_adapt_print_what_they_did(bundle_folder: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
    done = run("predict", bundle_folder, photo)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("valence", "arousal", "backbone ms", "gate weights"):
        assert word in done.stdout
    store = tmp_path / "me.sqlite"
    spec = "synthetic:sources=3,targets=2,seconds=80,fps=2,seed=1"
    done = run("adapt", bundle_folder, "--data", spec, "--subject", "target-01", "--store", store, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == (0 if document["adaptation"]["accepted"] else 3), done.stderr
    assert document["synthetic"]
    assert document["adaptation"]["labels"] == 60
    assert set(document["before"]) == {"ccc_valence", "ccc_arousal", "rmse_valence", "rmse_arousal"}
    assert store.exists()


@pytest.mark.slow
def test_train_then_the_same_command_again(tmp_path: Path) -> None:
    """A run on features; the second call finds it complete; other settings are refused."""
    rng = np.random.default_rng(0)
    subject = np.repeat(["a", "b", "c"], 30)
    table = tmp_path / "features.npz"
    y = rng.uniform(-1, 1, (90, 2)).astype(np.float32)
    np.savez(table, z=rng.standard_normal((90, 8), np.float32), y=y, subject=subject, role=np.full(90, "source"))
    first = run("train", table, "--out", tmp_path / "run", "--max-steps", 5, "--json")
    assert first.returncode == 0, first.stderr
    record = (tmp_path / "run" / "run.json").read_text()
    arguments = ["train", str(table), "--out", str(tmp_path / "run"), "--max-steps"]
    again = CliRunner().invoke(cli, [*arguments, "5", "--json"])
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert (tmp_path / "run" / "run.json").read_text() == record
    assert "max_steps 5 there, 6 here" in refused(*arguments, 6)


@pytest.mark.slow
def test_quiet_is_silent(bundle_folder: Path) -> None:
    done = run("verify", bundle_folder, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_debug_shows_what_libraries_say(bundle_folder: Path) -> None:
    done = run("--debug", "verify", bundle_folder, "--json")
    assert json.loads(done.stdout)["passed"]
    assert done.stderr


def test_usage_errors_exit_2() -> None:
    done = run("verify")
    assert done.returncode == 2
    assert "Missing argument 'BUNDLE'" in done.stderr


@pytest.mark.slow
def test_interrupting_ends_with_130_and_leaves_a_run_to_resume(tmp_path: Path) -> None:
    """Ctrl-C (SIGINT) while learning; the same command then finishes."""
    import signal
    import time

    # Many epochs of a small network: seconds of work that reach the disk epoch by epoch.
    config = tmp_path / "c.toml"
    config.write_text("head_epochs = 120\njoint_epochs = 3\n")
    rng = np.random.default_rng(0)
    table = tmp_path / "f.npz"
    y = rng.uniform(-1, 1, (600, 2)).astype(np.float32)
    names = np.repeat(["a", "b"], 300)
    np.savez(table, z=rng.standard_normal((600, 8), np.float32), y=y, subject=names, role=np.full(600, "source"))
    command = [str(PROGRAM), "train", str(table), "--config", str(config), "--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started = tmp_path / "run" / "2-shared.safetensors"
    deadline = time.monotonic() + 120
    while not started.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    done = run(*command[1:], "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stages"]["2-shared"]["finished"]


def test_what_the_system_refuses_is_one_line_too() -> None:
    """A name longer than any file system takes: nobody checks for that, and still no traceback."""
    done = run("data", "inspect", "x" * 300 + ".csv")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.endswith("x.csv: File name too long\n")
    assert done.stderr.count("\n") == 1


class TestBadInput:
    """One clear line that names the culprit, exit code 2, nothing half-written."""

    def test_data(self, tmp_path: Path) -> None:
        out = tmp_path / "run"
        assert "nothing.csv does not exist" in refused("train", tmp_path / "nothing.csv", "--out", out)
        table = tmp_path / "t.csv"
        table.write_text("subject,role,valence,image\na,source,0,x.png\n")
        assert "t.csv: column 'arousal' is missing" in refused("train", table, "--out", out)
        table.write_text("subject,role,valence,arousal,image\na,source,1.5,0,t.csv\n")
        assert "row 1: valence is 1.5; labels must lie in [-1, 1]" in refused("train", table, "--out", out)
        table.write_text("subject,role,valence,arousal,image\na,source,nan,0,t.csv\n")
        assert "row 1: valence is nan" in refused("train", table, "--out", out)
        assert not out.exists()

    def test_backbone_and_weights(self, tmp_path: Path) -> None:
        spec, out = "synthetic:sources=2,targets=1,seconds=4,fps=1", tmp_path / "run"
        assert "unknown backbone 'resnet51'" in refused("train", spec, "--out", out, "--backbone", "resnet51")
        message = refused("train", spec, "--out", out, "--backbone", "resnet18", "--weights", "w.pth")
        assert "--weights w.pth: no such file" in message
        assert not out.exists()

    def test_config(self, tmp_path: Path) -> None:
        config = tmp_path / "c.toml"
        config.write_text("epochs = 3\n")
        assert "c.toml: unknown key 'epochs'" in refused(
            "train", "synthetic", "--out", tmp_path / "r", "--config", config
        )

    def test_device(self, tmp_path: Path) -> None:
        assert "--device tpu7" in refused("train", "synthetic", "--out", tmp_path / "r", "--device", "tpu7")

    def test_run_and_recipe(self, run_folder: Path, tmp_path: Path) -> None:
        assert "is not a run" in refused("export", tmp_path, "--out", tmp_path / "b")
        assert "no recipe 'x'" in refused("export", run_folder, "--recipe", "x", "--out", tmp_path / "b")
        (tmp_path / "there").mkdir()
        assert "exists already" in refused("export", run_folder, "--out", tmp_path / "there")
        assert not (tmp_path / "b").exists()

    def test_bundle_image_and_store(self, bundle_folder: Path, tmp_path: Path) -> None:
        assert "is not a bundle folder" in refused("verify", tmp_path / "nothing")
        assert "cannot be read" in refused("predict", bundle_folder, tmp_path / "no.png")
        note = tmp_path / "note.png"
        note.write_text("no picture")
        assert "not an image" in refused("predict", bundle_folder, note)
        assert "does not exist" in refused("predict", bundle_folder, note, "--store", tmp_path / "no.sqlite")
        spec = "synthetic:sources=1,targets=1,seconds=8,fps=1"
        store = tmp_path / "me.sqlite"
        message = refused("adapt", bundle_folder, "--data", spec, "--subject", "nobody", "--store", store)
        assert "no subject 'nobody'" in message
        assert not store.exists()
        none = CliRunner().invoke(cli, ["adapt", str(bundle_folder), "--labels", "0"])
        assert none.exit_code == 2
        assert "0 is not in the range" in none.output

    def test_demo_in_a_folder_that_is_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("years of work")
        assert "holds something else" in refused("demo", "--out", tmp_path)
        assert (tmp_path / "thesis.tex").read_text() == "years of work"


def commands_of(group: click.Group, *path: str) -> Iterator[list[str]]:
    """Yield the words of every command, those of groups included."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands_of(command, *path, name)
        else:
            yield [*path, name]


@pytest.mark.parametrize("command", commands_of(cli), ids=" ".join)
def test_every_command_has_help_json_and_quiet(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    for option in ("--json", "--quiet"):
        assert option in result.output


def test_no_summary_of_a_command_is_cut() -> None:
    for group in ([], ["data"], ["phone"]):
        commands = CliRunner().invoke(cli, [*group, "--help"]).output.split("Commands:")[1]
        assert "..." not in commands
