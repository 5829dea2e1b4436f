"""What several tests of the store ask."""

from __future__ import annotations

from pen_mobile.phone.store.store import Store


def in_use(store: Store) -> tuple[int, bytes] | None:
    """Return version and parameters of the head in use, or None for the bundle's initial head."""
    head, parameters = store.active_parameters()
    if head.version is None:
        return None
    assert parameters is not None
    return head.version, parameters
