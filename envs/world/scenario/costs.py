"""Fields of `costs`: handling and service."""

from __future__ import annotations

from pydantic import Field

from regional_dispatch.envs.world.levers import Frozen

MOST_USD = 1e8  # of any cost, in whatever currency: sums stay exact to the cent


class Costs(Frozen):
    """Handling and service costs."""

    pick_pack_usd: float = Field(2.5, ge=0, le=MOST_USD, description="Picking and packing. Unit: USD per package.")
    sort_usd: float = Field(
        0.3, ge=0, le=MOST_USD, description="Sorting at one sort center. Unit: USD per package and sort."
    )
    late_usd: float = Field(
        5.0, ge=0, le=MOST_USD, description="Delivery after the promise. Unit: USD per late package."
    )
    late_usd_per_hour: float = Field(
        0.1, ge=0, le=MOST_USD, description="Each hour after the promise. Unit: USD per late package and hour."
    )
    lost_line_usd: float = Field(
        15.0,
        ge=0,
        le=MOST_USD,
        description="Margin lost with an order line that no FC can serve. Unit: USD per line. Ours.",
    )
    stockout_usd: float = Field(
        1.0, ge=0, le=MOST_USD,
        description="What it costs later orders when an FC's last unit is taken; sets the shadow price of "
        "stock that rules and features use. It is not booked. Unit: USD per unit. Ours.",
    )  # fmt: skip
