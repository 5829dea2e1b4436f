"""Exported data, read strictly: the files of an export as the parts of a store."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import zipfile
import zlib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pen_mobile.errors import BadInput, one_line
from pen_mobile.phone.store.bundle_binding import BundleBinding, check_binding
from pen_mobile.phone.store.checkpoints import Checkpoint
from pen_mobile.phone.store.data_export import INDEX, README, VERSION, file_of, sample_columns
from pen_mobile.phone.store.head_record import HeadRecord
from pen_mobile.phone.store.sample_record import SampleRecord, format_of
from pen_mobile.targets import DEFAULT_RANGE
from pen_mobile.types import Floats
from pen_mobile.utils.strict_json import parse_strictly

MAX_BYTES = 2 << 30
"""Most that an export may hold."""
_MAX_FILES = 100_000
_MAX_JSON = 256 << 20

Checked = TypeVar("Checked")
HeadVersion = Annotated[int, Field(gt=0, lt=1 << 31)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _File(_Part):
    bytes: int
    sha256: str


class _Bundle(_Part):
    backbone: str
    feature_size: int
    targets: list[str]
    head_bytes: int | None
    head: str | None
    model: str
    serial: int
    generation: int


class _Index(_Part):
    format: Literal["pen-mobile data export"]
    version: Annotated[int, Field(ge=1, le=VERSION)]
    exported_at: float
    bundle: _Bundle
    active_version: HeadVersion | None
    label_range: Annotated[list[float], Field(min_length=2, max_length=2)] = [*DEFAULT_RANGE]
    counts: dict[str, int]
    files: dict[str, _File]


class _Head(_Part):
    version: HeadVersion
    parent: HeadVersion | None
    status: Literal["active", "superseded", "rejected"]
    strategy: str | None
    created_at: float
    parameters: str | None
    metrics: dict[str, Any]


class _Event(_Part):
    at: float
    kind: str
    detail: dict[str, Any]


class _Progress(_Part):
    inputs: str
    progress: dict[str, Any]


class ExportedData:
    """The files of an export, checked against its index."""

    def __init__(self, source: Path) -> None:
        """Read an export.

        Args:
            source: folder or archive.

        Raises:
            BadInput: it is none, or a file differs from the index.
        """
        self._source = source
        self._files = _read_archive(source) if source.is_file() else _read_folder(source)
        self._index = self._parsed(INDEX, _Index)
        if not self._index.label_range[0] < self._index.label_range[1]:
            raise self._damaged(INDEX, "label_range does not ascend")
        self._check_files()

    def binding(self) -> BundleBinding:
        """Return the bundle that the data belong to.

        Raises:
            BadInput: it makes no sense.
        """
        found = self._index.bundle.model_dump()
        check_binding(self._source, found | {"store_id": "", "targets": json.dumps(found["targets"])})
        del found["generation"]
        return BundleBinding(**found | {"targets": tuple(found["targets"])})

    def samples(self) -> list[tuple[Floats, SampleRecord]]:
        """Return feature and record of every sample.

        Raises:
            BadInput: a line or a feature is not one of a sample.
        """
        targets, features = self.binding().targets, self._features()
        text = self._content("samples.csv").decode("utf-8", "replace")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if not rows or rows[0] != sample_columns(targets) or len(rows) - 1 != len(features):
            raise self._damaged("samples.csv")
        records = [self._record(row, number, len(targets)) for number, row in enumerate(rows[1:])]
        return list(zip(features, records, strict=True))

    def heads(self) -> list[tuple[HeadRecord, bytes | None]]:
        """Return every attempt to adapt with the parameters that are kept.

        Raises:
            BadInput: attempts contradict each other.
        """
        heads = self._parsed("heads.json", list[_Head])
        versions = [head.version for head in heads]
        known = all(head.parent is None or head.parent in versions[:at] for at, head in enumerate(heads))
        active = [head.version for head in heads if head.status == "active"]
        in_use = [] if self._index.active_version is None else [self._index.active_version]
        if sorted(set(versions)) != versions or not known or active != in_use:
            raise self._damaged("heads.json")
        return [self._head(head) for head in heads]

    def events(self) -> list[tuple[float, str, dict[str, Any]]]:
        """Return time, kind and detail of every event.

        Raises:
            BadInput: an event is none.
        """
        return [(event.at, event.kind, event.detail) for event in self._parsed("events.json", list[_Event])]

    def checkpoint(self) -> Checkpoint | None:
        """Return the interrupted adaptation, or None.

        Raises:
            BadInput: it is not whole.
        """
        if "checkpoint.json" not in self._files:
            return None
        found = self._parsed("checkpoint.json", _Progress)
        return Checkpoint(found.inputs, found.progress, self._content("checkpoint.bin"))

    def _features(self) -> Floats:
        try:
            features = np.load(io.BytesIO(self._content("features.npy")), allow_pickle=False)
        except (ValueError, EOFError, OSError):
            raise self._damaged("features.npy") from None
        wanted = features.dtype == np.dtype("<f4") and features.shape[1:] == (self.binding().feature_size,)
        if not wanted or not np.isfinite(features).all():
            raise self._damaged("features.npy")
        return np.asarray(features, np.float32)

    def _record(self, row: list[str], number: int, targets: int) -> SampleRecord:
        record = None
        if len(row) == targets + 6 and row[0] == str(number):
            record = _record_of(row[1:3], self._units(row[3 : 3 + targets]), row[3 + targets :])
        if record is None or not record.is_sane:
            raise self._damaged("samples.csv", f"line {number + 2}")
        return record

    def _units(self, labels: list[str]) -> list[float]:
        """Return labels on the scale from -1 to 1; NaN stands for what is no number."""
        low, high = self._index.label_range
        try:
            return [(float(label) - (low + high) / 2) / ((high - low) / 2) for label in labels]
        except ValueError:
            return [math.nan] * len(labels)

    def _head(self, head: _Head) -> tuple[HeadRecord, bytes | None]:
        if head.parameters not in (None, file_of(head.version)) or (head.status == "rejected" and head.parameters):
            raise self._damaged("heads.json")
        parameters = None if head.parameters is None else self._content(head.parameters)
        if parameters == b"" or (head.status == "active" and parameters is None):
            raise self._damaged("heads.json")
        size = None if parameters is None else len(parameters)
        columns = head.model_dump(exclude={"parameters"})
        return HeadRecord(size=size, **columns), parameters

    def _check_files(self) -> None:
        for name, content in self._files.items():
            noted = self._index.files.get(name)
            if name in (INDEX, README):
                continue
            if noted is None:
                name = one_line(name)
                raise BadInput(f"{self._source}: {name} is not of the export ({INDEX} does not name it); remove it")
            if noted.sha256 != hashlib.sha256(content).hexdigest():
                raise self._damaged(name)

    def _content(self, name: str) -> bytes:
        if name not in self._files:
            raise BadInput(f"{self._source}: {name} is missing; nothing was imported")
        return self._files[name]

    def _parsed(self, name: str, kind: type[Checked]) -> Checked:
        try:
            return TypeAdapter(kind).validate_python(parse_strictly(self._content(name), _MAX_JSON))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(key) for key in first["loc"])
            raise self._damaged(name, one_line(f"{place}: {first['msg']}")) from None
        except ValueError as error:
            raise self._damaged(name, one_line(error)) from None

    def _damaged(self, name: str, why: str = "") -> BadInput:
        reason = f" ({why})" if why else ""
        return BadInput(f"{self._source}: {one_line(name)} is damaged{reason}; nothing was imported")


def _record_of(times: list[str], labels: list[float], rest: list[str]) -> SampleRecord | None:
    try:
        captured_at, aged_from, weight = (float(text) for text in (*times, rest[0]))
        numbers = tuple(float(np.float32(label)) for label in labels)
        return SampleRecord(captured_at, aged_from, weight, format_of(rest[2]), numbers, rest[1])
    except ValueError:
        return None


def _read_folder(source: Path) -> dict[str, bytes]:
    if not source.is_dir():
        raise BadInput(f"{source} is neither a folder nor an archive of exported data")
    files = sorted(file for file in source.iterdir() if _is_plain(file))
    _check_size(source, [file.stat().st_size for file in files])
    return {file.name: file.read_bytes() for file in files}


def _is_plain(file: Path) -> bool:
    """Return whether a file may be of an export; systems leave hidden ones where somebody looked into a folder."""
    return file.is_file() and not file.is_symlink() and not file.name.startswith(".")


def _read_archive(source: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            _check_size(source, [entry.file_size for entry in entries])
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error) as error:
        raise BadInput(f"{source} is no archive of exported data: {one_line(error)}") from None


def _check_size(source: Path, sizes: list[int]) -> None:
    if len(sizes) > _MAX_FILES or sum(sizes) > MAX_BYTES:
        raise BadInput(f"{source} is larger than an export may be ({MAX_BYTES:,} bytes)")
