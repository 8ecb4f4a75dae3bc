"""The station of a customer: the nearest one on the globe, or the one that serves the postal code."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.geography import EARTH_RADIUS_MILES
from regional_dispatch.envs.world.tables.names import as_text
from regional_dispatch.envs.world.tables.numbers import say_cells
from regional_dispatch.envs.world.tables.source import Batch

FAR_MILES = 300.0  # a customer this far from every station is probably not meant


def unit_vectors(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Points of the globe of radius 1: (n, 3)."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def nearest_station(
    file: Path, batch: Batch, stations: pd.DataFrame, latitude: np.ndarray, longitude: np.ndarray, given: np.ndarray,
    findings: Findings,
) -> np.ndarray:  # fmt: skip
    """The station nearest to each customer by great circle: (given rows,) int32.

    Args:
        file: for findings.
        batch: for row numbers.
        stations: latitude and longitude, by number.
        latitude: (n,) degrees.
        longitude: (n,) degrees.
        given: (n,) bool, the rows to place.
        findings: customers that are far from every station are added.
    """
    places = unit_vectors(stations["latitude"].to_numpy(float), stations["longitude"].to_numpy(float))
    usable = np.flatnonzero(np.isfinite(places).all(axis=1))
    if not len(usable):
        return np.full(int(given.sum()), -1, np.int32)
    chord, nearest = cKDTree(places[usable]).query(unit_vectors(latitude[given], longitude[given]))
    miles = 2 * EARTH_RADIUS_MILES * np.arcsin(np.clip(chord / 2, 0, 1))
    far = np.zeros(len(given), dtype=bool)
    far[given] = miles > FAR_MILES
    if far.any():
        problem = f"more than {FAR_MILES:g} miles from every station"
        say_cells("warning", file, batch, "latitude", far, problem, "check latitude and longitude", findings)
    return usable[nearest].astype(np.int32)


def station_of_postal(
    file: Path, batch: Batch, stations: pd.DataFrame, wanted: np.ndarray, findings: Findings
) -> np.ndarray:
    """The station with the longest prefix of each postal code: (wanted rows,) int32, −1 where there is none.

    Args:
        file: for findings.
        batch: holds the column `postal`.
        stations: column `postal`, by number: prefixes separated by spaces, `;` or `,`.
        wanted: (n,) bool, the rows to place.
        findings: codes that no station serves are added.
    """
    station_of: dict[str, int] = {}
    for number, cell in enumerate(stations.get("postal", pd.Series([""] * len(stations)))):
        for prefix in re.split(r"[;,\s]+", str(cell)):
            if prefix:
                station_of.setdefault(prefix.casefold(), number)
    column = as_text(batch.columns["postal"])
    found = np.array([_longest(text, station_of) for text in column.dictionary.to_pylist()], np.int32)
    of_row = found[column.indices.to_numpy()]
    unknown = wanted & (of_row < 0)
    if unknown.any():
        mend = "add its prefix to the column postal of a station in the sites"
        say_cells("error", file, batch, "postal", unknown, "no station serves it", mend, findings)
    return np.asarray(of_row[wanted])


def _longest(code: str, station_of: dict[str, int]) -> int:
    plain = code.casefold().replace(" ", "")
    return next((station_of[plain[:n]] for n in range(len(plain), 0, -1) if plain[:n] in station_of), -1)
