"""The demo's bundle carries a face detector wherever its weights can be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_mobile.errors import BadInput
from pen_mobile.simulation import demo


def test_weights_of_the_face_detector_are_fetched_before_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def export(*_: object) -> None:
        done.append("export")
        raise BadInput("no more of it")

    monkeypatch.setattr(demo, "synthetic_table", lambda *_: None)
    monkeypatch.setattr(demo, "learn_source", lambda *_: None)
    monkeypatch.setattr(demo, "resolve_model_quickly", lambda *_: done.append("weights"))
    monkeypatch.setattr(demo, "export_bundle", export)
    with pytest.raises(BadInput, match="no more of it"):
        demo.run_demo(tmp_path / "demo")
    assert done == ["weights", "export"]
