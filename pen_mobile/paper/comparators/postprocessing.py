"""The AVEC organisers' repair of a series of estimates: median filter, centring, scaling, time shift.

The chain and its rule ("kept when CCC on the validation set improves") are those of Trigeorgis et al. 2016
(https://doi.org/10.1109/ICASSP.2016.7472669), which AVEC 2016 took over (Valstar et al. 2016,
https://arxiv.org/abs/1605.01600); centring and scaling can be read in the organisers' later scripts
(https://github.com/AudioVisualEmotionChallenge/AVEC2018, ``scripts_GES/Utils/PostTreats.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import median_filter

from pen_mobile.metrics import mean_ccc
from pen_mobile.types import Floats


@dataclass(frozen=True)
class PostProcessing:
    """The steps kept for one dimension, applied in the order of the fields; the defaults change nothing.

    Attributes:
        filter_s: window of the median filter, seconds; 0 for none.
        offset: added to centre the estimates on the labels.
        centre: fixed point of the scaling.
        scale: deviations from ``centre`` are multiplied by it.
        shift_s: estimates are moved this many seconds later; 0 for none.
    """

    filter_s: float = 0.0
    offset: float = 0.0
    centre: float = 0.0
    scale: float = 1.0
    shift_s: float = 0.0

    def apply(self, values: Floats, step_s: float) -> Floats:
        """Return the repaired series ``[T]``.

        Args:
            step_s: seconds between rows; windows and shifts are counted in rows, whatever gaps there are.
        """
        window = filter_rows(self.filter_s, step_s)
        if window > 1:
            values = median_filter(values, size=window, mode="nearest")
        values = values + self.offset
        values = (values - self.centre) * self.scale + self.centre
        return later(values.astype(np.float32), round(self.shift_s / step_s))


@dataclass(frozen=True)
class ValidationSeries:
    """One dimension of one validation recording: estimates and labels ``[T]``, seconds between rows."""

    estimate: Floats
    label: Floats
    step_s: float

    def repaired(self, steps: PostProcessing) -> Floats:
        """Return the repaired estimates, ``[T]``.

        Args:
            steps: steps to apply.
        """
        return steps.apply(self.estimate, self.step_s)


def filter_rows(window_s: float, step_s: float) -> int:
    """Return the odd number of rows nearest to a window: the row itself and as many on either side."""
    return 2 * int(window_s / step_s / 2) + 1


def later(values: Floats, rows: int) -> Floats:
    """Move a series ``rows`` later; its first value fills the beginning."""
    kept = max(len(values) - rows, 0)
    return np.concatenate([np.full(len(values) - kept, values[0], values.dtype), values[:kept]])


def choose_post_processing(
    recordings: Sequence[ValidationSeries], filters_s: Sequence[float], shifts_s: Sequence[float] = ()
) -> tuple[PostProcessing, float]:
    """Keep the steps, in their order, that improve CCC over the concatenated recordings.

    The offset is the mean of the labels less that of the estimates; the scale is the ratio of their standard
    deviations. Two things are done in favour of the baseline: windows of the filter (none is one of them) are
    compared by the CCC at the end of the chain, since smoothing estimates that are too small anyway pays only once
    they are scaled; and deviations from the mean are scaled, not the estimates themselves, which is the same for
    labels around 0 and does not undo the centring for others.

    Returns:
        The kept steps and the CCC with them; 0 where CCC is undefined, so that nothing is kept.
    """
    chains = (_Chain(recordings, window_s).completed(shifts_s) for window_s in (0.0, *filters_s))
    best = max(chains, key=lambda chain: chain.ccc)  # the first of equals: no filter if none is better
    return best.steps, best.ccc


class _Chain:
    """The steps kept so far behind one filter."""

    def __init__(self, recordings: Sequence[ValidationSeries], filter_s: float) -> None:
        self.recordings = recordings
        self.label = np.concatenate([recording.label for recording in recordings])
        self.steps = PostProcessing(filter_s)
        self.ccc = self._ccc(self._repaired(self.steps))

    def completed(self, shifts_s: Sequence[float]) -> _Chain:
        """Try centring, scaling and shifts."""
        self._offer(offset=float(self.label.mean() - self._repaired(self.steps).mean()))
        estimate = self._repaired(self.steps)
        if spread := float(estimate.std()):
            self._offer(centre=float(estimate.mean()), scale=float(self.label.std()) / spread)
        for shift_s in shifts_s:
            self._offer(shift_s=shift_s)
        return self

    def _offer(self, **change: float) -> None:
        """Keep a change of the steps if CCC improves."""
        candidate = replace(self.steps, **change)
        ccc = self._ccc(self._repaired(candidate))
        if ccc > self.ccc:
            self.steps, self.ccc = candidate, ccc

    def _repaired(self, steps: PostProcessing) -> Floats:
        return np.concatenate([recording.repaired(steps) for recording in self.recordings])

    def _ccc(self, estimate: Floats) -> float:
        return mean_ccc(estimate[:, None], self.label[:, None]) or 0.0
