"""The table of lanes, and whether it fits the sites."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.clocks.opening import read_timetable
from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.geography import miles_along
from regional_dispatch.envs.world.linehaul.lane_kinds import KINDS, kind_between
from regional_dispatch.envs.world.scenario import Scenario, TableNetwork
from regional_dispatch.envs.world.tables.match import number_texts
from regional_dispatch.envs.world.tables.options import options_of
from regional_dispatch.envs.world.tables.reading import read_frame
from regional_dispatch.envs.world.tables.schema import LANES

TRUCK = "truck"  # the mode of a lane that names none
_ROAD_PER_AIR = 1.2  # road miles per great-circle mile, as is usual
_KM_PER_MILE = 1.609344
_ALIKE = 0.2  # how far from such a ratio most lanes may be
_LEAST_MILES = 20.0  # air miles from which a ratio says something
_SHORT = 0.95  # of the air line; below, miles are shorter than they can be
_LONG_TIMES = 4.0
_FASTEST_MPH = 90.0


def read_lanes(scenario: Scenario, sites: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """The lanes of a network whose tables give them.

    Args:
        scenario: its network names a table of lanes.
        sites: as `read_sites` gives them, or by number; name, kind, latitude and longitude are used.
        findings: everything that is wrong or doubtful is added, also sites that no lane reaches.

    Returns:
        One row per lane, indexed by its row in the file: origin and dest, positions of rows in `sites`; kind; mode;
        miles, transit_hours, departure_usd and capacity, NaN where the file says nothing; departures, empty where it
        says nothing. Lanes with errors are left out.
    """
    config = scenario.network
    assert isinstance(config, TableNetwork) and config.lanes is not None
    path = scenario.resolve(config.lanes)
    table = read_frame(path, LANES, options_of(config, LANES), findings)
    for column in ("miles", "transit_hours", "departure_usd", "capacity"):
        table[column] = table.get(column, np.nan)
    for column, empty in (("mode", TRUCK), ("departures", "")):
        table[column] = table[column].replace("", empty) if column in table else empty
    names, kinds = sites["name"].tolist(), sites["kind"].to_numpy()
    for column, short in (("origin", "origin"), ("destination", "dest")):
        mend = f"add it to {config.sites}, or correct it"
        table[f"{short}_number"] = number_texts(path, table, column, names, "no such site", mend, findings)
    _check_twice(path, table[(table["origin_number"] >= 0) & (table["dest_number"] >= 0)], findings)
    table = _known_kinds(path, table, kinds, findings)
    _check_timetables(path, table, findings)
    _check_miles(path, table, sites, findings)
    _check_speed(path, table, findings)
    _check_use(scenario.resolve(config.sites), table, sites, findings)
    lanes = table.rename(columns={"origin_number": "origin_", "dest_number": "dest"}).drop(
        columns=["origin", "destination"]
    )
    return lanes.rename(columns={"origin_": "origin"})


def _known_kinds(path: Path, table: pd.DataFrame, kinds: np.ndarray, findings: Findings) -> pd.DataFrame:
    """The lanes that join two kinds of site that a lane may join, with their kind."""
    *most, last = (f"{kind.origin}→{kind.dest}" for kind in KINDS)
    rule = f"must run {', '.join(most)} or {last}"
    found = []
    for row, origin, dest in zip(table.index, table["origin_number"], table["dest_number"], strict=True):
        if origin < 0 or dest < 0 or not kinds[origin] or not kinds[dest]:
            found.append(-1)
            continue
        kind = kind_between(str(kinds[origin]), str(kinds[dest]))
        if kind is None or origin == dest:
            lane = f"{table['origin'][row]} → {table['destination'][row]}"
            same = "leads back to its own site" if origin == dest else f"leads {kinds[origin]}→{kinds[dest]}; {rule}"
            findings.error(path, f"lane {lane}: {same}", "remove the row", row=int(row))
        found.append(-1 if kind is None or origin == dest else kind)
    return table.assign(kind=np.array(found, dtype=int))[np.array(found, dtype=int) >= 0]


def _check_twice(path: Path, table: pd.DataFrame, findings: Findings) -> None:
    ends = ["origin_number", "dest_number", "mode"]
    for row in table.index[table.duplicated(ends)]:
        same = (table[ends] == table.loc[row, ends]).all(axis=1)
        lane = f"lane {table['origin'][row]} → {table['destination'][row]} by {table['mode'][row]}"
        findings.error(
            path, f"{lane} is given twice, see row {table.index[same][0]}", "remove one row, or give it another mode",
            row=int(row),
        )  # fmt: skip


def _check_timetables(path: Path, table: pd.DataFrame, findings: Findings) -> None:
    for row, text in table["departures"].items():
        try:
            if text:
                read_timetable(text)
        except ValueError as error:
            findings.error(path, str(error), "write it such as Mo-Fr 06:00;18:00", row=row, column="departures")


def air_miles_of(sites: pd.DataFrame, origin: np.ndarray, dest: np.ndarray) -> np.ndarray:
    """Great-circle distance of pairs of sites, NaN where a place is not known: (pairs,). Unit: miles."""
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    return miles_along(lat[origin], lon[origin], lat[dest], lon[dest])


def _check_miles(path: Path, table: pd.DataFrame, sites: pd.DataFrame, findings: Findings) -> None:
    """Miles against the great circle: shorter than it, much longer, or probably in the other unit."""
    air = air_miles_of(sites, table["origin_number"].to_numpy(), table["dest_number"].to_numpy())
    miles = table["miles"].to_numpy(float)
    told = (air > _LEAST_MILES) & ~np.isnan(miles)
    ratio = np.divide(miles, air, out=np.full(len(air), np.nan), where=told)
    usual = float(np.median(ratio[told])) if told.sum() >= 4 else _ROAD_PER_AIR
    spread = float(np.median(np.abs(ratio[told] / usual - 1))) if told.any() else 0.0
    if abs(usual / (_ROAD_PER_AIR * _KM_PER_MILE) - 1) < _ALIKE and spread < _ALIKE:
        findings.warning(
            path, f"most are {usual:.1f} times the air line, as kilometres are; are they miles?",
            "name the column km, or set network.units: {distance: km}", column="miles",
        )  # fmt: skip
        return
    if abs(usual * _KM_PER_MILE / _ROAD_PER_AIR - 1) < _ALIKE and spread < _ALIKE:
        findings.warning(
            path, f"most are {usual:.2f} times the air line, as if they had been miles before; are they kilometres?",
            "name the column miles", column="miles",
        )  # fmt: skip
        return
    with np.errstate(invalid="ignore"):
        short = (miles < _SHORT * air) & (miles < air - 2)
        long = told & (ratio > _LONG_TIMES) & (miles > 100)
    for rows, what in ((short, "shorter than"), (long, f"more than {_LONG_TIMES:g} times")):
        for at in np.flatnonzero(rows):
            lane = f"{table['origin'].iloc[at]} → {table['destination'].iloc[at]}"
            findings.warning(
                path, f"{what} the great circle of {air[at]:,.0f} miles from {lane}", "check it and the places",
                row=table.index[int(at)], column="miles", value=float(miles[at]),
            )  # fmt: skip


def _check_speed(path: Path, table: pd.DataFrame, findings: Findings) -> None:
    """Trucks that would have to fly."""
    road = (table["mode"] == TRUCK) & (table["transit_hours"] > 0) & (table["miles"] > 20)
    fast = road & (table["miles"] > _FASTEST_MPH * table["transit_hours"])
    for row in table.index[fast]:
        speed = table["miles"][row] / table["transit_hours"][row]
        findings.warning(
            path, f"a truck would drive {speed:,.0f} miles an hour", "give hours, or another mode", row=int(row),
            column="transit_hours", value=float(table["transit_hours"][row]),
        )  # fmt: skip


def _check_use(path: Path, table: pd.DataFrame, sites: pd.DataFrame, findings: Findings) -> None:
    """Sites that no lane reaches or leaves. A station without a lane into it is an error."""
    into, out = set(table["dest_number"]), set(table["origin_number"])
    again = sites["name"].duplicated().to_numpy()  # said by the table of sites
    for number, (row, name, kind) in enumerate(zip(sites.index, sites["name"], sites["kind"], strict=True)):
        if not name or again[number]:
            continue
        if kind == "station" and number not in into:
            findings.error(path, "no lane leads to this station", "add a lane to it, or remove it", row=int(row),
                           column="name", value=name)  # fmt: skip
        elif kind == "fc" and number not in out:
            findings.warning(path, "no lane starts from this FC, so it serves no one", "add a lane, or remove it",
                             row=int(row), column="name", value=name)  # fmt: skip
        elif kind == "sc" and (number not in out or number not in into):
            missing = "leads to" if number not in into else "starts from"
            findings.warning(path, f"no lane {missing} this sort center, so it is not used", "add a lane, or remove it",
                             row=int(row), column="name", value=name)  # fmt: skip
