"""Fields of `network`: sites and lanes, generated or from tables."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from regional_dispatch.envs.world.levers import Frozen

DATA_DIR = Path(__file__).resolve().parents[1] / "data"
MOST_SEED = 2**63 - 1
MOST_METROS = 600  # rows of data/us_metros.csv


class CityNetwork(Frozen):
    """A network generated from real US metros: sites where people live, lanes by distance."""

    kind: Literal["cities"] = Field("cities", description="Which of the two ways to describe a network this is.")
    fulfillment_centers: int = Field(
        40,
        ge=1,
        le=2000,
        description="Fulfillment centers (FC), where they shorten the way to people most. Unit: sites.",
    )
    sort_centers: int = Field(
        16, ge=1, le=500, description="Sort centers (SC), where they shorten the way to people most. Unit: sites."
    )
    stations: int = Field(
        80, ge=1, le=MOST_METROS, description="Delivery stations, at the largest metros. They are the destinations of "
        "orders; each metro's share of demand is its share of population. Unit: sites.",
    )  # fmt: skip
    metros: int = Field(
        160, ge=1, le=MOST_METROS, description="Metros there are, the largest of the data: sites may stand at them, "
        "and FCs and sort centers are near their people. 160 hold 83 % of the people in the source, 400 hold 95 %, "
        "600 hold 98 %. Source: GeoNames, see envs/world/data. Unit: metros.",
    )  # fmt: skip
    site_seed: int | None = Field(
        None, ge=0, le=MOST_SEED,
        description="Seed of a random choice of sites, in which larger metros are more likely. Default: "
        "stations at the largest metros, FCs and sort centers by greedy p-median.",
    )  # fmt: skip
    direct_max_miles: float = Field(
        250.0, ge=0, le=4000, description="Longest lane from an FC to a station. Unit: road miles. Ours."
    )
    inject_max_miles: float = Field(
        500.0, ge=0, le=4000, description="Longest lane from an FC to a sort center; each FC has lanes to its two "
        "nearest sort centers in any case. Unit: road miles. Ours.",
    )  # fmt: skip
    last_max_miles: float = Field(
        500.0, ge=0, le=4000, description="Longest lane from a sort center to a station; each station has lanes from "
        "its two nearest sort centers in any case. Unit: road miles. Ours.",
    )  # fmt: skip
    circuity: float = Field(
        1.2, ge=1, le=2, description="Road miles per great-circle mile. Source: Ballou et al. 2002, US ≈ 1.20."
    )
    speed_mph: float = Field(
        50.0,
        ge=1,
        le=80,
        description="Truck speed door to door; gives the transit time of lanes. Unit: miles per hour.",
    )

    @model_validator(mode="after")
    def _enough_metros(self) -> Self:
        if self.stations > self.metros:
            raise ValueError(
                f"stations {self.stations} must be at most metros {self.metros}, as each stands at a metro of its own; "
                "raise metros or lower stations"
            )
        return self


_NO_ENCODINGS = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7", "mbcs", "oem"}


def known_encoding(name: str | None) -> str | None:
    """A name that Python knows of an encoding.

    Raises:
        ValueError: it knows none of that name.
    """
    try:
        found = None if name is None else codecs.lookup(name)
    except (LookupError, ValueError):
        found, name = None, str(name)[:40]
    if name is not None and (found is None or found.name in _NO_ENCODINGS or not _is_of_text(found)):
        raise ValueError(f"'{name}' is no encoding; give a name such as utf-8, cp1250 or latin-1")
    return None if found is None else found.name


def _is_of_text(found: codecs.CodecInfo) -> bool:
    """Whether it decodes bytes to text; Python keeps zip and hex among its codecs too."""
    return bool(getattr(found, "_is_text_encoding", True))


Encoding = Annotated[str | None, AfterValidator(known_encoding)]


def _as_of_cities(name: str) -> Any:
    """A field that a network from tables shares with one between cities, where a table says nothing."""
    return CityNetwork.model_fields[name]


class Units(Frozen):
    """Units of a user's tables where the name of a column does not say them."""

    distance: Literal["miles", "km"] = Field("miles", description="Of distances; kilometres are read as miles.")
    money: str = Field(
        "USD", min_length=1, max_length=20, description="Currency of all costs, of tables and of the scenario. It is "
        "named, not converted: give every cost in it.",
    )  # fmt: skip


class TableNetwork(Frozen):
    """A network read from the user's own tables, CSV or Parquet; paths are relative to the scenario file.
    See docs/reference/tables.md."""

    kind: Literal["tables"] = Field(description="Which of the two ways to describe a network this is.")
    sites: str = Field(
        description="CSV or Parquet with one row per site: name, kind (fc, sc or station), latitude, longitude; "
        "optional region, state, time_zone, population, lines_per_hour, packages_per_hour, trucks, opens, closes, "
        "weekdays, postal."
    )
    lanes: str | None = Field(
        None, description="CSV or Parquet with one row per lane: origin, destination; optional mode, miles or km, "
        "transit_hours, departure_usd, capacity, departures. Two sites may have several lanes, each of another mode. "
        "Default: lanes by distance, as between cities.",
    )  # fmt: skip
    columns: dict[Literal["sites", "lanes"], dict[str, str]] = Field(
        {}, description="Names of columns in the files where they differ: `{sites: {name: Lager, kind: Art}, lanes: "
        "{origin: Von}}`.",
    )  # fmt: skip
    units: Units = Field(default_factory=Units, description="Units of the tables.")
    encoding: Encoding = Field(
        None,
        description="Encoding of the tables, as Python names it. Default: UTF-8, UTF-16 or Windows-1252, as found.",
    )
    decimal: Literal[".", ","] | None = Field(None, description="Decimal sign of the tables. Default: as found.")
    direct_max_miles: float = _as_of_cities("direct_max_miles")
    inject_max_miles: float = _as_of_cities("inject_max_miles")
    last_max_miles: float = _as_of_cities("last_max_miles")
    circuity: float = _as_of_cities("circuity")
    speed_mph: float = _as_of_cities("speed_mph")
