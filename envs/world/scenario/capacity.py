"""Fields of `capacity`: what sites can do where no table says it."""

from __future__ import annotations

from pydantic import Field

from regional_dispatch.envs.world.levers import Frozen


class Capacity(Frozen):
    """Site capacities, as multiples of a balanced network's mean load."""

    pick_headroom: float = Field(
        3.0, ge=1e-3, le=100,
        description="Lines an FC can pick = headroom × mean demand of the stations to which it is "
        "the nearest. Unit: 1. Ours.",
    )  # fmt: skip
    sort_headroom: float = Field(
        6.0, ge=1e-3, le=100,
        description="Packages a sort center can sort = headroom × its mean inbound packages, or × "
        "the mean of all sort centers if that is more. Unit: 1. Ours.",
    )  # fmt: skip
    backlog_limit_hours: float = Field(
        12.0, gt=0, le=24 * 365,
        description="An FC with more hours of picking queued takes no new orders while another can serve "
        "them. Unit: hours.",
    )  # fmt: skip
