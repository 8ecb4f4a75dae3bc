"""A few orders line by line: the FC that serves each, the next best one, the difference in dollars, and the reason.

Everything is read after the decision and before its effect. Dollars are those that policies see: of the order's
packages at standard cost, each paid once for all of its lines (trucks, picking, sorting, lateness that cannot be
avoided, and what a policy that prices lanes expects beyond), and of the units taken off the shelf. The difference
between two FCs is what the whole order would cost more if this line alone went to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.data.events import lines_up
from regional_dispatch.envs.kernel.decisions.features import SHADOW_PRICE_USD, SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.ledger import late_usd
from regional_dispatch.envs.observation import empty_observation, fill_observation
from regional_dispatch.envs.policy import ScorerPolicy, scores
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.network import Network

KINDS = {
    "plain": "One line, served in its region",
    "together": "Several lines in one package",
    "split": "Several packages",
    "spilled": "Served from another region",
}
PARTS = {
    "trucks": "trucks",
    "picking": "picking",
    "sorting": "sorting",
    "lateness": "lateness",
    "lanes": "the lanes' own price",
    "units": "the units' worth elsewhere",
}
_WORDS = {
    "cost": "a low standard cost", "in_region": "FCs of the region in force", "direct": "direct trucks",
    "air_miles": "the nearest FC", "transit": "short transit", "slack": "time to spare", "late": "being in time",
    "on_hand": "full shelves", "cover": "shelves that last", "last_unit": "sparing last units",
    "order_share": "FCs that hold the rest of the order", "order_rest": "the order's size",
    "order_plan": "the order's cheapest plan", "lane_fill": "lanes with packages waiting",
    "lane_age": "how long the lane has waited", "lane_inflow": "lanes that fill soon",
    "lane_inbound": "lanes with packages coming", "lane_cost_now": "trucks that would leave cheaply",
    "fc_backlog": "FCs without a backlog", "sc_backlog": "sort centers without a backlog",
    "fewest_packages": "the order's plan with the fewest packages", "spill_cover": "spilling to full shelves only",
    "surcharge": "the lanes' own price", "shadow_price": "units that are worth little elsewhere",
}  # fmt: skip


class Way(NamedTuple):
    """A route that can serve a line, at the time of the decision."""

    route: int
    fc: str
    region: str
    local: bool  # FC and station share a region of those in force
    stops: int  # sort centers
    miles: float  # by road
    air_miles: float
    hours: float  # from the order to the earliest arrival
    in_time: bool
    on_hand: int  # units
    usd: Mapping[str, float]  # of the whole order if this line takes it, by part
    packages: int  # of the whole order, likewise
    modes: tuple[str, ...] = ()  # of its legs, where the network has several


class Decision(NamedTuple):
    """A line and the FC that serves it."""

    order: int
    line: int  # of its order, from 1
    sku: int
    units: int
    station: str
    region: str
    placed: float  # hours since the episode's start
    promise_hours: float
    chosen: Way | None  # None where no FC has the units
    other: Way | None  # the policy's next best FC, or else route; None where there is no other candidate
    margin: float  # score of the chosen less that of the other
    reason: str  # the feature that ranks the chosen first, in words; empty for a neural network
    served: str  # FC that finally serves it; empty if the line is lost
    replanned: bool  # another route than the chosen one serves it, or none

    @property
    def difference_usd(self) -> float:
        """The other less the chosen; 0 where there is no other."""
        return sum(self.parts().values())

    def parts(self) -> dict[str, float]:
        """The same by part."""
        if self.chosen is None or self.other is None:
            return dict.fromkeys(PARTS, 0.0)
        return {part: self.other.usd[part] - self.chosen.usd[part] for part in PARTS}


# ------------------------------------------------------------------------------------------------------- which orders


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


# ------------------------------------------------------------------------------------------------------- what was done


def log_orders(sim: Simulator, policy: ScorerPolicy, orders: Sequence[int], until: int) -> list[Decision]:
    """Every line of some orders, as they are decided on.

    Args:
        sim: at a tick before they are decided on; it is played on.
        policy: makes the decisions.
        orders: their numbers in the episode.
        until: tick to stop at, before the horizon; orders decided on later are left out.
    """
    sim.price_lanes(policy.scorers.price)
    found: list[Decision] = []
    while sim.tick(0) < until:
        sim.begin(0)
        sim.decide(0, policy.scorers)
        up = lines_up(sim)
        wanted = np.flatnonzero(np.isin(sim.state.line[0]["order"][up], orders))
        seen = list(_decisions(sim, policy, up, wanted))
        sim.finish(0)
        package = sim.state.line[0]["package"][up]
        found += [_with_outcome(sim, decision, int(package[i])) for i, decision in seen]
    return found


def _with_outcome(sim: Simulator, decision: Decision, package: int) -> Decision:
    """The decision with its outcome: an earlier order may have taken the last unit."""
    if package < 0:
        return decision._replace(served="", replanned=decision.chosen is not None)
    route = int(sim.state.package[0]["route"][package])
    fc = str(sim.network.sites["name"].iloc[int(sim.world.net.routes["fc"][route])])
    return decision._replace(served=fc, replanned=decision.chosen is None or route != decision.chosen.route)


def _decisions(
    sim: Simulator, policy: ScorerPolicy, up: tuple[np.ndarray, np.ndarray], wanted: np.ndarray
) -> Iterator[tuple[int, Decision]]:
    """Decisions on the wanted lines, each with its position among the lines that are up for decision."""
    if not len(wanted):
        return
    region, order = up[0], sim.state.line[0]["order"][up]
    for r in np.unique(region[wanted]):
        seen = empty_observation(sim, 1)
        fill_observation(sim, int(r), seen)
        first = int(np.flatnonzero(region == r)[0])
        for number_ in np.unique(order[wanted[region[wanted] == r]]):
            own = np.flatnonzero((order == number_) & (region == r))
            yield from zip(
                own.tolist(),
                _Order(sim, policy, int(r), own - first, (up[0][own], up[1][own]), seen).decisions(),
                strict=True,
            )


class _Order:
    """An order at the time of its decisions: its slots, its lines, and the policy's features of them."""

    def __init__(
        self, sim: Simulator, policy: ScorerPolicy, r: int, slots: np.ndarray, up: tuple[np.ndarray, np.ndarray],
        seen: Mapping[str, np.ndarray],
    ) -> None:  # fmt: skip
        self.sim, self.policy, self.r = sim, policy, r
        self.lines = sim.state.line[0][up]
        self.routes = sim.state.candidate[0, r, slots]  # (lines, K)
        self.found = np.asarray(seen["order_mask"][0, slots], dtype=bool) & (self.routes >= 0)
        self.features = seen["orders"][0, slots]  # (lines, K, features)
        self.surcharge = sim.state.surcharge[0, r, slots]
        self.units_usd = self.features[..., SOURCE_FEATURES.index("shadow_price")] * SHADOW_PRICE_USD
        self.choice = self.lines["choice"].astype(np.int64)
        scored = scores(policy.scorers.source, np.array([r]), self.features[None])[0]
        self.scores = np.where(self.found, scored, -np.inf)

    def decisions(self) -> list[Decision]:
        """One per line."""
        return [self._decision(i) for i in range(len(self.lines))]

    def _decision(self, i: int) -> Decision:
        line, net = self.lines[i], self.sim.world.net
        sites, hours = self.sim.network.sites, self.sim.scenario.tick_hours
        chosen, other = int(self.choice[i]), self._next_best(i)
        site = net.fcs + net.scs + int(line["station"])
        return Decision(
            int(line["order"]), i + 1, int(line["sku"]), int(line["units"]), str(sites["name"].iloc[site]),
            self.sim.network.region_names[int(net.region_of_site[site])], float(line["ordered"]) * hours,
            float(line["due"] - line["ordered"]) * hours, self._way(i, chosen) if self.found[i, chosen] else None,
            None if other is None else self._way(i, other),
            0.0 if other is None else float(self.scores[i, chosen] - self.scores[i, other]),
            "" if other is None else _reason(self.policy.scorers.source, self.r, *self.features[i, [chosen, other]]),
            "", False,
        )  # fmt: skip

    def _next_best(self, i: int) -> int | None:
        """The candidate with the highest score at another FC than the chosen one, or else on another route."""
        fc, chosen = self.sim.world.net.routes["fc"][self.routes[i]], int(self.choice[i])
        ranked = [int(k) for k in np.argsort(-self.scores[i], kind="stable") if self.found[i, k] and k != chosen]
        elsewhere = [k for k in ranked if fc[k] != fc[chosen]]
        return next(iter(elsewhere + ranked), None)

    def _way(self, i: int, k: int) -> Way:
        """The k-th candidate of line i, with the other lines as they were decided."""
        sim, line, network = self.sim, self.lines[i], self.sim.network
        route = network.net.routes[self.routes[i, k]]
        fc, hours = int(route["fc"]), sim.scenario.tick_hours
        arrival = sim.tick(0) + 1 + int(route["rest"][0])
        usd, packages = self._order_usd(np.where(np.arange(len(self.lines)) == i, k, self.choice))
        return Way(
            int(self.routes[i, k]), str(network.sites["name"].iloc[fc]), _region(network, fc), bool(route["local"]),
            int(route["legs"]) - 1, float(route["miles"]), float(route["air_miles"]),
            (arrival - int(line["ordered"])) * hours, arrival <= int(line["due"]),
            int(sim.state.stock[0, line["sku"], fc]), usd, packages, network.route_modes(int(self.routes[i, k])),
        )  # fmt: skip

    def _order_usd(self, choice: np.ndarray) -> tuple[dict[str, float], int]:
        """Dollars of the order by part, and how many packages it travels in, under one candidate per line."""
        rules, usd, seen = self.sim.world.rules, dict.fromkeys(PARTS, 0.0), set[int]()
        for i, k in enumerate(choice):
            p = int(self.routes[i, k])
            usd["units"] += float(self.units_usd[i, k])
            if p in seen or p < 0:
                continue
            seen.add(p)
            route = self.sim.world.net.routes[p]
            arrival = self.sim.tick(0) + 1 + int(route["rest"][0])
            usd["trucks"] += float(route["rest_cost"][0])
            usd["picking"] += rules.costs.pick_pack_usd
            usd["sorting"] += rules.costs.sort_usd * (int(route["legs"]) - 1)
            usd["lateness"] += float(late_usd(rules, arrival - int(self.lines["due"][i])))
            usd["lanes"] += float(self.surcharge[i, k])
        return usd, len(seen)


def _region(network: Network, site: int) -> str:
    return network.region_names[int(network.net.region_of_site[site])]


def _reason(scorer: Scorer, r: int, chosen: np.ndarray, other: np.ndarray) -> str:
    """The feature with the largest gain of the chosen candidate, if the scorer is linear."""
    if scorer.b1.shape[1]:
        return ""
    g = min(r, len(scorer.bias) - 1)

    def worth(x: np.ndarray) -> np.ndarray:
        return np.asarray(x * scorer.weight[g] + (x >= scorer.step_at[g]) * scorer.step_weight[g])

    gain = worth(chosen) - worth(other)
    return _WORDS[SOURCE_FEATURES[int(gain.argmax())]] if gain.max() > 1e-6 else ""
