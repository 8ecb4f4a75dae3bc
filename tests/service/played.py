"""An episode of the simulator, told to a live network as events, tick by tick."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.service import messages as m
from regional_dispatch.service.live.calendar import Calendar
from regional_dispatch.service.live.events import apply
from regional_dispatch.service.live.network import LiveNetwork

START = datetime(2026, 3, 2, tzinfo=UTC)


class Played:
    """A simulator and a live network side by side.

    Args:
        scenario: of both.
        policy: of both.
        key: of the orders.
    """

    def __init__(self, scenario: Scenario, policy: ScorerPolicy, key: int = 7) -> None:
        self.sim, self.policy = Simulator(scenario), policy
        self.sim.reset(0, key)
        self.sim.price_lanes(policy.scorers.price)
        self.live = LiveNetwork(scenario, policy, Calendar(START, scenario.tick_hours))
        self.name: dict[int, str] = {}  # package in the simulator → its name in the service
        self.trucks: dict[str, tuple[int, list[int]]] = {}  # on the road: trip → lane, packages
        self.home: dict[int, list[str]] = {}  # tick → trips that are home again
        self.events = self.orders = 0

    # ------------------------------------------------------------------------------------------------- one tick

    def begin(self) -> None:
        """Plays up to the decisions."""
        self.live.pass_time(self.live.calendar.time(self.sim.tick(0)))
        before = self._queues()
        stock, capacity = self.sim.state.stock[0].copy(), self.sim.state.site_capacity[0].copy()
        arriving = self._chains(self.sim.state.arriving[0, self.sim.tick(0) % self.sim.state.arriving.shape[1]])
        self.sim.begin(0)
        self._tell_closures(capacity)
        self._tell_receipts(stock)
        for trip in self.home.pop(self.sim.tick(0), []):
            self.tell(kind="truck_returned", truck=trip)
        arrived = self._tell_arrivals(arriving)
        joined = self._tell_work(before, arrived)
        self._tell_departures(before, joined)

    def decide(self) -> np.ndarray:
        """The simulator's policy decides: (L,) bool, lanes on which a truck will leave."""
        self.sim.decide(0, self.policy.scorers)
        return self.sim.state.go[0] == 1

    def finish(self) -> None:
        """Plays the rest of the tick."""
        before, numbers = self._queues(), self.waiting_lines()
        self.sim.finish(0)
        for line, name in numbers:
            p = int(self.sim.state.line[0][line]["package"])
            assert (p >= 0) == (name is not None)
            if name is not None:
                self.name[p] = name
        self._tell_departures(before, {})

    def tell(self, **event: Any) -> dict[str, Any]:
        """One event."""
        self.events += 1
        parsed = m.Events.model_validate({"events": [{"event": str(self.events), **event}]}).events[0]
        return apply(parsed, self.live)

    # --------------------------------------------------------------------------------------------------- reading

    def _queues(self) -> dict[str, list[list[int]]]:
        state = self.sim.state
        return {
            kind: [self._list(int(head)) for head in table["head"][0]]
            for kind, table in (("site", state.queue), ("lane", state.lane))
        }

    def _list(self, p: int) -> list[int]:
        found = []
        while p >= 0:
            found.append(p)
            p = int(self.sim.state.package["next"][0, p])
        return found

    def _chains(self, ends: np.ndarray) -> list[list[int]]:
        trucks, first = [], int(ends[0])
        while first >= 0:
            trucks.append(self._list(first))
            first = int(self.sim.state.tag["truck"][0, first])
        return trucks

    def waiting_lines(self) -> list[tuple[tuple[int, int], str | None]]:
        """Ring places of the lines up for decision, and the packages that the service put them in."""
        state, size = self.sim.state, self.sim.state.line.shape[2]
        places = [
            (r, int((state.line_first[0, r] + j) % size))
            for r in range(self.sim.regions)
            for j in range(int(state.slots[0, r]))
        ]
        ordered = sorted(places, key=lambda at: int(state.line[0][at]["order"]))
        lines = [line for answer in self.answers for line in answer["lines"]]
        assert len(lines) == len(ordered)
        return [(at, line["package"]) for at, line in zip(ordered, lines, strict=True)]

    # --------------------------------------------------------------------------------------------------- telling

    def _tell_closures(self, capacity: np.ndarray) -> None:
        state, sites = self.sim.state, self.live.names.sites
        for site in np.flatnonzero(state.site_capacity[0] != capacity):
            per_hour = float(state.site_capacity[0, site] / self.sim.scenario.tick_hours)
            self.tell(kind="site_capacity", site=sites[site], per_hour=per_hour)
        for lane in np.flatnonzero(state.shut[0] != self.live.sim.state.shut[0]):
            kind = "lane_closed" if state.shut[0, lane] else "lane_opened"
            self.tell(kind=kind, **self.live.answers.lane(int(lane)))

    def _tell_receipts(self, stock: np.ndarray) -> None:
        sites = self.live.names.sites
        for sku, fc in zip(*np.nonzero(self.sim.state.stock[0] != stock), strict=True):
            units = int(self.sim.state.stock[0, sku, fc] - stock[sku, fc])
            self.tell(kind="stock_received", site=sites[fc], sku=str(sku), units=units)

    def _tell_arrivals(self, arriving: list[list[int]]) -> dict[int, list[int]]:
        """Packages that came to sort centers, by site."""
        came: dict[int, list[int]] = {}
        for packages in arriving:
            trip = next(name for name, (_, on_it) in self.trucks.items() if on_it == packages)
            lane, _ = self.trucks.pop(trip)
            answer = self.tell(kind="truck_arrived", truck=trip)
            assert answer["delivered"] + answer["to_sort"] == [self.name[p] for p in packages]
            if answer["to_sort"]:
                came.setdefault(int(self.sim.world.net.lanes["dest"][lane]), []).extend(packages)
        return came

    def _tell_work(self, before: dict[str, list[list[int]]], arrived: dict[int, list[int]]) -> dict[int, list[int]]:
        """Picks and sorts; the packages that joined each lane."""
        net, joined = self.sim.world.net, dict[int, list[int]]()
        for site in range(net.fcs + net.scs):
            left = set(self._list(int(self.sim.state.queue["head"][0, site])))
            for p in [p for p in before["site"][site] + arrived.get(site, []) if p not in left]:
                kind = "package_picked" if site < net.fcs else "package_sorted"
                place = self.tell(kind=kind, package=self.name[p])["waits_for"]
                lane = self.live.names.lane(place["origin"], place["destination"], place["mode"], "")
                joined.setdefault(lane, []).append(p)
        return joined

    def _tell_departures(self, before: dict[str, list[list[int]]], joined: dict[int, list[int]]) -> None:
        tick, room = self.sim.tick(0), self.sim.world.rules.truck_packages
        leaving = tick if self.sim.state.row["waiting_for_decisions"][0] else tick - 1
        for lane, waited in enumerate(before["lane"]):
            queue = waited + joined.get(lane, [])
            gone = queue[: len(queue) - int(self.sim.state.lane["count"][0, lane])]
            for first in range(0, len(gone), room):
                on_it = gone[first : first + room]
                trip = f"T{self.events}"
                answer = self.tell(kind="truck_departed", truck=trip, **self.live.answers.lane(lane))
                assert answer["packages"][: len(on_it)] == [self.name[p] for p in on_it]
                self.trucks[trip] = lane, on_it
                if not answer["hired"]:
                    ticks = int(self.sim.world.net.lanes["ticks"][lane])
                    self.home.setdefault(leaving + 2 * ticks, []).append(trip)

    def order(self) -> list[dict[str, Any]]:
        """Sends the tick's orders together; the service's answers."""
        state = self.sim.state
        lines: dict[int, list[Any]] = {}
        for r in range(self.sim.regions):
            for j in range(int(state.slots[0, r])):
                line = state.line[0, r, (state.line_first[0, r] + j) % state.line.shape[2]]
                lines.setdefault(int(line["order"]), []).append(line)
        now = self.live.calendar.time(self.sim.tick(0))
        orders = [
            m.Order(
                order=f"O{number}", station=self.live.names.station.names[own[0]["station"]],
                lines=[
                    m.Line(sku=str(line["sku"]), units=int(line["units"]),
                           promised_by=self.live.calendar.time(int(line["due"])))
                    for line in own
                ],
            )
            for number, own in sorted(lines.items())
        ]  # fmt: skip
        self.orders += len(orders)
        self.answers = self.live.source(orders, [now] * len(orders)) if orders else []
        return self.answers


def play(scenario: Scenario, policy: ScorerPolicy, ticks: int) -> Iterator[Played]:
    """Plays some ticks; yields at the decisions of each, for `Played.decide` and `Played.order`."""
    played = Played(scenario, policy)
    for _ in range(ticks):
        played.begin()
        yield played
        played.finish()
