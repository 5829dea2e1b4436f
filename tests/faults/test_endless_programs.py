"""Programs that somebody wrote on purpose are refused or cut, in one line, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.bundle.verify_in_subprocess import verify_in_subprocess
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.errors import BundleError
from pen_mobile.phone.phone import Phone
from pen_mobile.utils.memory_limit import can_limit_memory
from tests.faults.bundles import Copy, as_json
from tests.faults.programs import craft, hungry_program, never_return, want_absurd_buffers

linux = pytest.mark.skipif(sys.platform != "linux", reason="commands are supervised on Linux")

PREDICT = """
import sys
from pathlib import Path
import numpy as np
from pen_mobile.cli import predict
from pen_mobile.cli.main import main
from pen_mobile.phone import image_inference
image_inference.predict_images = lambda phone, *_: phone.predict_features(np.zeros((1, 16), np.float32))
main()
"""

ENDED = """
import os, signal, sys
from pen_mobile.cli.supervision import supervise
from pen_mobile.utils.call_clock import supervised_call
code = supervise(lambda code, message: print(message) or code)
if code is None:
    if sys.argv[2] == "in a call":
        with supervised_call():
            os.kill(os.getpid(), int(sys.argv[1]))
    os.kill(os.getpid(), int(sys.argv[1]))
sys.exit(code)
"""

CALL = """
import sys
from pathlib import Path
import numpy as np
from pen_mobile.contract.method_shapes import MethodShapes
from pen_mobile.errors import BundleError
from pen_mobile.phone.runtime import ProgramFile
from pen_mobile.utils.call_clock import CallClock
from pen_mobile.utils.processor import peak_memory
clock, file, shape = CallClock(), Path(sys.argv[1]), (1, 1, 16)
method = ProgramFile(file, file.read_bytes()).method("predict", MethodShapes([shape], [shape]))
before = peak_memory()
try:
    method(np.ones(shape, np.float32))
except BundleError as error:
    print(error)
print((peak_memory() - before) / 1e6 < 2000)
"""


@pytest.fixture(scope="module")
def endless(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle on features, whose methods never return."""
    return craft(small_bundle, tmp_path_factory.mktemp("crafted") / "endless", never_return)


def _predict(bundle: Path, folder: Path) -> subprocess.Popen[str]:
    """Start ``pen-mobile predict`` on a bundle without a backbone: the image gives features."""
    words = ["-c", PREDICT, "predict", str(bundle), str(folder)]
    environment = os.environ | {"PEN_MOBILE_MAX_CALL_SECONDS": "2"}
    return subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, text=True, env=environment)


def _descendants(pid: int) -> list[int]:
    found = (Path(f"/proc/{pid}/task/{pid}/children")).read_text().split()
    return [int(child) for child in found]


def _wait_until_gone(pids: list[int]) -> None:
    for _ in range(500):
        states = [Path(f"/proc/{pid}/stat") for pid in pids]
        if all(not state.exists() or " Z " in state.read_text() for state in states):
            return
        time.sleep(0.02)
    raise AssertionError("an orphan runs on")


@pytest.mark.slow
def test_verify_ends_what_never_returns(endless: Path) -> None:
    with pytest.raises(BundleError, match=r"broke the runtime \(not done after 6 seconds\)") as refused:
        verify_in_subprocess(open_bundle(endless), deadline_s=6)
    assert "\n" not in str(refused.value)


@linux
@pytest.mark.slow
def test_predict_ends_what_never_returns(endless: Path, tmp_path: Path) -> None:
    process = _predict(endless, tmp_path)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 2
    assert said.splitlines()[-1].startswith("error: a program of the bundle ran longer than 2 seconds")


@linux
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_orphan_of_predict_burns_a_core(endless: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Whether or not the child ever looks at a signal, it ends with the process that was started."""
    process = _predict(endless, tmp_path)
    while not (children := _descendants(process.pid)):
        time.sleep(0.02)
    time.sleep(1)
    process.send_signal(number)
    process.communicate(timeout=300)
    _wait_until_gone(children)


@pytest.mark.skipif(not can_limit_memory(), reason="only Linux caps memory")
def test_absurd_buffers_are_one_line(small_bundle: Path, tmp_path: Path) -> None:
    crafted = craft(small_bundle, tmp_path / "crafted", want_absurd_buffers)
    with pytest.raises(BundleError, match=r"its programs want more than 2,000 MB of memory"):
        Phone.open(crafted)


@pytest.mark.slow
@pytest.mark.skipif(not can_limit_memory(), reason="only Linux caps memory")
def test_a_call_that_wants_absurd_memory_is_one_line(tmp_path: Path) -> None:
    """Nothing in the file tells: the delegate takes the memory when the method is called."""
    file = tmp_path / "head.pte"
    file.write_bytes(hungry_program())
    done = subprocess.run([sys.executable, "-c", CALL, str(file)], capture_output=True, text=True, check=True)
    refused, little = done.stdout.splitlines()
    assert refused.startswith(f"{file}: method predict failed")
    assert little == "True"


def test_a_plan_of_steps_without_end_is_no_manifest(small_bundle: Path, tmp_path: Path) -> None:
    copy = Copy(small_bundle, tmp_path / "copy")
    values: dict[str, Any] = copy.manifest
    values["adaptation"]["steps"] = 1 << 24
    copy.reseal(as_json(values))
    with pytest.raises(BundleError, match=r"adaptation\.steps: Input should be less than or equal to 100000"):
        open_bundle(copy.folder)


def test_what_is_only_written_again_gives_the_same_answers(small_bundle: Path, tmp_path: Path) -> None:
    """The crafted bundles above differ from an honest one in nothing else."""
    z = np.random.default_rng(0).standard_normal((4, 16)).astype(np.float32)
    again = craft(small_bundle, tmp_path / "again", lambda plan: None)
    with Phone.open(small_bundle) as honest, Phone.open(again) as phone:
        assert np.array_equal(phone.predict_features(z)[0], honest.predict_features(z)[0])


@linux
@pytest.mark.parametrize(
    ("number", "when", "message"),
    [
        (signal.SIGKILL, "before", "the process was ended from outside (SIGKILL)"),
        (signal.SIGKILL, "in a call", "a program of the bundle ended the process (SIGKILL)"),
        (signal.SIGSEGV, "before", "a program of the bundle ended the process (SIGSEGV)"),  # while it was loaded
    ],
)
def test_a_bundle_is_blamed_for_what_its_programs_do_alone(number: signal.Signals, when: str, message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDED, str(int(number)), when], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout.startswith(message)
