"""`best_of(A,B,…)`: the policy that is cheapest on simulated orders of the network at hand; nothing is trained.

A trained policy may be worse than a rule on a network unlike those it learned on. A few simulated episodes tell, so the
choice costs seconds. They are of the `tune` stream, with a seed of their own: the held-out orders play no part.
"""

from __future__ import annotations

from collections.abc import Mapping

from regional_dispatch.agents.export import FilePolicy
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario, TraceDemand, part_of
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import COST
from regional_dispatch.evaluation.policy_kinds import cheapest
from regional_dispatch.evaluation.rollouts import evaluate_policies

NAME = "best_of"
# Trained on the widest ranges, on one region plan, on networks like it; and two rules that are far apart.
DEFAULT = ("pretrained/everywhere", "pretrained/us8_spread", "pretrained/networks", "least_cost", "least_cost+quantity")
EPISODES, SEED = 2, 1_000_003  # of the choice


def is_best_of(spec: str) -> bool:
    """Does it name a choice among policies?"""
    return spec == NAME or (spec.startswith(f"{NAME}(") and spec.endswith(")"))


def candidates(spec: str) -> tuple[str, ...]:
    """Names of the policies to choose from; `best_of` alone has the default ones.

    Raises:
        InputError: fewer than two.
    """
    names = DEFAULT if spec == NAME else tuple(name.strip() for name in spec[len(NAME) + 1 : -1].split(","))
    if len(names) < 2 or not all(names):
        raise InputError(f"policy '{spec}': give two policies or more, as in {NAME}(pretrained/everywhere,least_cost)")
    return names


def best_of(spec: str, policies: Mapping[str, ScorerPolicy], scenario: Scenario) -> FilePolicy:
    """The cheapest of the policies on simulated orders.

    Args:
        spec: what the user wrote; the policy's name.
        policies: name → policy to choose from.
        scenario: the world it will act in; of a trace, the choice is made on the weeks to tune on, else to train on.

    Returns:
        The chosen policy; its `metadata` says under `chosen` which it is.

    Raises:
        InputError: a trace without weeks apart from the held-out ones.
    """
    world = _world_to_choose_in(spec, scenario)
    frame = evaluate_policies(world, policies, _episodes(scenario), SEED, stream="tune")
    name = cheapest(frame, list(policies), COST)
    assert name is not None
    chosen = policies[name]
    seen = chosen.seen | {("tune", SEED)}
    return FilePolicy(chosen.scorers, spec, {**chosen.learned_on, "chosen": name}, seen, chosen.pricing)


def _episodes(scenario: Scenario) -> int:
    return 1 if isinstance(scenario.demand, TraceDemand) else EPISODES


def _world_to_choose_in(spec: str, scenario: Scenario) -> Scenario:
    demand = scenario.demand
    if not isinstance(demand, TraceDemand):
        return scenario
    if demand.weeks is None or not (demand.weeks.tune or demand.weeks.train):
        raise InputError(
            f"policy '{spec}': a trace needs weeks to choose on, apart from those that are measured; set demand.weeks: "
            "{train: 2}, say"
        )
    return part_of(scenario, "tune" if demand.weeks.tune else "train")
