"""PEN Mobile: one affect model, made each phone owner's own.

``Phone`` is the front door for applications::

    phone = pen_mobile.Phone.open("bundle/", store="me.sqlite")
    affect = phone.predict(image)            # .valence, .arousal, .gate
    phone.adapt(images, labels)              # accepted or refused, and why
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pen_mobile.phone.phone import Phone

__all__ = ["Phone"]


def __getattr__(name: str) -> Any:
    """Import ``Phone`` when it is first asked for: the runtime behind it takes seconds to load."""
    if name == "Phone":
        from pen_mobile.phone.phone import Phone

        return Phone
    raise AttributeError(f"module 'pen_mobile' has no attribute {name!r}")
