"""Verification in a process of its own: the same figures, and a line where the process does not survive."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pen_mobile.bundle import verify_in_subprocess
from pen_mobile.bundle.verification import Verification
from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract.archive import pack_folder
from pen_mobile.contract.bundle_folder import BundleFolder, open_bundle
from pen_mobile.errors import BundleError
from pen_mobile.utils.subprocesses import Listener


def _crash(bundle: BundleFolder, tell: Listener) -> Verification:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


@pytest.mark.slow
def test_an_archive_gives_the_same_figures(small_bundle: Path, tmp_path: Path) -> None:
    pack_folder(small_bundle, tmp_path / "bundle.zip")
    archive = open_bundle(tmp_path / "bundle.zip")
    assert verify_in_subprocess.verify_in_subprocess(archive) == verify_bundle(archive)
    assert archive.path.exists(), "the process that verified it took the unpacked files with it"


def test_a_program_that_ends_the_process_is_refused(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_in_subprocess, "_verify", _crash)
    with pytest.raises(BundleError, match=r"small.*: a program of it broke the runtime \(ended by SIGSEGV\)"):
        verify_in_subprocess.verify_in_subprocess(open_bundle(small_bundle))
