"""The laws: what must hold of a row after every tick.

Each law is a generator over a `Moment`, which yields one sentence for everything that is wrong. Those of `ALWAYS` look
at a moment alone; those of `BY_TICK` compare it with the tick before. Dollars are compared to a millionth of a cent
per dollar, since sums of floats depend on their order; everything else exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.envs.audit.walk import FAULTS, NO_FAULT, PLACES, Tally
from regional_dispatch.envs.kernel.ledger import COMPONENTS, USD
from regional_dispatch.envs.kernel.metrics import COUNTERS, N
from regional_dispatch.envs.world.world import World

_TOLERANCE_USD = 1e-6
_ROUNDING = 1e-6  # what sums of decimal fractions may lack of a whole number
Row = dict[str, np.ndarray]  # one row of the state's arrays, by name
COUNTS = (
    "orders", "lines", "lines_lost", "units_arrived", "units_shipped", "packages_done", "packages_made",
)  # fmt: skip
_MAY_FALL = {"packages", "packages_direct", "package_miles", "package_sorts", "lines_spilled", "orders_in_region"}


class Decided(NamedTuple):
    """What was decided in a tick, and what came of it."""

    region: np.ndarray  # (lines,) int, of the lines that were up for decision
    at: np.ndarray  # (lines,) int, their places in the region's ring


class Moment(NamedTuple):
    """A row after a tick."""

    world: World
    row: Row
    tally: Tally
    before: Row  # the same as the tick began
    before_tally: Tally
    decided: Decided

    @property
    def tick(self) -> int:
        """The tick that has passed."""
        return int(self.row["row"]["tick"]) - 1

    @property
    def merges(self) -> bool:
        """Are packages merged, so that some are taken back?"""
        return bool(self.row["row"]["reevaluate"])


Law = Callable[[Moment], Iterator[str]]


def violations(moment: Moment, laws: tuple[Law, ...]) -> Iterator[str]:
    """Every violation, with the law's name before it."""
    for law in laws:
        for text in law(moment):
            yield f"{law.__name__}: {text}"


def _unequal(found: Any, expected: Any, what: str, names: Any = None, tolerance: float = 0.0) -> Iterator[str]:
    """One sentence about the first place where two arrays differ."""
    found, expected = np.atleast_1d(found), np.atleast_1d(expected)
    wrong = ~(np.abs(found - expected) <= tolerance * np.maximum(1.0, np.abs(expected)))  # NaN is wrong too
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = f" [{', '.join(map(str, at))}]" if names is None else f" {names} {at[-1]}"
        yield f"{what}{where}: {found[at]} and {expected[at]} must be equal; {int(wrong.sum())} such"


# ------------------------------------------------------------------------------------------------------------ packages


def lists(m: Moment) -> Iterator[str]:
    """Every list ends, and no package is in two."""
    fault, place, number, member = m.tally.fault.tolist()
    if fault != NO_FAULT:
        yield f"{PLACES[place]} {number}: the list {FAULTS[fault]}: {member}"


def places(m: Moment) -> Iterator[str]:
    """Packages are where their routes lead, and no truck holds more than its room."""
    count, place, number, p = m.tally.wrong_place.tolist()
    if count:
        package = m.row["package"][p]
        yield (f"package {p} is at {PLACES[place]} {number}, where leg {package['leg']} of route {package['route']} "
               f"does not lead; {count} such")  # fmt: skip
    count, lane, load = m.tally.overloaded.tolist()
    if count:
        yield f"a truck on lane {lane} holds {load} packages, its room is {m.world.net.lanes['room'][lane]}"


def packages(m: Moment) -> Iterator[str]:
    """Made = under way + done; every number is under way or given back; queues' counts are their lengths."""
    row, t = m.row["row"], m.tally
    under_way = int(t.totals[:2].sum())
    yield from _unequal(under_way, row["packages"], "packages in lists, and those under way")
    yield from _unequal(row["packages_made"], under_way + row["packages_done"], "packages made, and under way or done")
    yield from _unequal(under_way + t.totals[2], row["fresh"], "packages under way or given back, and those used")
    queue, lane = m.row["queue"], m.row["lane"]
    yield from _unequal(queue["packages"], t.site_packages, "packages that a site counts and has,", "site")
    yield from _unequal(queue["lines"], t.site_lines, "lines that a site counts and has,", "site")
    yield from _unequal(lane["count"], t.waiting, "packages that a lane counts and has,", "lane")
    if m.merges:
        yield from _unequal(row["fresh_item"] - t.totals[3], row["items"], "items used and not given back, and in use")


def urgency(m: Moment) -> Iterator[str]:
    """Lanes know how many packages are late, urgent, upstream, and ride which lane next."""
    lane, t = m.row["lane"], m.tally
    yield from _unequal(lane["late"], t.late, "late packages that a lane counts and has,", "lane")
    yield from _unequal(lane["safe"], t.safe, "last safe tick that a lane keeps and has,", "lane")
    urgent = m.row["urgent"].sum(axis=1)
    yield from _unequal(urgent, t.waiting - t.late, "urgent packages that a lane counts and has,", "lane")
    yield from _unequal(lane["inbound"], t.inbound, "packages upstream that a lane counts and has,", "lane")
    yield from _unequal(m.row["onward"], t.onward, "packages that ride a pair of lanes, counted and there,", "pair")
    active = np.sort(m.row["active"][: int(m.row["row"]["active"])])
    waiting = np.flatnonzero(t.waiting)
    if not np.array_equal(active, waiting):
        yield f"{len(active)} lanes are listed as having packages, {len(waiting)} have some"


def nothing_left(m: Moment) -> Iterator[str]:
    """After the horizon nothing is under way and nothing waits."""
    under_way, waiting = int(m.tally.totals[:2].sum()), int(m.row["line_count"].sum())
    if under_way or waiting:
        yield f"{under_way} packages are under way and {waiting} lines wait after the horizon"


# ------------------------------------------------------------------------------------------------- orders and lines


def orders(m: Moment) -> Iterator[str]:
    """Placed = decided + waiting."""
    row, count = m.row["row"], m.row["count"]
    yield from _unequal(row["orders"], count[:, N.episode_orders].sum(), "orders placed, in all and over regions")
    if not row["settled"]:
        waiting = [_orders_waiting(m, r) for r in range(len(count))]
        expected = count[:, N.orders_sourced] + waiting
        yield from _unequal(count[:, N.orders], expected, "orders placed, and decided or waiting,", "region")


def _orders_waiting(m: Moment, region: int) -> int:
    """Orders placed since the warm-up in a region's ring."""
    ring = m.row["line"][region]
    waiting = ring[(int(m.row["line_first"][region]) + np.arange(int(m.row["line_count"][region]))) % len(ring)]
    waiting = waiting[waiting["ordered"] >= m.world.rules.warmup_tick]
    return len(np.unique(waiting["order"]))


def lines(m: Moment) -> Iterator[str]:
    """Decided = lost + under way + delivered."""
    count = m.row["count"]
    expected = count[:, N.lines_lost] + m.tally.lines + count[:, N.lines_due]
    yield from _unequal(count[:, N.lines], expected, "lines decided, and lost, under way or delivered,", "region")
    for part, whole in (
        ("lines_on_time", "lines_due"), ("lines_spilled", "lines"), ("orders_in_region", "orders_sourced"),
        ("spot_trucks", "trucks"), ("truck_packages", "truck_room"), ("direct_packages", "direct_room"),
    ):  # fmt: skip
        few, all_of = count[:, getattr(N, part)], count[:, getattr(N, whole)]
        if (few > all_of).any():
            r = int(np.argmax(few > all_of))
            yield f"region {r}: {part} = {few[r]:g} is above {whole} = {all_of[r]:g}"


def lines_of_the_tick(m: Moment) -> Iterator[str]:
    """What was placed waits or was decided; what was lost is counted; packages go to their lines' stations."""
    now, then = m.row["row"], m.before["row"]
    placed = int(now["lines"] - then["lines"])
    waited, waits = (int(one["line_count"].sum()) for one in (m.before, m.row))
    yield from _unequal(placed, waits - waited + len(m.decided.at), "lines placed, and waiting more or decided")
    line = m.row["line"][m.decided.region, m.decided.at]
    lost = line["package"] < 0
    yield from _unequal(now["lines_lost"] - then["lines_lost"], lost.sum(), "lines lost, counted and found")
    travels = line[~lost]
    station = m.world.net.routes["station"][m.row["package"]["route"][travels["package"]]]
    wrong = np.flatnonzero(station != travels["station"])
    if len(wrong):
        one = wrong[0]
        yield f"a line of station {travels['station'][one]} travels to station {station[one]}; {len(wrong)} such"


# --------------------------------------------------------------------------------------------------- units and trucks


def units(m: Moment) -> Iterator[str]:
    """No shelf is below zero; initial + replenished = on hand + on the road + taken."""
    row = m.row["row"]
    for name in ("stock", "pipeline", "road"):
        least = int(m.row[name].min(initial=0))
        if least < 0:
            at = ", ".join(map(str, np.argwhere(m.row[name] == least)[0].tolist()))
            yield f"{name} [{at}] = {least} is below 0"
    kept = m.row["stock"].sum(dtype=np.int64) + m.row["road"].sum(dtype=np.int64)
    expected = m.world.on_hand.sum(dtype=np.int64) + row["units_arrived"] - row["units_shipped"]
    yield from _unequal(kept, expected, "units on hand and on the road, and initial + arrived − taken")
    road = m.row["road"]
    shipment = m.row["shipment"][: int(row["shipments"])]
    shelf, of_shelf = np.unique(shipment["sku"].astype(np.int64) * road.shape[1] + shipment["fc"], return_inverse=True)
    on_way = np.bincount(of_shelf, shipment["units"], len(shelf)).astype(np.int64)
    yield from _unequal(road.ravel()[shelf], on_way, "units on the road, kept and in shipments, to a shelf of theirs")
    yield from _unequal(road.sum(dtype=np.int64), on_way.sum(), "units on the road, kept and in shipments")


def units_of_the_tick(m: Moment) -> Iterator[str]:
    """Of every SKU: what was there and what arrived, less what lines took, is there."""
    line = m.row["line"][m.decided.region, m.decided.at]
    taken = np.bincount(line["sku"], line["units"] * (line["package"] >= 0), len(m.row["stock"])).astype(np.int64)
    yield from _unequal(m.row["row"]["units_shipped"] - m.before["row"]["units_shipped"], taken.sum(),
                        "units taken, counted and by lines")  # fmt: skip
    if m.world.rules.lead_ticks == 0:
        return  # units are ordered and arrive in the same tick: the sum over all SKUs is all that is known
    ordered = zip(m.before["pipeline"], m.row["pipeline"], strict=True)  # one by one: at full size each is 220 MB
    came = sum(np.maximum(then - now, 0).sum(axis=1, dtype=np.int64) for then, now in ordered)
    there, expected = units_by_sku(m.row), units_by_sku(m.before) + came - taken
    yield from _unequal(there, expected, "units there, and those before + arrived − taken,", "SKU")


def units_by_sku(row: Row) -> np.ndarray:
    """Units on hand and on the road between FCs: (S,) int64."""
    found: np.ndarray = row["stock"].sum(axis=1, dtype=np.int64) + row["road"].sum(axis=1, dtype=np.int64)
    return found


def trucks(m: Moment) -> Iterator[str]:
    """Fleet = at its site + on the road; never below zero."""
    home, back = m.row["trucks_home"], m.row["trucks_back"]
    if min(home.min(), back.min()) < 0:
        yield f"fewer than 0 trucks at site {int(np.argmin(np.minimum(home, back.min(axis=0))))}"
    yield from _unequal(home + back.sum(axis=0), m.world.net.fleet, "trucks at home or away, and the fleet,", "site")


def capacities(m: Moment) -> Iterator[str]:
    """No site works off more than its capacity and its opening hours allow; no more lines than slots are decided."""
    world, fcs = m.world, m.world.net.fcs
    decided = np.bincount(m.decided.region, minlength=world.net.regions)
    if decided.max(initial=0) > world.rules.order_slots:
        yield f"{decided.max()} lines were decided in region {decided.argmax()}, with {world.rules.order_slots} slots"
    if m.merges or world.clock.instant:
        return  # packages change their site within the tick
    queue, then = m.row["queue"], m.before["queue"]
    picked = then["lines"] + m.tally.site_new - queue["lines"]
    sorted_ = then["packages"] + m.before_tally.arriving_at - queue["packages"]
    is_fc = np.arange(len(queue)) < fcs
    worked = np.where(is_fc, picked, sorted_) + queue["progress"].astype(np.int64) - then["progress"]
    most = _capacity(m)
    over = np.flatnonzero((worked > most) & (np.arange(len(queue)) < fcs + world.net.scs))
    if len(over):
        site = over[0]
        yield f"site {site} worked off {worked[site]} in the tick, its capacity is {most[site]}; {len(over)} such"


def _capacity(m: Moment) -> np.ndarray:
    """Whole lines or packages of each site in the tick: (N,) int64."""
    clock, rate = m.world.clock, m.row["site_capacity"]
    most = np.floor((m.tick + 1) * rate + _ROUNDING) - np.floor(m.tick * rate + _ROUNDING)
    calendar = (int(m.row["row"]["week_tick"]) + m.tick) % clock.shift.shape[1]
    open_now = clock.works[:, calendar % clock.works.shape[1]] == 1  # one column where no site has opening hours
    works = (clock.opening == 0) | open_now[clock.opening]
    return np.where(works, most, 0).astype(np.int64)


# -------------------------------------------------------------------------------------------------------------- dollars


def finite(m: Moment) -> Iterator[str]:
    """Every dollar, counter and expectation is a number."""
    for name in ("cash", "accrual", "opening", "settled", "count", "price", "site_capacity"):
        if not np.isfinite(m.row[name]).all():
            yield f"{name} {np.argwhere(~np.isfinite(m.row[name]))[0].tolist()} is no finite number"
    for name in ("inflow", "cost", "handover_usd"):
        if not np.isfinite(m.row["lane"][name]).all():
            yield f"lane.{name} of lane {int(np.argmin(np.isfinite(m.row['lane'][name])))} is no finite number"
    if (m.row["cash"] < -_TOLERANCE_USD).any():
        r, component = np.argwhere(m.row["cash"] < -_TOLERANCE_USD)[0].tolist()
        yield f"cash of {COMPONENTS[component]} in region {r} is {m.row['cash'][r, component]}, below 0"


def books(m: Moment) -> Iterator[str]:
    """Accrual = cash + what is accrued for work under way; handling and lost lines cost what the scenario says."""
    row, costs, t = m.row["row"], m.world.rules.costs, m.tally
    open_usd = m.row["accrual"] - m.row["cash"]
    expected = np.zeros_like(open_usd)
    expected[:, USD.pick], expected[:, USD.sort] = costs.pick_pack_usd * t.picks, costs.sort_usd * t.sorts
    for i, component in enumerate(COMPONENTS):
        tolerance = _TOLERANCE_USD * (1.0 + np.abs(m.row["accrual"][:, i]).sum())
        if i == USD.late:  # booked to the region of the lane that holds, paid by the customer's
            yield from _unequal(open_usd[:, i].sum(), t.late_usd[0], "USD of lateness accrued and not paid, and under "
                                "way", tolerance=tolerance)  # fmt: skip
        else:
            yield from _unequal(open_usd[:, i], expected[:, i], f"USD of {component} accrued and not paid, and under "
                                "way,", "region", tolerance)  # fmt: skip
    accrued = m.row["accrual"].sum(axis=0)
    if not row["settled"]:  # waiting lines are settled as packages that were never made
        yield from _unequal(accrued[USD.pick], costs.pick_pack_usd * int(row["packages_made"]),
                            "USD of picks accrued, and of packages made", tolerance=_TOLERANCE_USD)  # fmt: skip
    yield from _unequal(accrued[USD.lost], costs.lost_line_usd * int(row["lines_lost"]),
                        "USD of lost lines, booked and lost", tolerance=_TOLERANCE_USD)  # fmt: skip


def dollars_of_the_tick(m: Moment) -> Iterator[str]:
    """Trucks that left, packages delivered and packages made cost what the scenario says, once."""
    cash, accrual = m.row["cash"] - m.before["cash"], m.row["accrual"] - m.before["accrual"]
    t, costs, instant = m.tally, m.world.rules.costs, bool(m.world.clock.instant)
    close = {"tolerance": _TOLERANCE_USD * (1.0 + float(np.abs(m.row["cash"]).max(initial=0)))}
    if not instant:  # else some have left and arrived within the tick
        yield from _unequal(cash[:, USD.truck], t.truck_usd, "USD paid for trucks, and of those that left,", "region",
                            **close)  # fmt: skip
        yield from _unequal(cash[:, USD.late], m.before_tally.arriving_usd, "USD paid for lateness, and of packages "
                            "delivered,", "region", **close)  # fmt: skip
    if not m.merges:
        made = costs.sort_usd * t.made_sorts
        yield from _unequal(accrual[:, USD.sort], made, "USD accrued for sorts, and of packages made,", "region",
                            **close)  # fmt: skip
    most = m.world.rules.spot_premium * cash[:, USD.truck]
    if (cash[:, USD.spot] > most + _TOLERANCE_USD).any():
        r = int(np.argmax(cash[:, USD.spot] - most))
        yield f"region {r} paid {cash[r, USD.spot]} USD for hiring trucks in the tick, {most[r]} at most are possible"


def monotone(m: Moment) -> Iterator[str]:
    """The clock goes on by one tick; counters and dollars paid never fall."""
    now, then = m.row["row"], m.before["row"]
    yield from _unequal(now["tick"], then["tick"] + 1, "the tick, and the one before + 1")
    for name in COUNTS:
        if now[name] < then[name] and not (m.merges and name == "packages_made"):
            yield f"{name} fell from {then[name]} to {now[name]}"
    fell = m.row["count"] < m.before["count"] - 1e-9
    for i, name in enumerate(COUNTERS):
        if fell[:, i].any() and not (m.merges and name in _MAY_FALL):
            r = int(np.argmax(fell[:, i]))
            yield f"{name} of region {r} fell from {m.before['count'][r, i]} to {m.row['count'][r, i]}"
    fell = m.row["cash"] < m.before["cash"] - _TOLERANCE_USD
    if fell.any():
        r, component = np.argwhere(fell)[0].tolist()
        usd = m.before["cash"][r, component] - m.row["cash"][r, component]
        yield f"cash of {COMPONENTS[component]} in region {r} fell by {usd} USD"


ALWAYS: tuple[Law, ...] = (places, packages, urgency, orders, lines, units, trucks, finite, books)
BY_TICK: tuple[Law, ...] = (
    monotone, lines_of_the_tick, units_of_the_tick, capacities, dollars_of_the_tick,
)  # fmt: skip
SETTLED: tuple[Law, ...] = (nothing_left, packages, orders, lines, units, trucks, finite, books)
