"""Fields of `trucks` and `transfers`: linehaul of packages and of stock."""

from __future__ import annotations

from pydantic import Field, model_validator

from regional_dispatch.envs.world.levers import Frozen
from regional_dispatch.envs.world.scenario.costs import MOST_USD


class Trucks(Frozen):
    """Linehaul. A model truck that holds c packages costs and emits c / real_capacity_packages of a real one."""

    capacity_packages: int = Field(12, ge=1, le=30000, description="What a model truck holds. Unit: packages.")
    real_capacity_packages: float = Field(
        2000.0, ge=1, le=1e6,
        description="What a real 53-ft trailer holds. Unit: packages. Source: industry figure, about 2,000.",
    )  # fmt: skip
    usd_per_mile: float = Field(
        2.26, ge=0, le=MOST_USD,
        description="Marginal cost of a real truck. Unit: USD per mile. Source: ATRI, Operational Costs of "
        "Trucking (2025).",
    )  # fmt: skip
    dock_usd: float = Field(
        100.0, ge=0, le=MOST_USD, description="Fixed dock cost of a real truck. Unit: USD per departure. Ours."
    )
    co2_kg_per_mile: float = Field(
        1.55, ge=0, le=1e4,
        description="Emissions of a real truck. Unit: kg CO₂ per mile. Source: US EPA SmartWay, order of magnitude.",
    )  # fmt: skip
    fleet_headroom: float = Field(
        4.0, ge=0, le=1000, description="Trucks based at a site = headroom × trucks busy at mean demand when stations "
        "are served from their nearest FCs. Unit: 1. Ours.",
    )  # fmt: skip
    spot_allowed: bool = Field(
        True, description="Whether a spot truck may be hired when all trucks of a site are on the road."
    )
    spot_premium: float = Field(
        0.5, ge=0, le=20, description="Extra cost of a spot truck, as a share of the lane's cost. Unit: 1."
    )
    standard_fill: float = Field(
        0.7,
        ge=0.01,
        le=1,
        description="Truck fill assumed in standard route costs and in the settlement. Unit: 1. Ours.",
    )
    scheduled_hours: tuple[int, ...] = Field(
        (2, 8, 14, 20),
        description="When trucks leave under the `scheduled` dispatch rule. Unit: hour of the day, 0–23.",
    )

    @model_validator(mode="after")
    def _hours(self) -> Trucks:
        if any(not 0 <= h <= 23 for h in self.scheduled_hours):
            raise ValueError(f"scheduled_hours must lie in 0…23, not {list(self.scheduled_hours)}")
        return self


class Transfers(Frozen):
    """Linehaul of stock between FCs, used by transfer rules. A model truck holds, costs and emits the same share of a
    real one as the `trucks` that carry packages; it is hired, so no fleet limits it."""

    units_per_truck: float = Field(
        8000.0, ge=1, le=1e9,
        description="What a real 53-ft trailer holds: 26 pallets of totes, about 300 units each. Unit: "
        "units. Ours.",
    )  # fmt: skip
    usd_per_mile: float = Field(
        2.26, ge=0, le=MOST_USD,
        description="Marginal cost of a real truck. Unit: USD per mile. Source: ATRI, Operational Costs of "
        "Trucking (2025).",
    )  # fmt: skip
    dock_usd: float = Field(
        100.0, ge=0, le=MOST_USD, description="Fixed dock cost of a real truck. Unit: USD per departure. Ours."
    )
    handling_usd: float = Field(
        0.5, ge=0, le=MOST_USD,
        description="Picking a unit into a tote, receiving it and stowing it again: at 28 USD an hour, 120 "
        "units picked and 120 stowed an hour. Unit: USD per unit. Ours.",
    )  # fmt: skip
