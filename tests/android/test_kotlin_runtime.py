"""The programs of a bundle in the real runtime, called from Kotlin: features, estimates and training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pen_mobile.bundle.golden_check import read_golden
from pen_mobile.contract.bundle_folder import open_bundle
from tests.android.kotlin import Harness, needs_kotlin

needs_kotlin()


def error(found: object, expected: np.ndarray) -> float:
    """The largest difference, divided by the largest expected value where that is above 1."""
    values = np.asarray(found, np.float64).reshape(expected.shape)
    return float(np.abs(values - expected).max() / max(1.0, np.abs(expected).max()))


def test_golden_vectors(kotlin: Harness, bundle_folder: Path, tmp_path: Path) -> None:
    bundle = open_bundle(bundle_folder)
    manifest, golden = bundle.manifest, read_golden(bundle)
    kotlin.ask("open", bundle=bundle_folder, store=tmp_path / "store.sqlite", folder=tmp_path / "programs", now=1.7e9)
    for number, frame in enumerate(golden.frames):
        z = kotlin.ask("features", frame=frame.transpose(2, 0, 1).ravel().tolist())["z"]
        assert error(z, golden.features[number]) <= manifest.golden.feature_tolerance
        answer = kotlin.ask("predict", z=golden.features[number].tolist())
        inside = np.clip(golden.targets[number], *manifest.label_range)
        assert error(answer["targets"], inside) <= manifest.golden.target_tolerance
        assert error(answer["gate"], golden.gate[number]) <= manifest.golden.target_tolerance


def test_golden_training(kotlin: Harness, bundle_folder: Path, tmp_path: Path) -> None:
    bundle = open_bundle(bundle_folder)
    manifest, golden = bundle.manifest, read_golden(bundle)
    kotlin.ask("open", bundle=bundle_folder, store=tmp_path / "store.sqlite", folder=tmp_path / "programs", now=1.7e9)
    for part in manifest.head.train:
        calls = [
            {
                "z": golden.features[rows].ravel().tolist(),
                "y": golden.labels[rows].ravel().tolist(),
                "weight": (rows >= 0).astype(float).ravel().tolist(),
            }
            for rows in golden.batches[part.optimizer].reshape(-1, part.steps, part.batch)
        ]
        hyper = golden.hyper[part.optimizer].tolist()
        answer = kotlin.ask("train", optimizer=part.optimizer, calls=calls, hyper=hyper, folder=tmp_path)
        assert error(answer["losses"], golden.losses[part.optimizer]) <= manifest.golden.train_tolerance
        assert error(answer["trained"], golden.trained[part.optimizer]) <= manifest.golden.train_tolerance


@pytest.mark.slow
def test_memory_does_not_grow(kotlin: Harness, small_bundle: Path, tmp_path: Path) -> None:
    """10,000 predictions and 200 adaptations."""
    kotlin.ask("open", bundle=small_bundle, store=tmp_path / "store.sqlite", folder=tmp_path / "programs", now=1.7e9)
    rng = np.random.default_rng(0)
    samples = [
        {"z": rng.standard_normal(16).tolist(), "y": rng.uniform(-0.5, 0.5, 2).tolist(), "t": 1.69e9 + 60 * number}
        for number in range(20)
    ]
    kotlin.ask("label", samples=samples)
    answer = kotlin.ask("soak", z=samples[0]["z"], predictions=10_000, adaptations=200)
    assert answer["last"] - answer["first"] < 2 << 20, answer
