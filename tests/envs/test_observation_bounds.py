"""Observations, masks, rewards and KPIs of worlds at the edge of what can be set, under random actions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv

NETWORK = "{kind: cities, fulfillment_centers: 6, sort_centers: 3, stations: 9}"
EVENTS = [{"kind": "capacity", "draw": "fc", "seed": seed, "share": 0, "start_hour": 0, "hours": 36} for seed in (0, 1)]
WORLDS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "flood of orders": {"demand.orders_per_day": 20_000, "slots.orders": 32, "horizon_hours": 24, "warmup_hours": 6},
    "no trucks, none hired": {"trucks.spot_allowed": False, "trucks.fleet_headroom": 0, "network": NETWORK},
    "no stock": {"stock.safety_factor": -3, "demand.orders_per_day": 2000},
    "a million dollars a mile": {"trucks.usd_per_mile": 1e6},
    "a hundred million dollars for lateness": {"costs.late_usd": 1e8, "costs.late_usd_per_hour": 1e8},
    "ticks of 6 hours": {"tick_hours": 6},
    "ticks of a quarter": {"tick_hours": 0.25},
    "promises of weeks": {"demand.promise_hours": [1000], "demand.promise_shares": [1]},
    "promises of seconds": {"demand.promise_hours": [0.01], "demand.promise_shares": [1]},
    "FCs are down": {"events": EVENTS},
    "trucks of one package": {"trucks.capacity_packages": 1},
    "stock at once": {"stock.lead_time_hours": 0, "stock.review_hours": 1},
    "one candidate": {"slots.candidates": 1},
}


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("masked", [False, True], ids=["any action", "legal actions"])
def test_what_is_seen_lies_in_the_space(name: str, masked: bool) -> None:
    overrides = {"horizon_hours": 36, "warmup_hours": 6, **WORLDS[name]}
    env = RegionalDispatchEnv("small", overrides=overrides)
    seen, info = env.reset(seed=1)
    env.action_space.seed(0)
    truncated, rewards = False, []
    while not truncated:
        assert env.observation_space.contains(seen)  # finite, too
        assert seen["order_mask"].any(axis=-1).all() and seen["lane_mask"].any(axis=-1).all()
        mask = env.action_masks() if masked else None
        seen, reward, _, truncated, info = env.step(env.action_space.sample(mask=mask))
        rewards.append(reward)
    assert np.isfinite(rewards).all()
    assert all(value is None or np.isfinite(value) for value in info["kpis"].values())
