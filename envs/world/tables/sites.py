"""The table of sites: fulfillment centers, sort centers and stations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.clocks.opening import clock_hours, read_days
from regional_dispatch.envs.world.findings import Findings, Level
from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.scenario import Scenario, TableNetwork, known_zone
from regional_dispatch.envs.world.tables.options import options_of
from regional_dispatch.envs.world.tables.reading import read_frame
from regional_dispatch.envs.world.tables.schema import SITES

KIND_WORDS = {
    "fc": ("fc", "fulfillment center", "fulfillment centre", "fulfilment center", "fulfilment centre", "warehouse"),
    "sc": (
        "sc",
        "sort center",
        "sort centre",
        "sortation center",
        "sortation centre",
        "sorting center",
        "sorting centre",
        "hub",
    ),
    "station": ("station", "ds", "delivery station"),
}
KIND_OF_WORD = {word: kind for kind, words in KIND_WORDS.items() for word in words}
_FAR_MILES, _FAR_TIMES = 1500.0, 10.0  # from the nearest other site, and × what is usual
_SEA_MILES = 1000.0  # from most sites, where 0, 0 is no place of theirs
_SWAPPED_MILES = 500.0  # from most sites, from which a swap is looked for
_INHABITED_DEGREES = -60.0  # no site stands south of it
_SWAPPED_SHARE = 0.25  # with latitude and longitude swapped it is this much nearer to the others


def read_sites(scenario: Scenario, findings: Findings) -> pd.DataFrame:
    """The sites of a network from tables.

    Args:
        scenario: its network is from tables.
        findings: everything that is wrong or doubtful is added.

    Returns:
        One row per site, in the order of the file and indexed by its row there: name, kind (empty where it is wrong),
        latitude, longitude, region, state, time_zone, population (0 where it is not given); per_hour, trucks, opens and
        closes (hours of the day), weekdays and postal where the file has them.
    """
    config = scenario.network
    assert isinstance(config, TableNetwork)
    path = scenario.resolve(config.sites)
    table = read_frame(path, SITES, options_of(config, SITES), findings)
    for column in ("region", "state", "time_zone"):
        table[column] = table.get(column, "")
    table["kind"] = _kinds(path, table, findings)
    _check_names(path, table, findings)
    _say_alike(path, table, findings)
    _check_places(path, table, findings)
    table["population"] = _population(path, scenario, table, findings)
    _merge_capacity(path, table, findings)
    for column in ("opens", "closes"):
        if column in table:
            table[column] = _each(path, table, column, clock_hours, np.nan, findings)
    for column, check in (("weekdays", read_days), ("time_zone", known_zone)):
        if column in table:
            _each(path, table, column, check, None, findings)
    _check_counts(path, table, findings)
    return table


def _kinds(path: Path, table: pd.DataFrame, findings: Findings) -> pd.Series:
    words = table["kind"].map(kind_word)
    kinds = words.map(KIND_OF_WORD)
    wrong = kinds.isna() & (words != "")
    findings.rows("error", path, table.index[wrong].to_numpy(), "kind", table["kind"][wrong].tolist(),
                  "must be fc, sc or station", "name one of them, or write it out, such as sort center")  # fmt: skip
    return kinds.fillna("")


def _check_names(path: Path, table: pd.DataFrame, findings: Findings) -> None:
    twice = table["name"].duplicated() & (table["name"] != "")
    for row, name in table.loc[twice, "name"].items():
        first = table.index[table["name"] == name][0]
        same = table.loc[[first, row]].drop_duplicates().shape[0] == 1
        mend = "remove one of the rows" if same else "rename one of the sites"
        findings.error(path, f"is given twice, see row {first}", mend, row=row, column="name", value=name)


def _say_alike(path: Path, table: pd.DataFrame, findings: Findings) -> None:
    """Names that differ in capitals alone."""
    folded = table["name"].str.casefold()
    alike = folded.duplicated() & ~table["name"].duplicated() & (folded != "")
    findings.rows("warning", path, table.index[alike].to_numpy(), "name", table.loc[alike, "name"].tolist(),
                  "differs from another site in capitals alone", "rename one of them if they are two")  # fmt: skip


def kind_word(text: str) -> str:
    """A kind of site as a key of `KIND_OF_WORD`."""
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())


def _check_places(path: Path, table: pd.DataFrame, findings: Findings) -> None:
    """Sites in places that are probably not meant: 0, 0; far from all others; latitude and longitude swapped."""
    lat, lon = table["latitude"].to_numpy(float), table["longitude"].to_numpy(float)
    if np.isfinite(lat + lon).sum() < 2:
        return
    miles = _miles_between(lat, lon)
    nearest, most = np.nanmin(miles, axis=1), np.nanmedian(miles, axis=1)
    usual, turned = max(float(np.nanmedian(nearest)), 1.0), swapped(lat, lon)
    for i, row in enumerate(table.index):
        shown = {"row": int(row), "column": "latitude, longitude", "value": f"{lat[i]:g}, {lon[i]:g}"}
        if lat[i] == 0 and lon[i] == 0 and most[i] > _SEA_MILES:
            findings.error(path, "is in the sea off Africa, as a missing place is", "write where the site is", **shown)
        elif turned[i]:
            far = f"is {most[i]:,.0f} miles from most sites"
            problem = (
                f"{'is in Antarctica' if lat[i] < _INHABITED_DEGREES else far}; are latitude and longitude swapped?"
            )
            findings.warning(path, problem, "swap them", **shown)
        elif nearest[i] > _FAR_MILES and nearest[i] > _FAR_TIMES * usual:
            problem = f"is {nearest[i]:,.0f} miles from the nearest other site"
            findings.warning(path, problem, "check latitude and longitude", **shown)


def swapped(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Sites that lie far from most others, and would not with latitude and longitude swapped: (N,) bool."""
    lat, lon = latitude, longitude
    placed = np.flatnonzero(np.isfinite(lat + lon))
    with np.errstate(invalid="ignore"):
        found = (lat < _INHABITED_DEGREES) & (np.abs(lon) < -_INHABITED_DEGREES)  # in Antarctica
    if len(placed) < 3:
        return found
    here = np.nanmedian(_miles_between(lat[placed], lon[placed]), axis=1)
    for at, miles in zip(placed, here, strict=True):
        if miles > _SWAPPED_MILES and abs(lon[at]) <= 90:
            others = placed[placed != at]
            there = great_circle_miles(lon[[at]], lat[[at]], lat[others], lon[others])
            found[at] |= np.median(there) < _SWAPPED_SHARE * miles
    return found


def _miles_between(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Distance of sites to each other, NaN to itself and where a place is not known: (N, N). Unit: miles."""
    miles = great_circle_miles(lat, lon, lat, lon)
    np.fill_diagonal(miles, np.nan)
    return np.where(np.isfinite(lat + lon)[:, None] | ~np.eye(len(lat), dtype=bool), miles, 0.0)


def _population(path: Path, scenario: Scenario, table: pd.DataFrame, findings: Findings) -> pd.Series:
    """People at each site; all stations alike where the table gives none."""
    people = table["population"].fillna(0.0) if "population" in table else pd.Series(0.0, index=table.index)
    stations = table["kind"] == "station"
    level: Level = "warning" if scenario.demand.kind == "generated" else "assumed"
    if stations.any() and people[stations].sum() <= 0:
        shares = (
            "all have the same share of demand" if level == "warning" else "shares of demand are those of the orders"
        )
        findings.add(level, path, f"no station has a population, so {shares}", "give population")
        return people.where(~stations, 1.0)
    none = stations & (people <= 0)
    findings.rows(level, path, table.index[none].to_numpy(), "population", table.loc[none, "name"].tolist(),
                  "this station has none, so no generated order comes from it", "give its population")  # fmt: skip
    return people


def _merge_capacity(path: Path, table: pd.DataFrame, findings: Findings) -> None:
    """`per_hour` from the column of each kind of site, which wins over the older name."""
    own = {"fc": "lines_per_hour", "sc": "packages_per_hour"}
    if not {"per_hour", *own.values()} & set(table.columns):
        return
    merged = table["per_hour"].copy() if "per_hour" in table else pd.Series(np.nan, index=table.index)
    for kind, column in own.items():
        if column not in table:
            continue
        given = table[column].notna()
        elsewhere = given & (table["kind"] != kind) & (table["kind"] != "")
        findings.rows("warning", path, table.index[elsewhere].to_numpy(), column, table.loc[elsewhere, column].tolist(),
                      f"is not used: it is for the kind {kind}")  # fmt: skip
        differs = given & (table["kind"] == kind) & merged.notna() & (merged != table[column])
        findings.rows("error", path, table.index[differs].to_numpy(), column, table.loc[differs, column].tolist(),
                      "differs from per_hour", "remove one of them")  # fmt: skip
        merged = merged.where(~(given & (table["kind"] == kind)), table[column])
    table["per_hour"] = merged
    for column in own.values():
        table.pop(column) if column in table else None


def _each(
    path: Path, table: pd.DataFrame, column: str, read: Callable[[str], Any], empty: Any, findings: Findings
) -> list[Any]:
    """What a function makes of each cell that is not empty; its `ValueError` becomes a finding."""
    out = []
    for row, cell in table[column].items():
        try:
            out.append(read(cell) if cell else empty)
        except ValueError as error:
            findings.error(path, str(error).partition("'; ")[2] or str(error), row=row, column=column, value=cell)
            out.append(empty)
    return out


def _check_counts(path: Path, table: pd.DataFrame, findings: Findings) -> None:
    count = table["kind"].value_counts()
    if len(table) and not (table["kind"] == "").any() and not {"fc", "station"} <= set(count.index):
        has = f"has {count.get('fc', 0)} and {count.get('station', 0)}"
        findings.error(path, f"needs at least one fc and one station, {has}", "add them")
