"""The wheel, installed elsewhere, exports by recipe name and verifies."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_wheel_works_outside_the_clone(run_folder: Path, tmp_path: Path) -> None:
    """A new environment with the wheel alone; the libraries it needs are lent by this one, the clone is not."""
    wheel = _build_wheel(tmp_path / "dist")
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", packages, wheel)
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python, elsewhere = environment / "bin" / "python", tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = _run(python, "-c", "import pen_mobile; print(pen_mobile.__file__)", cwd=elsewhere)
    assert Path(where.strip()).is_relative_to(packages)
    _run(python, "-m", "pen_mobile", "export", run_folder, "--recipe", "android-fp32", "--out", "bundle", cwd=elsewhere)
    assert "intact and equal to its own golden vectors" in _run(
        python, "-m", "pen_mobile", "verify", "bundle", cwd=elsewhere
    )


def _build_wheel(out: Path) -> Path:
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", out, REPOSITORY)
    (wheel,) = out.glob("*.whl")
    return wheel


def _run(*command: object, cwd: Path | None = None) -> str:
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
