"""How wrong an estimate is: CCC and RMSE, with a defined value for every input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, RootModel

from pen_mobile.targets import DEFAULT_TARGETS


class Agreement(RootModel[dict[str, float | None]]):
    """CCC and RMSE of every target over one set of samples.

    Each measure is an attribute and a key of the JSON document, such as ``ccc_valence`` and ``rmse_arousal``.
    ``ccc_*`` is None when it is undefined: fewer than two samples, or labels and estimates all one
    and the same constant.
    """

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, names: Sequence[str], ccc: Sequence[float | None], rmse: Sequence[float]) -> Agreement:
        """Return the agreement with these measures.

        Args:
            names: of K targets.
            ccc: of each target, K of them.
            rmse: of each target, K of them.
        """
        values = {f"ccc_{name}": value for name, value in zip(names, ccc, strict=True)}
        return cls(values | {f"rmse_{name}": value for name, value in zip(names, rmse, strict=True)})

    def __getattr__(self, name: str) -> Any:
        """Return one measure."""
        measures = self.__dict__.get("root", {})  # it is not there yet while an object is copied
        if name not in measures:
            raise AttributeError(f"no measure {name!r}; there are {', '.join(measures)}")
        return measures[name]

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets."""
        return tuple(name.removeprefix("rmse_") for name in self.root if name.startswith("rmse_"))

    @property
    def ccc(self) -> float | None:
        """Mean CCC over the targets, or None when one is undefined."""
        values = [self.root[f"ccc_{name}"] for name in self.targets]
        known = [value for value in values if value is not None]
        return sum(known) / len(values) if len(known) == len(values) else None

    @property
    def rmse(self) -> float:
        """Root of the mean squared error over all targets."""
        errors = [self.root[f"rmse_{name}"] for name in self.targets]
        return math.sqrt(sum((math.nan if error is None else error) ** 2 for error in errors) / len(errors))


def agreement(
    estimate: NDArray[np.float32], affect: NDArray[np.float32], targets: Sequence[str] = DEFAULT_TARGETS
) -> Agreement:
    """Compare estimates with labels.

    ``CCC = 2 cov(x, y) / (var x + var y + (mean x - mean y)^2)`` (Lin 1989,
    https://doi.org/10.2307/2532051) with variances over N - 1, as torchmetrics has it (Lin divides by N, which
    differs for few samples only), without the seconds that importing it takes; a constant estimate of varying labels
    has CCC 0.

    Args:
        estimate: ``[N, K]``, N >= 1.
        affect: labels, ``[N, K]``.
        targets: names of the K targets.
    """
    ccc = [_ccc(*columns) for columns in zip(estimate.T, affect.T, strict=True)]
    errors = np.sqrt(np.mean((estimate.astype(np.float64) - affect) ** 2, axis=0))
    return Agreement.of(targets, ccc, errors.tolist())


def mean_ccc(estimate: NDArray[np.float32], affect: NDArray[np.float32]) -> float | None:
    """Return the mean CCC over targets, None where one is undefined.

    Args:
        estimate: ``[N, K]``, N >= 1.
        affect: labels, ``[N, K]``.
    """
    return agreement(estimate, affect, [str(column) for column in range(affect.shape[1])]).ccc


def scaled(found: Agreement, factor: float) -> Agreement:
    """Return an agreement whose errors are on another scale; CCC does not depend on it.

    Args:
        found: on a scale from -1 to 1.
        factor: half the width of the labels' own range.
    """
    names = found.targets
    errors = [found.root[f"rmse_{name}"] for name in names]
    return Agreement.of(
        names, [found.root[f"ccc_{name}"] for name in names], [factor * error for error in errors if error is not None]
    )


def _ccc(estimate: NDArray[np.float32], label: NDArray[np.float32]) -> float | None:
    if len(label) < 2 or (np.ptp(label) == 0 and np.ptp(estimate) == 0):
        return None
    if np.ptp(label) == 0 or np.ptp(estimate) == 0:
        return 0.0
    covariances = np.cov(estimate.astype(np.float64), label.astype(np.float64))
    apart = estimate.mean(dtype=np.float64) - label.mean(dtype=np.float64)
    value = float(2 * covariances[0, 1] / (np.trace(covariances) + apart**2))
    return value if math.isfinite(value) else 0.0
