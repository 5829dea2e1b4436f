"""End2You's recurrent part on any features: two GRU layers and a linear layer, trained for CCC.

Tzirakis et al. 2018, https://arxiv.org/abs/1802.01115, and its code, https://github.com/end2you/end2you (the numbers
below as of February 2018 unless said otherwise). Public there: GRU cells, 2 layers, sequences of 150 frames, two
sequences a batch, Adam with learning rate 1e-4, at most 50 epochs, loss ``1 - CCC`` of each dimension over the frames
of a batch and then the mean of the two. Hidden units: 128 by default in the release of 2018, fixed at 256 in the
PyTorch release that followed, which is taken here.

Ours, because not public or not theirs: the features are given (End2You trains its ResNet-50 along), standardised by
source statistics; training stops early on validation; recordings are estimated in one go, state carried from
beginning to end, where End2You starts anew every 150 frames; a sequence of constant labels, whose CCC is undefined,
is learnt by squared error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from pen_mobile.errors import BadInput
from pen_mobile.models.optimizers import make_optimizer
from pen_mobile.paper.comparators.trajectory import Standardisation, Trajectory, check_learnable, checked_features
from pen_mobile.training.batches import EpochBatches
from pen_mobile.training.checkpoint import Weights
from pen_mobile.training.fabric import make_fabric
from pen_mobile.types import Doubles, Floats
from pen_mobile.utils.progress import SILENT, Progress, Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_TINY = 1e-8
"""Variance of labels (deviation 1e-4) below which they count as constant; also keeps the loss's quotient finite."""


@dataclass(frozen=True)
class GruSettings:
    """Size and training of the network; the defaults are End2You's where public (see the module).

    Attributes:
        hidden_size: units of each GRU layer.
        layers: GRU layers.
        sequence_length: rows of a training sequence; a recording is cut into these, the last one shorter.
        batch_size: sequences a step.
        learning_rate: Adam's.
        epochs: passes over the sequences at most.
        patience: stop after this many epochs without a better validation loss; ours.
        seed: decides first weights and the order of sequences.
    """

    hidden_size: int = 256
    layers: int = 2
    sequence_length: int = 150
    batch_size: int = 2
    learning_rate: float = 1e-4
    epochs: int = 50
    patience: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("hidden_size", "layers", "sequence_length", "batch_size", "epochs", "patience"):
            if getattr(self, name) < 1:
                raise BadInput(f"comparator gru: {name} must be at least 1")
        if self.seed < 0:
            raise BadInput("comparator gru: seed must be 0 or more")
        if not self.learning_rate > 0:
            raise BadInput("comparator gru: learning_rate must be greater than 0")


class GruNetwork(nn.Module):
    """Standardisation, GRU layers, linear layer: features ``[B, T, D]`` to affect ``[B, T, 2]``."""

    mean: Tensor
    inverse: Tensor

    def __init__(self, standardisation: Standardisation, hidden_size: int, layers: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(standardisation.mean))
        self.register_buffer("inverse", torch.from_numpy(standardisation.inverse))
        self.gru = nn.GRU(len(standardisation.mean), hidden_size, layers, batch_first=True)
        self.linear = nn.Linear(hidden_size, 2)

    def forward(self, z: Tensor) -> Tensor:
        hidden, _ = self.gru((z - self.mean) * self.inverse)
        affect: Tensor = self.linear(hidden)
        return affect


@dataclass(frozen=True, eq=False)
class GruComparator:
    """A trained network; see :class:`~pen_mobile.paper.comparators.trajectory.Comparator`.

    Attributes:
        network: with the best weights, on the processor.
        validation_losses: before training and after every epoch.
        best_epoch: the epoch whose weights were kept; 0 is before training.
    """

    network: GruNetwork
    validation_losses: tuple[float, ...]
    best_epoch: int

    @torch.inference_mode()
    def predict(self, z: Floats, time_s: Doubles | None = None) -> Floats:
        """Estimate a whole recording; see the protocol. ``time_s`` plays no part: the network counts rows.

        Raises:
            BadInput: ``z`` is empty, of another width than was learnt from, or not finite.
        """
        known = torch.from_numpy(np.ascontiguousarray(checked_features(z, len(self.network.mean))))
        estimate: Floats = self.network(known[None])[0].numpy()
        return estimate


def concordance_loss(estimate: Tensor, affect: Tensor) -> Tensor:
    """Mean over valence and arousal of ``1 - 2 cov(x, y) / (var x + var y + (mean x - mean y)^2)``, for ``[N, 2]``.

    Moments are over N, as Lin defined CCC and as End2You's loss has it; :func:`pen_mobile.metrics.agreement` takes
    variances and covariance over N - 1, which makes no difference when the means are equal, and else less of one
    the larger N is. A dimension whose labels are constant counts its mean squared error instead: CCC is 0 there
    whatever the estimate, and its gradient says nothing.
    """
    mean_x, mean_y = estimate.mean(dim=0), affect.mean(dim=0)
    x, y = estimate - mean_x, affect - mean_y
    spread = y.square().mean(dim=0)
    distance = x.square().mean(dim=0) + spread + (mean_x - mean_y).square()
    concordance = 2 * (x * y).mean(dim=0) / (distance + _TINY)
    squared_error = (estimate - affect).square().mean(dim=0)
    return torch.where(spread > _TINY, 1 - concordance, squared_error).mean()


def fit_gru(
    training: Sequence[Trajectory],
    validation: Sequence[Trajectory],
    settings: GruSettings | None = None,
    fabric: Fabric | None = None,
    progress: Progress = SILENT,
) -> GruComparator:
    """Train End2You's recurrent part on source people and keep the weights that validate best.

    Same seed, data and device: same weights. The caller's random state is left alone. At RECOLA's size (9 people,
    7,000 rows of 2048 features) an epoch takes about 45 s of one processor core; larger batches or a ``fabric`` with
    an accelerator shorten that.

    Args:
        training: recordings that teach.
        validation: recordings, estimated as wholes, whose loss over all their rows decides when to stop.
        fabric: where to train; one device. None is the processor.

    Raises:
        BadInput: fewer than two training rows, no validation row, or features of different widths.
    """
    settings = settings or GruSettings()
    check_learnable(training, validation)
    trainer = _Trainer(fabric or make_fabric("cpu"), settings, training, validation)
    with progress.task("gru", settings.epochs * len(trainer.order)) as task:
        while not trainer.done():
            trainer.train_one_epoch(task)
            trainer.validate()
            task.advance(0, f"validation loss {min(trainer.losses):.4f}")
    return trainer.conclude()


class _Trainer:
    """The state of :func:`fit_gru` between epochs."""

    def __init__(
        self,
        fabric: Fabric,
        settings: GruSettings,
        training: Sequence[Trajectory],
        validation: Sequence[Trajectory],
    ) -> None:
        self.fabric, self.settings, self.validation = fabric, settings, validation
        length = settings.sequence_length
        self.sequences = [
            person.cut(start, start + length) for person in training for start in range(0, len(person), length)
        ]
        self.order = EpochBatches(len(self.sequences), settings.batch_size, settings.seed, shuffle=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = GruNetwork(Standardisation.of(training), settings.hidden_size, settings.layers)
        optimizer = make_optimizer("adam", self.network.parameters(), settings.learning_rate)
        self.module, self.optimizer = fabric.setup(self.network, optimizer)
        self.losses: list[float] = []
        self.best: Weights = {}
        self.best_epoch = 0
        self.validate()

    def done(self) -> bool:
        epoch = len(self.losses) - 1
        return epoch >= self.settings.epochs or epoch - self.best_epoch >= self.settings.patience

    def train_one_epoch(self, task: Task) -> None:
        self.module.train()
        self.order.epoch = len(self.losses)
        for numbers in self.order:
            self.optimizer.zero_grad()
            self.fabric.backward(self._loss([self.sequences[number] for number in numbers]))
            self.optimizer.step()
            task.advance(1)

    def _loss(self, sequences: Sequence[Trajectory]) -> Tensor:
        """Loss over the rows of some sequences; what pads the short ones comes after their rows and is left out."""
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        real = torch.arange(int(lengths.max())) < lengths[:, None]
        z = pad_sequence([torch.from_numpy(sequence.z) for sequence in sequences], batch_first=True)
        affect = torch.from_numpy(np.concatenate([sequence.affect for sequence in sequences]))
        z, affect, real = (self.fabric.to_device(values) for values in (z, affect, real))
        return concordance_loss(self.module(z)[real], affect)

    @torch.no_grad()
    def validate(self) -> None:
        self.module.eval()
        estimates = [
            self.module(self.fabric.to_device(torch.from_numpy(person.z))[None])[0].cpu() for person in self.validation
        ]
        affect = torch.from_numpy(np.concatenate([person.affect for person in self.validation]))
        loss = float(concordance_loss(torch.cat(estimates), affect))
        self.losses.append(loss)
        # A loss of NaN is never less: weights that diverged are not kept.
        if len(self.losses) == 1 or loss < self.losses[self.best_epoch]:
            self.best_epoch = len(self.losses) - 1
            self.best = {key: value.detach().clone() for key, value in self.network.state_dict().items()}

    def conclude(self) -> GruComparator:
        self.network.load_state_dict(self.best)
        return GruComparator(self.network.cpu().eval(), tuple(self.losses), self.best_epoch)
