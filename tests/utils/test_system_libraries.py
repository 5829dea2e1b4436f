"""The list of the system's libraries that the wheels need, against the wheels themselves."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pen_mobile.errors import BadInput
from pen_mobile.utils.system_libraries import DEBIAN_PACKAGES, explain, explained_imports, install_command

# Every Debian with Python has these: the C library and its parts, the compiler's run-time libraries and zlib.
BASE = {"linux-vdso", "ld-linux-x86-64", "/lib64/ld-linux-x86-64", "/lib/ld-linux-aarch64"} | {
    f"lib{name}" for name in ("c", "m", "mvec", "pthread", "dl", "rt", "util", "gcc_s", "stdc++", "z")
}
README = Path(__file__).parent.parent.parent / "README.md"

needs_ldd = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("ldd") is None, reason="ldd lists what a library needs on Linux"
)


def needed_by(library: Path) -> set[str]:
    """Return the libraries of the system that a shared library needs, directly or through others, by ``ldd``."""
    lines = subprocess.run(["ldd", library], capture_output=True, text=True, check=True).stdout.splitlines()
    needed = {line.split()[0]: line for line in lines if line.strip()}
    own = {name for name, line in needed.items() if "site-packages" in line}
    return {name for name in needed if name not in own and name.split(".so")[0] not in BASE}


def closure_of_the_list() -> set[str]:
    """Return the listed libraries and everything that their packages bring, by ``ldd``."""
    lines = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout.splitlines()
    paths = {line.split()[0]: Path(line.split("=> ")[1]) for line in reversed(lines) if "=> " in line}
    installed = [paths[name] for name in DEBIAN_PACKAGES if name in paths]
    return set(DEBIAN_PACKAGES).union(*(needed_by(path) for path in installed))


@needs_ldd
@pytest.mark.parametrize(("package", "pattern"), [("cv2", "cv2*.so"), ("mediapipe", "libmediapipe*.so")])
def test_the_list_is_complete(package: str, pattern: str) -> None:
    specification = importlib.util.find_spec(package)
    assert specification is not None
    assert specification.origin is not None
    libraries = list(Path(specification.origin).parent.rglob(pattern))
    assert libraries
    for library in libraries:
        assert needed_by(library) <= closure_of_the_list()


@needs_ldd
def test_nothing_in_the_list_is_superfluous() -> None:
    needed = set()
    for package, pattern in (("cv2", "cv2*.so"), ("mediapipe", "libmediapipe*.so")):
        specification = importlib.util.find_spec(package)
        assert specification is not None
        assert specification.origin is not None
        needed |= needed_by(next(Path(specification.origin).parent.rglob(pattern)))
    assert set(DEBIAN_PACKAGES) <= needed


def test_readme_names_every_package() -> None:
    assert install_command(list(DEBIAN_PACKAGES)) in README.read_text(encoding="utf-8")


def test_a_failed_import_is_explained_in_one_line() -> None:
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    assert explain(error) is not None
    with (
        pytest.raises(BadInput, match=r"this system lacks libGL\.so\.1.*apt-get install .*libgl1") as raised,
        explained_imports(),
    ):
        raise error
    assert "\n" not in str(raised.value)


def test_a_library_that_is_not_in_the_list_is_named_too() -> None:
    text = explain(OSError("libfoo.so.3: cannot open shared object file: No such file or directory"))
    assert text is not None
    assert "libfoo.so.3" in text


def test_other_errors_pass() -> None:
    assert explain(ImportError("No module named 'torch'")) is None
    with pytest.raises(ImportError, match="torch"), explained_imports():
        raise ImportError("No module named 'torch'")
