"""Which samples go, when limits are applied."""

from __future__ import annotations

from pen_mobile.phone.store.clock import DAY_S, ClockState
from pen_mobile.phone.store.retention import Retention
from pen_mobile.phone.store.sample_record import SampleRecord
from pen_mobile.phone.store.samples import SampleTable


class Ageing:
    """Deletes samples beyond the limits of retention, for one opening of a store."""

    def __init__(self, samples: SampleTable, retention: Retention) -> None:
        self._samples, self._retention = samples, retention
        self._day: int | None = None
        self._deleted = 0  # for their age, on this day

    def apply(self, clock: ClockState) -> dict[str, int]:
        """Delete samples that are too old or too many.

        Nothing is too old while the clock is doubted, and no more than a share of the samples goes for its age in
        one opening and day.

        Args:
            clock: which time the store believes.

        Returns:
            How many of each were deleted, and how many are too old and stay until later; without zeros.
        """
        records = self._samples.records()
        if not self._is_beyond(records, clock):
            return {}
        order = sorted(records, key=lambda row: (records[row].aged_from, row))
        too_old = self._too_old(order, clock)
        now = too_old[: self._allowed(len(order), clock)]
        self._deleted += len(now)
        rest = order[len(now) :]
        too_many = [] if self._retention.samples is None else rest[: max(0, len(rest) - self._retention.samples)]
        self._samples.delete([*now, *too_many])
        counts = {
            "too_old": len(now),
            "too_many": len(too_many),
            "left_for_later": max(0, len(too_old) - len(now) - len(too_many)),
        }
        return {name: count for name, count in counts.items() if count}

    def _is_beyond(self, records: dict[int, SampleRecord], clock: ClockState) -> bool:
        """Return whether a limit is passed; most times none is, and nothing needs to be sorted."""
        limits = self._retention
        if limits.samples is not None and len(records) > limits.samples:
            return True
        if limits.days is None or not clock.believed or not records:
            return False
        return min(record.aged_from for record in records.values()) < clock.seen_at - limits.days * DAY_S

    def _too_old(self, order: list[int], clock: ClockState) -> list[int]:
        if self._retention.days is None or not clock.believed:
            return []
        records, limit = self._samples.records(), clock.seen_at - self._retention.days * DAY_S
        return [row for row in order if records[row].aged_from < limit]

    def _allowed(self, count: int, clock: ClockState) -> int:
        day = int(clock.seen_at // DAY_S)
        if day != self._day:
            self._day, self._deleted = day, 0
        return max(0, max(1, int(self._retention.share * (count + self._deleted))) - self._deleted)


def why_refuse_times(times: list[float], now: float, retention: Retention) -> str | None:
    """Return why samples of these capture times cannot be kept, or None when they can.

    Args:
        times: Unix seconds.
        now: reading of the clock.
        retention: limits of the store.
    """
    oldest = 0.0 if retention.days is None else max(0.0, now - retention.days * DAY_S)
    for number, time_s in enumerate(times, 1):
        if not 0 <= time_s <= now + DAY_S:
            why = "no time" if time_s != time_s else "before 1970" if time_s < 0 else "later than the clock says"
            return f"sample {number}: captured_at is {time_s:.15g}, which is {why}; give Unix seconds"
        if time_s < oldest:
            days = (now - time_s) / DAY_S
            return (
                f"sample {number}: captured_at is {time_s:.15g}, {days:,.0f} days ago; this store keeps samples for "
                f"{retention.days:g} days"
            )
    return None


def aged_from(captured_at: float, clock: ClockState, retention: Retention) -> float:
    """Return the time from which a sample ages: its capture, unless the store cannot believe it.

    Args:
        captured_at: Unix seconds.
        clock: which time the store believes.
        retention: limits of the store.
    """
    oldest = -1.0 if retention.days is None else clock.seen_at - retention.days * DAY_S
    return captured_at if oldest <= captured_at <= clock.seen_at + DAY_S else clock.seen_at
