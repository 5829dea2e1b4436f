"""A prior over people: how one person's head departs from the head that ships.

For one target, with f the shipped head's output minus its mean over source people, and x the standardised and
decorrelated features of a moment::

    y = level + gain f + weights . x + e
    level ~ N(level_mean, level_variance), gain ~ N(gain_mean, gain_variance), weights ~ N(0, weight_variance I)
    cov(e_i, e_j) = noise_variance [i = j] + shared_noise_variance exp(-|t_i - t_j| / noise_length)

The prior is a mixture of C such distributions, the *candidates*. The first two are the references *not adapted* (the
head as it ships) and *own mean* (a level and nothing else). :func:`pen_mobile.models.posterior.adapt` is Bayes' rule.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.types import Doubles

NOT_ADAPTED, OWN_MEAN, LEARNED = 0, 1, 2
"""Numbers of the two reference candidates, and of the one with the spreads as they were learned."""

ROUGHNESS_STRENGTH = 5.0
"""How many labels the expected variance of labels is worth, where a roughness is put in relation to their variance."""

DISORDER_VARIANCE = 1e-4
"""Added to the variance of labels where their disorder is judged: the order of hardly different ones says little."""

FOLDS = 5
"""Stretches of time that are left out in turn."""

_CANDIDATE_FIELDS = (
    "log_weight",
    "level_mean",
    "level_variance",
    "gain_mean",
    "gain_variance",
    "weight_variance",
    "noise_variance",
    "shared_noise_variance",
)


@dataclass(frozen=True, eq=False)
class Prior:
    """Numbers of a prior, all float64; K targets, C candidates, R directions.

    Attributes:
        output_mean: mean output of the shipped head over source people, ``[K]``.
        feature_mean, feature_scale: standardise z as ``(z - mean) scale``, ``[D_z]`` each; the scale has a factor that
            makes the mean squared norm of x over source people 1.
        directions: V ``[R, D_z]``, R may be 0; features are decorrelated as ``x = s - (s V^T) V`` with s standardised.
        feature_limit: moments with a squared norm of s above this count as broken and get the weight 0.
        noise_length: seconds over which errors of neighbouring moments are alike, ``[K]``.
        log_weight: logarithm of each candidate's prior probability, ``[C, K]``.
        level_mean, level_variance: of the level, ``[C, K]``.
        gain_mean, gain_variance: of the gain, ``[C, K]``.
        weight_variance: of each weight of x, ``[C, K]``.
        error_variance: what a squared error left out is expected to be before any label, ``[K]``, above 0.
        evidence_strength: how many labels that expectation is worth, ``[1]``, above 0.
        noise_variance: of the part of an error that is each label's own, ``[C, K]``, above 0.
        shared_noise_variance: of the part that neighbouring moments share, ``[C, K]``.
        check_gain, check_variance, check_inflation: gain that the label check expects of honest labels, its variance
            over people, and by how much the estimate's own variance is multiplied, ``[K]`` each.
        check_limit: honest labels of one target are rarely below it, ``[K]``, in standard deviations.
        joint_check_limit: the same for the mean over targets, ``[1]``.
        roughness_limit: what the mean over targets of the labels' squared Mahalanobis length under *own mean*, in
            relation to their variance, may be, ``[2]``: with N labels the first number plus the second over N.
        disorder_limit: what the mean over targets of their disorder (the same length of their differences from their
            mean, in relation to its mean over all orders of the labels) may be, ``[3]``: with N labels the first number
            plus the second over the root of N plus the third over N.
        surprise_limit: what the surprise of a target (the squared Mahalanobis length of its labels under the candidate
            :data:`LEARNED`, divided by their number) may be, ``[3]``: with N labels the first number plus the second
            over the root of N plus the third over N.
        caution: of each target, ``[K]``, in labels: with V effective labels the posterior gives a share
            ``caution / (V + caution)`` of its weight back to *not adapted*.
        alike_from: number of labels from which on labels that are all alike are declined, ``[1]``; fewer honest labels
            are alike by chance.
        error_limit: standard errors by which an adapted head may be worse on time left out, ``[K]``.
        margin: RMSE by which an adapted head may be worse beside that, ``[1]``.
    """

    output_mean: Doubles
    feature_mean: Doubles
    feature_scale: Doubles
    directions: Doubles
    feature_limit: Doubles
    noise_length: Doubles
    error_variance: Doubles
    evidence_strength: Doubles
    log_weight: Doubles
    level_mean: Doubles
    level_variance: Doubles
    gain_mean: Doubles
    gain_variance: Doubles
    weight_variance: Doubles
    noise_variance: Doubles
    shared_noise_variance: Doubles
    check_gain: Doubles
    check_variance: Doubles
    check_inflation: Doubles
    check_limit: Doubles
    joint_check_limit: Doubles
    roughness_limit: Doubles
    disorder_limit: Doubles
    surprise_limit: Doubles
    caution: Doubles
    alike_from: Doubles
    error_limit: Doubles
    margin: Doubles

    def __post_init__(self) -> None:
        for name, shape in self._shapes().items():
            value = getattr(self, name)
            if value.shape != shape:
                raise BadInput(f"prior: {name} must be {list(shape)}, not {list(value.shape)}")
            if not np.isfinite(value).all():
                raise BadInput(f"prior: {name} holds a number that is not finite")
        for name in ("noise_variance", "noise_length", "error_variance", "evidence_strength"):
            if not (getattr(self, name) > 0).all():
                raise BadInput(f"prior: {name} must be greater than 0")

    @property
    def feature_size(self) -> int:
        """D_z."""
        return len(self.feature_mean)

    @property
    def targets(self) -> int:
        """K, how many numbers a head estimates."""
        return len(self.output_mean)

    @property
    def candidates(self) -> int:
        """C, the two references included."""
        return len(self.log_weight)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        size, targets = self.feature_size, self.targets
        of_targets = (
            "output_mean",
            "noise_length",
            "error_variance",
            "check_gain",
            "check_variance",
            "check_inflation",
        )
        return {
            "feature_mean": (size,),
            "feature_scale": (size,),
            "directions": (len(self.directions), size),
            "roughness_limit": (2,),
            "disorder_limit": (3,),
            "surprise_limit": (3,),
            **dict.fromkeys((*of_targets, "check_limit", "error_limit", "caution"), (targets,)),
            **dict.fromkeys(("feature_limit", "evidence_strength", "joint_check_limit", "alike_from", "margin"), (1,)),
            **dict.fromkeys(_CANDIDATE_FIELDS, (self.candidates, targets)),
        }

    def save(self, path: Path) -> None:
        """Write the numbers as float64 to a safetensors file.

        Args:
            path: file to write.
        """
        from safetensors.numpy import save_file

        save_file({field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}, path)

    @classmethod
    def load(cls, path: Path) -> Prior:
        """Read what :meth:`save` wrote.

        Args:
            path: a safetensors file.

        Raises:
            BadInput: the file holds something else.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            values = load_file(path)
            return cls(**{field.name: values[field.name].astype(np.float64) for field in fields(cls)})
        except (OSError, KeyError, SafetensorError) as error:
            raise BadInput(f"{path}: no prior could be read ({error}); train again") from None
