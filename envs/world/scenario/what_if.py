"""Fields of `what_if`: a network with sites closed, added or moved, with other capacities, fleets and stock."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from regional_dispatch.envs.world.levers import Frozen
from regional_dispatch.envs.world.scenario.trucks import Trucks

_MOST, _MOST_FACTOR = 1e8, 1e4
_Number = Annotated[float, Field(ge=0, le=_MOST)]
_Place = tuple[Annotated[float, Field(ge=-90, le=90)], Annotated[float, Field(ge=-180, le=180)]]


def _changed(value: Any) -> Any:
    """`×1.5`, `x1.5` and `*1.5` are one thing; a number is a value."""
    text = str(value).strip().replace("x", "×").replace("*", "×") if isinstance(value, str) else value
    if not isinstance(text, str):
        return text
    number = text.removeprefix("×")
    try:
        amount = float(number)
    except ValueError:
        raise ValueError(f"'{value}' must be a number, or × and a number, such as ×1.5") from None
    most = _MOST_FACTOR if text.startswith("×") else _MOST
    if not 0 <= amount <= most:
        raise ValueError(f"'{value[:40]}' must be 0 or more, and at most {most:,.0f}")
    return f"×{amount:g}" if text.startswith("×") else amount


# A new value, or `×` and a factor of the present one.
Changed = Annotated[_Number | str, BeforeValidator(_changed)]


def changed(before: float, change: float | str) -> float:
    """The value after a change: `×1.5` multiplies, a number replaces."""
    return before * float(change[1:]) if isinstance(change, str) else change


class AddedSite(Frozen):
    """A site that the network does not have."""

    name: str = Field(min_length=1, description="Its name, which no other site has.")
    kind: Literal["fc", "sc"] = Field(description="FC or sort center. Stations stay as they are, as demand does.")
    latitude: float = Field(ge=-90, le=90, description="Unit: degrees.")
    longitude: float = Field(ge=-180, le=180, description="Unit: degrees.")
    per_hour: float | None = Field(
        None, gt=0, le=1e8, description="Lines an FC picks, packages a sort center sorts. Default: sized by the "
        "scenario's headroom for the stations it is nearest to. Unit: per hour.",
    )  # fmt: skip
    trucks: int | None = Field(
        None, ge=0, le=100_000_000, description="Trucks based there. Default: sized by the scenario's headroom. "
        "Unit: trucks.",
    )  # fmt: skip


class StockMove(Frozen):
    """Units that stand in another FC than before."""

    origin: str = Field(description="Name of the FC they leave.")
    destination: str = Field(description="Name of the FC they go to.")
    share: float = Field(gt=0, le=1, description="Share of each SKU's units at the origin. Unit: 1.")


class WhatIf(Frozen):
    """A question: what if the network were another. Demand, and everything not named here, stays as it is."""

    close: tuple[str, ...] = Field((), description="FCs and sort centers that are closed, with their lanes.")
    add: tuple[AddedSite, ...] = Field((), description="FCs and sort centers that are added, with lanes by distance.")
    move: dict[str, _Place] = Field(
        {}, description="Site → latitude and longitude it has instead. It keeps its lanes, with new miles."
    )
    capacity: dict[str, Changed] = Field(
        {}, description="FC or sort center → what it picks or sorts an hour, or `×` and a factor. Unit: per hour."
    )
    fleet: dict[str, Changed] = Field(
        {}, description="FC or sort center → trucks based there, or `×` and a factor. Unit: trucks."
    )
    stock: tuple[StockMove, ...] = Field((), description="Stock that stands elsewhere.")
    stock_of_closed: Literal["moved", "lost"] = Field(
        "moved", description="Units of a closed FC. `moved`: to the FCs that are now nearest to its stations. `lost`: "
        "the network has fewer.",
    )  # fmt: skip
    stock_of_added: Literal["taken", "none"] = Field(
        "taken", description="Units of an added FC. `taken`: from the FCs that were nearest to its stations, in "
        "proportion to demand. `none`: it stands empty.",
    )  # fmt: skip
    trucks_before: dict[str, float | bool] = Field(
        {}, description="Fields of `trucks` as they were before: fleets and capacities are sized with these, and stay."
    )

    @model_validator(mode="after")
    def _fields_of_trucks(self) -> Self:
        try:
            Trucks.model_validate(self.trucks_before)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"trucks_before.{field} = {str(first['input'])[:40]}: {first['msg']}") from None
        return self

    @model_validator(mode="after")
    def _one_change_a_site(self) -> Self:
        gone, named = set(self.close), [*self.close, *(site.name for site in self.add), *self.move]
        twice = [name for name, count in Counter(named).items() if count > 1]
        if twice:
            raise ValueError(f"'{twice[0]}' is closed, added or moved twice; name it once")
        for field in ("capacity", "fleet"):
            both = gone & set(getattr(self, field))
            if both:
                raise ValueError(f"{field}: '{min(both)}' is closed; remove it from one of the two")
        for i, move in enumerate(self.stock):
            closed = gone & {move.origin, move.destination}
            if closed:
                raise ValueError(f"stock.{i}: '{min(closed)}' is closed; stock_of_closed says where its units go")
            if move.origin == move.destination:
                raise ValueError(f"stock.{i}: origin and destination are both '{move.origin}'; name two FCs")
        return self
