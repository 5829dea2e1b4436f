"""Features and labels of all people, in files that worker processes map into memory instead of copying."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pen_mobile.data.load import load_table
from pen_mobile.data.table import ROLES, FeatureTable, Role, SubjectTable
from pen_mobile.errors import BadInput
from pen_mobile.paper.protocol_result import DataRecord
from pen_mobile.training.fabric import make_fabric
from pen_mobile.training.features import cached_features
from pen_mobile.training.run_folder import Run
from pen_mobile.types import Rows
from pen_mobile.utils.files import replacing
from pen_mobile.utils.progress import SILENT, Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_BLOCK = 4096  # rows copied at once


@dataclass(frozen=True, eq=False)
class _Side:
    """The rows of one role without their features, which stay in a file."""

    subject: NDArray[np.str_]
    role: NDArray[np.str_]
    time_s: NDArray[np.float64]
    affect: NDArray[np.float32]
    features: Path

    @classmethod
    def of(cls, table: SubjectTable, rows: Rows, features: Path) -> _Side:
        return cls(table.subject[rows], table.role[rows], table.time_s[rows], table.affect[rows], features)

    def table(self, origin: str, synthetic: bool) -> FeatureTable:
        features = np.load(self.features, mmap_mode="c")  # copy on write: torch wants writable memory
        columns = (self.subject, self.role, self.time_s, self.affect)
        return FeatureTable(*columns, features=features, origin=origin, synthetic=synthetic)


@dataclass(frozen=True, eq=False)
class FeatureStore:
    """Features and labels of source and target people; small enough to send to another process.

    Attributes:
        record: what results say about the data.
        sides: rows of each role, features in a ``.npy`` file.
    """

    record: DataRecord
    sides: dict[Role, _Side]

    def table(self, role: Role) -> FeatureTable:
        """Return the people of one role, their features mapped from the file.

        The pages belong to the operating system's cache: any number of processes share one copy.
        """
        return self.sides[role].table(self.record.origin, self.record.synthetic)


@dataclass(frozen=True, eq=False)
class ProtocolInput:
    """DATA or RUN as read, before anything is computed or written.

    Attributes:
        record: what results will say about the data.
        table: everybody, with frames or features.
        run: the run whose backbone makes features of the frames; None for features.
    """

    record: DataRecord
    table: SubjectTable
    run: Run | None = None

    def store(self, cache: Path, fabric: Fabric | None, progress: Progress = SILENT) -> FeatureStore:
        """Put features into files, unless they are there already.

        Args:
            cache: folder for given features; computed ones go to the run's own cache, where source learning left
                those of the source people.
            fabric: device that computes features; None is this processor.
            progress: who is told how far it is.
        """
        sides = {}
        for role in ROLES:
            rows = self.table.rows_with_role(role)
            features = self._file(role, rows, cache, fabric, progress)
            sides[role] = _Side.of(self.table, rows, features)
        return FeatureStore(self.record, sides)

    def _file(self, role: Role, rows: Rows, cache: Path, fabric: Fabric | None, progress: Progress) -> Path:
        if isinstance(self.table, FeatureTable):
            path = cache / f"features-{role}-{self.record.digest[:16]}.npy"
            if not path.exists():
                _write_rows(self.table.features, rows, path)
            return path
        assert self.run is not None
        backbone = self.run.backbone()
        assert backbone is not None
        frames = self.table.frames.take(rows)
        features = cached_features(
            fabric or make_fabric("cpu"), backbone, frames, self.run.folder / "features", progress
        )
        assert isinstance(features, np.memmap)
        return Path(str(features.filename))


def read_people(source: str, data: str | None = None, progress: Progress = SILENT) -> ProtocolInput:
    """Read what stands for DATA or RUN on the command line.

    Args:
        source: a table of features, or a run folder, whose backbone makes features of the frames it learned from.
        data: where a run's data are now, when not where they were.
        progress: who is told how far it is.

    Raises:
        BadInput: frames without a run, data other than the run learned from, or nobody in a role.
    """
    if (Path(source) / "run.json").is_file():
        return _from_run(Run.open(Path(source)), data, progress)
    if data is not None:
        raise BadInput(f"--data is for a run folder; {source} is none")
    table = load_table(source, progress=progress)
    _check_roles(table)
    if not isinstance(table, FeatureTable):
        raise BadInput(
            f"{source}: holds images; the protocol needs features: 'pen-mobile train {source} --out RUN', "
            "then 'pen-mobile protocol RUN'"
        )
    return ProtocolInput(DataRecord.of(table, table.features.shape[1]), table)


def _from_run(run: Run, data: str | None, progress: Progress) -> ProtocolInput:
    origin = data or run.origin
    try:
        table = load_table(origin, run.config.input_size, progress, run.record.data.targets)
    except BadInput as error:
        raise BadInput(f"{error} (the data of {run.folder}; if they moved, give --data)") from None
    _check_roles(table)
    if table.take(table.rows_with_role("source")).digest != run.record.data.digest:
        raise BadInput(
            f"{origin}: the source people differ from those that {run.folder} learned from; give its data with --data"
        )
    if isinstance(table, FeatureTable):
        record = DataRecord.of(table, table.features.shape[1])
        return ProtocolInput(replace(record, backbone_saw_people=run.config.backbone_saw_people), table)
    backbone = f"{run.config.backbone} {run.record.backbone_digest}"
    record = DataRecord.of(table, run.record.feature_size, backbone)
    config = run.config
    seed = config.seed if config.split_seed is None else config.split_seed
    record = replace(
        record,
        validation_fraction=config.validation_fraction,
        split_seed=seed,
        backbone_saw_people=config.saw_people(has_frames=True),
    )
    return ProtocolInput(record, table, run)


def _write_rows(features: NDArray[np.float32], rows: Rows, path: Path) -> None:
    """Write some rows to a ``.npy`` file a block at a time: there is never a second copy in memory."""
    with replacing(path) as temporary:
        shape = (len(rows), features.shape[1])
        out = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        for start in range(0, len(rows), _BLOCK):
            out[start : start + _BLOCK] = features[rows[start : start + _BLOCK]]
        out.flush()


def _check_roles(table: SubjectTable) -> None:
    if not table.targets.is_default:
        raise BadInput(
            f"{table.origin}: labels are {', '.join(table.targets.names)} in {table.targets.range_text}; the paper's "
            "protocol, with whose tables it compares, has valence and arousal in [-1, 1]"
        )
    for role, least in zip(ROLES, (2, 1), strict=True):
        people = len(table.subjects(role))
        if people < least:
            raise BadInput(f"{table.origin}: {people} {role} subjects; the protocol needs at least {least}")
