"""The backbone of a run before the network is built."""

from __future__ import annotations

from dataclasses import dataclass

from pen_mobile.models.backbone import Backbone, backbone_digest
from pen_mobile.training.checkpoint import Weights


@dataclass(frozen=True, eq=False)
class TrainedBackbone:
    """The backbone of a run, built only when the network is needed: importing torchvision takes seconds.

    Attributes:
        name, input_size, feature_size: as :class:`Backbone` has them.
        weights: its state.
    """

    name: str
    input_size: int
    feature_size: int
    weights: Weights

    mean, std = Backbone.mean, Backbone.std

    def digest(self) -> str:
        """Return the hash of name, input size and weights."""
        return backbone_digest(self.name, self.input_size, self.weights)

    def network(self) -> Backbone:
        """Build the network."""
        backbone = Backbone(self.name, self.input_size)
        backbone.load_state_dict(self.weights)
        return backbone.eval()
