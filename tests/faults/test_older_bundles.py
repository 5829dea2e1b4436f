"""No way back: a store remembers the serial of its bundle, and a signature covers it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import pen_mobile
from pen_mobile.cli.main import cli
from pen_mobile.contract.bundle_folder import open_bundle, sign_bundle
from pen_mobile.contract.release import Release
from pen_mobile.contract.signature import read_private_key
from pen_mobile.errors import BadInput, BundleError
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from tests.contract.test_signature import write_keys
from tests.faults.bundles import Copy, as_json


def _release(bundle: Path, folder: Path, **keys: object) -> Path:
    copy = Copy(bundle, folder)
    copy.reseal(as_json(copy.manifest | keys))
    return folder


@pytest.fixture
def bundles(small_bundle: Path, tmp_path: Path) -> dict[int, Path]:
    """Bundles 1 and 2 of one model."""
    return {
        serial: _release(small_bundle, tmp_path / f"bundle-{serial}", model="affect", serial=serial)
        for serial in (1, 2)
    }


@pytest.fixture
def store(bundles: dict[int, Path], tmp_path: Path) -> Path:
    """A store that has seen both."""
    for bundle in bundles.values():
        Phone.open(bundle, tmp_path / "me.sqlite").close()
    return tmp_path / "me.sqlite"


def test_a_phone_refuses_an_older_bundle(bundles: dict[int, Path], store: Path) -> None:
    before = store.read_bytes()
    with pytest.raises(BadInput, match=r"newer bundle of affect \(serial 2; this one has 1\)") as refused:
        Phone.open(bundles[1], store)
    assert "\n" not in str(refused.value)
    assert store.read_bytes() == before


def test_one_may_say_that_an_older_bundle_is_wanted(bundles: dict[int, Path], store: Path) -> None:
    Phone.open(bundles[1], store, options=StoreOptions(allow_older_bundle=True)).close()
    Phone.open(bundles[1], store).close()


def test_a_bundle_without_serial_does_not_open_the_way_back(small_bundle: Path, store: Path) -> None:
    with pytest.raises(BadInput, match="this one has none"):
        Phone.open(small_bundle, store)


@pytest.mark.parametrize("allowed", [False, True])
def test_commands_that_open_a_store(bundles: dict[int, Path], store: Path, tmp_path: Path, allowed: bool) -> None:
    """The person of ``adapt`` is not there, and the folder of ``predict`` is empty: past the store, each is refused."""
    options = ["--store", str(store), *(["--allow-older"] if allowed else [])]
    (tmp_path / "empty").mkdir()
    rebase = ["phone", "rebase", "--bundle", str(bundles[1]), "--yes"]
    for command in (["predict", str(bundles[1]), str(tmp_path / "empty")], rebase):
        result = CliRunner().invoke(cli, [*command, *options])
        assert isinstance(result.exception, BadInput) or result.exit_code == 2
        refused = "newer bundle of affect" in str(result.exception) + result.output
        assert refused == (not allowed and command is not rebase)  # the store's own backbone: rebase does nothing


def test_a_signature_covers_the_serial(bundles: dict[int, Path], tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, "maker")
    sign_bundle(bundles[1], read_private_key(private))
    manifest = (bundles[1] / "manifest.json").read_bytes().replace(b'"serial": 1', b'"serial": 3')
    Copy(bundles[1], tmp_path / "forged").reseal(manifest)
    assert open_bundle(tmp_path / "forged").manifest.serial == 3
    with pytest.raises(BundleError, match="was not signed with this key"):
        open_bundle(tmp_path / "forged", public)


@pytest.mark.parametrize("keys", [{"model": "affect"}, {"serial": 3}, {"model": "affect", "serial": 0}])
def test_half_a_release_is_no_manifest(small_bundle: Path, tmp_path: Path, keys: dict[str, object]) -> None:
    with pytest.raises(BundleError, match=r"not a valid manifest: .*serial"):
        open_bundle(_release(small_bundle, tmp_path / "half", **keys))


def test_an_export_writes_model_and_serial(small_run: Path, small_bundle: Path, tmp_path: Path) -> None:
    """``small_bundle`` has left its programs with the run; the whole bundle that is kept there has no serial."""
    assert small_bundle.is_dir()
    exported = pen_mobile.export(small_run, tmp_path / "out", model="affect", serial=7)
    assert not exported.again
    manifest = open_bundle(tmp_path / "out").manifest
    assert (manifest.model, manifest.serial) == ("affect", 7)


@pytest.mark.parametrize(
    ("model", "serial", "message"),
    [("affect", None, "go together"), (None, 3, "go together"), ("Affect!", 3, "--model"), ("affect", 0, "--serial")],
)
def test_a_release_that_makes_no_sense(model: str | None, serial: int | None, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Release.of(model, serial)
