"""Fields of `stock`: SKUs, their placement and replenishment."""

from __future__ import annotations

from pydantic import Field, model_validator

from regional_dispatch.envs.world.levers import Layout


class Stock(Layout):
    """What is on the shelves and how it is replenished."""

    skus: int = Field(
        1000, ge=1, le=2_000_000, description="Distinct SKUs, numbered from 0, the most popular first. Unit: SKUs."
    )
    snapshot: str | None = Field(
        None, description="CSV or Parquet with what is on the shelves when an episode starts: site, sku, on_hand; "
        "optional base_stock. Default: every shelf is at its base-stock level.",
    )  # fmt: skip
    breadth_shares: tuple[float, float, float] = Field(
        (0.1, 0.3, 0.6), description="Share of SKUs that are fast, medium and slow movers (A, B, C). Ours."
    )
    breadth: tuple[float, float, float] = Field(
        (0.7, 0.4, 0.18), description="Selection breadth: share of FCs that stock an A, B and C SKU. Ours."
    )
    review_hours: float = Field(
        24.0,
        gt=0,
        le=24 * 28,
        description="Time between two reviews, at which FCs reorder up to base stock. Unit: hours.",
    )
    lead_time_hours: float = Field(
        48.0, ge=0, le=24 * 56, description="Time from a review until what it ordered arrives. Unit: hours."
    )
    safety_factor: float = Field(
        1.6, ge=-3, le=6, description="Base stock = mean + factor × σ of demand over review and lead time; 1.6 serves "
        "about 95 % of cycles without a stockout. Unit: standard deviations.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _fractions(self) -> Stock:
        if min(self.breadth) < 0 or max(self.breadth) > 1:
            raise ValueError(f"breadth must lie in 0…1, not {list(self.breadth)}")
        if min(self.breadth_shares) < 0 or not 1e-6 <= sum(self.breadth_shares) <= 1e6:
            raise ValueError(
                f"breadth_shares must be 0 or more, with a sum of 1e-6 to 1e6, not {list(self.breadth_shares)}"
            )
        return self
