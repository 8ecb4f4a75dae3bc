"""What policies see, recomputed from the reference in plain Python, and what scorers make of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.kernel.decisions import features as f
from regional_dispatch.envs.kernel.decisions.score import Scorer, score
from regional_dispatch.envs.kernel.decisions.scorers import Scorers, linear
from regional_dispatch.envs.kernel.phases.dispatch import can_send
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.linehaul.lane_kinds import LANE_KINDS
from tests.reference import Reference
from tests.worlds import (
    MANY_FCS,
    SCARCE,
    TIGHT,
    TWO_REGIONS,
    WORLDS,
    decide_at_random,
    find_all,
    simulator,
    small,
)

KEY = episode_key("tune", 2, 9)
SEEN: dict[str, dict[str, Any]] = {
    "two regions": TWO_REGIONS,
    "tight fleet": TIGHT,
    "half-hour ticks": WORLDS["half-hour ticks"],
    "slow picking and sorting": WORLDS["slow picking and sorting"],
    "all late": WORLDS["all late"],
    "events": WORLDS["events"],
}


class Features:
    """The formulas of the feature lists, from the reference's packages and lines."""

    def __init__(self, ref: Reference) -> None:
        self.ref, self.rules, self.world = ref, ref.rules, ref.world
        self.plan: tuple[dict[tuple[int, int], int], ...] = ({}, {})  # route of each line in both plans of its order
        self.day = ref.rules.tick_hours / 24
        self.load = ref.rules.truck_packages

    def inflow(self, lane: int, hours: float) -> float:
        """Truckloads: a moving average of packages that joined, with a half-life of a day, times the season ahead."""
        ref, season = self.ref, self.world.demand.season[0].tolist()  # one zone
        keep = 0.5 ** (self.rules.tick_hours / 24)
        weight = sum(
            (1 - keep) / max(season[(ref.week_tick + t) % len(season)], 0.25) * keep ** (ref.tick - t)
            for t in ref.joins[lane]
        )
        ticks, ahead = hours / self.rules.tick_hours, 0.0
        for k in range(math.ceil(ticks)):
            ahead += season[(ref.week_tick + ref.tick + 1 + k) % len(season)] * min(1.0, ticks - k)
        return weight * ahead / self.load

    def inbound(self, lane: int) -> int:
        """Packages upstream that ride this lane next."""
        ref = self.ref
        here = [(p, p.leg) for queue in ref.site_queue for p in queue]
        road = [(p, p.leg + 1) for trucks in ref.arriving.values() for truck in trucks for p in truck]
        return sum(
            ref.routes[p.route]["lanes"][leg] == lane for p, leg in here + road if leg < ref.routes[p.route]["legs"]
        )

    def shadow_price(self, sku: int, fc: int) -> float:
        """Logistic stand-in for P(demand until the next delivery ≥ what is on hand), times the cost of a stock-out."""
        ref, rules = self.ref, self.rules
        wait, since = 1, ref.tick - rules.lead_ticks - sku  # deliveries come where `since` is a whole number of reviews
        while (since + wait) % rules.review_ticks:
            wait += 1
        mean = ref.base[sku][fc] / rules.base_days * wait * self.day
        z = 1.702 * (mean - ref.stock[sku][fc] + 0.5) / math.sqrt(mean + 0.1)
        return rules.costs.stockout_usd / (1 + math.exp(-z))

    def source(self, region: int, j: int, p: int) -> dict[str, float]:
        """Of one candidate route; the plans of its order are judged by a test of their own."""
        ref, route, line = self.ref, self.ref.routes[p], self.ref.slots[region][j]
        fc, lane = route["fc"], ref.lanes[route["lanes"][0]]
        queue = ref.lane_queue[route["lanes"][0]]
        slack = (line.due - (ref.tick + 1 + route["rest"][0])) * self.day
        units, daily = ref.stock[line.sku][fc], ref.base[line.sku][fc] / self.rules.base_days
        order = [x for x in ref.slots[region] if x.order == line.order]
        return {
            "cost": route["cost"] / 10,
            "in_region": route["in_region"],
            "direct": route["legs"] == 1,
            "air_miles": route["air_miles"] / 1000,
            "transit": route["rest"][0] * self.day,
            "slack": min(max(slack, -3), 3),
            "late": slack < 0,
            "on_hand": units / (units + 10),
            "cover": min(units / (10 * daily), 3),
            "last_unit": units <= line.units,
            "order_share": sum(ref.stock[x.sku][fc] >= x.units for x in order) / len(order),
            "order_rest": (len(order) - 1) / len(order),
            "order_plan": self.plan[0][region, j] == p,
            "fewest_packages": self.plan[1][region, j] == p,
            "spill_cover": 3 if route["in_region"] else min(units / (10 * daily), 3),
            "lane_fill": min(len(queue) / self.load, 3),
            "lane_age": min((ref.tick - queue[0].joined) * self.day, 5) if queue else 0,
            "lane_inflow": min(self.inflow(route["lanes"][0], 3), 5),
            "lane_inbound": min(self.inbound(route["lanes"][0]) / self.load, 5),
            "lane_cost_now": min(lane["cost"] / (len(queue) + 1) / 5, f.LIMIT),
            "fc_backlog": min(ref.backlog_hours(fc) / 12, 5),
            "sc_backlog": min(ref.backlog_hours(lane["dest"]) / 12, 5) if route["legs"] > 1 else 0,
            "surcharge": 0.0,  # nobody prices lanes here
            "shadow_price": self.shadow_price(line.sku, fc) * line.units / 5,
        }

    def hour(self) -> float:
        return (self.ref.week_tick + self.ref.tick) * self.rules.tick_hours

    def dispatch(self, index: int) -> dict[str, float]:
        ref, lane, queue = self.ref, self.ref.lanes[index], self.ref.lane_queue[index]
        safe = [p.due - ref.rest(p) - ref.tick for p in queue]
        held = sum(ref.late_usd(1 - t) - ref.late_usd(-t) for t in safe)
        return {
            "fill": min(len(queue) / self.load, 3),
            "full": len(queue) >= self.load,
            "age": min((ref.tick - queue[0].joined) * self.day, 5),
            "slack": -self.day if min(safe) < 0 else min(min(safe) * self.day, 3),
            "late_if_held": min(safe) <= 0,
            "late_usd_if_held": min(held / 5, f.LIMIT),
            "cost_per_package": min(lane["cost"] / len(queue) / 5, f.LIMIT),
            **{f"inflow_{h}h": min(self.inflow(index, h), 5) for h in (1, 3, 6)},
            "inbound": min(self.inbound(index) / self.load, 5),
            "hour_sin": math.sin(2 * math.pi * self.hour() / 24),
            "hour_cos": math.cos(2 * math.pi * self.hour() / 24),
            "trucks": min(ref.home[lane["origin"]] / 10, 1),
            **{f"is_{name}": lane["kind"] == kind for kind, name in enumerate(LANE_KINDS)},
            "miles": lane["miles"] / 1000,
            "transit": lane["ticks"] * self.day,
            "scheduled": int(self.hour()) % 24 in (2, 8, 14, 20),
            "next_fill": min(self.next_fill(index), 3),
            "dest_backlog": min(self.backlog_ahead(lane["dest"]) / 12, 5),
            "truck_left": self.rank(index) < ref.home[lane["origin"]],
        }

    def next_fill(self, index: int) -> float:
        """Truckloads waiting where the packages of the next truck go on, mean over its load; 0 for a last leg."""
        ref, load = self.ref, list(self.ref.lane_queue[index])[: self.load]
        following = [ref.routes[p.route]["lanes"][p.leg + 1] if p.leg < 2 else -1 for p in load]
        return sum(len(ref.lane_queue[lane]) for lane in following if lane >= 0) / len(load) / self.load

    def backlog_ahead(self, site: int) -> float:
        net = self.world.net
        return self.ref.backlog_hours(site) if site < net.fcs + net.scs else 0

    def rank(self, index: int) -> int:
        """Open lanes of the same site with more packages, or with as many and a lower number."""
        ref, origin = self.ref, self.ref.lanes[index]["origin"]
        ours = [
            i for i, lane in enumerate(ref.lanes) if lane["origin"] == origin and (i == index or not ref.is_shut(i))
        ]
        return sorted(ours, key=lambda i: (-len(ref.lane_queue[i]), i)).index(index)

    def region(self, r: int) -> dict[str, float]:
        ref, net = self.ref, self.world.net
        own = [i for i, lane in enumerate(ref.lanes) if lane["region"] == r and net.lanes["slot"][i] >= 0]
        stations = net.region_of_site[net.fcs + net.scs :]
        return {
            "hour_sin": math.sin(2 * math.pi * self.hour() / 24),
            "hour_cos": math.cos(2 * math.pi * self.hour() / 24),
            "week_sin": math.sin(2 * math.pi * self.hour() / 168),
            "week_cos": math.cos(2 * math.pi * self.hour() / 168),
            "waiting": len(ref.slots[r]) / self.rules.order_slots,
            "queued": (len(ref.waiting[r]) - len(ref.slots[r])) / self.rules.order_slots,
            "active_lanes": sum(bool(ref.lane_queue[i]) for i in own) / max(1, len(own)),
            "share_of_network": float((stations == r).mean()),
            "index": r / 64,
        }


def seen_sources(sim: Simulator, r: int, j: int, found: int) -> np.ndarray:
    """The kernel's features of the candidates of a line: (found, features)."""
    x = np.full((found, f.SOURCE_COUNT), np.nan, np.float32)
    size = sim.state.line.shape[2]
    slots = (int(sim.state.line_first[0, r]) + np.arange(int(sim.state.slots[0, r]))) % size
    order = sim.state.line["order"][0, r, slots]
    own = np.flatnonzero(order == order[j])
    f.source_features(sim.world, sim.state, 0, r, j, int(own[0]), int(own[-1]) + 1, found, x)
    return x


def seen_lane(sim: Simulator, lane: int) -> np.ndarray:
    x = np.full(f.DISPATCH_COUNT, np.nan, np.float32)
    i = active_lanes(sim).index(lane)
    f.dispatch_features(sim.world, sim.state, 0, i, f.hour_of_day(sim.world, sim.state, 0), x)
    return x


def seen_region(sim: Simulator, r: int) -> np.ndarray:
    x = np.full(f.REGION_COUNT, np.nan, np.float32)
    f.region_features(sim.world, sim.state, 0, r, x)
    return x


def assert_equal(x: np.ndarray, names: tuple[str, ...], expected: dict[str, float]) -> None:
    assert set(names) == set(expected)
    assert np.isfinite(x).all() and np.abs(x).max() <= f.LIMIT
    for name, value in zip(names, x.tolist(), strict=True):
        assert value == pytest.approx(float(expected[name]), rel=1e-4, abs=1e-5), name


def lines_with_candidates(sim: Simulator) -> Iterator[tuple[int, int, int]]:
    """Region, slot and number of candidates of every line that has any."""
    found = np.zeros(sim.state.candidate.shape[1:3], np.int64)
    find_all(sim.world, sim.state, 0, found)
    for r, j in zip(*np.nonzero(found), strict=True):
        yield int(r), int(j), int(found[r, j])


def active_lanes(sim: Simulator) -> list[int]:
    return sim.state.active[0, : sim.state.row["active"][0]].tolist()


def test_names_are_unique_and_as_many_as_features() -> None:
    listed = (f.SOURCE_FEATURES, f.DISPATCH_FEATURES, f.REGION_FEATURES)
    for names, count in zip(listed, (f.SOURCE_COUNT, f.DISPATCH_COUNT, f.REGION_COUNT), strict=True):
        assert len(set(names)) == len(names) == count


@pytest.mark.parametrize("name", SEEN)
def test_features_equal_their_formulas(name: str) -> None:
    sim, rng = simulator(small(**SEEN[name]), KEY), np.random.default_rng(0)
    ref = Reference(sim.world, KEY)
    told = Features(ref)
    lines = lanes = 0
    for tick in range(60):
        sim.begin(0)
        ref.begin()
        choices, go = decide_at_random(sim, 0, rng)
        if tick % 6 == 5:
            up = list(lines_with_candidates(sim))
            told.plan = tuple({(r, j): int(sim.state.plan[0, r, j, n]) for r, j, _ in up} for n in range(2))
            for r, j, found in up:
                routes = sim.state.candidate[0, r, j, :found].tolist()
                for x, p in zip(seen_sources(sim, r, j, found), routes, strict=True):
                    assert_equal(x, f.SOURCE_FEATURES, told.source(r, j, p))
                lines += 1
            for lane in active_lanes(sim):
                assert_equal(seen_lane(sim, lane), f.DISPATCH_FEATURES, told.dispatch(lane))
                lanes += 1
            for r in range(sim.regions):
                assert_equal(seen_region(sim, r), f.REGION_FEATURES, told.region(r))
        sim.finish(0)
        ref.finish(choices, go)
    assert lines > 50 and lanes > 20


@pytest.mark.parametrize("name", ["two regions", "all late", "scarce stock", "many FCs"])
def test_plans_of_an_order_are_the_best_there_are(name: str) -> None:
    """Against every set of routes: none costs less, none has fewer packages, and each line has a place in both."""
    worlds = {**SEEN, "scarce stock": SCARCE, "many FCs": MANY_FCS}
    orders = {"demand": {"kind": "generated", "orders_per_day": 200, "lines_per_order": (0.3, 0.2, 0.2, 0.1, 0.1, 0.1)}}
    sim, rng = simulator(small(**merged(worlds[name], orders)), KEY), np.random.default_rng(1)
    several = different = 0
    for _ in range(40):
        sim.begin(0)
        for lines in orders_up(sim):
            routes, cost = lines_and_routes(sim, lines)
            least, fewest = best_covers(routes, cost)
            plans = [[int(sim.state.plan[0, r, j, n]) for r, j in lines] for n in range(2)]
            for plan in plans:
                assert all(p in own for p, own in zip(plan, routes, strict=True))
            assert sum(cost[p] for p in set(plans[0])) == pytest.approx(least)
            assert (len(set(plans[1])), sum(cost[p] for p in set(plans[1]))) == pytest.approx(fewest)
            several += len(lines) > 1
            different += set(plans[0]) != set(plans[1])
        decide_at_random(sim, 0, rng)
        sim.finish(0)
    assert several > 30
    assert different > 0 or name != "many FCs"


class Drawn:
    """A pricer that draws its prices."""

    every_hours = 6.0

    def __call__(self, sim: Simulator, row: int) -> np.ndarray:
        return np.random.default_rng(sim.tick(row)).uniform(0, 4, sim.world.base_stock[0].shape)


def test_prices_enter_the_plan_of_least_cost() -> None:
    """Against every way to give the lines of an order a candidate each; policies and credit see the same price."""
    orders = {"demand": {"orders_per_day": 200, "lines_per_order": (0.3, 0.3, 0.2, 0.2)}}
    sim, rng = Simulator(small(**merged(MANY_FCS, orders)), pricer=Drawn()), np.random.default_rng(1)
    sim.reset(0, KEY)
    changed = 0
    for _ in range(24):
        sim.begin(0)
        for lines in orders_up(sim):
            routes, cost = lines_and_routes(sim, lines)
            planned = tuple(int(sim.state.plan[0, r, j, 0]) for r, j in lines)
            usd = {plan: priced_usd(sim, lines, plan, cost) for plan in itertools.product(*routes)}
            assert usd[planned] == pytest.approx(min(usd.values()))
            changed += sum(cost[p] for p in set(planned)) > best_covers(routes, cost)[0] + 1e-6
        for r, j, found in lines_with_candidates(sim):
            units = [units_usd(sim, r, j, p) for p in sim.state.candidate[0, r, j, :found].tolist()]
            seen = seen_sources(sim, r, j, found)[:, f.SOURCE_FEATURES.index("shadow_price")]
            assert seen * f.SHADOW_PRICE_USD == pytest.approx(np.array(units), rel=1e-5)
        decide_at_random(sim, 0, rng)
        sim.finish(0)
    assert changed > 10


def units_usd(sim: Simulator, r: int, j: int, p: int) -> float:
    """Price of what the line in slot j takes at the FC of route p."""
    s = sim.state
    line = s.line[0, r, (s.line_first[0, r] + j) % s.line.shape[2]]
    return float(s.price[0, line["sku"], sim.world.net.routes["fc"][p]]) * int(line["units"])


def priced_usd(sim: Simulator, lines: list[tuple[int, int]], plan: tuple[int, ...], cost: dict[int, float]) -> float:
    """Packages of a plan, each paid once, and the price of every line's units."""
    return sum(cost[p] for p in set(plan)) + sum(units_usd(sim, r, j, p) for (r, j), p in zip(lines, plan, strict=True))


def merged(*changes: dict[str, Any]) -> dict[str, Any]:
    """Groups of fields laid over one another."""
    found: dict[str, Any] = {}
    for change in changes:
        for group, value in change.items():
            found[group] = {**found.get(group, {}), **value} if isinstance(value, dict) else value
    return found


def orders_up(sim: Simulator) -> list[list[tuple[int, int]]]:
    """Region and slot of the lines with candidates, order by order."""
    s, orders = sim.state, {}
    for r, j, _ in lines_with_candidates(sim):
        order = int(s.line["order"][0, r, (s.line_first[0, r] + j) % s.line.shape[2]])
        orders.setdefault(order, []).append((r, j))
    return list(orders.values())


def lines_and_routes(sim: Simulator, lines: list[tuple[int, int]]) -> tuple[list[set[int]], dict[int, float]]:
    """Candidate routes of each line, and what a package on each would cost: standard cost, and lateness."""
    s, rules = sim.state, sim.world.rules
    routes = [{int(p) for p in s.candidate[0, r, j] if p >= 0} for r, j in lines]
    r, j = lines[0]
    due = int(s.line["due"][0, r, (s.line_first[0, r] + j) % s.line.shape[2]])
    cost = {}
    for p in set().union(*routes):
        late = sim.tick(0) + 1 + int(sim.world.net.routes["rest"][p, 0]) - due
        cost[p] = float(sim.world.net.routes["cost"][p])
        cost[p] += rules.costs.late_usd + rules.late_usd_per_tick * late if late > 0 else 0
    return routes, cost


def best_covers(routes: list[set[int]], cost: dict[int, float]) -> tuple[float, tuple[int, float]]:
    """Least cost of a set of routes that serves every line, and the fewest routes with the least cost of those."""
    covers = []
    for count in range(1, len(routes) + 1):
        for chosen in itertools.combinations(cost, count):
            if all(own & set(chosen) for own in routes):
                covers.append((count, sum(cost[p] for p in chosen)))
    return min(usd for _, usd in covers), min(covers)


def numpy_score(scorer: Scorer, g: int, x: np.ndarray) -> float:
    """The scorer's formula in 64 bits."""
    bias, weight, step_weight, step_at, w1, b1, w2, b2, w3 = (np.asarray(part[g], np.float64) for part in scorer)
    h1 = np.maximum(x @ w1 + b1, 0)
    return float(bias + weight @ x + step_weight @ (x >= step_at) + np.maximum(h1 @ w2 + b2, 0) @ w3)


def random_scorer(rng: np.random.Generator, groups: int, count: int, hidden: int) -> Scorer:
    shapes = ((), (count,), (count,), (count,), (count, hidden), (hidden,), (hidden, hidden), (hidden,), (hidden,))
    return Scorer(*(rng.normal(0, 0.5, (groups, *shape)).astype(np.float32) for shape in shapes))


@pytest.mark.parametrize("groups, hidden", [(1, 0), (1, 16), (3, 8)])
def test_a_score_equals_numpy(groups: int, hidden: int) -> None:
    rng = np.random.default_rng(hidden)
    scorer, scratch = random_scorer(rng, groups, 19, hidden), np.empty((2, max(1, hidden)), np.float32)
    for g in range(groups):
        for _ in range(50):
            x = rng.normal(size=19).astype(np.float32)
            assert score(scorer, g, x, scratch) == pytest.approx(numpy_score(scorer, g, x), rel=1e-4, abs=1e-4)


def test_a_rule_with_an_unknown_feature_is_an_error() -> None:
    with pytest.raises(KeyError, match="charm"):
        linear(f.SOURCE_FEATURES, weights={"charm": 1.0})


RULE = Scorers(
    linear(f.SOURCE_FEATURES, weights={"cost": -1.0, "on_hand": 0.7, "lane_fill": 0.3}, steps={"slack": (0.5, 1.0)}),
    linear(f.DISPATCH_FEATURES, bias=-0.6, weights={"fill": 0.5, "late_if_held": 1.0}, steps={"age": (0.2, 0.5)}),
)


@pytest.mark.parametrize("kind", ["rule", "network", "network per region"])
def test_the_kernel_decides_as_numpy_does(kind: str) -> None:
    rng = np.random.default_rng(4)
    groups = 2 if kind == "network per region" else 1
    scorers = RULE
    if kind != "rule":
        scorers = Scorers(*(random_scorer(rng, groups, n, 8) for n in (f.SOURCE_COUNT, f.DISPATCH_COUNT)))
    sim = simulator(small(**TIGHT), KEY)
    gone = held = decided = 0
    for _ in range(40):
        sim.begin(0)
        sim.decide(0, scorers)
        s = sim.state
        chosen = {(r, j): int(s.line["choice"][0, r, (s.line_first[0, r] + j) % s.line.shape[2]])
                  for r in range(sim.regions) for j in range(int(s.slots[0, r]))}  # fmt: skip
        for r, j, found in lines_with_candidates(sim):
            group = min(r, groups - 1)
            scores = [numpy_score(scorers.source, group, x) for x in seen_sources(sim, r, j, found)]
            assert scores[chosen[r, j]] >= max(scores) - 1e-4
            decided += found > 1
        for lane in active_lanes(sim):
            group = min(int(sim.world.net.lanes["region"][lane]), groups - 1)
            value = numpy_score(scorers.dispatch, group, seen_lane(sim, lane))
            if abs(value) > 1e-4:
                go = value > 0 and can_send(sim.world, s, 0, lane)
                assert s.go[0, lane] == go
                gone, held = gone + go, held + (not go)
        sim.finish(0)
    assert decided > 50 and gone + held > 50
