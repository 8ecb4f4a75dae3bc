"""Fields of `demand` where orders are generated."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from regional_dispatch.envs.world.levers import Frozen

# Shares of a day's orders by hour and of a week's by weekday, computed from a public order set.
HOURLY_SHARES = (
    0.024, 0.012, 0.005, 0.003, 0.002, 0.002, 0.006, 0.012, 0.027, 0.046, 0.064, 0.068,
    0.063, 0.066, 0.065, 0.061, 0.068, 0.061, 0.060, 0.060, 0.063, 0.062, 0.058, 0.041,
)  # fmt: skip
WEEKDAY_SHARES = (0.162, 0.153, 0.155, 0.152, 0.145, 0.111, 0.122)


LONGEST_HOURS = 24 * 800
_LONGEST_PROMISE_HOURS = 24 * 365
_MOST_SURGE = 100.0  # product of the factors of surges at one time
_SHARES = (1e-6, 1e6)  # of a sum of shares; one share is 0 or of this size


class Surge(Frozen):
    """A number of hours with demand multiplied."""

    start_hour: float = Field(
        ge=0, le=LONGEST_HOURS, description="Start, from the beginning of the episode. Unit: hours."
    )
    end_hour: float = Field(
        gt=0, le=LONGEST_HOURS, description="End, exclusive, from the beginning of the episode. Unit: hours."
    )
    factor: float = Field(gt=0, le=20, description="Demand is multiplied by this. Unit: 1.")

    @model_validator(mode="after")
    def _ordered(self) -> Surge:
        if self.end_hour <= self.start_hour:
            raise ValueError(f"end_hour {self.end_hour} must be after start_hour {self.start_hour}")
        return self


class GeneratedDemand(Frozen):
    """Orders from a non-homogeneous Poisson process."""

    kind: Literal["generated"] = Field("generated", description="Which of the two ways to describe demand this is.")
    orders_per_day: float = Field(6000.0, ge=0, le=50e6, description="Mean over a week. Unit: orders per day.")
    hourly_shares: tuple[float, ...] = Field(
        HOURLY_SHARES, min_length=24, max_length=24,
        description="Share of a day's orders in each hour from midnight; scaled to sum 1. Source: a public order set.",
    )  # fmt: skip
    weekday_shares: tuple[float, ...] = Field(
        WEEKDAY_SHARES, min_length=7, max_length=7,
        description="Share of a week's orders on each day from Monday; scaled to sum 1. Source: a public order set.",
    )  # fmt: skip
    surges: tuple[Surge, ...] = Field((), max_length=1000, description="Hours with more or less demand than usual.")
    zipf_exponent: float = Field(
        0.9, ge=0, le=3, description="Popularity of SKUs: the share of the i-th most popular is ∝ i^−exponent. Unit: 1."
    )
    lines_per_order: tuple[float, ...] = Field(
        (0.65, 0.24, 0.04, 0.03, 0.02, 0.02), min_length=1, max_length=16,
        description="Share of orders with 1, 2, 3, … lines; scaled to sum 1. Default: mean 1.6, 89 % with one or two.",
    )  # fmt: skip
    units_per_line: tuple[float, ...] = Field(
        (0.92, 0.06, 0.02), min_length=1, max_length=16,
        description="Share of lines with 1, 2, 3, … units; scaled to sum 1. Ours.",
    )  # fmt: skip
    promise_hours: tuple[float, ...] = Field(
        (10.0, 28.0, 60.0), min_length=1, max_length=16,
        description="Hours from order to promised delivery, for each promise class. Unit: hours. Ours.",
    )  # fmt: skip
    promise_shares: tuple[float, ...] = Field(
        (0.13, 0.45, 0.42), min_length=1, max_length=16,
        description="Share of orders in each promise class; scaled to sum 1. Default: same day, next day, two days or "
        "more.",
    )  # fmt: skip
    promise_cut_offs: tuple[float | None, ...] = Field(
        (), max_length=16, description="Until when on a day an order gets the promise of its class; the promise of a "
        "later one counts from the station's next midnight. One per class, null for none. Unit: hour of the day. "
        "Default: none.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _shares(self) -> GeneratedDemand:
        for name in ("hourly_shares", "weekday_shares", "lines_per_order", "units_per_line", "promise_shares"):
            values = getattr(self, name)
            if min(values) < 0 or not _SHARES[0] <= sum(values) <= _SHARES[1]:
                raise ValueError(f"{name} must be non-negative with a sum of {_SHARES[0]:g} to {_SHARES[1]:g}, not "
                                 f"{list(values)}")  # fmt: skip
        if len(self.promise_hours) != len(self.promise_shares):
            raise ValueError("promise_hours and promise_shares must have the same length")
        if self.promise_cut_offs and len(self.promise_cut_offs) != len(self.promise_hours):
            raise ValueError("promise_cut_offs and promise_hours must have the same length")
        if any(hour is not None and not 0 < hour <= 24 for hour in self.promise_cut_offs):
            raise ValueError(f"promise_cut_offs must lie above 0 and up to 24, not {list(self.promise_cut_offs)}")
        if min(self.promise_hours) <= 0 or max(self.promise_hours) > _LONGEST_PROMISE_HOURS:
            raise ValueError(
                f"promise_hours must lie above 0 and up to {_LONGEST_PROMISE_HOURS:,}, not {list(self.promise_hours)}"
            )
        return self

    @model_validator(mode="after")
    def _bounded_surges(self) -> GeneratedDemand:
        if self.peak > _MOST_SURGE:
            raise ValueError(
                f"surges: together they multiply demand by {self.peak:g} at one time, and may by {_MOST_SURGE:g}; "
                "lower a factor, or move one"
            )
        return self

    @property
    def peak(self) -> float:
        """The largest product of the factors of surges at one time, 1 at least."""
        starts = {surge.start_hour for surge in self.surges}  # it is largest where one begins
        return max([1.0, *(math.prod(s.factor for s in self.surges if s.start_hour <= hour < s.end_hour)
                           for hour in starts)])  # fmt: skip
