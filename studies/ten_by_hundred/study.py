"""The textbook picture behind regionalisation: ten FCs, a hundred locations, ten thousand parcels, trucks of a hundred.

Each location orders ten of each of ten items. Where an FC holds one item for the whole nation, every FC sends ten
parcels to every location: a thousand trucks, a tenth full. Where each of ten regions holds all items in an FC of its
own, a hundred parcels go to each location on one truck. Between lie regions of several FCs that share the items among
them. Nothing is random, so there are no intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import yaml
from pydantic import Field
from scipy.optimize import linear_sum_assignment

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.render.map import draw_map
from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.evaluation.rollouts import evaluation_keys, play
from regional_dispatch.evaluation.text import number
from regional_dispatch.studies.framework.lab import Lab, Played
from regional_dispatch.studies.framework.study import Study
from regional_dispatch.studies.report.charts import picture
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Section, Table

FCS, LOCATIONS, ITEMS, EACH = 10, 100, 10, 10  # each location orders EACH of each of ITEMS
TRUCK = 100
PARCELS = LOCATIONS * ITEMS * EACH
_ORDER_HOURS, _DUE_HOUR, _HORIZON_HOURS = 10, 120, 144
_CIRCUITY, _MPH = 1.2, 50.0  # as `envs.world.scenario.CityNetwork`
_MOST_MOVES = 20


class TenByHundred(Study):
    """Counts trucks under one, two, five and ten regions."""

    study: Literal["ten_by_hundred"]
    policies: tuple[str, ...] = ("regional_nearest",)
    regions: tuple[Literal[1, 2, 5, 10], ...] = Field((1, 2, 5, 10), min_length=1, description="Numbers of regions.")

    def run(self, lab: Lab) -> Findings:
        """Writes the worlds' files, plays each once, and counts."""
        sites, home = _sites_and_homes()
        worlds = {_title(k): _write_world(lab.worlds / f"regions_{k}", sites, home, k) for k in self.regions}
        players = self.players()
        played = lab.play(worlds, players)
        name, policy = next(iter(players.items()))
        counted = [_count(played, world, name) for world in worlds]
        first, last = counted[0], counted[-1]
        maps = tuple(
            Figure(
                f"map_{i}",
                row.world.capitalize(),
                f"Every truck's lane, {number(row.trucks, 0)} trucks.",
                _map(worlds[row.world], policy, played),
            )
            for i, row in enumerate((first, last))
        )
        answer = (
            f"{first.world.capitalize()} sends {number(first.trucks, 0)} trucks, {number(100 * first.fill, 0)} % full; "
            f"{last.world} send {number(last.trucks, 0)}, {number(100 * last.fill, 0)} % full, for the same "
            f"{PARCELS:,} parcels."
        )
        headlines = (
            Headline(f"{number(first.trucks, 0)} → {number(last.trucks, 0)}", "trucks"),
            Headline(f"{number(100 * first.fill, 0)} → {number(100 * last.fill, 0)} %", "truck fill"),
            Headline(f"{number(first.miles, 0)} → {number(last.miles, 0)}", "road miles a parcel travels"),
            Headline(f"${number(first.usd, 0)} → ${number(last.usd, 0)}", "trucks' cost per parcel"),
            Headline(f"{number(first.co2_kg, 0)} → {number(last.co2_kg, 1)} kg", "CO₂ per parcel"),
        )
        sections = (
            Section("By number of regions", _WHY, (_table(counted),)),
            Section("Maps", "Lanes are as wide as the parcels they carry.", maps),
        )
        return Findings(answer, headlines, sections, _METHOD)


_WHY = (
    "Trucks fall as one over the number of regions: k regions of 10 / k FCs that share the items send 1,000 / k "
    "trucks. The stock is the same 10,000 units throughout; only where an item stands changes, and with it who serves "
    "whom."
)
_METHOD = (
    f"{FCS} FCs and {LOCATIONS} locations stand at US metros, every FC has a lane to every location, and each location "
    f"orders {EACH} of each of {ITEMS} items over {_ORDER_HOURS} hours. A truck leaves when it is full, or at the last "
    f"hour that keeps the promise of hour {_DUE_HOUR}. Locations are assigned to FCs ten each with the least miles in "
    "all, and every FC stands in the midst of its ten (balanced k-medoids); regions of several FCs join neighbours "
    "from west to east.\n\n"
    "Trucks cost and emit as real ones of 100 parcels: 2.26 USD a mile, 100 USD at the dock, 1.55 kg CO₂ a mile. The "
    "scenario files of every world are in worlds/, ready for `evaluate.py compare`."
)


def _title(k: int) -> str:
    return "one nation" if k == 1 else f"{k} regions"


class _World(NamedTuple):
    """The tables of one world."""

    sites: pd.DataFrame
    lanes: pd.DataFrame
    regions: pd.DataFrame
    placement: pd.DataFrame
    orders: pd.DataFrame


def _sites_and_homes() -> tuple[pd.DataFrame, np.ndarray]:
    """Stations at the hundred largest metros, ten FCs each in the midst of ten of them, and the FC of each station.

    Balanced k-medoids: assign stations, move every FC to the station with the least miles to the others, and again.
    """
    city = {"kind": "cities", "fulfillment_centers": FCS, "sort_centers": 1, "stations": LOCATIONS}
    every = build_network(Scenario.model_validate({"name": "ten_by_hundred", "network": city})).sites
    sites = every[every["kind"] != "sc"].drop(columns="region").reset_index(drop=True)
    home = _balanced_homes(sites)
    for _ in range(_MOST_MOVES):
        for f in range(FCS):
            own = FCS + np.flatnonzero(home == f)
            lat, lon = sites["latitude"].to_numpy(float)[own], sites["longitude"].to_numpy(float)[own]
            middle = own[great_circle_miles(lat, lon, lat, lon).sum(axis=1).argmin()]
            for column in ("latitude", "longitude", "state"):
                sites.loc[f, column] = sites.loc[middle, column]
            sites.loc[f, "name"] = sites.loc[middle, "name"].replace("DS ", "FC ", 1)
        moved = _balanced_homes(sites)
        if (moved == home).all():
            break
        home = moved
    return sites, home


def _miles(sites: pd.DataFrame) -> np.ndarray:
    """Road miles FC → station: (F, D)."""
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    return np.maximum(_CIRCUITY * great_circle_miles(lat[:FCS], lon[:FCS], lat[FCS:], lon[FCS:]), 10.0)


def _balanced_homes(sites: pd.DataFrame) -> np.ndarray:
    """The FC of each station, as many stations for each FC, with the least miles in all: (D,)."""
    each = LOCATIONS // FCS
    miles = np.repeat(_miles(sites), each, axis=0)
    place, station = linear_sum_assignment(miles)
    home = np.zeros(LOCATIONS, dtype=np.int64)
    home[station] = place // each
    return home


def _tables(sites: pd.DataFrame, home: np.ndarray, k: int) -> _World:
    names, miles = sites["name"].to_numpy(), _miles(sites)
    fcs, stations = names[:FCS], names[FCS:]
    rank = np.argsort(np.argsort(sites["longitude"].to_numpy(float)[:FCS], kind="stable"))  # from west to east
    shared = FCS // k  # FCs that share the items of a region
    region, turn = rank // shared, rank % shared
    lanes = pd.DataFrame(
        [
            {"origin": fcs[f], "destination": stations[d], "miles": round(miles[f, d], 3),
             "transit_hours": round(miles[f, d] / _MPH, 3)}
            for f in range(FCS) for d in range(LOCATIONS)
        ]
    )  # fmt: skip
    placement = pd.DataFrame(
        [
            {"sku": item, "site": fcs[f], "units": PARCELS // ITEMS // k}
            for item in range(ITEMS)
            for f in range(FCS)
            if item % shared == turn[f]
        ]
    )
    orders = pd.DataFrame(
        [
            {"hour": hour, "order": f"{d:03d}-{item}-{n}", "station": stations[d], "sku": item, "units": 1,
             "promise_hours": _DUE_HOUR - hour}
            for n, hour in enumerate(range(0, _ORDER_HOURS, _ORDER_HOURS // EACH))
            for d in range(LOCATIONS)
            for item in range(ITEMS)
        ]
    )  # fmt: skip
    of_site = np.concatenate([region, region[home]])
    regions = pd.DataFrame({"site": names, "region": [f"Region {r + 1:02d}" for r in of_site]})
    columns = ["name", "kind", "latitude", "longitude", "state", "population"]
    kept = sites[columns].assign(
        population=np.where(sites["kind"] == "station", 1, 0),  # every location orders as much
        trucks=np.where(sites["kind"] == "fc", LOCATIONS * ITEMS, 0), per_hour=PARCELS,
    )  # fmt: skip
    return _World(kept, lanes, regions, placement, orders)


def _write_world(folder: Path, sites: pd.DataFrame, home: np.ndarray, k: int) -> Scenario:
    """A world's tables and scenario file, and the scenario read back from them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in _tables(sites, home, k)._asdict().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    scenario = {
        "name": _title(k), "tests": "Ten FCs, a hundred locations, ten thousand parcels, trucks of a hundred.",
        "horizon_hours": _HORIZON_HOURS, "warmup_hours": 0,
        "partition": {"kind": "national"} if k == 1 else {"kind": "file", "path": "regions.csv"},
        "network": {"kind": "tables", "sites": "sites.csv", "lanes": "lanes.csv"},
        "demand": {"kind": "trace", "path": "orders.csv", "orders_per_day": PARCELS},
        "stock": {"skus": ITEMS, "placement": "placement.csv", "lead_time_hours": _HORIZON_HOURS},
        "trucks": {"capacity_packages": TRUCK, "real_capacity_packages": TRUCK},
        "slots": {"orders": PARCELS // EACH},
    }  # fmt: skip
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(scenario, sort_keys=False), encoding="utf-8")
    return load_scenario(path)


class _Counted(NamedTuple):
    """What one world needed."""

    world: str
    trucks: float
    fill: float
    miles: float
    usd: float
    co2_kg: float
    hours: float
    on_time: float


def _count(played: Played, world: str, policy: str) -> _Counted:
    def kpi(name: str) -> float:
        return float(played.values(world, policy, name)[0])

    return _Counted(
        world, round(kpi("trucks") * _HORIZON_HOURS / 24, 6), kpi("truck_fill"), kpi("miles_per_package"),
        kpi("truck_per_order_usd"), kpi("co2_kg_per_package"), kpi("click_to_delivery_hours"), kpi("on_time_share"),
    )  # fmt: skip


def _table(counted: Sequence[_Counted]) -> Table:
    header = (
        "", "trucks", "fill, %", "miles per parcel", "USD of trucks per parcel", "kg CO₂ per parcel",
        "hours to delivery", "on time, %",
    )  # fmt: skip
    rows = tuple(
        (row.world, number(row.trucks, 0), number(100 * row.fill, 0), number(row.miles, 0), number(row.usd, 2),
         number(row.co2_kg, 2), number(row.hours, 1), number(100 * row.on_time, 0))
        for row in counted
    )  # fmt: skip
    return Table("by_regions", "Trucks and what follows", header, rows, pd.DataFrame(counted))


def _map(scenario: Scenario, policy: ScorerPolicy, played: Played) -> bytes:
    """Lanes with what they carried, when everything has arrived."""
    sim = play(scenario, policy, evaluation_keys(1, played.seed)[0], until=_HORIZON_HOURS - 1)
    return picture(draw_map(sim, title=scenario.name))
