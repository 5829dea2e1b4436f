"""The AVEC 2016 baseline design on any features: a linear SVR, then repair of the series of estimates.

Valstar et al. 2016, https://arxiv.org/abs/1605.01600: one linear SVR for each of valence and arousal, features
standardised by training statistics, complexity and post-processing chosen by CCC over the concatenated validation
recordings. What the paper leaves open follows the organisers' scripts of 2018
(https://github.com/AudioVisualEmotionChallenge/AVEC2018, ``scripts_GES``): LIBLINEAR's L2-regularised squared loss
(solver 12) with its default tube of 0.1, complexities from 1e-5 to 1, the steps of a repair kept one by one.

Not the same as AVEC: there, complexity and repair were tuned on the development people, and the published
development figures (the paper's Table 2 quotes one) are scores on those very people. Here the people who are scored
are never seen: the caller passes held-out *time of source people* for validation
(:func:`~pen_mobile.paper.comparators.trajectory.split_in_time`). That is the stricter test; expect less than
tuning on the people scored would show. AVEC also gave the SVR its own hand-made features, averaged over windows
of seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.svm import LinearSVR

from pen_mobile.errors import BadInput
from pen_mobile.paper.comparators.postprocessing import PostProcessing, ValidationSeries, choose_post_processing
from pen_mobile.paper.comparators.trajectory import (
    Standardisation,
    Trajectory,
    check_learnable,
    checked_features,
    usual_step,
)
from pen_mobile.types import Doubles, Floats
from pen_mobile.utils.progress import SILENT, Progress, Task

_DIMENSIONS = ("valence", "arousal")


@dataclass(frozen=True)
class SvrSettings:
    """How the SVR learns.

    Attributes:
        complexities: values of C to try, rising; C weighs errors against small weights.
        patience: stop trying larger C after this many in a row without a better validation CCC. Large C is where
            the time goes (C = 1 takes 30 times as long as C = 1e-5) and seldom where the best one is.
        epsilon: half width of the tube without loss, in units of affect. LIBLINEAR's default; labels that all lie
            within it of their mean teach nothing, so make it smaller for those.
        training_rows: learn from at most this many rows, spread evenly over every recording; neighbouring frames
            are nearly copies. All rows count for the standardisation.
        filters_s: windows of the median filter to try, seconds (published range: 0.4 to 20 s).
        shifts_s: moves of the estimates to later times to try, seconds. None by default: raters' lag is dealt
            with where labels are read, if at all (published range: 0.04 to 10 s).
    """

    complexities: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    patience: int = 2
    epsilon: float = 0.1
    training_rows: int = 10_000
    filters_s: tuple[float, ...] = (0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20.0)
    shifts_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        rising = list(self.complexities) == sorted(set(self.complexities))
        _require(rising and min(self.complexities, default=0) > 0, "complexities must be rising and above 0")
        _require(self.patience >= 1, "patience must be at least 1")
        _require(self.epsilon >= 0, "epsilon must be 0 or more")
        _require(self.training_rows >= 2, "training_rows must be at least 2")
        _require(min(self.filters_s + self.shifts_s, default=0) >= 0, "filters_s and shifts_s must be 0 or more")


@dataclass(frozen=True, eq=False)
class FittedDimension:
    """What was learnt for valence or for arousal.

    Attributes:
        weights: of the standardised features, float32 ``[D]``.
        bias: estimate of the mean features.
        complexity: the chosen C.
        repair: the kept steps of post-processing.
        validation_ccc: CCC with them over the concatenated validation recordings; 0 where undefined.
    """

    weights: Floats
    bias: float
    complexity: float
    repair: PostProcessing
    validation_ccc: float

    def predict(self, z: Floats, step_s: float) -> Floats:
        """Return the estimates of a whole recording, ``[T]``.

        Args:
            z: standardised features, ``[T, D]``.
            step_s: seconds between rows.
        """
        return self.repair.apply(z @ self.weights + self.bias, step_s)


@dataclass(frozen=True, eq=False)
class SvrComparator:
    """A fitted baseline; see :class:`~pen_mobile.paper.comparators.trajectory.Comparator`.

    Attributes:
        standardisation: of the features, by training statistics.
        dimensions: valence and arousal.
        step_s: the source people's usual seconds between rows.
    """

    standardisation: Standardisation
    dimensions: tuple[FittedDimension, FittedDimension]
    step_s: float

    def predict(self, z: Floats, time_s: Doubles | None = None) -> Floats:
        """Estimate a whole recording; see the protocol. Windows of the median filter take their rows from ``time_s``.

        Raises:
            BadInput: ``z`` is empty, of another width than was learnt from, or not finite.
        """
        known = self.standardisation.apply(checked_features(z, len(self.standardisation.mean)))
        step_s = (None if time_s is None else usual_step(time_s)) or self.step_s
        series = [fitted.predict(known, step_s) for fitted in self.dimensions]
        return np.column_stack(series).astype(np.float32)


def fit_svr(
    training: Sequence[Trajectory],
    validation: Sequence[Trajectory],
    settings: SvrSettings | None = None,
    progress: Progress = SILENT,
) -> SvrComparator:
    """Learn the baseline from source people.

    Deterministic: the solver works in the primal and throws no dice. At RECOLA's size (9 people, 7,000 rows of 2048
    features) it takes about half a minute of one processor core, two if every complexity is tried, and 2 GB.

    Args:
        training: recordings that teach.
        validation: recordings that choose complexity and post-processing; held-out time of source people, see
            the module's note on AVEC.

    Raises:
        BadInput: fewer than two training rows, no validation row, or features of different widths.
    """
    settings = settings or SvrSettings()
    check_learnable(training, validation)
    standardisation = Standardisation.of(training)
    chosen = thin(training, settings.training_rows)
    step_s = _common_step(training)
    search = _Search(
        settings,
        np.concatenate([standardisation.apply(person.z) for person in chosen]),
        [standardisation.apply(person.z) for person in validation],
        [person.step_s or step_s for person in validation],
    )
    with progress.task("svr", len(_DIMENSIONS) * len(settings.complexities)) as task:
        valence, arousal = (
            search.fit(
                np.concatenate([person.affect[:, column] for person in chosen]),
                [person.affect[:, column] for person in validation],
                task,
            )
            for column in range(len(_DIMENSIONS))
        )
    return SvrComparator(standardisation, (valence, arousal), step_s)


def thin(people: Sequence[Trajectory], rows: int) -> list[Trajectory]:
    """Keep about ``rows`` rows in all, spread evenly over each person's, everyone keeping the same share.

    Everyone keeps at least one row, so more people than ``rows`` leave one row each.
    """
    total = sum(map(len, people))
    if total <= rows:
        return list(people)
    kept = []
    for person in people:
        count = max(1, rows * len(person) // total)
        even = np.linspace(0, len(person) - 1, count).round().astype(np.intp)
        kept.append(Trajectory(person.subject, person.z[even], person.time_s[even], person.affect[even]))
    return kept


@dataclass(frozen=True, eq=False)
class _Search:
    """Standardised features, ready to fit one dimension after the other."""

    settings: SvrSettings
    z: Floats
    validation: list[Floats]
    steps_s: list[float]

    def fit(self, affect: Floats, validation: list[Floats], task: Task) -> FittedDimension:
        """Return the best of the complexities; a smaller one where two are equal."""
        best: FittedDimension | None = None
        waited = 0
        for number, complexity in enumerate(self.settings.complexities, 1):
            fitted = self._fit_one(complexity, affect, validation)
            if best is None or fitted.validation_ccc > best.validation_ccc:
                best, waited = fitted, 0
            else:
                waited += 1
            task.advance(1, f"validation CCC {best.validation_ccc:.3f}")
            # Before anything is learnt, CCC stays 0 for a while: only a decline says that C is too large.
            if waited >= self.settings.patience and best.validation_ccc > 0:
                task.advance(len(self.settings.complexities) - number)
                break
        assert best is not None
        return best

    def _fit_one(self, complexity: float, affect: Floats, validation: list[Floats]) -> FittedDimension:
        # The features have mean 0, so the best intercept of a squared loss is (but for the tube) the mean label;
        # learnt as LIBLINEAR does it, it would be shrunk like any weight.
        bias = float(affect.mean())
        solver = LinearSVR(
            C=complexity,
            epsilon=self.settings.epsilon,
            loss="squared_epsilon_insensitive",
            dual=False,
            fit_intercept=False,
            tol=1e-3,
        )
        weights = solver.fit(self.z, affect - bias).coef_.ravel().astype(np.float32)
        recordings = [
            ValidationSeries(z @ weights + bias, label, step_s)
            for z, label, step_s in zip(self.validation, validation, self.steps_s, strict=True)
        ]
        repair, ccc = choose_post_processing(recordings, self.settings.filters_s, self.settings.shifts_s)
        return FittedDimension(weights, bias, complexity, repair, ccc)


def _common_step(people: Sequence[Trajectory]) -> float:
    """Return the median of people's usual steps, seconds; 1 where every recording is a single row."""
    steps = [person.step_s for person in people if person.step_s]
    return float(np.median(steps)) if steps else 1.0


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise BadInput(f"comparator svr: {what}")
