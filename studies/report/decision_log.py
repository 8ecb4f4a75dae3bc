"""A few orders of an episode, one of each kind, and the decisions on their lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regional_dispatch.data.decisions import log
from regional_dispatch.data.decisions.decision import Decision
from regional_dispatch.data.events import lines_up
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator

KINDS = {
    "plain": "One line, served in its region",
    "together": "Several lines in one package",
    "split": "Several packages",
    "spilled": "Served from another region",
}


def sample_orders(sim: Simulator, policy: ScorerPolicy, until: int, seed: int) -> dict[str, int]:
    """One order of each kind, drawn at random from those that are decided on up to a tick.

    Args:
        sim: at any tick of an episode; it is played on.
        policy: makes the decisions.
        until: tick to stop at, before the horizon.
        seed: of the draw.

    Returns:
        Kind → the order's number in its episode; kinds that do not occur are left out, and no order is used for two.
    """
    ticks = []
    while sim.tick(0) < until:
        sim.begin(0)
        sim.decide(0, policy.scorers)
        up = lines_up(sim)
        sim.finish(0)
        lines = sim.state.line[0][up]
        served = lines["package"] >= 0
        routes = sim.world.net.routes[sim.state.package[0]["route"][lines["package"]]]
        inside = served & (routes["in_region"] == 1)
        ticks.append(np.column_stack([lines["order"], lines["package"], served, inside]))
    return _drawn(pd.DataFrame(np.concatenate(ticks), columns=["order", "package", "served", "inside"]), seed)


def _drawn(lines: pd.DataFrame, seed: int) -> dict[str, int]:
    by_order = lines.groupby("order")
    count, packages = by_order.size(), by_order["package"].nunique()
    inside, served = by_order["inside"].all(), by_order["served"].all()
    rng, found = np.random.default_rng(seed), dict[str, int]()
    for kind, own in (
        ("plain", inside & (count == 1)),
        ("together", served & (count > 1) & (packages == 1)),
        ("split", served & (packages > 1)),
        ("spilled", served & ~inside),
    ):
        orders = [int(order) for order in own.index[own] if order not in found.values()]
        if orders:
            found[kind] = int(rng.choice(orders))
    return found


def log_orders(sim: Simulator, policy: ScorerPolicy, orders: Sequence[int], until: int) -> list[Decision]:
    """Every line of some orders, as they are decided on.

    Args:
        sim: at a tick before they are decided on; it is played on.
        policy: makes the decisions.
        orders: their numbers in the episode.
        until: tick to stop at, before the horizon; orders decided on later are left out.
    """
    batches = log.decisions(sim, policy, until, orders)
    return [decision for batch in batches for decision in log.decisions_of(batch)]
