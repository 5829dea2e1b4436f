"""What a day is held against: never adapting, adapting on everything, and the owner's own mean so far."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pen_mobile.phone.store.retention import Retention
from pen_mobile.simulation.day.day_trace import Moments
from pen_mobile.simulation.day.schedule import unix_time
from pen_mobile.types import Floats

if TYPE_CHECKING:
    from pen_mobile.phone.phone import Phone


_GROWTH = 1.25  # the unlimited phone adapts again when it knows this many times as many labels


def unlimited_phone(bundle: Path, threads: int = 1) -> Phone:
    """Open a phone with an empty store that forgets nothing, on whatever day its labels were given."""
    from pen_mobile.phone.phone import Phone

    return Phone.open(bundle, threads=threads, retention=Retention(samples=None, days=None))


def never_adapting(phone: Phone, moments: Moments) -> Floats:
    """Return what the bundle's initial head says at every moment, ``[N, 2]``."""
    return phone.runtime.predict(phone.runtime.head_parameters(), moments.z)[0]


def adapting_on_everything(phone: Phone, moments: Moments, seed: int = 0) -> Floats:
    """Return what a phone says that is told what was felt after every moment and adapts without limits, ``[N, 2]``.

    It adapts when it knows enough labels, and again whenever it knows a quarter more. Like every phone it says first
    and learns then.

    Args:
        phone: an :func:`unlimited_phone`.
        moments: the day.
        seed: of adaptations.
    """
    said = np.empty_like(moments.affect)
    for begin, end in itertools.pairwise(_adaptations(len(moments.affect), phone.manifest.adaptation.min_labels)):
        said[begin:end] = phone.predict_features(moments.z[begin:end])[0]
        when = unix_time(moments.time_s[begin:end])
        phone.add_labels(moments.z[begin:end], moments.affect[begin:end], captured_at=when)
        phone.adapt(seed=seed)
    return said


def own_mean_so_far(moments: Moments, asked: list[int]) -> Floats:
    """Return the mean of the answers before every moment, ``[N, 2]``; 0 before the first: what knowing *who* gives."""
    answered = np.zeros((len(moments.affect), 1))
    answered[asked] = 1
    count = np.cumsum(answered, axis=0) - answered
    total = np.cumsum(answered * moments.affect, axis=0) - answered * moments.affect
    return (total / np.maximum(count, 1)).astype(np.float32)


def _adaptations(count: int, first: int) -> list[int]:
    """Return the moments before which the unlimited phone adapts, between the first and the end."""
    bounds, known = [0], first
    while known < count:
        bounds.append(known)
        known = math.ceil(known * _GROWTH)
    return [*bounds, count]
