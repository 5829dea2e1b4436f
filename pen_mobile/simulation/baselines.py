"""Baselines of a simulated day: no adaptation, adaptation to every label, and the person's own mean."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.retention import Retention
from pen_mobile.simulation.day_trace import Moments
from pen_mobile.simulation.schedule import unix_time
from pen_mobile.types import Floats

if TYPE_CHECKING:
    from pen_mobile.contract.bundle_folder import BundleFolder
    from pen_mobile.phone.phone import Phone


_GROWTH = 1.25  # the unlimited phone adapts again when it knows this many times as many labels


def unlimited_phone(bundle: Path | BundleFolder, threads: int = 1) -> Phone:
    """Open a phone with an empty store that never drops a label.

    Args:
        bundle: folder of the bundle, or one that is open.
        threads: threads of the runtime.
    """
    from pen_mobile.phone.phone import Phone

    return Phone.open(bundle, threads=threads, options=StoreOptions(retention=Retention(samples=None, days=None)))


def never_adapting(phone: Phone, moments: Moments) -> Floats:
    """Return the predictions of the shipped head.

    Args:
        phone: any phone with the bundle.
        moments: the day.

    Returns:
        Affect, ``[N, K]``.
    """
    return phone.runtime.predict(phone.runtime.head_parameters(), moments.z)[0]


def adapting_on_everything(phone: Phone, moments: Moments) -> Floats:
    """Return the predictions of a phone that gets every label and adapts without limits.

    The phone adapts to the first label, and again whenever it knows a quarter more. Each prediction is made
    before its label is known.

    Args:
        phone: an :func:`unlimited_phone`.
        moments: the day.

    Returns:
        Affect, ``[N, K]``.
    """
    predictions = np.empty_like(moments.affect)
    for begin, end in itertools.pairwise(_adaptations(len(moments.affect))):
        predictions[begin:end] = phone.runtime.predict(phone.parameters, moments.z[begin:end])[0]
        when = unix_time(moments.time_s[begin:end])
        labels = phone.manifest.labelling.to_labels(moments.affect[begin:end])
        phone.add_labels(moments.z[begin:end], labels, captured_at=when)
        phone.adapt()
    return predictions


def own_mean_so_far(moments: Moments, queries: list[int]) -> Floats:
    """Return the mean of the labels given before each moment, 0 before the first label.

    Args:
        moments: the day.
        queries: rows whose label was given.

    Returns:
        Affect, ``[N, K]``.
    """
    answered = np.zeros((len(moments.affect), 1))
    answered[queries] = 1
    count = np.cumsum(answered, axis=0) - answered
    total = np.cumsum(answered * moments.affect, axis=0) - answered * moments.affect
    return (total / np.maximum(count, 1)).astype(np.float32)


def _adaptations(count: int) -> list[int]:
    """Return the moments before which the unlimited phone adapts, between the first and the end."""
    bounds, known = [0], 1
    while known < count:
        bounds.append(known)
        known = math.ceil(known * _GROWTH)
    return [*bounds, count]
