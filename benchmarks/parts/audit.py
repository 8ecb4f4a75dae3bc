"""What the audit costs: an episode of us8 with and without every law checked after every tick, in one run.

CPU time of one core, under `least_cost`.
"""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.measure import Settings, Spread, Target, cpu_seconds, rates
from benchmarks.text import cell, table
from benchmarks.worlds import KEY, LEAST_COST, US8, scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, load_scenario

TITLE = "The audit"
REPEATS = 5


def measure(settings: Settings) -> dict[str, Any]:
    """Packages per CPU second of both."""
    overrides = {"horizon_hours": "48", "warmup_hours": "24"} if settings.quick else {}
    scenario, repeats = load_scenario(US8, overrides), 2 if settings.quick else REPEATS
    with tempfile.TemporaryDirectory() as folder:
        found = {"off": _rate(scenario, False, repeats), "on": _rate(scenario, folder, repeats)}
    return {**found, "ratio": found["off"]["median"] / found["on"]["median"]}


def _rate(scenario: Scenario, audit: bool | str, repeats: int) -> Spread:
    sim, policy = Simulator(scenario, audit=audit), scorers(LEAST_COST, scenario)
    seconds = cpu_seconds(lambda: sim.run(policy), repeats, prepare=lambda: sim.reset(0, KEY))
    return rates(int(sim.state.row["packages_made"][0]), seconds)


def targets(result: dict[str, Any]) -> list[Target]:
    """None."""
    return []


def section(result: dict[str, Any]) -> list[str]:
    """Both rates and their ratio."""
    rows = [[name, cell(result[name], 0)] for name in ("off", "on")]
    return [
        f"An episode of `us8` under `{LEAST_COST}`, every law checked after every tick: {result['ratio']:.1f} times as "
        "long. Off, the audit is one comparison a tick.", "",
        *table(["audit", "packages per CPU second"], rows),
    ]  # fmt: skip
