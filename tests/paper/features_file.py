"""Seven invented people as features: small enough to run the whole protocol in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SOURCE = {"ann": 80, "bob": 60, "cleo": 100, "dora": 70}
TARGET = {"eve": 100, "finn": 80, "gus": 60}


def write_features(
    folder: Path, rows: dict[str, int] | None = None, size: int = 16, constant: str = "", seed: int = 0
) -> Path:
    """Write a features file; ``rows`` says how many rows people have, ``constant`` whose labels never change."""
    rng = np.random.default_rng(seed)
    people = SOURCE | (rows or TARGET)
    shared = rng.standard_normal((4, 2))
    columns: dict[str, list[np.ndarray]] = {"z": [], "y": [], "subject": [], "role": [], "time_s": []}
    mixing = rng.standard_normal((4 + len(people), size)) / 2
    for place, (name, count) in enumerate(people.items()):
        latent = rng.standard_normal((count, 4))
        who = np.tile(np.eye(len(people))[place], (count, 1))
        own = shared + 0.5 * rng.standard_normal((4, 2))
        columns["z"].append(np.concatenate([latent, who], axis=1) @ mixing)
        columns["y"].append(np.full((count, 2), 0.25) if name == constant else np.tanh(latent @ own / 3))
        columns["subject"].append(np.repeat(name, count))
        columns["role"].append(np.repeat("source" if name in SOURCE else "target", count))
        columns["time_s"].append(np.arange(count) * 1.0)
    path = folder / f"features-{seed}.npz"
    np.savez(path, **{name: np.concatenate(parts) for name, parts in columns.items()})
    return path
