"""The worlds that are measured, and how their episodes are chosen."""

from __future__ import annotations

from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.evaluation.policies import resolve_policy

KEY = episode_key("tune", 0, 0)  # never an evaluation episode
US8, US_FULL = "us8", "us_full"
NEAREST, LEAST_COST, PPO = "regional_nearest+last_safe_hour", "least_cost+last_safe_hour", "pretrained/us8"
POLICIES = (NEAREST, LEAST_COST, PPO)
THIN = {
    "stock.skus": "20000",
    "demand.orders_per_day": "200000",
    "start_hour": "80",
    "warmup_hours": "4",
    "horizon_hours": "8",
}


def us_full(quick: bool) -> Scenario:
    """The whole country; in a quick run the same sites with fewer orders, SKUs and hours."""
    return load_scenario(US_FULL, THIN if quick else {})


def scorers(policy: str, scenario: Scenario) -> Scorers:
    """A policy by name, as the kernel reads it."""
    return resolve_policy(policy, scenario).scorers
