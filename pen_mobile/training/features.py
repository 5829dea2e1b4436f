"""Features are computed once per (backbone, data) and memory-mapped afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from pen_mobile.models.backbone import Backbone
from pen_mobile.training.frame_cache import all_frames
from pen_mobile.utils.files import replacing
from pen_mobile.utils.progress import SILENT, Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # seconds to import, and only training needs it
from pen_mobile.data.frames import Frames


def cached_features(
    fabric: Fabric, backbone: Backbone, frames: Frames, folder: Path, progress: Progress = SILENT
) -> NDArray[np.float32]:
    """Return features ``[N, D_z]`` of all frames, from ``folder`` when they were computed before.

    The file name is made of the backbone's hash and the frames' hash, so that neither a new training
    nor new data can meet old features.
    """
    path = _path(backbone.digest(), frames, folder)
    if fabric.is_global_zero and not path.exists():
        with replacing(path) as temporary:
            _write(fabric, backbone, frames, temporary, progress)
    fabric.barrier()
    features: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return features


def known_features(digest: str, frames: Frames, folder: Path) -> NDArray[np.float32] | None:
    """Return what :func:`cached_features` left of a backbone with this digest, or None."""
    path = _path(digest, frames, folder)
    return np.load(path, mmap_mode="r") if path.exists() else None


def _path(digest: str, frames: Frames, folder: Path) -> Path:
    key = hashlib.sha256(f"{digest}/{frames.digest}".encode()).hexdigest()[:16]
    return folder / f"features-{key}.npy"


def _write(fabric: Fabric, backbone: Backbone, frames: Frames, path: Path, progress: Progress) -> None:
    shape = (len(frames), backbone.feature_size)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    with progress.task("features", len(frames)) as task:
        start = 0
        for pixels in all_frames(frames, backbone.input_size):
            out[start : start + len(pixels)] = extract_features(backbone, pixels, fabric.device)
            start += len(pixels)
            task.advance(len(pixels))
    out.flush()


@torch.no_grad()
def extract_features(
    backbone: Backbone, pixels: NDArray[np.uint8], device: torch.device | str = "cpu"
) -> NDArray[np.float32]:
    """Return features ``[B, D_z]`` of uint8 RGB frames ``[B, S, S, 3]``, in float32 and evaluation mode."""
    backbone.eval().to(device)
    frames = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float()
    features: NDArray[np.float32] = backbone(frames).cpu().numpy()
    return features
