"""A script that uses the library is not run again by the processes that the library starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
print("script")
from pen_mobile.engine.local_processes import LocalProcesses
from pen_mobile.engine.task import Task
from pen_mobile.utils.subprocesses import run_in_subprocess
from pathlib import Path
from tests.utils.work import say_hello, touch

print(run_in_subprocess(say_hello))
tasks = [Task(name, Path(name), Path(name)) for name in ("a", "b", "c")]
LocalProcesses(2).map(touch, tasks, title="touching")
print(__file__, sorted(path.name for path in Path(".").iterdir()))
"""


def test_a_script_without_a_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    work = tmp_path / "empty"
    work.mkdir()
    done = subprocess.run([sys.executable, script], cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["script", "hello", f"{script} ['a', 'b', 'c']"]
