"""Small worlds, prices of lanes, random decisions and readers of the kernel's linked lists, shared by the tests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled
from regional_dispatch.envs.kernel.decisions.candidates import candidates_found, open_region, prepare_order
from regional_dispatch.envs.kernel.decisions.features import ask_all_features
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_FEATURES
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import linear
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario

SMALL: dict[str, Any] = {
    "name": "small",
    "horizon_hours": 120,
    "warmup_hours": 30,
    "network": {
        "kind": "cities",
        "fulfillment_centers": 4,
        "sort_centers": 3,
        "stations": 6,
        "direct_max_miles": 250,
        "speed_mph": 80,
    },
    "demand": {"kind": "generated", "orders_per_day": 200},
    "stock": {"skus": 40, "breadth": (0.75, 0.5, 0.25)},
    "trucks": {"capacity_packages": 3, "fleet_headroom": 3},
}
TWO_REGIONS = {"partition": {"kind": "balanced", "regions": 2}}
US8 = {"partition": {"kind": "states", "map": "us8"}}
TIGHT = {**TWO_REGIONS, "trucks": {"fleet_headroom": 0.02, "spot_allowed": False}}
FEW_SLOTS = {**TWO_REGIONS, "slots": {"orders": 6}, "demand": {"orders_per_day": 300}}
SCARCE = {
    **TWO_REGIONS,
    "stock": {"safety_factor": -2, "breadth": (0.5, 0.25, 0.25)},
    "demand": {"units_per_line": (0.4, 0.3, 0.3)},
}
WAITING = {
    **TWO_REGIONS,
    "network": {"fulfillment_centers": 8},
    "demand": {"orders_per_day": 300, "lines_per_order": (0.2, 0.3, 0.3, 0.2)},
    "stock": {"breadth": (1, 0.8, 0.6)},
    "capacity": {"pick_headroom": 0.8, "backlog_limit_hours": 6},
}
# Something of every kind, some of it at the same time.
EVENTFUL = {
    **WAITING,
    "events": (
        {"kind": "capacity", "site": "FC New York NY", "share": 0, "start_hour": 20.5, "hours": 30},
        {"kind": "capacity", "site": "FC New York NY", "share": 0.6, "start_hour": 40, "hours": 25},
        {"kind": "capacity", "draw": "sc", "seed": 2, "share": 0.3, "start_hour": 30, "hours": 24},
        {"kind": "capacity", "site": "SC Evansville IN", "share": 0, "start_hour": 60, "hours": 12},
        {"kind": "lane", "origin": "FC Dallas TX", "destination": "DS Dallas TX", "start_hour": 24, "hours": 36},
        {"kind": "lane", "origin": "SC Evansville IN", "destination": "SC New York NY", "start_hour": 30, "hours": 12},
        {"kind": "region", "region": "Region 01", "start_hour": 70, "hours": 20.2},
    ),
}
# A nation becomes two regions, its stock follows a day later, and the regions are given up again.
LEVERS = {
    "partition": {"kind": "national", "counted_by": TWO_REGIONS["partition"]},
    "stock": {"layout": "scattered", "review_hours": 6, "lead_time_hours": 6},
    "changes": (
        {"hour": 40, "partition": TWO_REGIONS["partition"]},
        {"hour": 64, "stock": {"layout": "regional"}},
        {"hour": 90, "partition": {"kind": "national"}},
    ),
}
MANY_FCS = {**TWO_REGIONS, "network": {"fulfillment_centers": 12}, "stock": {"breadth": (1, 0.9, 0.8)}}
# The nearest FC is left with its way over a sort center, which is not among the three cheapest.
DIRECT_CLOSED = {
    **MANY_FCS,
    "slots": {"candidates": 3},
    "events": [
        {"kind": "lane", "origin": f"FC {city}", "destination": f"DS {city}", "start_hour": 10, "hours": 80}
        for city in ("New York NY", "Dallas TX", "Chicago IL", "Washington DC")
    ],
}

# Each varies one rule of the small world.
DATED = {
    **TWO_REGIONS,
    "calendar": {
        "start": "2024-11-02", "time_zone": "America/Chicago",
        "holidays": [{"date": "2024-11-04", "demand": 0.5}],
    },
    "demand": {"promise_cut_offs": (12, 18, None)},
}  # fmt: skip
WORLDS: dict[str, dict[str, Any]] = {
    "national": {},
    "two regions": TWO_REGIONS,
    "eight regions": {**US8, "network": {"fulfillment_centers": 8, "stations": 12}},
    "tight fleet, no spot trucks": TIGHT,
    "small fleet, spot trucks": {"trucks": {"fleet_headroom": 0.02, "spot_premium": 0.7}},
    "lines wait for slots": FEW_SLOTS,
    "scarce stock": SCARCE,
    "slow picking and sorting": {
        **TWO_REGIONS, "capacity": {"pick_headroom": 0.6, "sort_headroom": 0.3, "backlog_limit_hours": 3},
    },
    "half-hour ticks": {"tick_hours": 0.5, "horizon_hours": 72},
    "two-hour ticks": {"tick_hours": 2, **TWO_REGIONS},
    "all late": {**TWO_REGIONS, "demand": {"promise_hours": (1, 2, 3)}},
    "no lead time": {"stock": {"lead_time_hours": 0, "review_hours": 6}},
    "lead over many reviews": {"stock": {"lead_time_hours": 31, "review_hours": 7}},
    "lead below review": {"stock": {"lead_time_hours": 5, "review_hours": 24}},
    "three candidates of many": {**MANY_FCS, "slots": {"candidates": 3}},
    "five candidates of many": {**MANY_FCS, "slots": {"candidates": 5}},
    "three candidates, direct lanes closed": DIRECT_CLOSED,
    "one candidate": {"slots": {"candidates": 1}},
    "surge from a Friday": {
        "start_hour": 100, "demand": {"surges": [{"start_hour": 20.5, "end_hour": 40, "factor": 3}]},
    },
    "one package a truck": {"trucks": {"capacity_packages": 1}, "demand": {"orders_per_day": 60}},
    "one sort center": {**TWO_REGIONS, "network": {"sort_centers": 1}},
    "packages wait to be picked": WAITING,
    "events": EVENTFUL,
    "levers change": LEVERS,
    "dates, zones, a clock change and a holiday": DATED,
    "dates and quarters of an hour": {**DATED, "tick_hours": 0.25, "horizon_hours": 48},
    "events in one nation": {**EVENTFUL, "partition": {"kind": "national", "counted_by": TWO_REGIONS["partition"]}},
}  # fmt: skip


def small(**changes: Any) -> Scenario:
    """The small world with changes laid over its groups of fields."""
    data: dict[str, Any] = {name: dict(value) if isinstance(value, dict) else value for name, value in SMALL.items()}
    for name, value in changes.items():
        old = data.get(name)
        merge = isinstance(old, dict) and isinstance(value, dict) and value.get("kind") in (None, old.get("kind"))
        data[name] = {**old, **value} if merge else value
    return Scenario.model_validate(data)


def down(site: str = "FC New York NY", share: float = 0, start_hour: float = 24, hours: float = 48) -> dict[str, Any]:
    """An event: a site has a share of its capacity."""
    return {"kind": "capacity", "site": site, "share": share, "start_hour": start_hour, "hours": hours}


def closed(origin: str, destination: str, start_hour: float = 24, hours: float = 48) -> dict[str, Any]:
    """An event: a lane is closed."""
    return {
        "kind": "lane", "origin": origin, "destination": destination, "start_hour": start_hour, "hours": hours,
    }  # fmt: skip


def cut_off(region: str = "Region 01", start_hour: float = 24, hours: float = 48, **more: Any) -> dict[str, Any]:
    """An event: a region is cut off."""
    return {"kind": "region", "region": region, "start_hour": start_hour, "hours": hours, **more}


def site_number(sim: Simulator, name: str) -> int:
    """The number of a site."""
    return sim.network.sites["name"].tolist().index(name)


def simulator(scenario: Scenario, *keys: int, reevaluate: bool = False) -> Simulator:
    """A simulator with one row per key, reset."""
    sim = Simulator(scenario, len(keys), reevaluate=reevaluate)
    for row, key in enumerate(keys):
        sim.reset(row, key)
    return sim


def lane_price(**weights: float) -> Scorer:
    """A linear price of lanes: feature → weight."""
    return linear(LANE_PRICE_FEATURES, weights=weights)


@compiled
def find_all(w: Any, s: Any, b: int, found: np.ndarray) -> None:
    """Fills the candidates of every line up for decision and how many there are: found (R, M)."""
    for r in range(w.net.regions):
        ask_all_features(s, b, r)
        open_region(w, s, b, r)
        low = np.int64(0)
        while low < s.slots[b, r]:
            low = prepare_order(w, s, b, r, low)
        for j in range(s.slots[b, r]):
            found[r, j] = candidates_found(w, s, b, r, j)


def decide_at_random(sim: Simulator, row: int, rng: np.random.Generator) -> tuple[dict[tuple[int, int], int], set[int]]:
    """A random candidate per line and go or hold per lane, with a new urge to go each tick.

    Returns:
        Route chosen per (region, slot) that has candidates, and the lanes told to go.
    """
    s, found = sim.state, np.zeros(sim.state.candidate.shape[1:3], np.int64)
    find_all(sim.world, s, row, found)
    choices = {}
    for r in range(sim.regions):
        for j in range(int(s.slots[row, r])):
            if found[r, j]:
                k = int(rng.integers(found[r, j]))
                s.line["choice"][row, r, (s.line_first[row, r] + j) % s.line.shape[2]] = k
                choices[r, j] = int(s.candidate[row, r, j, k])
    lanes = s.active[row, : s.row["active"][row]]
    go = rng.random(len(lanes)) < rng.choice([0.0, 0.1, 0.5])
    s.go[row, lanes] = go
    return choices, set(lanes[go].tolist())


def random_tick(sim: Simulator, row: int, rng: np.random.Generator) -> bool:
    """One tick under random decisions; True at the horizon, when the books are closed."""
    sim.begin(row)
    decide_at_random(sim, row, rng)
    return sim.finish(row)


class Reader:
    """Reads one row's linked lists as Python lists of packages."""

    def __init__(self, sim: Simulator, row: int) -> None:
        self.sim, self.row, s = sim, row, sim.state
        self.package = s.package[row]
        self.next = self.package["next"].tolist()
        self.truck = s.tag["truck"][row].tolist()

    def chain(self, head: int, links: list[int] | None = None) -> Iterator[int]:
        links, p = self.next if links is None else links, head
        for _ in range(len(links) + 1):
            if p < 0:
                return
            yield p
            p = links[p]
        raise AssertionError("a linked list runs in a circle")

    def unused(self) -> list[int]:
        """Packages that have been given back, and those that were never used."""
        record = self.sim.state.row[self.row]
        return [*self.chain(int(record["free"])), *range(int(record["fresh"]), len(self.next))]

    def sites(self) -> list[list[int]]:
        return [list(self.chain(head)) for head in self.sim.state.queue["head"][self.row].tolist()]

    def lanes(self) -> list[list[int]]:
        return [list(self.chain(head)) for head in self.sim.state.lane["head"][self.row].tolist()]

    def trucks(self) -> dict[int, list[list[int]]]:
        """Loads on the road by tick of arrival."""
        s, tick = self.sim.state, self.sim.tick(self.row)
        length = s.arriving.shape[1]
        found = {}
        for ahead in range(length):
            first = int(s.arriving[self.row, (tick + ahead) % length, 0])
            if first >= 0:
                found[tick + ahead] = [list(self.chain(p)) for p in self.chain(first, self.truck)]
        return found

    def face(self, packages: list[int]) -> list[tuple[int, ...]]:
        """What packages are, whatever their numbers."""
        return self.faces[packages].tolist()

    @cached_property
    def faces(self) -> np.ndarray:
        return self.package[["route", "leg", "lines", "ordered", "due", "joined"]]


def snapshot(sim: Simulator, row: int) -> dict[str, Any]:
    """Everything a row means, whatever the sizes of its arrays and the numbers of its packages."""
    s, read = sim.state, Reader(sim, row)
    waiting = [
        np.roll(s.line[row, r], -int(s.line_first[row, r]))[: int(s.line_count[row, r])] for r in range(sim.regions)
    ]
    lane = s.lane[row]
    record = s.row[row]
    return {
        "sites": [read.face(packages) for packages in read.sites()],
        "lanes": [read.face(packages) for packages in read.lanes()],
        "trucks": {tick: [read.face(load) for load in loads] for tick, loads in read.trucks().items()},
        "waiting": [lines[["sku", "order", "ordered", "due", "station", "units"]].tolist() for lines in waiting],
        "row": [record[name].item() for name in record.dtype.names if name != "free"],
        "lane": {name: lane[name].tolist() for name in lane.dtype.names if name not in ("head", "tail")},
        **{
            name: getattr(s, name)[row].tolist()
            for name in ("stock", "pipeline", "road", "trucks_home", "trucks_back", "site_capacity", "shut", "cut")
        },
        **{name: getattr(s, name)[row].tolist() for name in ("cash", "accrual", "opening", "count")},
        "shipment": s.shipment[row][: record["shipments"]].tolist(),
    }
