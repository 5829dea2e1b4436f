"""Golden vectors of a tiny head, as plain files in ``export/golden``, for the tests of the apps.

    python -m tests.contract.golden_head

writes them anew: 3 experts, 6 features, batches of 4 of which every third is short.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch

from pen_mobile.bundle.golden import Golden
from pen_mobile.bundle.golden_reference import head_answers
from pen_mobile.bundle.recipe import HeadRecipe, load_recipe
from pen_mobile.models.heads import ExpertHead
from tests.small_world import LEARNING_RATES

FOLDER = Path(__file__).parent.parent.parent / "export" / "golden"
FEATURES, EXPERTS, EXAMPLES, BATCH = 6, 3, 16, 4


def recipe() -> HeadRecipe:
    """android-fp32's head, with small batches, one step a call, and every optimizer."""
    sizes = {"batch": BATCH, "steps_per_call": 1, "learning_rate": LEARNING_RATES}
    return load_recipe("android-fp32").for_run(lambda_1=1e-3).head.model_copy(update=sizes)


def tiny_head() -> ExpertHead:
    """A head with fixed parameters."""
    head = ExpertHead(FEATURES, EXPERTS)
    values = np.random.default_rng(0).normal(0, 0.3, (3 * EXPERTS, FEATURES + 1))
    with torch.no_grad():
        head.head_parameters.copy_(torch.from_numpy(values))
    return head


def answers() -> Golden:
    """What the head says and learns."""
    rng = np.random.default_rng(1)
    features = rng.standard_normal((EXAMPLES, FEATURES), np.float32)
    labels = rng.uniform(-1, 1, (EXAMPLES, 2)).astype(np.float32)
    return head_answers(tiny_head(), features, labels, recipe())


def main() -> None:
    """Replace the files of the folder; other golden cases have folders of their own in it."""
    for old in FOLDER.glob("*.*"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain"
        answers().write_plain(plain, tiny_head().head_parameters.detach()[None].numpy())
        shutil.copytree(plain, FOLDER, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
