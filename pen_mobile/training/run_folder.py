"""A run folder: what source learning leaves behind, and all that export needs.

``run.json`` says what was done; ``1-backbone``, ``2-shared``, ``3-gate`` and ``4-experts`` ``.safetensors`` are the
stages of Algorithm 1; ``5-prior`` says how people differ from that model, in numbers and in words (``.json``);
``features/`` is a cache that may be deleted, and ``frames/`` is one that a complete run no longer has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pen_mobile.contract.caution import absurd_error
from pen_mobile.contract.model_card import ModelCard
from pen_mobile.errors import BadInput
from pen_mobile.models.backbone import Backbone
from pen_mobile.models.heads import ExpertHead, SharedHead
from pen_mobile.models.prior import Prior
from pen_mobile.training.checkpoint import Checkpoint, Weights
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.feature_scaling import FeatureScaling
from pen_mobile.training.run_record import STAGES, RunRecord
from pen_mobile.training.trained_backbone import TrainedBackbone
from pen_mobile.types import Floats
from pen_mobile.utils.files import replacing
from pen_mobile.utils.places import place_from
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.readable import Readable
from pen_mobile.utils.table import Part, Table, invented
from pen_mobile.utils.text import counted, decimal

_RECORD = "run.json"
_COPIES = (
    "joint learning never improved on its start: every expert is the shared head; give --config a TOML file with a "
    "smaller joint_learning_rate, such as joint_learning_rate = 1e-4"
)


class Run(Readable):
    """A run folder on disk.

    Attributes:
        folder: of the run.
        record: what was learned, and how.
    """

    def __init__(self, folder: Path, record: RunRecord) -> None:
        self.folder = folder
        self.record = record

    def __repr__(self) -> str:
        """Return folder and state in one line."""
        state = "complete" if self.record.complete else f"{counted(len(self.record.stages), 'stage')} finished"
        return f"<Run: {self.folder}, {state}, trained on {self.origin}>"

    @property
    def origin(self) -> str:
        """DATA that the run learned from, seen from the working folder."""
        return place_from(self.record.data.origin, self.folder)

    def to_dict(self) -> dict[str, Any]:
        """Return the validation and the log of every stage as plain values."""
        record = self.record
        shown = {"synthetic": record.data.synthetic, "validation": record.validation, "stages": record.stages}
        return {"run": str(self.folder), **to_plain(shown)}

    def as_parts(self) -> list[Part]:
        """Return where the run is, CCC and RMSE of both models on held-out rows of source people, how people differ."""
        record = self.record
        people = counted(record.expert_count, "source person", "source people")
        names = record.data.targets.names
        rows = [(name, *map(decimal, values.root.values())) for name, values in record.validation.items()]
        return [
            f"{self.folder}: held-out rows of {people}{invented(record.data.synthetic)}",
            Table(("model", *(f"{measure} {name}" for measure in ("CCC", "RMSE") for name in names)), rows),
            *self._how_people_differ(),
            *([_COPIES] if record.complete and record.experts_are_copies else []),
            *filter(None, [absurd_error(to_plain(record.validation), record.data.targets.label_range)]),
        ]

    def _how_people_differ(self) -> list[Part]:
        from pen_mobile.training.prior.summary import read_summary

        return [read_summary(self.prior_file).text] if self.prior_file.exists() else []

    @classmethod
    def begin(cls, folder: Path, record: RunRecord) -> Run:
        """Start a run in ``folder``, or go on with the one there if it has the same data and settings.

        Raises:
            BadInput: the folder holds something else.
        """
        if not folder.exists():
            folder.mkdir(parents=True)
        elif not folder.is_dir() or any(folder.iterdir()):
            old = cls.read(folder).record
            other = old.difference(record)
            if other:
                raise BadInput(f"{folder} holds a run with other {other}; choose another --out or remove it")
            return cls(folder, old)
        run = cls(folder, record)
        run.save()
        return run

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read ``run.json``, complete or not.

        Raises:
            BadInput: the folder is not a run of this version.
        """
        if not (folder / _RECORD).is_file():
            raise BadInput(f"{folder} is not a run: it has no {_RECORD}; make one with 'pen-mobile train'")
        return cls(folder, RunRecord.load(folder / _RECORD))

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read a run whose every stage has finished.

        Raises:
            BadInput: the folder is not a run, or training did not finish.
        """
        run = cls.read(folder)
        if not run.record.complete:
            raise BadInput(
                f"{folder}: training did not finish; give 'pen-mobile train' the same arguments to resume it"
            )
        return run

    def reload(self) -> None:
        """Read ``run.json`` again, after another process has written it."""
        self.record = self.read(self.folder).record

    def save(self) -> None:
        """Write ``run.json``."""
        self.record.save(self.folder / _RECORD)

    def name_model(self, card: ModelCard | None) -> None:
        """Note what the maker says about the model, in place of what was said before.

        Args:
            card: None leaves it as it is.
        """
        if card is not None and card != self.record.card:
            self.record.card = card
            self.save()

    def stage_file(self, stage: str) -> Path:
        """Return the file of one of :data:`STAGES`."""
        return self.folder / f"{stage}.safetensors"

    @property
    def frame_folder(self) -> Path:
        """Where decoded frames lie while the run is made."""
        return self.folder / "frames"

    @property
    def config(self) -> LearningConfig:
        """The settings of the run."""
        return self.record.config

    def backbone(self) -> Backbone | None:
        """Return the trained backbone, or None for a run on features."""
        trained = self.trained_backbone()
        return None if trained is None else trained.network()

    def trained_backbone(self) -> TrainedBackbone | None:
        """Return what is known of the backbone before it is built, or None for a run on features."""
        if not self.record.backbone_digest:
            return None
        prefix = "backbone."
        weights = self._weights(STAGES[0]).items()
        own = {key.removeprefix(prefix): weight for key, weight in weights if key.startswith(prefix)}
        return TrainedBackbone(self.config.backbone, self.config.input_size, self.record.feature_size, own)

    def backbone_head(self) -> Tensor | None:
        """Return the shared head that stage 1 learned with the backbone, as a mixture of one; None without frames."""
        if not self.record.backbone_digest:
            return None
        weights = self._weights(STAGES[0])
        rows = torch.cat([weights["head.weight"], weights["head.bias"][:, None]], dim=1)
        return torch.cat([torch.zeros_like(rows[:1]), rows])

    def written_lambda_1(self) -> float:
        """Return lambda_1 of Eq. 8 as it is written, whatever convention the run learned with."""
        convention, value = self.config.loss_convention, self.config.lambda_1
        targets = self.shared_mixture().target_count
        return value if convention == "paper" else value * targets / self.record.expert_count

    def shared_mixture(self) -> ExpertHead:
        """Return s-SN's head as a mixture of one."""
        return self._head(STAGES[1], expert_count=1)

    def shared_head(self) -> SharedHead:
        """Return s-SN's head."""
        (layer,) = self.shared_mixture().to_layers()[1]
        head = SharedHead(layer.in_features, layer.out_features)
        head.load_state_dict(layer.state_dict())
        return head

    def gate_parameters(self) -> Tensor:
        """Return the gate as it was learned alone, ``[n_s, D_z + 1]``."""
        return self._weights(STAGES[2])["head_parameters"].reshape(self.record.expert_count, -1)

    def expert_head(self) -> ExpertHead:
        """Return s-PEN's head."""
        return self._head(STAGES[3], self.record.expert_count)

    def _head(self, stage: str, expert_count: int) -> ExpertHead:
        weights = self._weights(stage)
        rows, columns = weights["head_parameters"].shape
        head = ExpertHead(columns - 1, expert_count, rows // expert_count - 1)
        head.load_state_dict(weights)
        return head

    @property
    def prior_file(self) -> Path:
        """The file of stage 5; its summary is the ``.json`` beside it."""
        return self.folder / "5-prior.safetensors"

    def prior(self) -> Prior:
        """Return the prior over people.

        Raises:
            BadInput: the run has none; it was made by an older version.
        """
        if not self.prior_file.exists():
            raise BadInput(f"{self.prior_file} is missing; train again with this version")
        return Prior.load(self.prior_file)

    def save_feature_statistics(self, mean: Floats, std: Floats) -> None:
        """Keep mean and standard deviation of every feature over the training rows.

        Args:
            mean: ``[D_z]``.
            std: ``[D_z]``.
        """
        from safetensors.numpy import save_file

        with replacing(self._statistics) as temporary:
            save_file({"mean": mean, "std": std}, temporary)

    def feature_scaling(self) -> FeatureScaling | None:
        """Return how features are standardised for gradient steps; None where the run took them as they are."""
        return FeatureScaling.of(*self.feature_statistics()) if self.config.standardize else None

    def feature_statistics(self) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of every feature, ``[D_z]`` each."""
        from safetensors.numpy import load_file

        values = load_file(self._statistics)
        return values["mean"], values["std"]

    @property
    def _statistics(self) -> Path:
        return self.folder / "feature-statistics.safetensors"

    def _weights(self, stage: str) -> Weights:
        checkpoint = Checkpoint.load(self.stage_file(stage))
        if checkpoint is None:
            raise BadInput(f"{self.stage_file(stage)} is missing; train again")
        return checkpoint.best
