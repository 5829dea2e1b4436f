"""Record of a run, ``run.json``: its settings, its data, and how every stage went."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from pen_mobile.contract.model_card import ModelCard
from pen_mobile.errors import BadInput
from pen_mobile.metrics import Agreement
from pen_mobile.targets import VALENCE_AROUSAL, Targets
from pen_mobile.training.config import LearningConfig
from pen_mobile.training.stage_log import StageLog
from pen_mobile.utils.files import read_json, write_json
from pen_mobile.utils.plain import to_plain
from pen_mobile.utils.validation import validated

STAGES = ("1-backbone", "2-shared", "3-gate", "4-experts")
_FORMAT = 2
_FREE = {"frame_cache_gb"}
"""Settings that change how fast a run is, not what comes out: they may differ when it goes on."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class RunData:
    """The data that a run learned from.

    Attributes:
        digest: hash of the source people's rows.
        origin: DATA as it was given; a path is relative to the run folder.
        synthetic: True for invented people.
        rows: number of rows of source people.
        source_subjects: their names, sorted; expert k belongs to the k-th.
        crop: how faces became frames, where that is known.
        targets: names and range of the labels.
    """

    digest: str
    origin: str
    synthetic: bool
    rows: int
    source_subjects: list[str]
    crop: dict[str, Any] | None = None
    targets: Targets = VALENCE_AROUSAL


@dataclass(config=ConfigDict(extra="forbid"))
class RunRecord:
    """The contents of ``run.json``.

    Attributes:
        config: the settings.
        data: the data.
        feature_size: D_z.
        expert_count: n_s.
        backbone_digest: hash of the trained backbone; empty for a run on features.
        validation: CCC and RMSE of s-SN and s-PEN on the held-out rows of source people.
        stages: log of each finished stage.
        command, versions: how to get this again.
        complete: True when every stage has finished.
        card: what its maker says about the model; None where nothing was said.
        format: version of this record.
    """

    config: LearningConfig
    data: RunData
    feature_size: int = 0
    expert_count: int = 0
    backbone_digest: str = ""
    validation: dict[str, Agreement] = field(default_factory=dict)
    stages: dict[str, StageLog] = field(default_factory=dict)
    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    card: ModelCard | None = None
    format: int = _FORMAT

    @property
    def experts_are_copies(self) -> bool:
        """True when joint learning never beat its start: all experts are the shared head, and s-PEN is s-SN."""
        return self.config.expert_learning == "joint" and self.stages[STAGES[3]].best_epoch == 0

    @classmethod
    def load(cls, path: Path) -> RunRecord:
        """Read a record.

        Args:
            path: ``run.json``.

        Raises:
            BadInput: the record is not of this version.
        """
        values = read_json(path)
        version = values.get("format") if isinstance(values, dict) else None
        if version != _FORMAT:
            raise BadInput(f"{path} is a run record of format {version}; this version reads {_FORMAT}: train again")
        return validated(cls, values, str(path))

    def save(self, path: Path) -> None:
        """Write the record.

        Args:
            path: ``run.json``.
        """
        write_json(path, to_plain(self))

    def difference(self, other: RunRecord) -> str:
        """Return why another record is of another run, such as ``config (seed 0 there, 1 here)``; empty if it is not.

        Args:
            other: record of the run that is to be made.
        """
        for what in ("data", "config"):
            there, here = to_plain(getattr(self, what)), to_plain(getattr(other, what))
            keys = [key for key in here if key not in _FREE and there[key] != here[key]]
            if keys:
                return f"{what} ({', '.join(f'{key} {there[key]!r} there, {here[key]!r} here' for key in keys[:3])})"
        return ""
