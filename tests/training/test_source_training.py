"""Source learning on features: the stages of Algorithm 1, what experts become, and what an interruption costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pen_mobile.data.frames import FileFrames
from pen_mobile.data.load import load_table
from pen_mobile.data.splits import validation_split
from pen_mobile.data.table import FeatureTable, FrameTable
from pen_mobile.errors import BadInput
from pen_mobile.models.heads import ExpertHead
from pen_mobile.models.losses import source_loss
from pen_mobile.training.checkpoint import Checkpoint
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.fabric import make_fabric
from pen_mobile.training.run_folder import Run
from pen_mobile.training.run_record import STAGES
from pen_mobile.training.source_training import learn_source
from pen_mobile.utils.progress import SILENT, Task

SIGNS = {"ann": 1, "ben": -1, "cas": 1, "dot": -1}
"""Ann and Cas smile when they are glad; Ben and Dot do the opposite."""
CONFIG = LearningConfig(
    optimizer="adam", learning_rate=0.03, joint_learning_rate=0.03, head_epochs=8, joint_epochs=30, patience=30
)
SHORT = replace(CONFIG, head_epochs=3, joint_epochs=4)


def feature_table(rows: int = 48, seed: int = 0, target_seed: int = 0) -> FeatureTable:
    """People who stand apart in the first four features and feel ``sign * 0.8 * (z_5, z_6)``; one more is a target."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(4), rows)
    place = 2 * np.eye(4)[who] + 0.2 * rng.standard_normal((4 * rows, 4))
    action = rng.uniform(-1, 1, (4 * rows, 2))
    sign = np.array(list(SIGNS.values()))[who]
    target = np.random.default_rng(target_seed).uniform(-1, 1, (5, 6))
    return FeatureTable(
        subject=np.array([*np.array(list(SIGNS))[who], *["eve"] * 5]),
        role=np.array(["source"] * 4 * rows + ["target"] * 5),
        time_s=np.array([*np.tile(np.arange(rows), 4), *range(5)], dtype=np.float64),
        affect=np.concatenate([0.8 * sign[:, None] * action, target[:, :2]]).astype(np.float32),
        features=np.concatenate([np.concatenate([place, action], axis=1), target]).astype(np.float32),
        origin="people.npz",
    )


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A complete run on ``feature_table()``; tests must not change it."""
    return learn_source(feature_table(), CONFIG, tmp_path_factory.mktemp("learnt") / "run")


def held_out_rows(table: FeatureTable) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """Features, labels and names of the source rows that validate a run on ``table``."""
    source = table.take(table.rows_with_role("source"))
    rows = validation_split(source, CONFIG.validation_fraction, CONFIG.seed)[1]
    return torch.from_numpy(source.features[rows]), torch.from_numpy(source.affect[rows]), source.subject[rows].tolist()


class Listener:
    """Writes down what is worked on; interrupts the work in one task after some steps, if told."""

    def __init__(self, interrupted_in: str = "", after: int = 0) -> None:
        self.tasks: list[str] = []
        self.said: list[str] = []
        self.interrupted_in, self.left = interrupted_in, after

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        self.tasks.append(name)
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        if self.tasks[-1] == self.interrupted_in:
            self.left -= steps
            if self.left < 0:
                raise KeyboardInterrupt

    def say(self, message: str) -> None:
        self.said.append(message)


def weights_of(run: Run) -> dict[str, torch.Tensor]:
    """Best weights of every stage that left a file."""
    found = {}
    for stage in STAGES:
        saved = Checkpoint.load(run.stage_file(stage))
        found |= {} if saved is None else {f"{stage}/{key}": value for key, value in saved.best.items()}
    return found


def assert_same_run(one: Run, other: Run) -> None:
    first, second = weights_of(one), weights_of(other)
    assert first.keys() == second.keys()
    assert len(first) == 3  # head parameters of the shared head, of the gate, and of the experts with their gate
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
    assert one.record.validation == other.record.validation


@pytest.mark.slow
def test_stages_run_in_the_order_of_algorithm_1(tmp_path: Path) -> None:
    """A table of features has no frames to learn a backbone from: stage 1 is left out."""
    listener = Listener()
    run = learn_source(feature_table(), SHORT, tmp_path / "run", progress=listener)
    assert listener.tasks == ["2-shared", "3-gate", "4-experts", "5-prior"]
    assert list(run.record.stages) == ["2-shared", "3-gate", "4-experts"]
    assert not run.stage_file("1-backbone").exists()
    assert run.backbone() is None


def test_the_gate_learns_who_it_is(learnt: Run) -> None:
    """Four people, evenly held out: guessing is right once in four."""
    z, _, names = held_out_rows(feature_table())
    people = np.array(sorted(SIGNS))
    guessed = people[learnt.expert_head()(z).gate.argmax(dim=1)]
    assert len(names) == 40  # 20 % of 48 rows is 9.6: 10 of each person
    assert np.mean(guessed == names) > 0.95


def test_every_expert_becomes_its_person(learnt: Run) -> None:
    """The slope of expert i's valence over z_5, and of its arousal over z_6, has the sign of person i."""
    rows = learnt.expert_head().expert_rows.detach()
    for expert, name in zip(rows, sorted(SIGNS), strict=True):
        assert np.sign(expert[0, 4]) == np.sign(expert[1, 5]) == SIGNS[name]
        assert expert[[0, 1], [4, 5]].abs().min() > 0.3


def test_experts_do_what_one_head_for_everybody_cannot(learnt: Run) -> None:
    """Over people of both signs the best single slope is 0, so s-SN has a CCC near 0 and s-PEN is far above."""
    shared, experts = learnt.record.validation["s-SN"], learnt.record.validation["s-PEN"]
    for name in ("ccc_valence", "ccc_arousal"):
        assert getattr(shared, name) < 0.3
        assert getattr(experts, name) > 0.9
    for name in ("rmse_valence", "rmse_arousal"):
        assert getattr(experts, name) < 0.5 * getattr(shared, name)


def test_joint_learning_starts_from_shared_head_and_gate(learnt: Run) -> None:
    """Before stage 4 trains, its validation loss (Eq. 4) is that of W^e_i = W^s with the gate of stage 3."""
    z, affect, names = held_out_rows(feature_table())
    subject = torch.tensor([sorted(SIGNS).index(name) for name in names])
    saved = Checkpoint.load(learnt.stage_file("3-gate"))
    assert saved is not None
    start = ExpertHead(6, 4)
    start.start_from_shared(learnt.shared_head())
    with torch.no_grad():
        start.gate_rows.copy_(saved.best["head_parameters"])
    with torch.no_grad():
        expected = source_loss(start(z), affect, subject, CONFIG.lambda_0, CONFIG.lambda_1).item()
    epochs = learnt.record.stages["4-experts"].epochs
    assert epochs[0].validation_loss == pytest.approx(expected, rel=1e-5)
    assert min(epoch.validation_loss for epoch in epochs) < 0.2 * expected


@pytest.mark.slow
def test_target_people_teach_nothing(tmp_path: Path) -> None:
    runs = [learn_source(feature_table(target_seed=seed), SHORT, tmp_path / f"run-{seed}") for seed in (0, 1)]
    assert_same_run(*runs)
    assert runs[0].record.data == runs[1].record.data


@pytest.mark.slow
def test_same_seed_same_run_other_seed_other_run(tmp_path: Path) -> None:
    one, same, other = (
        learn_source(feature_table(), replace(SHORT, seed=seed), tmp_path / f"{number}")
        for number, seed in enumerate((0, 0, 1))
    )
    assert_same_run(one, same)
    assert not torch.equal(one.expert_head().head_parameters, other.expert_head().head_parameters)


def test_a_complete_run_is_not_trained_again(learnt: Run) -> None:
    written = {path: path.stat().st_mtime_ns for path in learnt.folder.iterdir()}
    listener = Listener()
    again = learn_source(feature_table(), CONFIG, learnt.folder, progress=listener)
    assert listener.tasks == []
    assert again.record == learnt.record
    assert {path: path.stat().st_mtime_ns for path in learnt.folder.iterdir()} == written


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["2-shared", "3-gate", "4-experts"])
def test_interrupted_and_resumed_is_bit_identical(tmp_path: Path, stage: str) -> None:
    """152 rows learn in 5 steps an epoch: the interruption after 7 comes when epoch 2 is reported, which is saved."""
    whole = learn_source(feature_table(), SHORT, tmp_path / "whole")
    folder = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        learn_source(feature_table(), SHORT, folder, progress=Listener(stage, after=7))
    saved = Checkpoint.load(folder / f"{stage}.safetensors")
    assert saved is not None
    assert (saved.log.finished, saved.log.steps) == (False, 10)
    with pytest.raises(BadInput, match="training did not finish"):
        Run.open(folder)
    listener = Listener()
    resumed = learn_source(feature_table(), SHORT, folder, progress=listener)
    assert listener.tasks == [name for name in (*STAGES, "5-prior") if name >= stage]
    assert_same_run(resumed, whole)
    assert_same_run(Run.open(folder), whole)


SLOW_TRAINING = """
import sys, time
from contextlib import contextmanager
from pathlib import Path
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.source_training import learn_source
from pen_mobile.data.load import load_table

class Slow:
    @contextmanager
    def task(self, name, total=None):
        yield self
    def advance(self, steps=1, note=""):
        time.sleep(0.05)
    def say(self, message):
        print(message)

data, recipe, folder = sys.argv[1:]
learn_source(load_table(data), LearningConfig.load(Path(recipe)), Path(folder), progress=Slow())
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_and_resumed_is_bit_identical(tmp_path: Path) -> None:
    """A process that is killed cannot tidy up: whatever it left must be enough, and must not be half written."""
    table = feature_table()
    data, recipe, folder = tmp_path / "people.npz", tmp_path / "train.toml", tmp_path / "killed"
    arrays = {"z": table.features, "y": table.affect, "subject": table.subject, "role": table.role}
    np.savez(data, time_s=table.time_s, **arrays)
    recipe.write_text('optimizer = "adam"\nlearning_rate = 0.03\nhead_epochs = 12\njoint_epochs = 3\n')
    config = LearningConfig.load(recipe)
    whole = learn_source(load_table(str(data)), config, tmp_path / "whole")

    process = subprocess.Popen([sys.executable, "-c", SLOW_TRAINING, str(data), str(recipe), str(folder)])
    try:
        first = folder / "2-shared.safetensors"
        give_up = time.monotonic() + 120
        while not first.exists():
            assert process.poll() is None, "training ended before its first checkpoint"
            assert time.monotonic() < give_up, "no checkpoint in two minutes"
            time.sleep(0.01)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL

    saved = Checkpoint.load(first)
    assert saved is not None
    assert not saved.log.finished
    assert 1 <= len(saved.log.epochs) - 1 < 12
    with pytest.raises(BadInput, match="training did not finish"):
        Run.open(folder)
    assert_same_run(learn_source(load_table(str(data)), config, folder), whole)


def test_other_data_and_settings_are_refused_by_name(learnt: Run) -> None:
    with pytest.raises(BadInput, match=r"holds a run with other data \(digest '\w+' there, '\w+' here"):
        learn_source(feature_table(seed=1), CONFIG, learnt.folder)
    with pytest.raises(BadInput, match=r"other config \(batch_size 32 there, 16 here\); choose another"):
        learn_source(feature_table(), replace(CONFIG, batch_size=16), learnt.folder)


def test_one_person_cannot_be_told_from_others(tmp_path: Path) -> None:
    table = feature_table()
    alone = table.take(np.flatnonzero((table.subject == "ann") | (table.role == "target")))
    with pytest.raises(BadInput, match=r"people\.npz: 1 source subjects; learning experts needs at least 2"):
        learn_source(alone, SHORT, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_few_rows_to_validate_are_refused(tmp_path: Path) -> None:
    """Two rows of each person: 20 % of them is no row, and a loss over no rows is no number."""
    with pytest.raises(BadInput, match=r"people\.npz: no subject has rows enough to hold 20% of them out"):
        learn_source(feature_table(rows=2), SHORT, tmp_path / "run")


def test_frames_run_through_every_stage(people: FrameTable, tmp_path: Path) -> None:
    """Three steps a stage, on pixels: all four stages, one cache of features between the first two."""
    config = LearningConfig(
        backbone="squeezenet1_1", weights="none", input_size=32, backbone_optimizer="adam", max_steps=3
    )
    listener = Listener()
    run = learn_source(people, config, tmp_path / "run", progress=listener)
    assert listener.tasks == ["1-backbone", "features", "2-shared", "3-gate", "4-experts", "5-prior"]
    assert [log.steps for log in run.record.stages.values()] == [3, 3, 3, 3]
    backbone = run.backbone()
    assert backbone is not None
    assert backbone.digest() == run.record.backbone_digest
    assert run.record.feature_size == 512
    (cache,) = (run.folder / "features").iterdir()
    assert np.load(cache).shape == (240, 512)  # 3 source people x 40 s x 2 frames a second


ON_FRAMES = LearningConfig(
    backbone="squeezenet1_1", weights="none", input_size=32, backbone_optimizer="adam", max_steps=9, augment=True
)


@pytest.fixture(scope="module")
def files(people: FrameTable, tmp_path_factory: pytest.TempPathFactory) -> FrameTable:
    """The invented people as a table of image files."""
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / f"{row}.png" for row in range(len(people))]
    pixels = people.frames.read(slice(None))
    for path, frame in zip(paths, pixels, strict=True):
        cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return replace(people, frames=FileFrames(paths, pixels.shape[1]))


@pytest.fixture(scope="module")
def learnt_from_files(files: FrameTable, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A complete run on ``files``, augmented; tests must not change it."""
    listener = Listener()
    run = learn_source(files, ON_FRAMES, tmp_path_factory.mktemp("files-run") / "run", progress=listener)
    assert listener.tasks == ["frames", "1-backbone", "features", "2-shared", "3-gate", "4-experts", "5-prior"]
    assert listener.said == []
    return run


def losses_of_backbone(run: Run) -> list[tuple[float, float]]:
    """Loss of training and of validation after every epoch: they tell any two ways of learning apart."""
    epochs = run.record.stages["1-backbone"].epochs[1:]
    return [(epoch.training_loss, epoch.validation_loss) for epoch in epochs]


@pytest.mark.slow
def test_frames_decoded_every_time_teach_the_same(
    files: FrameTable, learnt_from_files: Run, people: FrameTable, tmp_path: Path
) -> None:
    listener = Listener()
    again = learn_source(files, replace(ON_FRAMES, frame_cache_gb=0), tmp_path / "run", progress=listener)
    assert "frames" not in listener.tasks
    assert "every epoch decodes them again" in listener.said[0]
    in_memory = learn_source(people, ON_FRAMES, tmp_path / "memory")
    for run in (again, in_memory):
        assert losses_of_backbone(run) == losses_of_backbone(learnt_from_files)
        assert run.record.validation == learnt_from_files.record.validation


def test_decoded_frames_do_not_outlive_the_training(learnt_from_files: Run) -> None:
    assert not learnt_from_files.frame_folder.exists()


def test_augmentation_teaches_something_else(files: FrameTable, learnt_from_files: Run, tmp_path: Path) -> None:
    plain = learn_source(files, replace(ON_FRAMES, augment=False), tmp_path / "run")
    pairs = zip(losses_of_backbone(plain), losses_of_backbone(learnt_from_files), strict=True)
    assert all(one != other for one, other in pairs)


def test_a_resumed_run_finds_its_frames_decoded(files: FrameTable, learnt_from_files: Run, tmp_path: Path) -> None:
    """192 rows learn in 6 steps an epoch: the interruption after 7 comes in epoch 2; the end is the same."""
    with pytest.raises(KeyboardInterrupt):
        learn_source(files, ON_FRAMES, tmp_path / "run", progress=Listener("1-backbone", after=7))
    assert len(list((tmp_path / "run" / "frames").iterdir())) == 1
    listener = Listener()
    resumed = learn_source(files, ON_FRAMES, tmp_path / "run", progress=listener)
    assert "frames" not in listener.tasks
    assert losses_of_backbone(resumed) == losses_of_backbone(learnt_from_files)
    assert resumed.record.validation == learnt_from_files.record.validation


@pytest.mark.slow
def test_the_cpu_is_always_there(tmp_path: Path) -> None:
    fabric = make_fabric("cpu")
    assert fabric.device == torch.device("cpu")
    assert_same_run(
        learn_source(feature_table(), SHORT, tmp_path / "given", fabric, SILENT),
        learn_source(feature_table(), SHORT, tmp_path / "usual"),
    )


def test_features_of_the_run_are_described_for_export(learnt: Run) -> None:
    table = feature_table()
    people = table.take(table.rows_with_role("source"))
    source = people.features[validation_split(people, CONFIG.validation_fraction, CONFIG.seed)[0]]
    mean, std = learnt.feature_statistics()
    np.testing.assert_allclose(mean, source.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(std, source.std(0), rtol=1e-5, atol=1e-6)


def test_too_large_a_joint_step_leaves_copies_and_says_so(learnt: Run, tmp_path: Path) -> None:
    """Steps of 1000 only make it worse: early stopping keeps nine copies of the shared head."""
    config = replace(SHORT, joint_learning_rate=1000.0)
    run = learn_source(feature_table(), config, tmp_path / "run")
    assert run.record.experts_are_copies
    assert not learnt.record.experts_are_copies
    experts, shared = run.expert_head().head_parameters[4:].reshape(4, 2, -1), run.shared_head()
    for expert in experts:
        torch.testing.assert_close(expert, torch.cat([shared.weight, shared.bias[:, None]], dim=1))
