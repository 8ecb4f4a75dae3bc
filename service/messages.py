"""What is sent to the service, field by field; the OpenAPI schema is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from regional_dispatch.envs.world.reading import hidden

MOST_LINES = 1000  # of an order, and of all orders of a batch
MOST_UNITS = 30_000  # of one SKU: shelves are counted in 16 bits
MOST_EVENTS = 1000  # of a request
_YEARS = (1970, 2200)


def _shown(name: str) -> str:
    if hidden(name) or "\n" in name or "\t" in name:
        raise ValueError("must not hold line breaks or other characters that are not shown")
    return name


def _in_years(time: AwareDatetime) -> AwareDatetime:
    if not _YEARS[0] <= time.year < _YEARS[1]:
        raise ValueError(f"must lie in the years {_YEARS[0]} to {_YEARS[1]}")
    return time


_Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_shown)]
_Moment = Annotated[AwareDatetime, AfterValidator(_in_years)]


def _text(value: Any) -> Any:
    """A number given as a name is the name that it is written as."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Sku = Annotated[_Name, BeforeValidator(_text), Field(description="A SKU's name in the scenario.")]
Site = Annotated[_Name, Field(description="A site's name in the scenario.")]
Units = Annotated[int, Field(ge=1, le=MOST_UNITS, description="Unit: units.")]
Time = Annotated[
    _Moment | None,
    Field(description="When it happened, with a UTC offset. Default: now. Under the wall clock, it is only kept."),
]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Line(_Message):
    """A line of an order."""

    sku: Sku
    units: Units = 1
    promise_hours: float | None = Field(None, gt=0, le=24 * 365, description="As for the order. Unit: hours.")
    promised_by: _Moment | None = Field(None, description="As for the order.")


class Order(_Message):
    """An order at the click."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "order": "A-1001",
                "station": "DS New York NY",
                "time": "2026-03-02T09:15:00-05:00",
                "promise_hours": 28,
                "lines": [{"sku": "12", "units": 1}, {"sku": "305", "units": 2}],
            }
        }
    )

    order: _Name = Field(description="Its name. The same order sent again gets the same answer, and counts once.")
    station: Site
    time: Time = None
    promise_hours: float | None = Field(
        None, gt=0, le=24 * 365, description="From the order to the promised delivery; or give `promised_by`. A line "
        "may have a promise of its own. Unit: hours.",
    )  # fmt: skip
    promised_by: _Moment | None = Field(None, description="The latest delivery that keeps the promise.")
    lines: list[Line] = Field(min_length=1, max_length=MOST_LINES)

    @model_validator(mode="after")
    def _promised(self) -> Order:
        if self.promise_hours is not None and self.promised_by is not None:
            raise ValueError("give promise_hours or promised_by, not both")
        for line in self.lines:
            if line.promise_hours is not None and line.promised_by is not None:
                raise ValueError("a line takes promise_hours or promised_by, not both")
        return self


class Batch(_Message):
    """Orders that are decided together: all see the same shelves and queues."""

    orders: list[Order] = Field(min_length=1, max_length=MOST_LINES)


# ------------------------------------------------------------------------------------------------------------- events


class _Event(_Message):
    event: _Name = Field(description="Its name. The same event sent again changes nothing.")
    time: Time = None


class StockReceived(_Event):
    """Units are put on a shelf."""

    kind: Literal["stock_received"]
    site: Site
    sku: Sku
    units: Units


class StockAdjusted(_Event):
    """A shelf holds more or fewer units than thought, units on hand never falling below 0."""

    kind: Literal["stock_adjusted"]
    site: Site
    sku: Sku
    units: int = Field(ge=-MOST_UNITS, le=MOST_UNITS, description="Added; negative, taken away. Unit: units.")


class Count(_Message):
    """Units of a SKU on the shelf of a site that are free to be sold: those of orders not yet picked left aside."""

    site: Site
    sku: Sku
    units: int = Field(ge=0, le=MOST_UNITS, description="Unit: units.")


class StockCounted(_Event):
    """What shelves hold, whatever was thought before."""

    kind: Literal["stock_counted"]
    counts: list[Count] = Field(min_length=1, max_length=100_000)


class PackagePicked(_Event):
    """A package is packed, and waits for the truck of its first lane."""

    kind: Literal["package_picked"]
    package: _Name = Field(description="As the answer to its order names it.")


class PackageSorted(_Event):
    """A package is sorted, and waits for the truck of its next lane."""

    kind: Literal["package_sorted"]
    package: _Name = Field(description="As the answer to its order names it.")


class PackageLost(_Event):
    """A package is lost or broken, wherever it is; it is not sent again."""

    kind: Literal["package_lost"]
    package: _Name = Field(description="As the answer to its order names it.")


class TruckDeparted(_Event):
    """A truck leaves."""

    kind: Literal["truck_departed"]
    truck: _Name = Field(description="A name for this trip; events of the same trip use it.")
    origin: Site
    destination: Site
    mode: _Name | None = Field(None, description="Where several lanes join the two sites.")
    packages: list[_Name] | None = Field(
        None, max_length=100_000,
        description="On it. Default: those that have waited longest, a truckload at most.",
    )  # fmt: skip


class TruckArrived(_Event):
    """A truck is at the end of its lane: its packages are delivered, or wait to be sorted."""

    kind: Literal["truck_arrived"]
    truck: _Name


class TruckReturned(_Event):
    """A truck is back at its home site, ready to leave again."""

    kind: Literal["truck_returned"]
    truck: _Name


class TrucksCounted(_Event):
    """How many trucks stand ready at a site, whatever was thought before."""

    kind: Literal["trucks_counted"]
    site: Site
    trucks: int = Field(ge=0, le=1_000_000, description="Unit: trucks.")


class SiteCapacity(_Event):
    """What a site can do from now on."""

    kind: Literal["site_capacity"]
    site: Site
    per_hour: float = Field(
        ge=0, le=1e8, description="Lines picked by a fulfillment center, packages sorted by a sort center; 0: it is "
        "down. Unit: per hour.",
    )  # fmt: skip


class LaneClosed(_Event):
    """No truck leaves on a lane, and no new package is sent over it, until it opens."""

    kind: Literal["lane_closed"]
    origin: Site
    destination: Site
    mode: _Name | None = Field(None, description="Where several lanes join the two sites.")


class LaneOpened(_Event):
    """A lane is open again."""

    kind: Literal["lane_opened"]
    origin: Site
    destination: Site
    mode: _Name | None = Field(None, description="Where several lanes join the two sites.")


class OrderCancelled(_Event):
    """An order's packages that are not yet picked are not made; their units are free again. Others go on."""

    kind: Literal["order_cancelled"]
    order: _Name


class TimePassed(_Event):
    """Nothing happened; the clock moves."""

    kind: Literal["time_passed"]


Event = Annotated[
    StockReceived | StockAdjusted | StockCounted | PackagePicked | PackageSorted | PackageLost | TruckDeparted
    | TruckArrived | TruckReturned | TrucksCounted | SiteCapacity | LaneClosed | LaneOpened | OrderCancelled
    | TimePassed,
    Field(discriminator="kind"),
]  # fmt: skip


class Events(_Message):
    """Events, applied in this order. One that is refused ends the request; those before it stand."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "events": [
                    {"event": "E-1", "kind": "stock_received", "site": "FC New York NY", "sku": "12", "units": 40},
                    {"event": "E-2", "kind": "package_picked", "package": "A-1001/1"},
                ]
            }
        }
    )

    events: list[Event] = Field(min_length=1, max_length=MOST_EVENTS)
