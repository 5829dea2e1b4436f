"""What a maker says about a model: read from a file and from options, kept in the run, shown and written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from pen_mobile.api.models import export, verify
from pen_mobile.bundle.model_card import card_place, model_card
from pen_mobile.cli.main import cli
from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.contract.model_card import ModelCard
from pen_mobile.errors import BadInput
from pen_mobile.training.run_folder import Run

FILE = 'name = "Calm"\nversion = "1.2.0"\nlicence = "Apache-2.0"\nintended_use = "To study it.\\nNot more."\n'


def test_options_replace_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(FILE, encoding="utf-8")
    card = ModelCard.load(tmp_path / "card.toml", version="1.3.0", contact=None)
    assert card is not None
    assert (card.title, card.contact) == ("Calm 1.3.0, licence Apache-2.0", None)
    assert card.intended_use == "To study it.\nNot more."
    assert ModelCard.load(None, name=None) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [("nam = 'x'", "nam"), ("name = ''", "name"), ('licence = "a\\nb"', "licence"), ("version = 1", "version")],
)
def test_a_file_that_is_no_card_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "card.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=rf"card.toml: {message}"):
        ModelCard.load(tmp_path / "card.toml")


def test_too_long_a_text_of_an_option_names_it() -> None:
    with pytest.raises(BadInput, match="--licence"):
        ModelCard.load(licence="x" * 201)


@pytest.mark.slow
def test_the_card_of_an_export_stands_in_run_manifest_and_beside_the_bundle(small_run: Path, tmp_path: Path) -> None:
    """Exported again with another version: the run remembers it, and nothing is exported from before."""
    run, bundle = shutil.copytree(small_run, tmp_path / "run"), tmp_path / "bundle"
    export(run, bundle, card=ModelCard(name="Calm", version="1.0", licence="MIT", limits="Not for children."))
    assert Run.open(run).record.card == open_bundle(bundle).manifest.card
    text = card_place(bundle).read_text(encoding="utf-8")
    assert text.startswith("# Model card: Calm\n\n## Model details\n\n- Version: 1.0\n- Licence: MIT\n")
    assert "## Limits\n\nNot for children." in text
    assert "| s-PEN | " in text
    assert "Synthetic people" not in text
    card = verify(bundle).card
    assert card is not None
    assert card.version == "1.0"
    shown = CliRunner().invoke(cli, ["verify", str(bundle)]).stdout
    assert "model: Calm 1.0, licence MIT" in shown
    assert "limits: Not for children." in shown


def test_a_bundle_of_which_nothing_was_said_says_so(small_bundle: Path) -> None:
    manifest = open_bundle(small_bundle).manifest
    assert manifest.card is None
    text = model_card(manifest)
    assert "# Model card: unnamed model" in text
    assert "- Licence: *The maker of the model has not said.*" in text
    assert json.loads(CliRunner().invoke(cli, ["verify", str(small_bundle), "--json"]).stdout)["card"] is None


def test_the_card_of_an_archive_has_its_name() -> None:
    assert card_place(Path("out/calm.zip")) == Path("out/calm.model-card.md")
    assert card_place(Path("out/calm")) == Path("out/calm.model-card.md")
