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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The library is compiled before its first test: none of them is fast."""
    for item in items:
        if "tests/android/test_kotlin" in item.path.as_posix():
            item.add_marker(pytest.mark.slow)
