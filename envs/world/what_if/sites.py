"""Sites after a what-if."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.linehaul.lanes import Lanes
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, Trucks, WhatIf
from regional_dispatch.envs.world.sites import SITE_KINDS
from regional_dispatch.envs.world.what_if.lanes import lanes_after


def before(scenario: Scenario) -> Scenario:
    """The scenario without its what-if, and with the trucks of before."""
    change = scenario.what_if
    if change is None:
        return scenario
    trucks = {**scenario.trucks.model_dump(exclude_unset=True), **change.trucks_before}
    return scenario.model_copy(update={"what_if": None, "trucks": Trucks.model_validate(trucks)})


def apply_what_if(scenario: Scenario, sites: pd.DataFrame, lanes: Lanes) -> tuple[pd.DataFrame, Lanes]:
    """The sites and lanes of a network after its what-if.

    Lanes of a closed site go. A moved site keeps its lanes, with new miles; an added or moved one also gets those of
    the scenario's distance rule, and so does a site that is left without any lane in or out that it had before.

    Args:
        scenario: has a `what_if`.
        sites: by number, before.
        lanes: before.

    Raises:
        ScenarioError: a site that is named does not exist, exists already, or is a station.
    """
    assert scenario.what_if is not None
    after = _edited_sites(scenario, scenario.what_if, sites)
    return after, lanes_after(scenario, scenario.what_if, sites, after, lanes)


# ---------------------------------------------------------------------------------------------------------------- sites


def _edited_sites(scenario: Scenario, change: WhatIf, sites: pd.DataFrame) -> pd.DataFrame:
    _check_names(scenario, change, sites)
    left = sites[~sites["name"].isin(change.close)].copy()
    for name, (latitude, longitude) in change.move.items():
        left.loc[left["name"] == name, ["latitude", "longitude"]] = latitude, longitude
    if change.add:
        left = pd.concat([left, _rows(change, left)])
    left = _with_near_labels(left, {site.name for site in change.add} | set(change.move))
    rank = left["kind"].map({kind: i for i, kind in enumerate(SITE_KINDS)})
    ordered = left.iloc[np.argsort(rank.to_numpy(), kind="stable")].reset_index(drop=True)
    if not (ordered["kind"] == "fc").any():
        raise _error(scenario, "close", list(change.close), "closes every FC; leave one open, or add one")
    return ordered


def _rows(change: WhatIf, like: pd.DataFrame) -> pd.DataFrame:
    """The added sites as rows of a table of sites; what the question does not say is empty."""
    said = [site.model_dump(include={"name", "kind", "latitude", "longitude"}) for site in change.add]
    rows = pd.DataFrame({**column, "population": 0.0} for column in said).reindex(columns=like.columns)
    for column in like:
        if not pd.api.types.is_numeric_dtype(like[column]):
            rows[column] = rows[column].astype(object).where(rows[column].notna(), "")
    return rows


def _with_near_labels(sites: pd.DataFrame, placed: set[str]) -> pd.DataFrame:
    """Sites at a new place take state, region and time zone from the nearest station."""
    stations = sites[sites["kind"] == "station"]
    at = stations[["latitude", "longitude"]].to_numpy(float)
    for row in np.flatnonzero(sites["name"].isin(list(placed)) & (sites["kind"] != "station")):
        own = sites[["latitude", "longitude"]].to_numpy(float)[row]
        nearest = int(great_circle_miles(own[:1], own[1:], at[:, 0], at[:, 1]).argmin())
        for column in ("state", "region", "time_zone"):
            if column in sites:
                sites.iloc[row, sites.columns.get_loc(column)] = stations[column].iloc[nearest]  # type: ignore[index]
    return sites


def _check_names(scenario: Scenario, change: WhatIf, sites: pd.DataFrame) -> None:
    names, kind_of = sites["name"].tolist(), dict(zip(sites["name"], sites["kind"], strict=True))
    added = {site.name: site.kind for site in change.add}
    for site in change.add:
        if site.name in kind_of:
            raise _error(scenario, "add", site.name, "is a site already; give another name, or move that site")
    for field, named in (("close", change.close), ("move", change.move)):
        for name in named:
            if name not in kind_of:
                raise _unknown(scenario, field, name, names)
            if field == "close" and kind_of[name] == "station":
                raise _error(
                    scenario, field, name, "is a station, where orders come from; demand stays, so close FCs or SCs"
                )
    after = {**kind_of, **added}
    buildings = [name for name, kind in after.items() if kind != "station"]
    for field in ("capacity", "fleet"):
        for name in getattr(change, field):
            if name not in buildings:
                raise _unknown(scenario, field, name, buildings)
    fcs = [name for name, kind in after.items() if kind == "fc"]
    for i, move in enumerate(change.stock):
        for end in ("origin", "destination"):
            if getattr(move, end) not in fcs:
                raise _unknown(scenario, f"stock.{i}.{end}", getattr(move, end), fcs)


def _unknown(scenario: Scenario, field: str, name: str, names: Sequence[str]) -> ScenarioError:
    close = get_close_matches(name, names, 1, cutoff=0.0)
    return _error(scenario, field, name, f"is no such site; the closest name is '{close[0]}'")


def _error(scenario: Scenario, field: str, value: object, fix: str) -> ScenarioError:
    return ScenarioError(f"{scenario.source_file or scenario.name}: what_if.{field} = {value!r}: {fix}")
