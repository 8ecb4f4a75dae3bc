"""Fields of `demand` where orders are replayed from the user's file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from regional_dispatch.envs.world.levers import Frozen


class TraceDemand(Frozen):
    """Orders replayed from the user's file."""

    kind: Literal["trace"] = Field(description="Which of the two ways to describe demand this is.")
    path: str = Field(
        description="CSV with one row per order line: hour, order, station, sku, units, promise_hours; relative to the "
        "scenario file."
    )
    orders_per_day: float = Field(
        gt=0, description="Mean of the trace; sizes stock and capacity. Unit: orders per day."
    )
    zipf_exponent: float = Field(
        0.9, ge=0, le=3, description="Popularity of SKUs by number, SKU 0 the most popular; sizes stock. Unit: 1."
    )
