"""Simulators priced as a policy wants it."""

from __future__ import annotations

from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.simulator import Simulator, TransferRule
from regional_dispatch.envs.world.scenario import Scenario


def price(sim: Simulator, pricing: Pricing | None) -> None:
    """Has the units of a simulator priced by the LP from the next reset on; None leaves it as it is."""
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
        pricing: the policy's; None, nobody prices.
        copies: of the network.
        reevaluate: merge the unpicked packages of split orders once an hour.
        transfers: moves stock from FC to FC; None, it stays where it is.
    """
    sim = Simulator(scenario, copies, reevaluate=reevaluate, transfers=transfers)
    price(sim, pricing)
    return sim
