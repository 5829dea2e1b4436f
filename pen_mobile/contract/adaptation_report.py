"""Rows and verdicts of the report that the method ``adapt`` returns: server and phones read it in the same way."""

from __future__ import annotations

from enum import IntEnum


class ReportRow(IntEnum):
    """Rows of the report ``[1, R, K]``; columns are targets. Errors are in units of the labels.

    *Left out* means: each of five stretches of time is predicted from the labels of the other four. Labels that are
    close in time share one vote (:attr:`EFFECTIVE_LABELS`).
    """

    VERDICT = 0
    """Number of a :class:`Verdict`."""
    ERROR_NOT_ADAPTED = 1
    """Left-out RMSE of the shipped head."""
    ERROR_OWN_MEAN = 2
    """Left-out RMSE of the person's own mean."""
    ERROR_ADAPTED = 3
    """Left-out RMSE of the adapted head."""
    UNCERTAINTY = 4
    """Standard error of ``ERROR_ADAPTED - ERROR_NOT_ADAPTED``; large with a single effective label."""
    EFFECTIVE_LABELS = 5
    """How many independent labels the labels are worth."""
    CHECK = 6
    """How well labels agree with the head, in standard deviations of honest label sets; below 0 is worse than usual."""
    CHECK_LIMIT = 7
    """Labels are declined where :attr:`CHECK` is below this."""
    JOINT_CHECK = 8
    """The same over all targets together."""
    JOINT_CHECK_LIMIT = 9
    """Labels are declined where :attr:`JOINT_CHECK` is below this."""
    MOVED = 10
    """Root mean square change of the head's output on the labels' moments."""
    LEVEL = 11
    """The person's own level: posterior mean of the output at the mean output of source people."""
    GAIN = 12
    """How much of the shipped head's output holds for this person."""
    WEIGHT_NOT_ADAPTED = 13
    """Posterior probability of the candidate *not adapted*, caution included."""
    WEIGHT_OWN_MEAN = 14
    """Posterior probability of the candidate *own mean*."""
    ERROR_LIMIT = 15
    """Standard errors (:attr:`UNCERTAINTY`) by which an adapted head may be worse on time left out."""
    MARGIN = 16
    """RMSE by which it may be worse beside that; a phone judges gradient steps by the same two numbers."""
    ROUGHNESS = 17
    """How much labels jump from moment to moment, over all targets, as a share of the most that honest labels do: in
    relation to their variance, or to the same labels in any order, whichever is more."""
    ROUGHNESS_LIMIT = 18
    """Labels are declined where :attr:`ROUGHNESS` is above this: 1."""
    SPREAD = 19
    """Standard deviation of the labels, all targets together."""
    SURPRISE = 20
    """How far labels are from what the prior expects at these moments; 1 is expected, less is usual."""
    SURPRISE_LIMIT = 21
    """Labels are declined where the :attr:`SURPRISE` of any target is above this; it is larger for few labels."""


class Verdict(IntEnum):
    """What the method decided about one target; a target that is not adapted keeps its shipped rows."""

    ADAPTED = 0
    NO_LABELS = 1
    """Every weight is 0."""
    CONTRADICTS_HEAD = 2
    """The labels fit the head less than honest labels do: inverted, shuffled, or somebody else's."""
    WORSE_LEFT_OUT = 3
    """On time left out, the adapted head is worse than the shipped one by more than the margin and chance."""
    TOO_ROUGH = 4
    """The labels jump more from moment to moment than people's labels do: shuffled, or given to wrong moments."""
    ALL_ALIKE = 5
    """All labels are the same: they say nothing about what changes a face."""
    SURPRISING = 6
    """The labels are farther from what the prior expects at these moments than honest labels are."""


ALIKE_VARIANCE = 1e-6
"""Labels whose variances over all targets add up to less than this are all alike."""
