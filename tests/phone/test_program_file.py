"""Methods of a real program: loaded at once, or when they are called first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pen_mobile.contract.bundle_folder import open_bundle
from pen_mobile.contract.method_shapes import MethodShapes
from pen_mobile.errors import BundleError
from pen_mobile.phone.executorch_runtime import use_threads
from pen_mobile.phone.runtime import BundleRuntime, ProgramFile

pytestmark = pytest.mark.slow


def program_of(small_bundle: Path) -> tuple[ProgramFile, str, MethodShapes]:
    """Return the head's program, and name and shapes of its method predict."""
    bundle = open_bundle(small_bundle)
    head = bundle.manifest.head
    use_threads(1)
    program = ProgramFile(bundle.file(head.file), bundle.content(head.file))
    return program, head.predict.method, MethodShapes.of_predict(head)


def test_a_method_answers_alike_whenever_it_was_loaded(small_bundle: Path) -> None:
    program, name, shapes = program_of(small_bundle)
    rng = np.random.default_rng(0)
    given = [rng.normal(size=shape).astype(np.float32) for shape in shapes.inputs]
    answers = [[out.copy() for out in program.method(name, shapes, at_once=now)(*given)] for now in (True, False)]
    for one, other in zip(*answers, strict=True):
        np.testing.assert_array_equal(one, other)


def test_shapes_are_checked_before_a_method_is_loaded(small_bundle: Path) -> None:
    program, name, shapes = program_of(small_bundle)
    with pytest.raises(BundleError, match="the manifest says"):
        program.method(name, MethodShapes(shapes.inputs, shapes.outputs[:1]), at_once=False)
    with pytest.raises(BundleError, match="method adopt cannot be loaded"):
        program.method("adopt", shapes, at_once=False)


def test_opening_loads_what_predicts_and_the_first_call_what_adapts(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = ProgramFile.load

    def noted(self: ProgramFile, name: str) -> Any:
        loaded.append(name)
        return load(self, name)

    monkeypatch.setattr(ProgramFile, "load", noted)
    runtime = BundleRuntime(open_bundle(small_bundle))
    part = runtime.bundle.manifest.head.adapt
    assert part is not None
    assert loaded == ["predict"]
    shapes = MethodShapes.of_adapt(runtime.bundle.manifest.head, part).inputs
    for _ in range(2):
        runtime.adapt(*(np.zeros(shape, np.float32) for shape in shapes))
    assert loaded == ["predict", part.method]
