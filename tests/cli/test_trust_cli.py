"""Export, sign, pack and verify from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pen_mobile.cli.main import cli
from pen_mobile.contract.bundle_folder import SIGNATURE, open_bundle
from pen_mobile.errors import BadInput, PenMobileError
from tests.contract.test_signature import write_keys
from tests.small_world import write_quick_recipe


def _invoke(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def _run(*arguments: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_invoke(*arguments).stdout)
    return document


def _refused(*arguments: object) -> str:
    with pytest.raises(PenMobileError) as refusal:
        CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False, standalone_mode=False)
    assert isinstance(refusal.value, BadInput)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.slow
def test_a_signed_archive_from_export_to_verify(small_run: Path, tmp_path: Path) -> None:
    """Two exports of one run with one key are the same bytes."""
    private, public = write_keys(tmp_path, "maker")
    _, other = write_keys(tmp_path, "other")
    one, two, folder = tmp_path / "one.zip", tmp_path / "two.zip", tmp_path / "folder"
    quick = write_quick_recipe(tmp_path / "quick.toml")
    for out, mode in ((one, 0o600), (two, 0o644)):
        private.chmod(mode)
        exported = _invoke("export", small_run, "--recipe", quick, "--out", out, "--sign-key", private)
        assert SIGNATURE in json.loads(exported.stdout)["bytes"]
        assert ("maker.pem: other users of this machine may read" in exported.stderr) == (mode == 0o644)
    assert one.read_bytes() == two.read_bytes()
    shutil.unpack_archive(one, folder)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()
    for bundle in (one, folder):
        assert _run("verify", bundle, "--public-key", public)["signature"] == "valid"
        assert _run("verify", bundle)["signature"] == "not checked"
        assert "was not signed with this key" in _refused("verify", bundle, "--public-key", other)
    assert "private key; give the public one" in _refused("verify", one, "--public-key", private)
    assert "exists already" in _refused("export", small_run, "--out", one)


@pytest.mark.slow
def test_a_bundle_without_signature_is_refused_when_a_key_is_given(small_bundle: Path, tmp_path: Path) -> None:
    _, public = write_keys(tmp_path, "maker")
    assert _run("verify", small_bundle)["signature"] == "none"
    assert f"{small_bundle} is not signed" in _refused("verify", small_bundle, "--public-key", public)


def test_a_wrong_key_is_refused_before_any_work(small_run: Path, tmp_path: Path) -> None:
    _, public = write_keys(tmp_path, "maker")
    message = _refused("export", small_run, "--out", tmp_path / "x.zip", "--sign-key", public)
    assert "maker.pub.pem is no PEM private key" in message
    assert not (tmp_path / "x.zip").exists()


def test_a_phone_takes_archive_and_key(small_bundle: Path, tmp_path: Path) -> None:
    import pen_mobile
    from pen_mobile.contract.archive import pack_folder

    _, public = write_keys(tmp_path, "maker")
    pack_folder(small_bundle, tmp_path / "bundle.zip")
    with pen_mobile.Phone.open(tmp_path / "bundle.zip") as phone:
        assert phone.manifest == open_bundle(small_bundle).manifest
    with pytest.raises(BadInput, match=r"bundle\.zip is not signed"):
        pen_mobile.Phone.open(tmp_path / "bundle.zip", public_key=public)


def test_the_phone_commands_refuse_a_bundle_of_another_maker_and_make_no_store(
    small_bundle: Path, tmp_path: Path
) -> None:
    _, public = write_keys(tmp_path, "maker")
    store = tmp_path / "me.sqlite"
    adapting = ("adapt", small_bundle, "--data", "synthetic", "--subject", "target-01", "--store", store)
    for command in (("predict", small_bundle, tmp_path), adapting):
        assert f"{small_bundle} is not signed" in _refused(*command, "--public-key", public)
    assert not store.exists()
