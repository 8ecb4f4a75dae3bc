"""Fields of `calendar`: the date an episode starts at, the time zone, and holidays."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from regional_dispatch.envs.world.levers import Frozen


class Holiday(Frozen):
    """A day that is not like its weekday, from midnight to midnight at each site."""

    date: dt.date = Field(description="The day. Unit: YYYY-MM-DD.")
    demand: float = Field(
        1.0, ge=0, le=20, description="Demand is multiplied by this on the day. Orders of a trace are not. Unit: 1."
    )
    works: bool = Field(False, description="Whether sites pick and sort, and trucks leave, on this day.")


class Calendar(Frozen):
    """The date and the clocks. Without it every site has one clock, and an episode starts at `start_hour` of a week."""

    start: dt.datetime = Field(
        description="When an episode starts, on the clock of `time_zone`; a date alone is its midnight. Unit: "
        "YYYY-MM-DD or YYYY-MM-DDTHH:MM."
    )
    time_zone: str = Field(
        "UTC", description="Zone of `start`, and of sites and order times that name none. Unit: IANA name, such as "
        "Europe/Berlin.",
    )  # fmt: skip
    holidays: tuple[Holiday, ...] = Field((), description="Days that are not like their weekday.")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        known_zone(name)
        return name

    @model_validator(mode="after")
    def _one_start(self) -> Calendar:
        if not 1900 <= self.start.year <= 2200:
            raise ValueError(f"start = {self.start:%Y-%m-%d}: must lie in the years 1900 to 2200")
        if self.start.tzinfo is not None:
            raise ValueError("start must be without an offset; it is read on the clock of time_zone")
        days = [holiday.date for holiday in self.holidays]
        if len(set(days)) < len(days):
            twice = next(day for day, count in Counter(days).items() if count > 1)
            raise ValueError(f"holidays: {twice} is given twice; remove one")
        return self

    @property
    def starts_at(self) -> dt.datetime:
        """When an episode starts, in UTC."""
        return self.start.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(dt.UTC)

    def later(self, hour: float, days: float) -> float:
        """The hour of an episode at the same time of day, days after another one; a day may have 23 or 25 hours."""
        local = (self.starts_at + dt.timedelta(hours=hour)).astimezone(ZoneInfo(self.time_zone))
        moved = local + dt.timedelta(days=days)  # on the wall clock
        return (moved.astimezone(dt.UTC) - self.starts_at).total_seconds() / 3600


def known_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{name}' is no time zone; give an IANA name such as America/Chicago or UTC") from None
