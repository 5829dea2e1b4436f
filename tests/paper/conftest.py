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
