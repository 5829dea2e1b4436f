"""How the program ends: exit codes, signals, closed and full streams, and one document for every error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pen_mobile.cli.session import EXIT_CODES

PROGRAM = Path(sys.executable).parent / "pen-mobile"


def shell(script: str, **variables: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {name: str(value) for name, value in variables.items()} | {"PEN": str(PROGRAM)}
    return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)


def in_process(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with a changed part, as ``code`` leaves it."""
    argv = ["pen-mobile", *arguments]
    script = f"import sys\nsys.argv = {argv!r}\n{code}\nfrom pen_mobile.cli.main import main\nmain()"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


def test_help_documents_the_exit_codes() -> None:
    done = shell("$PEN --help")
    assert done.returncode == 0
    for line in EXIT_CODES.splitlines()[2:]:
        assert line in done.stdout


@pytest.mark.parametrize("command", ["verify", "nonsense", "train x --unknown 3", "adapt b --data d --labels 0"])
def test_wrong_usage_is_one_document_too(command: str) -> None:
    done = shell(f"$PEN {command} --json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["exit_code"] == 2
    assert done.stderr == f"error: {error['message']}\n"


def test_an_unknown_command_suggests_one() -> None:
    assert "Did you mean 'protocol'?" in shell("$PEN protocoll").stderr


def test_an_error_of_ours_says_how_to_report_it() -> None:
    """A fault is put into the code; the message says where to report it, --debug shows where it is."""
    code = "from pathlib import Path\nimport pen_mobile.data.load as m\nm.load_table = lambda *_: 1 / 0"
    done = in_process(code, "data", "inspect", "x.csv", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["kind"] == "internal"
    assert done.stderr.startswith("internal error: ZeroDivisionError: division by zero; this is a fault of pen-mobile")
    assert "open an issue" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in in_process(code, "--debug", "data", "inspect", "x.csv").stderr


def test_a_missing_library_of_the_system_is_one_line() -> None:
    code = (
        "import pen_mobile.data.load as m\n"
        "def fail(*_): raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')\n"
        "m.load_table = fail"
    )
    done = in_process(code, "data", "inspect", "x.csv")
    assert done.returncode == 2
    assert done.stderr.startswith("error: this system lacks libGL.so.1")
    assert "apt-get install libgl1" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "features.npz"
    code = (
        "import numpy as np, sys\nr = np.random.default_rng(0)\n"
        "np.savez(sys.argv[1], z=r.standard_normal((40, 4)), y=r.uniform(-1, 1, (40, 2)),"
        " subject=np.repeat(['ann', 'ben'], 20), role=np.repeat('source', 40))"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
    return path


def test_closed_standard_output_does_not_lose_the_work(table: Path) -> None:
    done = shell('$PEN data inspect "$T" >&-', T=table)
    assert (done.returncode, done.stdout) == (0, "")
    assert "error" not in done.stderr


def test_full_standard_output_is_one_line(table: Path) -> None:
    done = shell('$PEN data inspect "$T" >/dev/full', T=table)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: standard output cannot be written: No space left on device"
    assert shell("$PEN --help >/dev/full").stderr.count("\n") <= 1


@pytest.mark.slow
def test_full_standard_error_loses_progress_not_the_result(table: Path, tmp_path: Path) -> None:
    done = shell('$PEN train "$T" --max-steps 1 --out "$R" --json 2>/dev/full', T=table, R=tmp_path / "run")
    assert done.returncode == 0
    assert json.loads(done.stdout)["validation"]


def test_a_reader_that_leaves_is_no_error(table: Path) -> None:
    done = shell('set -o pipefail; $PEN data inspect "$T" | true; echo ${PIPESTATUS[0]}', T=table)
    assert done.stdout == "0\n"
    assert "error" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_like_ctrl_c(number: signal.Signals, tmp_path: Path) -> None:
    """Interrupted while drawing people, which takes half a minute and 2 GB."""
    spec = "synthetic:sources=2,targets=1,seconds=10000,fps=5"
    command = [str(PROGRAM), "train", spec, "--out", str(tmp_path / "run"), "--json"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # tests under nohup hand on that SIGHUP is ignored
    )
    while "torch" not in Path(f"/proc/{process.pid}/maps").read_text():  # torch is imported: handlers are there
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["error"] == {
        "kind": "interrupted",
        "message": "interrupted; nothing half-written was left, and the same command goes on or starts again",
        "exit_code": 130,
    }
    assert "Traceback" not in err


INTERRUPTED_IN_EXEC = """
import sys
from pen_mobile.cli.main import doctor, main

def interrupted(**_):
    exec("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)")

if __name__ == "__main__":
    doctor.callback = interrupted
    sys.argv[1:] = ["doctor"]
    main()
"""


def test_ctrl_c_inside_exec_of_a_string_ends_with_the_same_code(tmp_path: Path) -> None:
    """Importing a module with a dataclass runs such strings; CPython then prefers to die by the signal."""
    (tmp_path / "interrupted_in_exec.py").write_text(INTERRUPTED_IN_EXEC)
    command = [sys.executable, "-m", "interrupted_in_exec"]
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130, done.stderr
    assert "interrupted" in done.stderr
