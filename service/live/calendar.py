"""Real time and ticks. Tick t begins at start + t · tick_hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import floor

_ROUNDING = 1e-6  # ticks: what floating-point hours may miss a whole tick by


class Calendar:
    """When ticks are.

    Args:
        start: of tick 0, with a time zone.
        tick_hours: length of a tick.
    """

    def __init__(self, start: datetime, tick_hours: float) -> None:
        self.start, self.tick_hours = start, tick_hours

    def tick(self, time: datetime) -> int:
        """The tick that a time lies in. A package due at a time keeps its promise up to this tick."""
        return floor((time - self.start) / timedelta(hours=self.tick_hours) + _ROUNDING)

    def time(self, tick: int) -> datetime:
        """When a tick begins, in UTC."""
        return (self.start + timedelta(hours=tick * self.tick_hours)).astimezone(UTC)


def default_start(now: datetime, start_hour: float) -> datetime:
    """The last time before `now`, in its time zone, that the week was as old as where the scenario starts."""
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    start = monday + timedelta(hours=start_hour)
    return start if start <= now else start - timedelta(days=7)
