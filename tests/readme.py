"""The README's blocks of commands, run as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def run_block(name: str, folder: Path) -> str:
    """Run the commands under ``<!-- name -->`` in a folder and return what they print."""
    (block,) = re.findall(rf"<!-- {name} -->\n```bash\n(.*?)```", README, flags=re.DOTALL)
    return run_script(block, folder)


def run_script(script: str, folder: Path) -> str:
    """Run shell commands in a folder, with this environment's programs, and return what they print."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "OMP_NUM_THREADS": "1"}
    command = ["bash", "-c", f"set -e\n{script}"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
