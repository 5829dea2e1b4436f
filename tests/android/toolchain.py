"""A Kotlin compiler, JUnit 5 and SQLite for the JVM without Maven Central: from PyPI and from Debian's packages.

    python -m tests.android.toolchain [--optional]

fetches them into ``android_demo/.tools``; nothing needs root. On a machine without Debian's ``apt-get`` the message
says what is missing; with ``--optional`` that is no failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TOOLS = Path(os.environ.get("PEN_ANDROID_TOOLS", REPOSITORY / "android_demo" / ".tools"))
_JAVA = 17
_WHEEL = "kotlin-jupyter-kernel==0.19.0.944"
_COMPILER = ("kotlin-jupyter-kernel-", "kotlin-stdlib-", "kotlin-reflect-", "kotlin-script-runtime-", "annotations-")
_PACKAGES = (
    *("junit5", "libopentest4j-java", "libapiguardian-java", "libpicocli-java", "libunivocity-parsers-java"),
    *("libxerial-sqlite-jdbc-java", "libxerial-sqlite-jdbc-jni"),
)
_LIBRARIES = (
    *("junit-jupiter-api", "junit-jupiter-engine", "junit-jupiter-params", "junit-platform-commons"),
    *("junit-platform-engine", "junit-platform-launcher", "junit-platform-console", "junit-platform-reporting"),
    *("opentest4j", "apiguardian-api", "picocli", "xerial-sqlite-jdbc"),
)


def missing() -> str | None:
    """Return why Kotlin cannot be compiled and run here, or None."""
    if not _has_jdk():
        return "there is no JDK 17 or newer; install one (Debian: openjdk-17-jdk-headless)"
    if not (TOOLS / "complete").is_file():
        return "the Kotlin compiler and JUnit are not there; 'make test-android-core' fetches them"
    return None


def compiler_jars() -> list[Path]:
    """Return the jars of the Kotlin compiler."""
    return sorted((TOOLS / "kotlin").glob("*.jar"))


def standard_library() -> Path:
    """Return the jar of Kotlin's standard library."""
    return next((TOOLS / "kotlin").glob("kotlin-stdlib-*.jar"))


def library_jars() -> list[Path]:
    """Return the jars of JUnit and of SQLite."""
    return sorted((TOOLS / "jars").glob("*.jar"))


def sqlite_folder() -> Path:
    """Return the folder with SQLite's native library for the JVM."""
    return TOOLS / "native"


def install() -> None:
    """Fetch everything; what is there already stays."""
    if (TOOLS / "complete").is_file():
        return
    TOOLS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        _install_kotlin(Path(temporary))
        _install_packages(Path(temporary))
    (TOOLS / "complete").touch()


@cache
def _has_jdk() -> bool:
    if shutil.which("java") is None or shutil.which("javac") is None:
        return False
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return found is not None and int(found[1]) >= _JAVA


def _install_kotlin(temporary: Path) -> None:
    _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(temporary), _WHEEL], temporary)
    (TOOLS / "kotlin").mkdir(exist_ok=True)
    with zipfile.ZipFile(next(temporary.glob("kotlin_jupyter_kernel-*.whl"))) as wheel:
        for entry in wheel.namelist():
            name = Path(entry).name
            if name.endswith(".jar") and name.startswith(_COMPILER):
                (TOOLS / "kotlin" / name).write_bytes(wheel.read(entry))


def _install_packages(temporary: Path) -> None:
    if shutil.which("apt-get") is None:
        raise SystemExit("JUnit 5 and sqlite-jdbc come from Debian's packages here, and there is no apt-get")
    try:
        _run(["apt-get", "--quiet", "--quiet", "download", *_PACKAGES], temporary)
    except SystemExit:  # the machine has no list of packages yet: one of our own needs no root
        own = _own_lists(temporary)
        _run(["apt-get", *own, "--quiet", "--quiet", "update"], temporary)
        _run(["apt-get", *own, "--quiet", "--quiet", "download", *_PACKAGES], temporary)
    for package in temporary.glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(temporary / "root")], temporary)
    share = temporary / "root" / "usr"
    for folder in ("jars", "native"):
        (TOOLS / folder).mkdir(exist_ok=True)
    for name in _LIBRARIES:
        shutil.copy(share / "share" / "java" / f"{name}.jar", TOOLS / "jars")
    shutil.copy(next(share.glob("lib/*/jni/libsqlitejdbc.so")), TOOLS / "native")


def _own_lists(temporary: Path) -> list[str]:
    for folder in ("lists", "cache"):
        (temporary / folder / "partial").mkdir(parents=True)
    settings = (f"Dir::State::Lists={temporary}/lists", f"Dir::Cache={temporary}/cache", "Debug::NoLocking=true")
    return [argument for setting in settings for argument in ("-o", setting)]


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{command[0]} was given up after 300 s") from None
    if done.returncode:
        raise SystemExit(f"{command[0]} {command[-1]} failed: {done.stderr.strip()[-500:]}")


def _fetch_if_possible() -> None:
    """Fetch everything where a JDK can use it; say what is missing."""
    if _has_jdk():
        try:
            install()
        except (SystemExit, OSError, StopIteration, zipfile.BadZipFile) as error:  # no network, or another Debian
            print(f"Android: {str(error) or repr(error)}")
    print(f"Android: {missing() or 'the compiler and JUnit are there; the library is tested'}")


if __name__ == "__main__":
    if "--optional" in sys.argv[1:]:
        _fetch_if_possible()
    else:
        install()
        print(missing() or f"{TOOLS} has everything")
