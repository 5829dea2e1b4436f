"""One JVM for all Android tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.android.kotlin import Harness


@pytest.fixture(scope="session")
def kotlin() -> Iterator[Harness]:
    """The Kotlin core in a JVM."""
    made = Harness()
    yield made
    made.close()
