"""What the page of a map is given: sites, lanes, flows by lane and hour, outlines and words, as plain lists.

Lanes and sites of several runs are put into one table each, so that the page can show the difference between two. Axes:
T ticks, L lanes, N sites.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from regional_dispatch.data.map.played import Played
from regional_dispatch.envs.render.colours import BETWEEN, FILL_COLOURS, NEUTRAL, PALETTE, mix, region_colour
from regional_dispatch.envs.render.curves import bends, curve
from regional_dispatch.envs.render.geography import Projection, ground_of, region_of_states
from regional_dispatch.envs.render.kpi_window import DAYS
from regional_dispatch.envs.render.outlines import border_lines, outlines_within
from regional_dispatch.envs.render.panel import TILES, before_amount
from regional_dispatch.envs.world.linehaul.lane_kinds import KINDS

SITE_KEY, LANE_KEY = ["name", "kind", "latitude", "longitude"], ["from_site", "to_site", "mode"]
_RAMP = 17  # colours of a scale
_DIGITS = 2  # of places on the map, which is about 1,200 units wide


def contents(runs: Sequence[Played]) -> dict[str, Any]:
    """Everything a page shows.

    Args:
        runs: one, or two of the same hours, before and after a change.
    """
    sites, site_numbers = united([run.sites for run in runs], SITE_KEY)
    ends = [_with_ends(run, numbers) for run, numbers in zip(runs, site_numbers, strict=True)]
    lanes, lane_numbers = united([_in_use(run, table) for run, table in zip(runs, ends, strict=True)], LANE_KEY)
    view = ground_of(sites).view
    last = runs[-1]
    regions = list(dict.fromkeys([*last.regions, *(name for run in runs for name in run.regions)]))
    return {
        "title": last.scenario,
        "policies": [run.policy for run in runs],
        "scenarios": [run.scenario for run in runs],
        "regions": [{"name": name, "colour": region_colour(i)} for i, name in enumerate(regions)],
        "kinds": [{"title": kind.title, "colour": PALETTE[i]} for i, kind in enumerate(KINDS)],
        "modes": sorted(set(lanes["mode"])),
        "colours": {"between": BETWEEN, "ramp": [to_hex(FILL_COLOURS(i / (_RAMP - 1))) for i in range(_RAMP)]},
        "ticks": _ticks(last),
        "tick_hours": last.tick_hours,
        "money": last.money,
        "kpis": [{"name": name, "values": [_value(kpi, form, run) for run in runs]} for name, kpi, form in TILES],
        "sites": _sites(sites, regions, view, site_numbers),
        "lanes": _lanes(lanes, regions, view, sites, lane_numbers),
        "flows": [_flows(run, numbers, len(lanes)) for run, numbers in zip(runs, lane_numbers, strict=True)],
        "work": [_work(run, numbers, len(sites)) for run, numbers in zip(runs, site_numbers, strict=True)],
        **_ground(view, sites, regions),
    }


def _value(kpi: str, form: Callable[[float], str], run: Played) -> str:
    """A KPI as a tile shows it; a dash where there was no order."""
    return before_amount(kpi, run.money) + form(run.kpis[kpi]) if math.isfinite(run.kpis[kpi]) else "–"


def united(tables: Sequence[pd.DataFrame], key: list[str]) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Tables in one, without repeating rows of the same key: columns are those of the last table that has the row.

    Returns:
        The table, and for each of `tables` the row of each of its rows.
    """
    whole = pd.concat(tables, ignore_index=True)
    groups = whole.groupby(key, sort=False)
    row, ends = groups.ngroup().to_numpy(), np.cumsum([len(table) for table in tables])
    last = whole.drop_duplicates(key, keep="last")
    last = last.iloc[np.argsort(row[last.index], kind="stable")].reset_index(drop=True)
    return last, np.split(row, ends[:-1])


def _with_ends(run: Played, site_numbers: np.ndarray) -> pd.DataFrame:
    """A run's lanes with the numbers of their sites on the page."""
    number = dict(zip(run.sites["name"], site_numbers.tolist(), strict=True))
    return run.lanes.assign(from_site=run.lanes["origin"].map(number), to_site=run.lanes["destination"].map(number))


def _in_use(run: Played, lanes: pd.DataFrame) -> pd.DataFrame:
    """The lanes on which a truck left."""
    return lanes.iloc[np.flatnonzero(run.trucks.any(axis=0))]


def _ticks(run: Played) -> list[dict[str, Any]]:
    """Day, hour of the day and name of each tick, on the scenario's clock."""
    found, start = [], float(run.hour_of_week[0])
    for t, (hour, date) in enumerate(zip(run.hour_of_week.tolist(), run.date, strict=True)):
        weekday, minute = divmod(round(hour * 60), 24 * 60)
        clock, days = f"{minute // 60:02d}:{minute % 60:02d}", int(start + t * run.tick_hours) // 24
        week = f", week {days // 7 + 1}" if days >= 7 else ""
        day = f"{DAYS[weekday % 7]}{week}" if np.isnat(date) else f"{DAYS[weekday % 7]} {date}"
        found.append({"day": day, "hour": minute // 60, "label": f"{day} {clock}"})
    return found


def _sites(
    sites: pd.DataFrame, regions: list[str], view: Projection, numbers: Sequence[np.ndarray]
) -> dict[str, list[Any]]:
    x, y = _places(view, sites).T
    return {
        "name": sites["name"].tolist(),
        "kind": sites["kind"].tolist(),
        "region": [regions.index(name) for name in sites["region"]],
        "people": sites["population"].astype(float).tolist(),
        "latitude": sites["latitude"].astype(float).round(4).tolist(),
        "longitude": sites["longitude"].astype(float).round(4).tolist(),
        "x": x.tolist(),
        "y": y.tolist(),
        "runs": _held_by(numbers, len(sites)),
    }


def _places(view: Projection, sites: pd.DataFrame) -> np.ndarray:
    return view.pixels(sites["longitude"].to_numpy(float), sites["latitude"].to_numpy(float)).round(_DIGITS)


def _held_by(numbers: Sequence[np.ndarray], rows: int) -> list[list[int]]:
    """For each run 1 for the rows it has, else 0."""
    return [np.isin(np.arange(rows), own).astype(int).tolist() for own in numbers]


def _lanes(
    lanes: pd.DataFrame, regions: list[str], view: Projection, sites: pd.DataFrame, numbers: Sequence[np.ndarray]
) -> dict[str, list[Any]]:
    places = _places(view, sites)
    ends = np.zeros(len(lanes), dtype=[("origin", "i4"), ("dest", "i4")])
    ends["origin"], ends["dest"] = lanes["from_site"], lanes["to_site"]
    start, end = places[ends["origin"]], places[ends["dest"]]
    middle = curve(start, end, np.array([0.5]), bends(ends))[:, 0] if len(lanes) else np.zeros((0, 2))
    x, y = (2 * middle - (start + end) / 2).round(_DIGITS).T  # the control point of the curve
    names = [kind.name for kind in KINDS]
    return {
        "name": lanes["name"].tolist(),
        "from": lanes["from_site"].tolist(),
        "to": lanes["to_site"].tolist(),
        "kind": [names.index(kind) for kind in lanes["kind"]],
        "mode": lanes["mode"].tolist(),
        "region": [regions.index(name) for name in lanes["region"]],
        "miles": lanes["miles"].astype(float).round(1).tolist(),
        "transit_hours": lanes["transit_hours"].astype(float).round(2).tolist(),
        "truck_packages": lanes["truck_packages"].tolist(),
        "x": x.tolist(),
        "y": y.tolist(),
        "runs": _held_by(numbers, len(lanes)),
    }


def _flows(run: Played, numbers: np.ndarray, rows: int) -> dict[str, list[Any]]:
    """Trucks, packages and dollars, lane by lane: T numbers for each of the page's lanes."""
    used = np.flatnonzero(run.trucks.any(axis=0))
    found = {}
    for name, values in (("trucks", run.trucks), ("packages", run.packages), ("usd", run.usd.round(2))):
        whole = np.zeros((rows, len(values)), values.dtype)
        whole[numbers] = values[:, used].T
        found[name] = whole.ravel().tolist()
    return found


def _work(run: Played, numbers: np.ndarray, rows: int) -> dict[str, list[Any]]:
    """Lines picked or packages sorted, and how many could be, site by site: T numbers for each of the page's sites."""
    found = {}
    for name, values in (("done", run.worked), ("most", run.capacity.round(2))):
        whole = np.zeros((rows, len(values)), values.dtype)
        whole[numbers] = values.T
        found[name] = whole.ravel().tolist()
    return found


def _ground(view: Projection, sites: pd.DataFrame, regions: list[str]) -> dict[str, Any]:
    """Land, tinted by region where it is a US state with sites, and borders; some way beyond the sites' own frame."""
    low, high = view.corners()
    outlines = outlines_within(low - (high - low) / 2, high + (high - low) / 2)
    home = np.array([regions.index(name) for name in sites["region"]])
    region_of = region_of_states(sites, home)
    land, borders = [], []
    for name, rings in outlines.items():
        tint = mix(region_colour(region_of[name]), "white", 0.17) if name in region_of else NEUTRAL
        for ring in rings:
            land.append({"ring": _flat(view, ring), "tint": to_hex(tint)})
            borders += [_flat(view, piece) for piece in _pieces(ring)]
    return {"land": land, "borders": borders}


def _flat(view: Projection, points: Sequence[Sequence[float]]) -> list[list[float]]:
    flat: list[list[float]] = view.flat_pixels(*np.array(points).T).round(_DIGITS).tolist()
    return flat


def _pieces(ring: list[list[float]]) -> list[list[list[float]]]:
    """A ring's borders and coasts as lines that do not break."""
    lines: list[list[list[float]]] = []
    for start, end in border_lines(ring):
        if lines and lines[-1][-1] == start:
            lines[-1].append(end)
        else:
            lines.append([start, end])
    return lines
