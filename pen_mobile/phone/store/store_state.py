"""What a store knows of itself besides its rows."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pen_mobile.phone.store.clock import ClockState
from pen_mobile.utils.strict_json import parse_strictly


@dataclass(frozen=True)
class StoreState:
    """What a store knows of itself besides its rows.

    Attributes:
        clock: which time it believes.
        rows: exclusive or of the hashes of all rows, 256 bits.
    """

    clock: ClockState
    rows: int

    def to_bytes(self) -> bytes:
        """Return the state as bytes of JSON."""
        values = {"seen_at": self.clock.seen_at, "doubt": self.clock.doubt, "rows": f"{self.rows:064x}"}
        return json.dumps(values).encode()

    @classmethod
    def from_bytes(cls, blob: bytes) -> StoreState | None:
        """Return the state in some bytes, or None when they hold none.

        Args:
            blob: what :meth:`to_bytes` returned.
        """
        try:
            values = parse_strictly(blob)
            seen_at, doubt, rows = values["seen_at"], values["doubt"], values["rows"]
            clock = ClockState(float(seen_at), None if doubt is None else (float(doubt[0]), float(doubt[1])))
            return cls(clock, int(rows, 16))
        except (ValueError, TypeError, KeyError, IndexError):
            return None
