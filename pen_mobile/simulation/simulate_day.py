"""Simulation of one person's days: the phone under its profile's limits, and its baselines."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.data.load import load_table
from pen_mobile.data.table import FrameTable, SubjectTable
from pen_mobile.errors import BadInput, BundleError
from pen_mobile.phone.active_learning.query_strategy import QueryStrategy
from pen_mobile.phone.executorch_runtime import executorch_runtime
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.smoothing import smoothed
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.simulation.baselines import (
    adapting_on_everything,
    never_adapting,
    own_mean_so_far,
    unlimited_phone,
)
from pen_mobile.simulation.day_result import EVERYTHING, NEVER, OWN_MEAN, PHONE, DaySettings, OneDay, SimulatedDay
from pen_mobile.simulation.day_trace import DayTrace, Moments
from pen_mobile.simulation.device import Device
from pen_mobile.simulation.replay import replay
from pen_mobile.simulation.schedule import pace_of
from pen_mobile.types import Doubles, Rows
from pen_mobile.utils.memory_limit import can_limit_memory, memory_limit

Report = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class _Setup:
    """One bundle and one person; ``moments.z`` is filled in once the features are computed."""

    bundle: BundleFolder
    settings: DaySettings
    moments: Moments
    recorded_s: Doubles
    stores: Path

    def replay(self, seed: int, frame_seconds: float) -> DayTrace:
        settings, profile = self.settings, self.settings.profile
        device = Device(profile, float(self.moments.time_s[0]))
        query_strategy = QueryStrategy(settings.ask, settings.per_hour, seed)
        options = StoreOptions(clock=device.clock, quota_bytes=profile.storage_bytes)
        with Phone.open(self.bundle, self.stores / f"{seed}.sqlite", profile.threads, options=options) as phone:
            return replay(phone, self.moments, device, query_strategy, frame_host_seconds=frame_seconds)

    def add_baselines(self, seed: int, trace: DayTrace) -> OneDay:
        with unlimited_phone(self.bundle, self.settings.profile.threads) as phone:
            predictions = {
                NEVER: never_adapting(phone, self.moments),
                PHONE: trace.predictions,
                EVERYTHING: adapting_on_everything(phone, self.moments),
            }
        if self.settings.smooth:
            predictions = {name: smoothed(self.recorded_s, values) for name, values in predictions.items()}
        predictions[OWN_MEAN] = own_mean_so_far(self.moments, trace.queries)
        return OneDay(seed, trace, predictions)


def simulate_day(bundle: BundleFolder, data: str, settings: DaySettings, stores: Path, report: Report) -> SimulatedDay:
    """Simulate one person's day with a phone, once for each seed.

    The profile's limits hold for everything that the phone does: programs, store, predictions and adaptations. The
    baselines run without them.

    Args:
        bundle: the open bundle.
        data: name of the data, as for training.
        settings: settings of the simulation.
        stores: folder for the personal stores.
        report: gets a few words about each step when it begins.

    Raises:
        BadInput: the subject is unknown, the recording has one moment, or the bundle does not fit the data.
        MemoryError: the profile's memory is too small.
    """
    manifest = bundle.manifest
    table = load_table(data, manifest.frame_size, targets=manifest.labelling)
    rows = table.rows_of(settings.subject)
    recorded_s = table.time_s[rows]
    pace = pace_of(recorded_s, settings.start, settings.hours)
    z = np.empty((len(rows), manifest.head.feature_size), np.float32)
    moments = Moments(pace.times(recorded_s), z, manifest.labelling.to_unit(table.affect[rows]))
    setup = _Setup(bundle, settings, moments, recorded_s, stores)
    frame_seconds, traces = _replay_within_limits(setup, table, rows, report)
    report("baselines")
    return SimulatedDay(
        settings,
        table.origin,
        table.digest,
        table.synthetic,
        float(recorded_s[-1] - recorded_s[0]),
        pace,
        moments,
        [setup.add_baselines(seed, trace) for seed, trace in zip(settings.seeds, traces, strict=True)],
        frame_seconds,
        settings.profile.memory_mb is not None and can_limit_memory(),
        manifest.labelling,
    )


def _replay_within_limits(
    setup: _Setup, table: SubjectTable, rows: Rows, report: Report
) -> tuple[float, list[DayTrace]]:
    """Compute features and replay all seeds with no more memory than the profile allows."""
    executorch_runtime()  # an app has it as a few megabytes: what Python needs for it is not the phone's memory
    limit_mb, traces = setup.settings.profile.memory_mb, []
    try:
        with memory_limit(limit_mb):
            frame_seconds = _compute_features(setup, table, rows)
            for seed in setup.settings.seeds:
                report(f"replaying {len(rows)} moments, seed {seed}")
                gc.collect()  # the programs of the phone before are freed only now
                traces.append(setup.replay(seed, frame_seconds))
    except (BundleError, RuntimeError):
        if limit_mb is None:
            raise
        Phone.open(setup.bundle).close()  # a bundle that loads without the limit failed for lack of memory
        raise MemoryError from None
    return frame_seconds, traces


def _compute_features(setup: _Setup, table: SubjectTable, rows: Rows) -> float:
    """Fill in the features of all frames, one by one as a phone would; return the median seconds of a frame."""
    if isinstance(table, FrameTable):
        return _features_of_frames(setup, table, rows)
    z = setup.moments.z
    if table.features.shape[1] != z.shape[1]:
        wanted, given = z.shape[1], table.features.shape[1]
        raise BadInput(f"{table.origin}: features have {given} numbers, {setup.bundle.origin} takes {wanted}")
    z[:] = table.features[rows]
    return 0.0


def _features_of_frames(setup: _Setup, table: FrameTable, rows: Rows) -> float:
    seconds = np.empty(len(rows))
    with Phone.open(setup.bundle, threads=setup.settings.profile.threads) as phone:
        for place, row in enumerate(rows):
            frame = table.frames.read(np.array([row]), phone.manifest.frame_size)
            started = time.perf_counter()
            setup.moments.z[place] = phone.runtime.features(frame)[0]
            seconds[place] = time.perf_counter() - started
    return float(np.median(seconds))
