from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pen_mobile.cli.main import cli
from pen_mobile.paper.protocol_result import ProtocolResult
from pen_mobile.utils.validation import validated

_MODELS_ONLY = ("--no-strategies", "--no-comparators")
QUICK = ("--epochs", "1", "--optimizer", "adam", "--samplings", "random", "--jobs", "1", *_MODELS_ONLY)


def invoke(*arguments):
    return CliRunner().invoke(cli, ["protocol", *map(str, arguments)])


@pytest.mark.slow
def test_people_see_table_1(make_features, tmp_path):
    done = invoke(make_features(), "--out", tmp_path / "out", "--scopes", "pooled", *QUICK)
    assert done.exit_code == 0, done.output
    assert "one head adapted to all target people together" in done.output
    assert "CCC over the test rows" in done.output
    assert "1 seed, 550 rows of 4 source and 3 target people" in done.output


@pytest.mark.slow
def test_standard_output_is_one_json_document(make_features, tmp_path):
    command = [sys.executable, "-m", "pen_mobile", "protocol", str(make_features()), "--out", str(tmp_path / "out")]
    done = subprocess.run([*command, *QUICK, "--json"], capture_output=True, timeout=300, check=True, text=True)
    document = json.loads(done.stdout)
    assert validated(ProtocolResult, document, "stdout") == ProtocolResult.load(tmp_path / "out" / "results.json")
    assert document["plan"]["seeds"] == [0]
    assert document["data"]["digest"]
    assert document["versions"]["torch"]
    assert document["command"].startswith("__main__.py protocol")
    assert {one["scope"] for one in document["summary"]["statements"]} == {None, "pooled", "person"}


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_seeds_follow_the_first_one(make_features, tmp_path):
    done = invoke(
        make_features(),
        "--out",
        tmp_path / "out",
        "--seed",
        5,
        "--seeds",
        2,
        "--scopes",
        "person",
        *QUICK,
        "--json",
        "-q",
    )
    assert json.loads(done.output)["plan"]["seeds"] == [5, 6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--samplings", "stripes"), "--samplings: Input should be 'random', 'blocks', 'first' or 'recent'"),
        (("--counts", "5,many"), "--counts: Input should be a valid integer"),
        (("--block-seconds", "0"), "--block-seconds: Input should be greater than 0"),
        (("--epochs", "0"), "--epochs: Input should be greater than or equal to 1"),
        (("--data", "z.npz"), "--data is for a run folder"),
    ],
)
def test_what_makes_no_sense_is_one_line(make_features, tmp_path, arguments, message):
    done = invoke(make_features(), "--out", tmp_path / "out", *QUICK, *arguments)
    assert done.exit_code != 0
    assert message in str(done.exception)
    assert not (tmp_path / "out").exists()
