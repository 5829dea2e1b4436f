"""Features as samples of the module loop, all in memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pen_mobile.training.batches import Batch


class FeatureSamples:
    threads = 0

    def __init__(self, features: Tensor, affect: Tensor) -> None:
        self.features, self.affect = features, affect

    def __len__(self) -> int:
        return len(self.features)

    def batch(self, rows: Sequence[int], epoch: int = 0) -> Batch:
        chosen = torch.as_tensor(rows)
        return Batch(self.features[chosen], self.affect[chosen])
