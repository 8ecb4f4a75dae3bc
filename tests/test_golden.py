"""Golden episodes: what the shipped scenarios gave when their numbers were last looked at.

A change that moves them moves every published figure. If it is meant to, run `python -m tests.test_golden` and look
at the difference before committing it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import load_scenario

GOLDEN = Path(__file__).parent / "golden" / "episodes.json"
EPISODES = [
    ("us8_spread", "regional_nearest+last_safe_hour"),
    ("us8_spread", "national_nearest+hybrid"),
    ("us8_spread in one nation", "national_nearest+scheduled"),
    ("us8_spread", "least_cost+control_limit"),
    ("tight_fleet", "backpressure+backpressure"),
    ("small", "consolidate+time"),
    ("national", "least_cost+last_safe_hour"),
    ("us8", "regional_nearest+last_safe_hour"),
]
HOURS = {"horizon_hours": "72", "warmup_hours": "24"}
NATION = {"partition": "{kind: national}"}


def episode(scenario: str, policy: str) -> dict[str, float]:
    """Orders, units and dollars of three days, and the KPIs after the first."""
    name, _, nation = scenario.partition(" ")
    sim = Simulator(load_scenario(name, {**HOURS, **(NATION if nation else {})}))
    sim.reset(0, episode_key("tune", 7, 0))
    sim.run(baseline(policy).scorers)
    row = sim.state.row[0]
    counts = {name: int(row[name]) for name in ("orders", "lines", "packages_made", "units_shipped", "lines_lost")}
    return {**counts, **{f"cash_{name}": usd for name, usd in sim.cash(0).items()}, **sim.kpis(0)}


@pytest.mark.parametrize(("scenario", "policy"), EPISODES)
def test_shipped_scenarios_give_what_they_gave(scenario: str, policy: str) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[f"{scenario}: {policy}"]
    assert episode(scenario, policy) == pytest.approx(golden, rel=1e-6, abs=1e-9, nan_ok=True)


if __name__ == "__main__":
    found = {f"{scenario}: {policy}": episode(scenario, policy) for scenario, policy in EPISODES}
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
