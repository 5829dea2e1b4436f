"""What was checked is what is used: a bundle whose files change after it was opened, or while it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract import bundle_folder
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.contract.part import FilePart
from pen_mobile.errors import BundleError
from pen_mobile.phone.phone import Phone
from tests.faults.bundles import Copy
from tests.small_world import make_small_bundle


@pytest.fixture
def copy(small_bundle: Path, tmp_path: Path) -> Copy:
    return Copy(small_bundle, tmp_path / "copy")


def _spoil(folder: Path) -> None:
    """Overwrite every file in place, as somebody could who may write to the folder."""
    for file in folder.iterdir():
        with file.open("r+b") as stream:
            stream.write(b"\x7f" * min(file.stat().st_size, 4096))


def test_a_folder_changed_after_it_was_opened_changes_no_answer(copy: Copy, small_bundle: Path) -> None:
    """Programs and parameters are the bytes that were hashed, for as long as the phone is open."""
    z = np.random.default_rng(0).standard_normal((8, 16)).astype(np.float32)
    with Phone.open(small_bundle) as phone:
        expected = phone.predict_features(z)[0]
    opened = open_bundle(copy.folder)
    _spoil(copy.folder)
    with Phone.open(opened) as phone:
        assert np.array_equal(phone.predict_features(z)[0], expected)
        phone.reset()
        assert np.array_equal(phone.predict_features(z)[0], expected)


def test_a_folder_that_is_gone_changes_no_answer(copy: Copy) -> None:
    opened = open_bundle(copy.folder)
    with Phone.open(opened) as phone:
        before = phone.parameters
        shutil.rmtree(copy.folder)
        phone.reset()
        assert np.array_equal(phone.parameters, before)


def test_golden_vectors_changed_after_the_opening_are_refused(copy: Copy) -> None:
    opened = open_bundle(copy.folder)
    copy.write("golden.safetensors", copy.content("golden.safetensors")[:-4] + b"\0\0\0\x3f")
    with pytest.raises(BundleError, match=r"golden\.safetensors was changed"):
        verify_bundle(opened)


@pytest.mark.slow
def test_core_ml_packages_changed_after_the_opening_are_refused(small_run: Path, tmp_path: Path) -> None:
    opened = open_bundle(make_small_bundle(small_run, tmp_path / "bundle", "ios-coreml"))
    _spoil(opened.path)
    with pytest.raises(BundleError, match="was changed"):
        verify_bundle(opened)


def test_every_file_swapped_as_soon_as_it_was_read(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is another one right after its bytes were read: ten of ten openings use what they hashed."""
    read = bundle_folder._read_listed

    def read_and_swap(path: Path, origin: Path, part: FilePart) -> bytes:
        content = read(path, origin, part)
        path.write_bytes(bytes(len(content)))
        return content

    for _ in range(10):
        copy.restore()
        with monkeypatch.context() as patched:
            patched.setattr(bundle_folder, "_read_listed", read_and_swap)
            opened = open_bundle(copy.folder)
        with Phone.open(opened) as phone:
            assert np.isfinite(phone.parameters).all()
            assert np.any(phone.parameters)
