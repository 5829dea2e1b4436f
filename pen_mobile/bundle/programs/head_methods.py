"""The methods that a recipe asks a head to have, as torch programs and as the manifest describes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import numpy as np

from pen_mobile.bundle.programs.adapt import AdaptProgram
from pen_mobile.bundle.programs.head import HeadProgram, HeadSize, PredictProgram
from pen_mobile.bundle.programs.train import TrainProgram
from pen_mobile.bundle.recipe import HeadRecipe
from pen_mobile.contract.head import AdaptPart, HeadPart, HyperParameter, PredictPart, StateTensor, TrainPart
from pen_mobile.models.optimizers import OPTIMIZERS, OptimizerName
from pen_mobile.models.prior import Prior

PREDICT, ADAPT = "predict", "adapt"
_PREDICT_BATCH = 32


@dataclass(frozen=True, eq=False)
class HeadMethods:
    """The methods of one head.

    Attributes:
        size: of the head.
        recipe: which methods, and their settings.
        prior: over people; None leaves the method ``adapt`` out.
    """

    size: HeadSize
    recipe: HeadRecipe
    prior: Prior | None = None

    def programs(self) -> dict[str, HeadProgram]:
        """Return every program by the name of its method."""
        found: dict[str, HeadProgram] = {
            PREDICT: PredictProgram(self.size, _PREDICT_BATCH),
            **{_train(name): self._train_program(name) for name in self.recipe.learning_rate},
        }
        if self.prior is not None and self.recipe.adapt_labels:
            found[ADAPT] = AdaptProgram(self.size, self.prior, self.recipe.adapt_labels)
        return found

    def facts(self) -> dict[str, int | str | list[str] | None]:
        """Return everything that decides the programs."""
        recipe = self.recipe
        return {
            "features": self.size.features,
            "experts": self.size.experts,
            "targets": self.size.targets,
            "predict batch": _PREDICT_BATCH,
            "optimizers": list(recipe.learning_rate),
            "steps": recipe.steps_per_call,
            "batch": recipe.batch,
            "adapt labels": recipe.adapt_labels,
            "prior": None if self.prior is None else _digest(self.prior),
        }

    def part(self, file: str, head_parameters: str) -> HeadPart:
        """Describe the head whose programs are in ``file``."""
        return HeadPart(
            file=file,
            head_parameters=head_parameters,
            expert_count=self.size.experts,
            target_count=self.size.targets,
            feature_size=self.size.features,
            predict=PredictPart(method=PREDICT, batch=_PREDICT_BATCH),
            train=[self._train_part(name) for name in self.recipe.learning_rate],
            adapt=self._adapt_part(),
        )

    def _adapt_part(self) -> AdaptPart | None:
        prior, labels = self.prior, self.recipe.adapt_labels
        if prior is None or not labels:
            return None
        return AdaptPart(
            method=ADAPT, labels=labels, noise_seconds=prior.noise_length.tolist(), margin=float(prior.margin[0])
        )

    def _train_program(self, name: OptimizerName) -> TrainProgram:
        recipe = self.recipe
        return TrainProgram(self.size, name, recipe.steps_per_call, recipe.batch)

    def _train_part(self, name: OptimizerName) -> TrainPart:
        program = self._train_program(name)
        defaults = {"learning_rate": self.recipe.learning_rate[name], "lambda_1": self.recipe.sparsity}
        return TrainPart(
            method=_train(name),
            optimizer=name,
            state=[StateTensor(name=tensor, shape=shape) for tensor, shape in program.state_shapes().items()],
            steps=program.steps,
            batch=program.batch,
            constants=OPTIMIZERS[name].constants,
            hyper=[HyperParameter(name=hyper, default=defaults[hyper]) for hyper in program.hyper_names],
        )


def _digest(prior: Prior) -> str:
    """Return the SHA-256 over every number of a prior."""
    sha = hashlib.sha256()
    for field in fields(prior):
        sha.update(np.ascontiguousarray(getattr(prior, field.name)).tobytes())
    return sha.hexdigest()


def _train(name: OptimizerName) -> str:
    return f"train_{name}"
