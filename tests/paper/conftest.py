"""What all tests of the protocol share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.paper.features_file import write_features

MakeFeatures = Callable[..., Path]


@pytest.fixture
def make_features(tmp_path: Path) -> MakeFeatures:
    """Write a features file as :func:`write_features` does."""
    return partial(write_features, tmp_path)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write an empty page: figures take nine tenths of a small run. Pages are tested in test_protocol_report.py."""

    def write_nothing(result: object, summary: object, folder: Path, **more: object) -> None:
        (folder / "report.html").touch()

    monkeypatch.setattr("pen_mobile.paper.protocol_report.write_report", write_nothing)
