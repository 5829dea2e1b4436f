"""Adaptation under the prior: one call of the bundle's method ``adapt``."""

from __future__ import annotations

import numpy as np

from pen_mobile.phone.adaptation.context import AdaptationContext
from pen_mobile.types import Floats


def adapt_with_prior(context: AdaptationContext) -> tuple[Floats, Floats]:
    """Return the adapted head ``[1, n_s (1 + K), D_z + 1]`` and the report ``[R, K]``.

    Args:
        context: the inputs; of more samples than the method takes, those of :attr:`AdaptationContext.judged`.
    """
    head, rows = context.runtime.bundle.manifest.head, context.judged
    count, labels = context.method.labels, context.samples.labels[rows]
    z = np.zeros((1, count, head.feature_size), np.float32)
    y = np.zeros((1, count, labels.shape[1]), np.float32)
    weight, time = np.zeros((1, count), np.float32), np.zeros((1, count), np.float32)
    z[0, : len(rows)], y[0, : len(rows)] = context.samples.features[rows], labels
    weight[0, : len(rows)], time[0, : len(rows)] = context.samples.weight[rows], context.times[rows]
    parameters, report = context.runtime.adapt(context.parameters, z, y, weight, time)
    return parameters, report[0]
