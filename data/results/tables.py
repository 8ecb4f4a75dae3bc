"""The tables of one episode: a row per lane, site, region, SKU class, day and hour of the day, columns from `columns`.

Every number is counted by the kernel or booked in its ledger; shares are the KPIs' own formulas. A table's dollars sum
to the KPIs' dollars of what the table covers: all of them, or on lanes those of trucks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from regional_dispatch.data.results.columns import UNDER_WAY
from regional_dispatch.data.results.episode import Episode
from regional_dispatch.envs.kernel.ledger import COMPONENTS, USD
from regional_dispatch.envs.kernel.metrics import KPIS, N, Totals, compute_kpis
from regional_dispatch.envs.world.linehaul.lane_kinds import KINDS
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario

Tables = dict[str, pd.DataFrame]
# Table → columns that say what a row is about; the others are measurements.
ROWS = {
    "network": ("kpi", "unit"),
    "regions": ("region",),
    "days": ("day", "date"),
    "hours": ("hour_of_day", "days"),
    "sites": ("site", "kind", "region"),
    "lanes": ("lane", "origin", "destination", "mode", "kind", "region", "miles", "transit_hours"),
    "sku_classes": ("sku_class",),
}
_USD = tuple(f"{component}_usd" for component in COMPONENTS)
_UNITS = {"_usd": "USD", "_miles": "miles", "_kg": "kg", "_share": "share", "_hours": "hours"}
_CLASSES = ("A fast", "B medium", "C slow")
# KPI → the counter without which it says nothing.
_KPIS = {
    "cost_per_order_usd": N.orders, "truck_fill": N.truck_room, "on_time_share": N.lines_due,
    "in_region_share": N.orders_sourced, "click_to_delivery_hours": N.lines_due,
}  # fmt: skip


def episode_tables(scenario: Scenario, network: Network, episode: Episode) -> Tables:
    """All tables of an episode, under the names of `ROWS`; an empty cell is a share of nothing, or says nothing there.

    Args:
        scenario: the world.
        network: its network.
        episode: what happened.
    """
    return {
        "network": _network(episode),
        "regions": _with("region", network.region_names, episode.regions),
        "days": _days(scenario, episode),
        "hours": _hours(scenario, episode),
        "sites": _sites(scenario, network, episode),
        "lanes": _lanes(scenario, network, episode),
        "sku_classes": _classes(scenario, episode),
    }


def _network(episode: Episode) -> pd.DataFrame:
    """All KPIs, then the counts and dollars they are ratios of."""
    kpis = compute_kpis(episode.whole)
    rows = [(name, KPIS[name].unit, value) for name, value in kpis.items()]
    more = {name: value for name, value in _measured(episode.whole).items() if name not in kpis}
    units = {name: next((unit for end, unit in _UNITS.items() if name.endswith(end)), "count") for name in more}
    return pd.DataFrame(rows + [(name, units[name], more[name]) for name in more], columns=["kpi", "unit", "value"])


def _measured(t: Totals) -> dict[str, float]:
    """The columns that counters and dollars give."""
    count, kpis = t.count, {name: KPIS[name].formula(t) if t.count[over] else np.nan for name, over in _KPIS.items()}
    return {
        "orders": count[N.orders], "lines": count[N.lines], "lines_lost": count[N.lines_lost],
        "lines_spilled": count[N.lines_spilled], "lines_delivered": count[N.lines_due],
        "lines_late": count[N.lines_due] - count[N.lines_on_time], "packages": count[N.packages],
        "trucks": count[N.trucks], "spot_trucks": count[N.spot_trucks], "truck_fill_share": kpis["truck_fill"],
        "truck_miles": count[N.truck_miles], "co2_kg": count[N.truck_miles] * t.co2_kg_per_truck_mile,
        **dict(zip(_USD, t.usd.tolist(), strict=True)), "total_usd": float(t.usd.sum()),
        **{name: kpis[name] for name in _KPIS if name != "truck_fill"},
    }  # fmt: skip


def _with(key: str, names: Sequence[object], totals: Sequence[Totals]) -> pd.DataFrame:
    return pd.DataFrame([{key: name, **_measured(t)} for name, t in zip(names, totals, strict=True)])


# --------------------------------------------------------------------------------------------------------------- time


def clock(scenario: Scenario) -> list[dt.datetime]:
    """When each tick after the warm-up starts, on the scenario's clock; without a calendar, in a week from year 1."""
    ticks = np.arange(scenario.warmup_ticks, scenario.horizon_ticks) * scenario.tick_hours
    if scenario.calendar is None:
        start = dt.datetime(1, 1, 1) + dt.timedelta(hours=scenario.start_hour)  # a Monday
        return [start + dt.timedelta(hours=float(hours)) for hours in ticks]
    start, zone = scenario.calendar.starts_at, ZoneInfo(scenario.calendar.time_zone)
    return [(start + dt.timedelta(hours=float(hours))).astimezone(zone) for hours in ticks]


def _days(scenario: Scenario, episode: Episode) -> pd.DataFrame:
    dates = [time.date() for time in clock(scenario)]
    known = list(dict.fromkeys(dates))
    named = [f"{day:%A}" if scenario.calendar is None else day.isoformat() for day in known]
    sums = [_sum([t for t, date in zip(episode.ticks, dates, strict=True) if date == day]) for day in known]
    table = _with("day", range(1, len(known) + 1), sums)
    table.insert(1, "date", named)
    return table


def _hours(scenario: Scenario, episode: Episode) -> pd.DataFrame:
    hours = [time.hour for time in clock(scenario)]
    known = sorted(set(hours))
    sums = [_sum([t for t, hour in zip(episode.ticks, hours, strict=True) if hour == own]) for own in known]
    table = _with("hour_of_day", known, sums)
    table.insert(1, "days", [t.days * 24 / scenario.tick_hours for t in sums])
    return table


def _sum(totals: Sequence[Totals]) -> Totals:
    """What several ticks added together."""
    return totals[0]._replace(
        count=np.sum([t.count for t in totals], axis=0), usd=np.sum([t.usd for t in totals], axis=0),
        days=sum(t.days for t in totals),
    )  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- places


def _lanes(scenario: Scenario, network: Network, episode: Episode) -> pd.DataFrame:
    lanes, counts, names = network.net.lanes, episode.lanes, network.sites["name"].to_numpy()
    truck_usd = counts.trucks * lanes["cost"]
    spot_usd = counts.hired * lanes["cost"] * scenario.trucks.spot_premium
    table = pd.DataFrame({
        "lane": [network.lane_name(i) for i in range(len(lanes))],
        "origin": names[lanes["origin"]], "destination": names[lanes["dest"]], "mode": network.lane_modes,
        "kind": [KINDS[kind].title for kind in lanes["kind"]],
        "region": [network.region_names[r] for r in lanes["region"]],
        "miles": lanes["miles"], "transit_hours": lanes["ticks"] * scenario.tick_hours,
        "trucks": counts.trucks, "spot_trucks": counts.hired, "packages": counts.packages,
        "truck_fill_share": _ratio(counts.packages, counts.trucks * lanes["room"]),
        "truck_miles": counts.trucks * lanes["miles"],
        "co2_kg": counts.trucks * lanes["miles"] * episode.whole.co2_kg_per_truck_mile,
        "truck_usd": truck_usd, "spot_usd": spot_usd,
        "usd_per_package": _ratio(truck_usd + spot_usd, counts.packages),
    })  # fmt: skip
    usd = episode.under_way.usd
    return _under_way(table, "lane", {"truck_usd": usd[USD.truck], "spot_usd": usd[USD.spot]})


def _sites(scenario: Scenario, network: Network, episode: Episode) -> pd.DataFrame:
    net, counts, sites = network.net, episode.sites, network.sites
    fc, works = np.arange(len(sites)) < net.fcs, np.arange(len(sites)) < net.fcs + net.scs
    ticks, lines_work = len(episode.ticks), np.where(fc, counts.lines, counts.packages)
    sent = episode.lanes.trucks
    trucks, hired, on_trucks, miles, room = (
        np.bincount(net.lanes["origin"], weights=of_lane, minlength=len(sites))
        for of_lane in (*episode.lanes, sent * net.lanes["miles"], sent * net.lanes["room"])
    )
    table = pd.DataFrame({
        "site": sites["name"], "kind": sites["kind"], "region": sites["region"], "packages": counts.packages,
        "lines": _where(fc | ~works, counts.served), "lines_spilled": _where(fc | ~works, counts.spilled),
        "lines_lost": _where(~works, counts.lost), "lines_delivered": _where(~works, counts.due),
        "lines_late": _where(~works, counts.due - counts.on_time),
        "on_time_share": _ratio(counts.on_time, counts.due),
        "click_to_delivery_hours": _ratio(counts.line_hours, counts.due),
        "capacity_used_share": _where(works, _ratio(lines_work, counts.capacity)),
        "packages_waiting": _where(works, counts.backlog / ticks),
        "skus_carried": _where(fc, counts.carried / ticks), "units_on_hand": _where(fc, counts.units / ticks),
        "out_of_stock_share": _where(fc, _ratio(counts.out, counts.carried)),
        "sku_days_out": _where(fc, counts.out * scenario.tick_hours / 24),
        "trucks": _where(works, trucks), "spot_trucks": _where(works, hired),
        "truck_fill_share": _ratio(on_trucks, room), "truck_miles": _where(works, miles),
        "co2_kg": _where(works, miles * episode.whole.co2_kg_per_truck_mile),
        **dict(zip(_USD, counts.usd.T, strict=True)), "total_usd": counts.usd.sum(axis=1),
    })  # fmt: skip
    return _under_way(table, "site", _rest(episode.under_way))


def _classes(scenario: Scenario, episode: Episode) -> pd.DataFrame:
    counts, ticks = episode.classes, len(episode.ticks)
    total = counts.usd.sum(axis=1)
    table = pd.DataFrame({
        "sku_class": _CLASSES[: len(counts.skus)], "skus": counts.skus, "lines": counts.lines, "units": counts.units,
        "lines_lost": counts.lost, "lost_share": _ratio(counts.lost, counts.lines), "lines_spilled": counts.spilled,
        "spill_share": _ratio(counts.spilled, counts.lines), "lines_delivered": counts.due,
        "lines_late": counts.due - counts.on_time, "on_time_share": _ratio(counts.on_time, counts.due),
        "click_to_delivery_hours": _ratio(counts.line_hours, counts.due), "units_on_hand": counts.on_hand / ticks,
        "skus_carried": counts.carried / ticks, "out_of_stock_share": _ratio(counts.out, counts.carried),
        "sku_days_out": counts.out * scenario.tick_hours / 24,
        **dict(zip(_USD, counts.usd.T, strict=True)), "total_usd": total, "usd_per_line": _ratio(total, counts.lines),
    })  # fmt: skip
    return _under_way(table, "sku_class", _rest(episode.under_way))


def _rest(t: Totals) -> dict[str, float]:
    """What the settlement adds to lines and dollars."""
    due, on_time = t.count[N.lines_due], t.count[N.lines_on_time]
    usd = dict(zip(_USD, t.usd.tolist(), strict=True))
    return {"lines_delivered": due, "lines_late": due - on_time, **usd, "total_usd": float(t.usd.sum())}


def _under_way(table: pd.DataFrame, key: str, row: Mapping[str, float]) -> pd.DataFrame:
    """The table with a last row for the work under way."""
    last = {column: row.get(column, np.nan) for column in table.columns if table[column].dtype.kind == "f"}
    names = dict.fromkeys(column for column in table.columns if column not in last)
    return pd.concat([table, pd.DataFrame([{**names, **last, key: UNDER_WAY}])[table.columns]], ignore_index=True)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def _where(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(rows, values, np.nan)
