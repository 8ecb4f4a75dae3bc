"""Order lines per second of one core in the compiled kernel: two rules and a shipped PPO policy on us8.

CPU time. The figures include finding candidates, computing features and scoring them. The rates on the whole country
are those of `benchmarks.parts.day`.
"""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Settings, Spread, Target, cpu_seconds, rates
from benchmarks.text import cell, table
from benchmarks.worlds import KEY, NEAREST, POLICIES, US8, scorers
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator, order_lines
from regional_dispatch.envs.world.scenario import load_scenario

TITLE = "Order lines per second"
LEAST_LINES_PER_SECOND = 1.3e6
REPEATS = 7


def measure(settings: Settings) -> dict[str, Any]:
    """Rates of every policy on an episode of us8."""
    overrides = {"horizon_hours": "48", "warmup_hours": "24"} if settings.quick else {}
    sim = Simulator(load_scenario(US8, overrides))
    repeats = 2 if settings.quick else REPEATS
    policies = {name: _rate(sim, scorers(name, sim.scenario), repeats) for name in POLICIES}
    return {"lines": order_lines(sim), "policies": policies}


def _rate(sim: Simulator, policy: Scorers, repeats: int) -> Spread:
    seconds = cpu_seconds(lambda: sim.run(policy), repeats, prepare=lambda: sim.reset(0, KEY))
    return rates(order_lines(sim), seconds)


def targets(result: dict[str, Any]) -> list[Target]:
    """The rate of a rule on us8."""
    lines = result["policies"][NEAREST]["median"]
    what = f"us8, `{NEAREST}`: order lines per CPU second"
    return [Target(what, "≥ 1.3 M", f"{lines / 1e6:.2f} M", lines >= LEAST_LINES_PER_SECOND)]


def section(result: dict[str, Any]) -> list[str]:
    """The rates as a table."""
    rows = [[f"`{name}`", cell(rate, 0)] for name, rate in result["policies"].items()]
    return [
        f"An episode of `us8` with {result['lines']:,} order lines in the compiled kernel, one core.", "",
        *table(["policy", "order lines per CPU second"], rows),
    ]  # fmt: skip
