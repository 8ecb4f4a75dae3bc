"""Regions from tables: by site, or by the state a site lies in."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.scenario import DATA_DIR, Scenario
from regional_dispatch.envs.world.tables.match import Spelling, number_texts
from regional_dispatch.envs.world.tables.options import Options
from regional_dispatch.envs.world.tables.reading import read_frame
from regional_dispatch.envs.world.tables.schema import REGIONS, STATES

# Names of US states, as people write them in place of their two letters.
US_STATES = {
    "alabama": "AL", "alaska": "AK", "arizona": "AZ", "arkansas": "AR", "california": "CA", "colorado": "CO",
    "connecticut": "CT", "delaware": "DE", "district of columbia": "DC", "florida": "FL", "georgia": "GA",
    "hawaii": "HI", "idaho": "ID", "illinois": "IL", "indiana": "IN", "iowa": "IA", "kansas": "KS", "kentucky": "KY",
    "louisiana": "LA", "maine": "ME", "maryland": "MD", "massachusetts": "MA", "michigan": "MI", "minnesota": "MN",
    "mississippi": "MS", "missouri": "MO", "montana": "MT", "nebraska": "NE", "nevada": "NV", "new hampshire": "NH",
    "new jersey": "NJ", "new mexico": "NM", "new york": "NY", "north carolina": "NC", "north dakota": "ND",
    "ohio": "OH", "oklahoma": "OK", "oregon": "OR", "pennsylvania": "PA", "rhode island": "RI",
    "south carolina": "SC", "south dakota": "SD", "tennessee": "TN", "texas": "TX", "utah": "UT", "vermont": "VT",
    "virginia": "VA", "washington": "WA", "west virginia": "WV", "wisconsin": "WI", "wyoming": "WY",
}  # fmt: skip


def read_regions(path: Path, sites: pd.DataFrame, findings: Findings) -> dict[int, str]:
    """The region of every site that a table lists: position of its row in `sites` → name.

    Args:
        path: the file; the table of sites may serve, with its column `region`.
        sites: name and kind.
        findings: sites that are not known or given twice, and stations without a region, are added.
    """
    table = read_frame(path, REGIONS, Options(), findings)
    mend = "remove the row, or correct it"
    number = number_texts(path, table, "site", sites["name"].tolist(), "is no site of this network", mend, findings)
    if "region" not in table:
        findings.error(path, "column 'region' is missing", "add it")
        return {}
    found: dict[int, str] = {}
    for row, site, region in zip(table.index, number, table["region"], strict=True):
        if site in found:
            findings.error(
                path, "is given twice", "remove one row", row=int(row), column="site", value=table["site"][row]
            )
        elif site >= 0 and region:
            found[int(site)] = region
    for site, (name, kind) in enumerate(zip(sites["name"], sites["kind"], strict=True)):
        if kind == "station" and name and site not in found:
            findings.error(path, "this station has no region", "add a row for it", column="site", value=name)
    return found


def map_of_states(scenario: Scenario, name: str) -> Path:
    """The table of states and regions that a scenario names: a shipped one, or the user's."""
    shipped = DATA_DIR / f"{name}_states.csv"
    return shipped if shipped.exists() else scenario.resolve(name)


def read_states(path: Path, sites: pd.DataFrame, sites_path: Path | str, findings: Findings) -> list[str]:
    """The region of every site by its state, empty where that is an error: (N,).

    Args:
        path: a table of states and regions.
        sites: name and state; US states may be written out.
        sites_path: the table of sites, for findings.
        findings: sites without a state, and states without a region, are added.
    """
    before = len(findings.errors)
    table = read_frame(path, STATES, Options(), findings)
    if table.empty and len(findings.errors) > before:
        return [""] * len(sites)
    for row in table.index[table["state"].duplicated()]:
        findings.error(
            path, "is given twice", "remove one row", row=int(row), column="state", value=table["state"][row]
        )
    spelling, regions = Spelling(table["state"].tolist()), table["region"].tolist()
    found: dict[str, str] = {}
    for state in sites["state"].unique().tolist():
        names = sites.loc[sites["state"] == state, "name"]
        number = spelling.number(state)
        if number < 0:
            number = spelling.exact(US_STATES.get(state.casefold(), ""))
        found[state] = regions[number] if number >= 0 and state else ""
        of_site = f"of site '{names.iloc[0]}'" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        if not state:
            findings.error(sites_path, f"is empty: {of_site}", f"give a state of {path.name}", column="state")
        elif number < 0:
            problem = f"the state {of_site} has no region in {path.name}"
            findings.error(sites_path, problem, "add a row for it, or correct it", column="state", value=state)
    return [found[state] for state in sites["state"]]
