"""Fields of `events`: what is out of order, and when."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from regional_dispatch.envs.world.levers import Boundary, Frozen
from regional_dispatch.envs.world.scenario.network import MOST_SEED


class _Event(Frozen):
    """Hours in which part of the network is out of order; an event applies to every tick that it overlaps."""

    start_hour: float = Field(ge=0, le=24 * 800, description="Start, from the beginning of the episode. Unit: hours.")
    hours: float = Field(gt=0, le=24 * 800, description="Duration. Unit: hours.")


class CapacityEvent(_Event):
    """A site picks or sorts less, or nothing. What it has picked or sorted before may still leave."""

    kind: Literal["capacity"] = Field(description="Which kind of event this is.")
    site: str | None = Field(None, description="Name of an FC or sort center. Default: one is drawn, see `draw`.")
    draw: Literal["fc", "sc"] | None = Field(
        None, description="Draw the site among all FCs or all sort centers, in place of `site`."
    )
    seed: int = Field(
        0,
        ge=0,
        le=MOST_SEED,
        description="Seed of the draw. The draw is part of the world: it is the same site in every episode.",
    )
    share: float = Field(
        ge=0, le=1, description="Share of its capacity that is left, rounded down to whole lines or packages a tick. "
        "0: the site is down. Above 0, the capacity is never below the largest order. Unit: 1.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_site(self) -> Self:
        if (self.site is None) == (self.draw is None):
            raise ValueError("name a site, or draw one among 'fc' or 'sc', not both")
        return self


class LaneEvent(_Event):
    """A lane is closed, in the direction named: no truck leaves on it. Trucks on the road still arrive."""

    kind: Literal["lane"] = Field(description="Which kind of event this is.")
    origin: str = Field(description="Name of the site it starts from.")
    destination: str = Field(description="Name of the site it leads to.")
    mode: str | None = Field(
        None, description="Mode of the lane, where several join the two sites. Default: all of them are closed."
    )


class RegionEvent(_Event):
    """All lanes into and out of a region are closed; those inside it stay open."""

    kind: Literal["region"] = Field(description="Which kind of event this is.")
    region: str = Field(description="Name of the region.")
    boundary: Boundary | None = Field(
        None, description="Regions among which `region` is looked up, so that a national network can have a region cut "
        "off too. Default: the regions that are counted (`partition.counted_by`, else those in force).",
    )  # fmt: skip


Event = Annotated[CapacityEvent | LaneEvent | RegionEvent, Field(discriminator="kind")]
