"""Tables of demand: rates and shares of generated orders, or the orders of a trace.

`envs.kernel.phases.arrivals` makes orders from them. Axes: D stations, S SKUs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.envs.world.clocks.clock import Calendars, holiday_factors
from regional_dispatch.envs.world.clocks.promises import local_promise_ticks
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.order_size import mean_lines_per_order
from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario, TraceDemand
from regional_dispatch.envs.world.trace import orders_per_day, trace_line_shares, trace_of, trace_units_per_day

FORECAST_HOURS = (1.0, 3.0, 6.0)
STREAMS = {"train": 1, "tune": 2, "evaluate": 3}


class Demand(NamedTuple):
    """What the kernel reads to make a tick's orders."""

    rate: np.ndarray  # (T,) float64, mean orders per calendar tick
    surge: np.ndarray  # (surges, 3) float64: first tick, last tick (exclusive), factor
    zone_cdf: np.ndarray  # (T, Z) float64, cumulative shares of the zones in it
    season_next: np.ndarray  # (Z, T, 3) float64, mean-rate ticks of demand in the next 1, 3, 6 h
    season: np.ndarray  # (Z, T) float64, demand relative to the mean
    station_alias: np.ndarray  # (Z, D) int32
    station_keep: np.ndarray  # (Z, D) float64
    sku_alias: np.ndarray  # (S,) int32
    sku_keep: np.ndarray  # (S,) float32
    lines_cdf: np.ndarray  # (most lines,) float64
    units_cdf: np.ndarray  # (most units,) float64
    promise_cdf: np.ndarray  # (classes,) float64
    promise_ticks: np.ndarray  # (classes, Z, T) int32, by when and where an order is placed
    trace_first: np.ndarray  # (ticks + 1,) int64, first trace order of each tick; empty when demand is generated
    trace_orders: np.ndarray  # (orders + 1, 2) int32: station, first line
    trace_lines: np.ndarray  # (lines, 3) int32: SKU, units, promise ticks


def build_demand(scenario: Scenario, network: Network) -> Demand:
    """The demand tables of a scenario.

    Raises:
        ScenarioError: a trace is missing or wrong.
    """
    demand = scenario.demand
    shape = demand if isinstance(demand, GeneratedDemand) else GeneratedDemand()
    calendars = network.calendars
    season = _seasons(shape, scenario, calendars)
    share, station_alias, station_keep = _stations_by_zone(network)
    per_zone = share[:, None] * season
    sku_alias, sku_keep = alias_table(sku_shares(scenario))
    no_trace = (np.zeros(0, np.int64), np.zeros((0, 2), np.int32), np.zeros((0, 3), np.int32))
    trace = no_trace if isinstance(demand, GeneratedDemand) else _trace(scenario)
    surges = [(s.start_hour / scenario.tick_hours, s.end_hour / scenario.tick_hours, s.factor) for s in shape.surges]
    return Demand(
        rate=orders_per_day(scenario) / 24 * scenario.tick_hours * per_zone.sum(axis=0),
        surge=np.array(surges, dtype=float).reshape(-1, 3),
        zone_cdf=_zone_cdf(per_zone),
        season_next=np.stack([_ahead(zone, scenario.tick_hours) for zone in season]),
        season=season,
        station_alias=station_alias,
        station_keep=station_keep,
        sku_alias=sku_alias,
        sku_keep=sku_keep.astype(np.float32),
        lines_cdf=_cdf(shape.lines_per_order),
        units_cdf=_cdf(shape.units_per_line),
        promise_cdf=_cdf(shape.promise_shares),
        promise_ticks=local_promise_ticks(scenario, calendars),
        trace_first=trace[0],
        trace_orders=trace[1],
        trace_lines=trace[2],
    )


def sku_shares(scenario: Scenario) -> np.ndarray:
    """Share of order lines per SKU, most popular first: (S,), Zipf or the trace's own."""
    if isinstance(scenario.demand, TraceDemand):
        return trace_line_shares(scenario)
    weights = np.arange(1, scenario.stock.skus + 1, dtype=float) ** -scenario.demand.zipf_exponent
    return weights / weights.sum()


def sku_units_per_day(scenario: Scenario) -> np.ndarray:
    """Mean units a day per SKU over the whole network: (S,)."""
    if isinstance(scenario.demand, TraceDemand):
        return trace_units_per_day(scenario)
    shape = np.array(scenario.demand.units_per_line)
    units = float((shape / shape.sum() * np.arange(1, len(shape) + 1)).sum())
    return sku_shares(scenario) * orders_per_day(scenario) * mean_lines_per_order(scenario) * units


def alias_table(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walker's alias method: a draw in constant time.

    Args:
        shares: (n,) non-negative, positive sum.

    Returns:
        alias (n,) int32 and keep (n,) float64: slot i is itself with probability keep[i], else alias[i].
    """
    return _alias_table(shares / shares.sum() * len(shares))


@njit(cache=True)
def _alias_table(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fills slots that hold less than 1 from those that hold more; `scaled` (n,) has mean 1 and is written over."""
    n = len(scaled)
    alias, keep = np.arange(n).astype(np.int32), np.ones(n)
    small, large = np.flatnonzero(scaled < 1)[::-1].copy(), np.flatnonzero(scaled >= 1)[::-1].copy()
    stack = np.empty(n, np.int64)  # slots that hold less than 1, the next one last
    stack[: len(small)] = small
    smalls, larges = len(small), len(large)
    while smalls and larges:
        low, high = stack[smalls - 1], large[larges - 1]
        smalls -= 1
        alias[low], keep[low] = high, scaled[low]
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            stack[smalls] = high
            smalls, larges = smalls + 1, larges - 1
    return alias, keep


def _cdf(shares: tuple[float, ...]) -> np.ndarray:
    """Cumulative shares, the last 1."""
    cdf = np.cumsum(np.array(shares, dtype=float))
    return cdf / cdf[-1]


def _stations_by_zone(network: Network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each zone's share of demand (Z,), and the alias tables of its stations (Z, D): int32 and float64."""
    zone = network.calendars.zone[network.net.fcs + network.net.scs :]
    share, alias, keep = [], [], []
    for z in range(len(network.calendars.names)):
        within = np.where(zone == z, network.station_share, 0.0)
        share.append(within.sum())
        tables = alias_table(within if share[z] > 0 else np.ones(len(within)))
        alias.append(tables[0])
        keep.append(tables[1])
    return np.array(share) / sum(share), np.stack(alias), np.stack(keep)


def _zone_cdf(per_zone: np.ndarray) -> np.ndarray:
    """Cumulative shares of the zones in each tick's demand, the last 1: (T, Z)."""
    total = per_zone.cumsum(axis=0).T
    most = total[:, -1:]
    return np.ascontiguousarray(np.where(most > 0, total / np.where(most > 0, most, 1.0), 1.0))


def _seasons(shape: GeneratedDemand, scenario: Scenario, calendars: Calendars) -> np.ndarray:
    """Demand of each zone by calendar tick, relative to the mean of a week: (Z, T)."""
    week = _season(shape, scenario.tick_hours)
    if scenario.calendar is None:
        return week[None]
    edges = np.concatenate([[0.0], week.cumsum(), [week.sum() + week[0]]])
    at = calendars.hour_of_week / scenario.tick_hours  # a zone's hours need not begin with a tick
    mass = np.interp(at + 1, np.arange(len(edges)), edges) - np.interp(at, np.arange(len(edges)), edges)
    return np.asarray(mass * holiday_factors(scenario, calendars))


def _season(shape: GeneratedDemand, tick_hours: float) -> np.ndarray:
    """Demand per tick of the week, mean 1: hourly shares spread over ticks, times weekday shares."""
    hours = np.array(shape.hourly_shares)
    days = np.array(shape.weekday_shares)
    week = (days[:, None] / days.sum() * 7 * hours[None] / hours.sum() * 24).reshape(-1)
    fine = np.repeat(week, 12)  # steps of five minutes, interpolated where a tick ends inside one
    ticks = round(168 / tick_hours)
    edges = np.linspace(0, len(fine), ticks + 1)
    total = np.concatenate([[0.0], fine.cumsum()])
    mass = np.interp(edges, np.arange(len(total)), total)
    season = np.diff(mass)
    return season / season.mean()


def _ahead(season: np.ndarray, tick_hours: float) -> np.ndarray:
    """Demand of the next 1, 3 and 6 hours from each tick of the week, in ticks of mean demand."""
    out = np.zeros((len(season), len(FORECAST_HOURS)))
    for j, hours in enumerate(FORECAST_HOURS):
        ticks = hours / tick_hours
        for k in range(math.ceil(ticks)):
            out[:, j] += np.roll(season, -(k + 1)) * min(1.0, ticks - k)
    return out


def _trace(scenario: Scenario) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`trace_first`, `trace_orders` and `trace_lines` of `Demand`.

    An order is placed in the tick of its time, and its promise ends with the last tick that begins within it.
    """
    orders, demand = trace_of(scenario), scenario.demand
    assert isinstance(demand, TraceDemand)
    tick = np.floor(orders.hours / scenario.tick_hours + 1e-9).astype(np.int64)
    first = np.searchsorted(tick, np.arange(int(tick[-1]) + 2))
    lines = np.diff(orders.first_line)
    promise = np.where(np.isnan(orders.promise_hours), demand.promise_hours, orders.promise_hours)
    due = np.floor((np.repeat(orders.hours, lines) + promise) / scenario.tick_hours + 1e-9)
    # In C order like the empty tables of generated demand, so that one compiled kernel takes both.
    trace_lines = np.empty((len(orders.sku), 3), dtype=np.int32)
    trace_lines[:, 0], trace_lines[:, 1], trace_lines[:, 2] = orders.sku, orders.units, due - np.repeat(tick, lines)
    trace_orders = np.empty((len(orders.hours) + 1, 2), dtype=np.int32)
    trace_orders[:-1, 0], trace_orders[-1, 0], trace_orders[:, 1] = orders.station, 0, orders.first_line
    return first.astype(np.int64), trace_orders, trace_lines


def episode_key(stream: str, seed: int, index: int) -> int:
    """The key of episode `index` under a user's seed; streams never share a key.

    Args:
        stream: `train`, `tune` or `evaluate`. The top two bits hold it, so the streams are disjoint by construction.
        seed: the user's seed, ≥ 0.
        index: episode number, ≥ 0.
    """
    state = np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0]
    return (STREAMS[stream] << 62) | (int(state) >> 2)
