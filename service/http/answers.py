"""The shape of what is answered, for the OpenAPI schema. Answers are written by `service.live.answers`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class RouteAnswer(BaseModel):
    """Where a package goes."""

    stops: list[str] = Field(description="Sites from the fulfillment center to the station.")
    modes: list[str] = Field(description="Mode of each lane between them.")


class CandidateAnswer(BaseModel):
    """A way to serve a line. The policy may choose another than the cheapest: it weighs more than these dollars."""

    route: RouteAnswer
    chosen: bool
    arrival: datetime = Field(description="The earliest.")
    expected_usd: float = Field(description="The sum of the four below. Unit: USD per package.")
    standard_usd: float = Field(description="Handling, and its share of trucks at the scenario's standard fill.")
    late_usd: float = Field(description="Lateness that it cannot avoid.")
    surcharge_usd: float = Field(description="What its lanes are expected to cost beyond that now; 0 without a price.")
    units_usd: float = Field(description="Price of the units it takes; 0 where units have none.")


class LineAnswer(BaseModel):
    """The decision on a line, in the order sent."""

    sku: str
    lost: bool = Field(description="No fulfillment center has the units.")
    fc: str | None = Field(description="Fulfillment center that serves it.")
    route: RouteAnswer | None
    package: str | None = Field(description="It travels in; lines of an order on the same route share one.")
    arrival: datetime | None = Field(description="The earliest.")
    candidates: list[CandidateAnswer]


class OrderAnswer(BaseModel):
    """The decision on an order."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "order": "A-1001", "station": "DS New York NY", "time": "2026-03-02T14:15:00+00:00",
                "packages": ["A-1001/1"],
                "lines": [
                    {
                        "sku": "12", "lost": False, "fc": "FC New York NY",
                        "route": {"stops": ["FC New York NY", "DS New York NY"], "modes": ["truck"]},
                        "package": "A-1001/1", "arrival": "2026-03-02T16:00:00+00:00",
                        "candidates": [
                            {
                                "route": {"stops": ["FC New York NY", "DS New York NY"], "modes": ["truck"]},
                                "chosen": True, "arrival": "2026-03-02T16:00:00+00:00", "expected_usd": 2.5982,
                                "standard_usd": 2.5733, "late_usd": 0.0, "surcharge_usd": 0.025, "units_usd": 0.0,
                            }
                        ],
                    }
                ],
            }
        }
    )  # fmt: skip

    order: str
    station: str
    time: datetime = Field(description="On the service's clock.")
    packages: list[str]
    lines: list[LineAnswer]


class BatchAnswer(BaseModel):
    """Decisions in the order sent."""

    orders: list[OrderAnswer]


class EventAnswer(BaseModel):
    """An event that was applied, with what followed from it."""

    model_config = ConfigDict(extra="allow")

    event: str
    kind: str


class EventsAnswer(BaseModel):
    """Events in the order sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "events": [
                    {"event": "E-1", "kind": "stock_received", "on_hand": 52},
                    {
                        "event": "E-2", "kind": "package_picked",
                        "waits_for": {"origin": "FC New York NY", "destination": "DS New York NY", "mode": "truck"},
                    },
                ]
            }
        }
    )  # fmt: skip

    events: list[EventAnswer]


class LaneAnswer(BaseModel):
    """Go or hold."""

    origin: str
    destination: str
    mode: str
    packages: int = Field(description="Waiting.")
    decision: Literal["go", "hold"]
    why: str


class LanesAnswer(BaseModel):
    """Lanes with packages."""

    time: datetime = Field(description="On the service's clock.")
    lanes: list[LaneAnswer]


class StockAnswer(BaseModel):
    """Units of a SKU that are free to be sold."""

    sku: str
    on_hand: dict[str, int] = Field(description="By fulfillment center; those with none are left out.")


class PackageAnswer(BaseModel):
    """A package under way."""

    package: str
    place: Literal["picking", "sorting", "waiting", "riding"]
    words: str
    route: RouteAnswer


class WhereAnswer(BaseModel):
    """What is under way of an order. Delivered, cancelled and lost packages are not."""

    order: str
    packages: list[PackageAnswer]


class Problem(BaseModel):
    """Why a request was refused."""

    field: str | None
    value: Any
    problem: str
    mend: str


class ErrorAnswer(BaseModel):
    """A refused request."""

    error: Problem
    applied: int | None = Field(None, description="Of a list of events, those before the refused one, which stand.")
