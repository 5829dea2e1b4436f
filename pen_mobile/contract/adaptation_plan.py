"""How a phone adapts: the bundle's plan, with another strategy or optimizer where one is wished for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from pen_mobile.contract.adaptation import AdaptationPart
from pen_mobile.contract.manifest import Manifest
from pen_mobile.contract.part import OptimizerName
from pen_mobile.contract.strategy import Strategy
from pen_mobile.errors import BadInput
from pen_mobile.utils.suggestions import choices

_TO_HAVE_IT = "; name it under [head.learning_rate] of a recipe and export again to have it"


def adaptation_plan(manifest: Manifest, strategy: str | None = None, optimizer: str | None = None) -> AdaptationPart:
    """Return the plan of a bundle with another strategy or optimizer.

    Args:
        manifest: of the bundle.
        strategy: one that the bundle carries; None is the bundle's own choice, or gradient steps where an optimizer is
            given.
        optimizer: of gradient steps, one that the bundle carries; None is the bundle's own choice.

    Raises:
        BadInput: the bundle does not carry them, or an optimizer was given for another strategy.
    """
    head, plan = manifest.head, manifest.adaptation
    if optimizer is not None and strategy not in (None, Strategy.GRADIENT):
        raise BadInput(f"an optimizer is for strategy {Strategy.GRADIENT}, not for {strategy}")
    strategy = strategy or (Strategy.GRADIENT if optimizer else plan.strategy)
    optimizer = optimizer or plan.optimizer
    _check_carried("strategy", strategy, head.strategies)
    _check_carried("optimizer", optimizer, head.optimizers, _TO_HAVE_IT if optimizer in get_args(OptimizerName) else "")
    return plan.model_copy(update={"strategy": Strategy(strategy), "optimizer": optimizer})


def _check_carried(what: str, name: str, carried: Sequence[str], to_have_it: str = "") -> None:
    if name not in carried:
        known = choices(name, [str(one) for one in carried])
        raise BadInput(f"{what} {name!r} is not in this bundle; {known}{to_have_it}")
