"""What is left out of a data set because it cannot be used, by name and with the reason; or the first one stops all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pen_mobile.errors import BadInput


class LeftOut:
    """Collects what is left out.

    Attributes:
        reasons: one line for each recording, image or row, by its name.
    """

    def __init__(self, strict: bool = False) -> None:
        """Begin with nothing left out.

        Args:
            strict: raise the first reason instead of collecting it.
        """
        self.reasons: dict[str, str] = {}
        self._strict = strict

    def add(self, name: str, reason: str) -> None:
        """Leave something out.

        Args:
            name: of the recording, image or row.
            reason: one line that names it, too.

        Raises:
            BadInput: nothing may be left out.
        """
        if self._strict:
            raise BadInput(reason)
        self.reasons[name] = reason

    @contextmanager
    def unless_good(self, name: str) -> Iterator[None]:
        """Leave something out when the block raises :class:`BadInput`; the code after the block goes on.

        Args:
            name: of the recording, image or row that the block reads.

        Raises:
            BadInput: nothing may be left out.
        """
        try:
            yield
        except BadInput as error:
            self.add(name, str(error))

    def first(self) -> str:
        """Return the first reason, empty when there is none."""
        return next(iter(self.reasons.values()), "")
