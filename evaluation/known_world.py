"""Whether a policy is played in a world like the one it was trained or tuned on; where not, its numbers say so.

A policy's file holds the facts of `envs.world.facts`. Where it only names a shipped scenario, those of the scenario are
taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from regional_dispatch.envs.world.facts import FACTS, world_facts
from regional_dispatch.envs.world.levers import Partition
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario
from regional_dispatch.evaluation.rollouts import Playable


def foreign_worlds(policies: Mapping[str, Playable], scenario: Scenario) -> list[str]:
    """A sentence for each policy that was trained or tuned in a world unlike the scenario."""
    here = world_facts(scenario) if any(policy.learned_on for policy in policies.values()) else {}
    found = []
    for name, policy in policies.items():
        trained = _trained_facts(policy.learned_on)
        if unlike := list(_unlike(trained, here)):
            found.append(
                f"policy '{name}' was trained in another world: {'; '.join(unlike)}. Its numbers say how it does here, "
                "not how well a policy trained here would; read them beside an untuned rule such as least_cost"
            )
    return found


def _unlike(trained: Mapping[str, Any], here: Mapping[str, float]) -> Iterable[str]:
    for fact, (text, factor) in FACTS.items():
        if fact not in trained or fact not in here:
            continue
        low, high = trained[fact] if isinstance(trained[fact], list | tuple) else (trained[fact], trained[fact])
        if not low / factor * (1 - 1e-9) <= here[fact] <= high * factor * (1 + 1e-9):
            there = text.format(low) if low == high else f"{text.format(low)} to {_short(high)}"
            yield f"{there}, here {_short(here[fact])}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _trained_facts(learned_on: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts that a file holds, else those of the shipped scenario that it names; none if there is none."""
    if "world" in learned_on:
        return dict(learned_on["world"])
    name = learned_on.get("scenario")
    if not isinstance(name, str) or "/" in name:
        return {}
    try:
        scenario = load_scenario(name)
        if "partition" in learned_on:
            scenario = scenario.model_copy(update={"partition": Partition.model_validate(learned_on["partition"])})
        return world_facts(scenario)
    except (ScenarioError, ValueError):
        return {}
