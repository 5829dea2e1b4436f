"""PEN Mobile: one affect model, adapted on each phone to its owner.

    import pen_mobile as pen

    data = pen.load_dataset("people/")
    run = pen.train(data, out="run", backbone="mobilenet_v3_large")
    bundle = pen.export(run, recipe="android-int8", out="bundle.zip")
    with pen.Phone.open("bundle.zip", store="me.sqlite") as phone:
        affect = phone.predict("photo.png")      # .valence, .arousal, .gate

Everything is imported when it is first asked for: importing this package loads neither torch nor ExecuTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pen_mobile.api.benchmarks import benchmark, write_phone_benchmark
    from pen_mobile.api.datasets import inspect_dataset, load_dataset, prepare_dataset
    from pen_mobile.api.models import export, train, verify
    from pen_mobile.api.phones import adapt_person, evaluate, simulate_day
    from pen_mobile.api.protocol import run_protocol
    from pen_mobile.bundle.export_result import ExportResult
    from pen_mobile.bundle.recipe import Recipe, load_recipe
    from pen_mobile.bundle.verification import Verification
    from pen_mobile.data.table import SubjectTable
    from pen_mobile.errors import BadInput, BundleError, PenMobileError, Refused, StoreFull
    from pen_mobile.evaluation.benchmark.result import BundleBenchmark
    from pen_mobile.evaluation.person_result import Personalization, PersonResult
    from pen_mobile.metrics import Agreement
    from pen_mobile.paper.protocol_plan import ProtocolPlan
    from pen_mobile.phone.adaptation.result import AdaptationResult
    from pen_mobile.phone.phone import Affect, Phone
    from pen_mobile.training.config import LearningConfig
    from pen_mobile.training.run_folder import Run

_MODULES = {
    "pen_mobile.api.benchmarks": ("benchmark", "write_phone_benchmark"),
    "pen_mobile.api.datasets": ("inspect_dataset", "load_dataset", "prepare_dataset"),
    "pen_mobile.api.models": ("export", "train", "verify"),
    "pen_mobile.api.phones": ("adapt_person", "evaluate", "simulate_day"),
    "pen_mobile.api.protocol": ("run_protocol",),
    "pen_mobile.bundle.export_result": ("ExportResult",),
    "pen_mobile.bundle.recipe": ("Recipe", "load_recipe"),
    "pen_mobile.bundle.verification": ("Verification",),
    "pen_mobile.data.table": ("SubjectTable",),
    "pen_mobile.errors": ("BadInput", "BundleError", "PenMobileError", "Refused", "StoreFull"),
    "pen_mobile.evaluation.benchmark.result": ("BundleBenchmark",),
    "pen_mobile.evaluation.person_result": ("Personalization", "PersonResult"),
    "pen_mobile.metrics": ("Agreement",),
    "pen_mobile.paper.protocol_plan": ("ProtocolPlan",),
    "pen_mobile.phone.adaptation.result": ("AdaptationResult",),
    "pen_mobile.phone.phone": ("Affect", "Phone"),
    "pen_mobile.training.config": ("LearningConfig",),
    "pen_mobile.training.run_folder": ("Run",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AdaptationResult",
    "Affect",
    "Agreement",
    "BadInput",
    "BundleBenchmark",
    "BundleError",
    "ExportResult",
    "LearningConfig",
    "PenMobileError",
    "PersonResult",
    "Personalization",
    "Phone",
    "ProtocolPlan",
    "Recipe",
    "Refused",
    "Run",
    "StoreFull",
    "SubjectTable",
    "Verification",
    "__version__",
    "adapt_person",
    "benchmark",
    "evaluate",
    "export",
    "inspect_dataset",
    "load_dataset",
    "load_recipe",
    "prepare_dataset",
    "run_protocol",
    "simulate_day",
    "train",
    "verify",
    "write_phone_benchmark",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("pen-mobile")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'pen_mobile' has no attribute {name!r}")
    from pen_mobile.utils.silence import quiet_libraries
    from pen_mobile.utils.system_libraries import explained_imports

    with quiet_libraries(), explained_imports():
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
