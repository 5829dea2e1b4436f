"""The days of one person: the phone under its profile's limits, then what it is held against."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.data.load import load_table
from pen_mobile.data.table import SubjectTable
from pen_mobile.errors import BadInput, BundleError
from pen_mobile.phone.active_learning.query_strategy import QueryStrategy
from pen_mobile.phone.executorch_runtime import executorch_runtime
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.smoothing import smoothed
from pen_mobile.simulation.day.baselines import (
    adapting_on_everything,
    never_adapting,
    own_mean_so_far,
    unlimited_phone,
)
from pen_mobile.simulation.day.day_result import EVERYTHING, NEVER, OWN_MEAN, PHONE, DaySettings, OneDay, SimulatedDay
from pen_mobile.simulation.day.day_trace import Lived, Moments
from pen_mobile.simulation.day.device import Device
from pen_mobile.simulation.day.replay import live
from pen_mobile.simulation.day.schedule import pace_of
from pen_mobile.simulation.memory_limit import can_limit_memory, memory_limit
from pen_mobile.types import Rows

Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class _Case:
    """One phone and one person; ``moments.z`` is filled in when the phone has seen the frames."""

    bundle: Path
    settings: DaySettings
    moments: Moments
    recorded_s: NDArray[np.float64]
    stores: Path

    def live(self, seed: int, frame_seconds: float) -> Lived:
        """Let the phone live through the day."""
        settings, profile = self.settings, self.settings.profile
        device = Device(profile, float(self.moments.time_s[0]))
        query_strategy = QueryStrategy(settings.ask, settings.per_hour, seed)
        store, quota = self.stores / f"{seed}.sqlite", profile.storage_bytes
        with Phone.open(self.bundle, store, profile.threads, clock=device.clock, quota_bytes=quota) as phone:
            return live(phone, self.moments, device, query_strategy, frame_host_seconds=frame_seconds, seed=seed)

    def compare(self, seed: int, lived: Lived) -> OneDay:
        """Hold a day that was lived against the others."""
        with unlimited_phone(self.bundle, self.settings.profile.threads) as phone:
            said = {
                NEVER: never_adapting(phone, self.moments),
                PHONE: lived.said,
                EVERYTHING: adapting_on_everything(phone, self.moments, seed),
            }
        if self.settings.smooth:
            said = {line: smoothed(self.recorded_s, values) for line, values in said.items()}
        said[OWN_MEAN] = own_mean_so_far(self.moments, lived.asked)
        return OneDay(seed, lived, said)


def simulate(bundle: Path, data: str, settings: DaySettings, stores: Path, tell: Tell) -> SimulatedDay:
    """Let one person live a day with a phone, once for each seed.

    The profile's caps hold for everything that the phone does: programs, store, estimates and adaptations. What it is
    held against runs without them.

    Args:
        stores: folder for the personal stores.
        tell: told in a few words what happens now.

    Raises:
        BadInput: nobody of that name, a recording of one moment, or a bundle that does not fit the data.
        MemoryError: the profile's memory is too little.
    """
    manifest = open_bundle(bundle).manifest
    table = load_table(data, manifest.frame_size)
    rows = table.rows_of(settings.subject)
    recorded_s = table.time_s[rows]
    pace = pace_of(recorded_s, settings.start, settings.hours)
    z = np.empty((len(rows), manifest.head.feature_size), np.float32)
    moments = Moments(pace.times(recorded_s), z, table.affect[rows])
    case = _Case(bundle, settings, moments, recorded_s, stores)
    frame_seconds, lives = _under_the_cap(case, table, rows, tell)
    tell("what it is held against")
    return SimulatedDay(
        settings,
        table.origin,
        table.digest,
        table.synthetic,
        float(recorded_s[-1] - recorded_s[0]),
        pace,
        moments,
        [case.compare(seed, lived) for seed, lived in zip(settings.seeds, lives, strict=True)],
        frame_seconds,
        settings.profile.memory_mb is not None and can_limit_memory(),
    )


def _under_the_cap(case: _Case, table: SubjectTable, rows: Rows, tell: Tell) -> tuple[float, list[Lived]]:
    """Let the phone see and live with no more memory than its profile gives it."""
    executorch_runtime()  # an app has it as a few megabytes: what Python needs for it is not the phone's memory
    cap, lives = case.settings.profile.memory_mb, []
    try:
        with memory_limit(cap):
            frame_seconds = _see(case, table, rows)
            for seed in case.settings.seeds:
                tell(f"living through {len(rows)} moments, seed {seed}")
                gc.collect()  # the programs of the phone before go only now
                lives.append(case.live(seed, frame_seconds))
    except (BundleError, RuntimeError):
        if cap is None:
            raise
        Phone.open(case.bundle).close()  # a bundle that loads without the cap failed for want of memory
        raise MemoryError from None
    return frame_seconds, lives


def _see(case: _Case, table: SubjectTable, rows: Rows) -> float:
    """Fill in the features of all frames, one by one as a phone would; returns the median seconds of a frame."""
    z = case.moments.z
    if table.features is not None:
        if table.features.shape[1] != z.shape[1]:
            wanted, given = z.shape[1], table.features.shape[1]
            raise BadInput(f"{table.origin}: features are of {given} numbers, {case.bundle} takes {wanted}")
        z[:] = table.features[rows]
        return 0.0
    assert table.frames is not None
    seconds = np.empty(len(rows))
    with Phone.open(case.bundle, threads=case.settings.profile.threads) as phone:
        for place, row in enumerate(rows):
            frame = table.frames.read(np.array([row]), phone.manifest.frame_size)
            started = time.perf_counter()
            z[place] = phone.runtime.features(frame)[0]
            seconds[place] = time.perf_counter() - started
    return float(np.median(seconds))
