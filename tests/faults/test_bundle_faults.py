"""Bundles under faults: each spoiled one is refused in one line, or shown to give the golden answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pen_mobile.contract.bundle_folder import open_bundle, sign_bundle
from pen_mobile.contract.signature import read_private_key
from pen_mobile.errors import BundleError
from pen_mobile.phone.runtime import BundleRuntime
from tests.contract.test_signature import write_keys
from tests.faults import bundles
from tests.faults.bundles import Copy
from tests.faults.forks import Forks
from tests.nightly import times
from tests.small_world import make_small_bundle


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as process:
        yield process


@pytest.fixture
def copy(small_bundle: Path, tmp_path: Path) -> Copy:
    return Copy(small_bundle, tmp_path / "copy")


def test_every_file_damaged_missing_or_swapped_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    assert bundles.damage_every_file(small_bundle, tmp_path).tried > 50


@pytest.mark.slow
def test_manifests_changed_and_sealed_again(small_bundle: Path, tmp_path: Path) -> None:
    count = times(250, nightly=1000)
    assert bundles.mutate_manifest(small_bundle, tmp_path, count).tried == count


@pytest.mark.slow
def test_bundles_with_bytes_changed(small_bundle: Path, tmp_path: Path) -> None:
    assert bundles.mutate_bytes(small_bundle, tmp_path, 600).tried == 600


@pytest.mark.slow
def test_archives_with_bytes_changed(small_bundle: Path, tmp_path: Path) -> None:
    assert bundles.mutate_archive(small_bundle, tmp_path, 300).tried == 300


@pytest.mark.slow
def test_bundles_with_data_changed_and_sealed_again(small_bundle: Path, tmp_path: Path) -> None:
    count = times(60, nightly=160)
    assert bundles.mutate_data_resealed(small_bundle, tmp_path, count).tried == count


@pytest.mark.slow
def test_programs_changed_and_sealed_again_never_hang_or_raise(
    small_bundle: Path, tmp_path: Path, forks: Forks
) -> None:
    count = times(12, nightly=25)
    assert bundles.corrupt_programs(small_bundle, tmp_path, count, forks).tried == count


@pytest.mark.slow
def test_core_ml_packages_changed_and_sealed_again_never_hang_or_raise(
    small_run: Path, tmp_path: Path, forks: Forks
) -> None:
    bundle = make_small_bundle(small_run, tmp_path / "bundle", "ios-coreml")
    (tmp_path / "spoiled").mkdir()
    count = times(6, nightly=20)
    tried = bundles.corrupt_packages(bundle, tmp_path / "spoiled", count, forks)
    assert tried.tried == count
    assert "crashed" not in tried.detail


@pytest.mark.slow
def test_bundles_with_a_backbone(bundle_folder: Path, tmp_path: Path) -> None:
    for mutate in (bundles.mutate_manifest, bundles.mutate_bytes):
        folder = tmp_path / mutate.__name__
        folder.mkdir()
        assert mutate(bundle_folder, folder, 15).tried == 15


@pytest.mark.slow
@pytest.mark.parametrize("job", ["export", "copy"])
@pytest.mark.parametrize("archive", [False, True], ids=["folder", "archive"])
def test_a_killed_export_leaves_a_whole_bundle_or_none(
    small_run: Path, small_bundle: Path, tmp_path: Path, forks: Forks, archive: bool, job: str
) -> None:
    """``small_bundle`` has left its lowered programs with the run, so that every export takes half a second."""
    kills = times(2, nightly=12)  # at random, beside those before each file operation
    assert bundles.kill_exports(small_run, tmp_path, kills, forks, archive, job=job).tried > 8 + kills


def test_resealing_does_not_help_against_a_signature(copy: Copy, tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, "maker")
    sign_bundle(copy.folder, read_private_key(private))
    open_bundle(copy.folder, public)
    copy.write("head.pte", copy.content("head.pte")[:-1] + b"x")
    copy.reseal()
    assert not open_bundle(copy.folder).path.is_symlink()  # whole as far as hashes go
    with pytest.raises(BundleError, match=r"manifest\.json was not signed with this key"):
        open_bundle(copy.folder, public)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda head: head["predict"].update(batch=33), r"head\.pte: method predict takes .* the manifest says"),
        (lambda head: head["predict"].update(method="absent"), r"head\.pte: method absent cannot be loaded"),
        (lambda head: head.update(feature_size=17, expert_count=3), r"manifest\.json is not a valid manifest: head"),
    ],
    ids=["another batch", "another method", "another size"],
)
def test_a_manifest_that_does_not_fit_its_program(
    copy: Copy, change: Callable[[dict[str, object]], None], message: str
) -> None:
    values = copy.manifest
    change(values["head"])  # type: ignore[arg-type]
    copy.reseal(bundles.as_json(values))
    with pytest.raises(BundleError, match=message):
        BundleRuntime(open_bundle(copy.folder))
