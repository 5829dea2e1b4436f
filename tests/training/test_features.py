"""The feature cache: computed once, right, and never met by another backbone or other frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from pen_mobile.data.frames import ArrayFrames
from pen_mobile.models.backbone import Backbone, make_backbone
from pen_mobile.training.features import cached_features, extract_features

FABRIC = Fabric(accelerator="cpu", devices=1)
PIXELS = np.random.default_rng(0).integers(0, 256, (70, 40, 40, 3), dtype=np.uint8)  # more than one batch of 64


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    return make_backbone("squeezenet1_1", input_size=32)


def frames(count: int = 4) -> ArrayFrames:
    return ArrayFrames(PIXELS[:count])


def refuse(*args: object) -> None:
    raise AssertionError("the backbone was asked")


def test_features_are_the_backbones(backbone: Backbone, tmp_path: Path) -> None:
    features = cached_features(FABRIC, backbone, frames(70), tmp_path)
    assert (features.shape, features.dtype) == ((70, 512), np.float32)
    resized = torch.from_numpy(frames(70).read(slice(None), 32)).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        np.testing.assert_allclose(features, backbone.eval()(resized), rtol=1e-4, atol=1e-4)


def test_features_are_extracted_in_evaluation_mode(backbone: Backbone) -> None:
    backbone.train()
    extract_features(backbone, frames().read(slice(None), 32))
    assert not any(module.training for module in backbone.modules())


def test_second_time_nothing_is_computed(backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = np.array(cached_features(FABRIC, backbone, frames(), tmp_path))
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    monkeypatch.setattr(backbone, "forward", refuse)
    second = cached_features(FABRIC, backbone, frames(), tmp_path)
    np.testing.assert_array_equal(first, second)
    assert path.stat().st_mtime_ns == written
    with pytest.raises(AssertionError, match="the backbone was asked"):  # the refusal works when features are missing
        cached_features(FABRIC, backbone, frames(3), tmp_path)


def test_other_weights_and_other_frames_have_other_features(backbone: Backbone, tmp_path: Path) -> None:
    before = np.array(cached_features(FABRIC, backbone, frames(), tmp_path))
    assert len(list(tmp_path.iterdir())) == 1
    changed = PIXELS[:4].copy()
    changed[0] = 255 - changed[0]
    other = cached_features(FABRIC, backbone, ArrayFrames(changed), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    np.testing.assert_allclose(other[1:], before[1:], rtol=1e-4, atol=1e-5)
    assert not np.allclose(other[0], before[0])

    weight = next(backbone.parameters())
    kept = weight.detach().clone()
    with torch.no_grad():
        weight[0, 0, 0, 0] += 1
        retrained = cached_features(FABRIC, backbone, frames(), tmp_path)
        weight.copy_(kept)
    assert len(list(tmp_path.iterdir())) == 3
    assert not np.allclose(retrained, before)


def test_an_interrupted_computation_leaves_nothing(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        context.setattr(backbone, "forward", refuse)
        with pytest.raises(AssertionError, match="the backbone was asked"):
            cached_features(FABRIC, backbone, frames(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert cached_features(FABRIC, backbone, frames(), tmp_path).shape == (4, 512)
