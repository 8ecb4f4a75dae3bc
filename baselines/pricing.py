"""Simulators with the unit prices that a policy asks for."""

from __future__ import annotations

from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.simulator import Simulator, TransferRule
from regional_dispatch.envs.world.scenario import Scenario


def price(sim: Simulator, pricing: Pricing | None) -> None:
    """Lets the LP price the units of a simulator from the next reset on; None changes nothing."""
    if pricing is not None:
        from regional_dispatch.baselines.shadow_price import LinearProgramPricer  # loads an LP solver

        sim.price_with(LinearProgramPricer(pricing.every_hours, pricing.scale))


def simulator_for(
    scenario: Scenario,
    pricing: Pricing | None = None,
    copies: int = 1,
    reevaluate: bool = False,
    transfers: TransferRule | None = None,
) -> Simulator:
    """Copies of a scenario's network, with a pricer for policies that need one.

    Args:
        scenario: the world.
        pricing: the policy's; None, units have no prices.
        copies: of the network.
        reevaluate: merge the unpicked packages of split orders once an hour.
        transfers: the rule that moves stock between FCs; None, stock stays where it is.
    """
    sim = Simulator(scenario, copies, reevaluate=reevaluate, transfers=transfers)
    price(sim, pricing)
    return sim
