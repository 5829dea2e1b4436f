from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
from lightning_fabric import Fabric

from pen_mobile.data.load import load_table
from pen_mobile.errors import BadInput
from pen_mobile.paper.protocol_input import read_people
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.features import extract_features
from pen_mobile.training.run_folder import Run
from pen_mobile.training.source_training import learn_source

CPU = Fabric(accelerator="cpu", devices=1)


def test_features_come_back_from_their_files_as_they_were(make_features, tmp_path):
    data = make_features()
    table = load_table(str(data))
    store = read_people(str(data)).store(tmp_path / "cache", CPU)
    for role in ("source", "target"):
        expected, found = table.take(table.rows_with_role(role)), store.table(role)
        assert found.digest == expected.digest
        assert isinstance(found.features, np.memmap)
    assert store.record.source == {"ann": 80, "bob": 60, "cleo": 100, "dora": 70}


def test_images_without_a_run_are_refused():
    with pytest.raises(BadInput, match=r"'pen-mobile train synthetic:.* --out RUN', then 'pen-mobile protocol RUN'"):
        read_people("synthetic:sources=2,targets=1,seconds=2,fps=1")


def test_a_table_without_target_people_is_refused(tmp_path):
    np.savez(tmp_path / "z.npz", z=np.eye(4), y=np.zeros((4, 2)), subject=list("aabb"), role=["source"] * 4)
    with pytest.raises(BadInput, match="0 target subjects; the protocol needs at least 1"):
        read_people(str(tmp_path / "z.npz"))


def test_data_beside_a_table_are_refused(make_features):
    with pytest.raises(BadInput, match="--data is for a run folder"):
        read_people(str(make_features()), data="elsewhere.npz")


@pytest.mark.slow
def test_a_run_on_features_brings_its_data(make_features, tmp_path):
    data = make_features()
    learn_source(load_table(str(data)), LearningConfig(head_epochs=1, joint_epochs=1), tmp_path / "run")
    assert read_people(str(tmp_path / "run")).record.digest == load_table(str(data)).digest
    moved = data.rename(tmp_path / "moved.npz")
    with pytest.raises(BadInput, match=r"does not exist .*if they moved, give --data"):
        read_people(str(tmp_path / "run"))
    assert read_people(str(tmp_path / "run"), data=str(moved)).record.origin == os.path.relpath(moved)
    with pytest.raises(BadInput, match=r"source people differ from those that .*run learned from; .* --data"):
        read_people(str(tmp_path / "run"), data=str(make_features(seed=1)))


@pytest.fixture
def frame_run(run_folder, tmp_path):
    """A copy of the run on ``people``, which says what stands for them on the command line."""
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    record = json.loads((folder / "run.json").read_text())
    record["data"]["origin"] = "synthetic:sources=3,targets=2,seconds=40,fps=2,seed=1"
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.mark.slow
def test_a_run_on_frames_makes_features_with_its_backbone(frame_run, people, tmp_path):
    given = read_people(str(frame_run))
    store = given.store(tmp_path / "cache", CPU)
    rows = people.rows_with_role("target")[:4]
    expected = extract_features(Run.open(frame_run).backbone(), people.frames.read(rows, 32))
    assert np.allclose(store.table("target").features[:4], expected, atol=1e-5)
    assert given.record.synthetic
    assert given.record.backbone.startswith("resnet18 ")
    assert len(list((frame_run / "features").glob("*.npy"))) == 2  # the source people's were there already
