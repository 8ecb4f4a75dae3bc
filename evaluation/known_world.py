"""Whether a policy is played in a world like the one it was trained or tuned on; where not, its numbers say so.

A policy's file holds the facts of `envs.world.facts`. Where it only names a shipped scenario, those of the scenario are
taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.facts import FACTS, world_facts
from regional_dispatch.envs.world.levers import Partition
from regional_dispatch.envs.world.relocation import world_digest
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario
from regional_dispatch.evaluation.kpis import COST
from regional_dispatch.evaluation.policies import REFERENCES
from regional_dispatch.evaluation.policy_kinds import cheapest, untuned_rules
from regional_dispatch.evaluation.rollouts import Playable


def foreign_worlds(
    policies: Mapping[str, Playable], scenario: Scenario, frame: pd.DataFrame | None = None
) -> list[str]:
    """A sentence for each policy that was trained or tuned in a world unlike the scenario.

    Args:
        policies: name → policy.
        scenario: the world.
        frame: one row per policy and episode with the KPIs; with it, the sentences name the best untuned rule.
    """
    company = "read them beside an untuned rule such as least_cost"
    best = None if frame is None else cheapest(frame, untuned_rules(policies), COST)
    if frame is not None and best is not None:
        usd = frame.loc[frame["policy"] == best, COST].mean()
        company = f"the best untuned rule beside it, '{best}', costs {usd:.3f} {scenario.money} an order"
    here = world_facts(scenario) if any(policy.learned_on for policy in policies.values()) else {}
    found = []
    for name, policy in policies.items():
        trained = _trained_facts(policy.learned_on)
        if unlike := list(_unlike(trained, here)):
            found.append(
                f"policy '{name}' was trained in another world: {'; '.join(unlike)}. Its numbers say how it does here, "
                f"not how well a policy trained here would; {company}"
            )
    return found if frame is None else [*found, *namesakes(policies, scenario)]


def namesakes(policies: Mapping[str, Playable], scenario: Scenario) -> list[str]:
    """A sentence for each tuned baseline whose file was found by the scenario's name, but made for another scenario.

    Args:
        policies: name → policy.
        scenario: the world they play in.
    """
    known = {name: policy.learned_on.get("digest") for name, policy in policies.items()}
    made_for = {name: digest for name, digest in known.items() if digest}
    here = world_digest(scenario) if made_for else ""
    return [
        f"policy '{name}' was tuned on another world: {policies[name].learned_on['file']} was found by the scenario's "
        f"name, '{scenario.name}', and made for one with other fields or tables; tune it here, or rename the scenario"
        for name, there in made_for.items()
        if there != here
    ]


def company(policies: Mapping[str, Playable], scenario: Scenario) -> dict[str, ScorerPolicy]:
    """Untuned rules to play beside policies of another world, where none is among them."""
    if untuned_rules(policies) or not foreign_worlds(policies, scenario):
        return {}
    return {name: baseline(name) for name in REFERENCES if name not in policies}


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
