"""The app, compiled by Maven against the classes of Android 8.0; skipped, with the reason, where it cannot be."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.android.kotlin import QUICK_START
from tests.android.toolchain import REPOSITORY

POM = REPOSITORY / "android_demo" / "pom.xml"
_MAX_WAIT_S = 600
_UNREACHABLE = ("Could not transfer", "could not be resolved", "Could not find artifact", "Unknown host", "timed out")
_MAVEN = (
    "--batch-mode",
    "--quiet",
    "-Daether.connector.connectTimeout=10000",
    "-Daether.connector.requestTimeout=60000",
    "-Dmaven.test.skip=true",
)


@pytest.mark.slow
def test_library_and_app_compile_against_android_8() -> None:
    """JUnit's tests are compiled and run elsewhere; Java that Android 8.0 does not have is refused here."""
    maven = shutil.which("mvn")
    if maven is None or shutil.which("javac") is None:
        pytest.skip("the Android app is not compiled: there is no mvn or no JDK here")
    command = [maven, *_MAVEN, "--file", str(POM), "--projects", "core,stubs,app", "verify"]
    environment = os.environ | {"MAVEN_OPTS": " ".join((os.environ.get("MAVEN_OPTS", ""), *QUICK_START))}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_MAX_WAIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"the Android app is not compiled: Maven has fetched for {_MAX_WAIT_S} s")
    said = done.stdout + done.stderr
    if done.returncode and any(words in said for words in _UNREACHABLE):
        pytest.skip(f"the Android app is not compiled: Maven cannot fetch what it needs: {said.strip()[:300]}")
    assert done.returncode == 0, said[-4000:]
