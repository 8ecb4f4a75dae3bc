"""A whole scenario, and what must hold between its groups of fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from regional_dispatch.envs.world.levers import Change, Frozen, Partition, RunningLanes
from regional_dispatch.envs.world.reading import PlainName, expanded
from regional_dispatch.envs.world.scenario.calendar import Calendar
from regional_dispatch.envs.world.scenario.capacity import Capacity
from regional_dispatch.envs.world.scenario.costs import Costs
from regional_dispatch.envs.world.scenario.demand import GeneratedDemand
from regional_dispatch.envs.world.scenario.events import Event
from regional_dispatch.envs.world.scenario.network import MOST_SEED, CityNetwork, TableNetwork
from regional_dispatch.envs.world.scenario.stock import Stock
from regional_dispatch.envs.world.scenario.trace import TraceDemand
from regional_dispatch.envs.world.scenario.trucks import Transfers, Trucks
from regional_dispatch.envs.world.scenario.what_if import WhatIf

LONGEST_HORIZON_HOURS = 24 * 800
MOST_ORDERS = 2_000_000_000  # of an episode: counted in 32 bits


class Slots(Frozen):
    """Sizes of the observation. Of these, only `orders` affects the dynamics of the world."""

    orders: int | None = Field(
        None, ge=1, le=2_000_000, description="Order lines that a region decides on in one tick (M); more wait for the "
        "next tick. Default: 1.3 × the peak of the largest region. Unit: lines.",
    )  # fmt: skip
    candidates: int = Field(8, ge=1, le=64, description="Candidate routes per order line (K). Unit: routes.")


class Scenario(Frozen):
    """One world. `configs/scenarios/us8_spread.yaml` is the example to copy."""

    name: PlainName = Field(
        description="Name, used in reports and file names: up to 80 letters, digits, spaces and - _ . + , = ( )."
    )
    tests: str = Field("", description="What this scenario tests, in one line.")
    tick_hours: float = Field(1.0, ge=0.25, le=6, description="Length of a tick; must divide a day. Unit: hours.")
    horizon_hours: float = Field(
        216.0, gt=0, le=LONGEST_HORIZON_HOURS, description="Length of an episode. Unit: hours."
    )
    warmup_hours: float = Field(
        48.0, ge=0, le=LONGEST_HORIZON_HOURS, description="First hours, which KPIs leave out. Unit: hours."
    )
    start_hour: int = Field(
        0, ge=0, le=167, description="When an episode starts. Unit: hour of the week, 0 = Monday midnight."
    )
    calendar: Calendar | None = Field(
        None, description="Date, time zone and holidays, in place of `start_hour`. Default: one clock for all sites."
    )
    partition: Partition = Field(default_factory=Partition, description="Which region each site belongs to.")
    network: Annotated[CityNetwork | TableNetwork, Field(discriminator="kind")] = Field(
        default_factory=CityNetwork, description="Sites and lanes: generated (`cities`) or from tables (`tables`)."
    )
    demand: Annotated[GeneratedDemand | TraceDemand, Field(discriminator="kind")] = Field(
        default_factory=GeneratedDemand, description="Orders: generated (`generated`) or from a table (`trace`)."
    )
    stock: Stock = Field(default_factory=Stock, description="SKUs, their placement and replenishment.")
    lanes: RunningLanes = Field(default_factory=RunningLanes, description="Which of the network's lanes run.")
    changes: tuple[Change, ...] = Field(
        (), description="Regions, stock or lanes that change in the middle of the episode, each lever at any hour and "
        "as often as wanted. Counted regions stay those of the beginning.",
    )  # fmt: skip
    capacity: Capacity = Field(default_factory=Capacity, description="Capacities of FCs and sort centers.")
    trucks: Trucks = Field(default_factory=Trucks, description="Linehaul trucks for packages: size, cost and fleet.")
    transfers: Transfers = Field(default_factory=Transfers, description="Linehaul trucks for stock between FCs.")
    costs: Costs = Field(default_factory=Costs, description="Handling and service costs.")
    slots: Slots = Field(default_factory=Slots, description="Sizes of the observation.")
    events: tuple[Event, ...] = Field(
        (), description="What is out of order, and when. Policies observe an event from its start, and do not know how "
        "long it lasts. Where several affect one site, the smallest share holds; a lane is open when none closes it.",
    )  # fmt: skip
    what_if: WhatIf | None = Field(
        None, description="Sites closed, added or moved, other capacities, fleets and stock. `evaluate.py whatif` "
        "plays the network with and without. Default: the network as it is.",
    )  # fmt: skip
    reward_scale_usd: float = Field(
        100.0, ge=1e-6, le=1e9, description="Rewards are minus the dollars booked, divided by this. Unit: USD."
    )
    layout_seed: int = Field(
        0,
        ge=0,
        le=MOST_SEED,
        description="Seed of the placement of SKUs. It is part of the world: the same in every episode.",
    )
    source_file: str | None = Field(
        None, exclude=True, description="Path of the file it was read from; set by `load_scenario`."
    )

    @model_validator(mode="before")
    @classmethod
    def _default_kinds(cls, data: Any) -> Any:
        """A group without a kind has the default kind, so that a file may set one field of it alone."""
        if not isinstance(data, dict):
            return data
        kinds = {"network": "cities", "demand": "generated"}
        return {k: {"kind": kinds[k], **v} if k in kinds and isinstance(v, dict) else v for k, v in data.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        if abs(24 / self.tick_hours - round(24 / self.tick_hours)) > 1e-9:
            raise ValueError(f"tick_hours {self.tick_hours} must divide a day; give 0.5, 1 or 2, say")
        if self.warmup_ticks >= self.horizon_ticks:
            raise ValueError(
                f"warmup_hours {self.warmup_hours} must be below horizon_hours {self.horizon_hours} by a tick at least"
            )
        if self.calendar is not None and "start_hour" in self.model_fields_set:
            raise ValueError(f"calendar.start says when it starts, so start_hour {self.start_hour} must be removed")
        most = len(self.demand.lines_per_order) if isinstance(self.demand, GeneratedDemand) else 1
        if self.slots.orders is not None and self.slots.orders < most:
            raise ValueError(f"slots.orders {self.slots.orders} must hold the largest order ({most} lines)")
        self._check_orders()
        self._check_changes()
        for i, event in enumerate(self.events):
            if event.start_hour + event.hours > self.horizon_hours:
                raise ValueError(
                    f"events.{i}: start_hour {event.start_hour:g} + hours {event.hours:g} must end by horizon_hours "
                    f"{self.horizon_hours:g}; move or shorten it, or raise horizon_hours"
                )
        return self

    def _check_orders(self) -> None:
        """An episode's orders can be counted, at the largest surge all the time."""
        per_day = self.demand.orders_per_day or 0.0
        most = per_day * self.horizon_hours / 24 * (self.demand.peak if isinstance(self.demand, GeneratedDemand) else 1)
        if most > MOST_ORDERS:
            raise ValueError(
                f"demand.orders_per_day {per_day:,g} over horizon_hours {self.horizon_hours:,g} and surges may come to "
                f"{most:,.0f} orders; {MOST_ORDERS:,} can be counted; lower one of them"
            )

    def _check_changes(self) -> None:
        """Every change lies at a whole tick within the episode, and no lever is pulled twice at one."""
        pulled: dict[tuple[float, str], int] = {}
        for i, change in enumerate(self.changes):
            if change.hour >= self.horizon_hours:
                raise ValueError(
                    f"changes.{i}.hour = {change.hour:g}: must be below horizon_hours {self.horizon_hours:g}; move it, "
                    "or raise horizon_hours"
                )
            if abs(change.hour / self.tick_hours - round(change.hour / self.tick_hours)) > 1e-9:
                raise ValueError(
                    f"changes.{i}.hour = {change.hour:g}: must be a multiple of tick_hours {self.tick_hours:g}"
                )
            for lever in ("partition", "stock", "lanes"):
                if getattr(change, lever) is None:
                    continue
                before = pulled.setdefault((change.hour, lever), i)
                if before != i:
                    raise ValueError(
                        f"changes.{i}.{lever}: changes.{before} sets it at hour {change.hour:g} too; remove one of them"
                    )

    @property
    def money(self) -> str:
        """Currency of all amounts, the names of which say USD whatever it is."""
        return self.network.units.money if isinstance(self.network, TableNetwork) else "USD"

    @property
    def horizon_ticks(self) -> int:
        """Length of an episode. Unit: ticks."""
        return round(self.horizon_hours / self.tick_hours)

    @property
    def warmup_ticks(self) -> int:
        """Length of the warm-up. Unit: ticks."""
        return round(self.warmup_hours / self.tick_hours)

    @property
    def ticks_per_week(self) -> int:
        """Ticks in a week."""
        return round(168 / self.tick_hours)

    def weeks_later(self, hour: float, weeks: float) -> float:
        """The hour of an episode some weeks after another one; of the calendar, where there is one."""
        return hour + 168 * weeks if self.calendar is None else self.calendar.later(hour, 7 * weeks)

    def resolve(self, path: str) -> Path:
        """A path given in the scenario, taken relative to the scenario's own file; `~` is the user's home."""
        base = Path(self.source_file).parent if self.source_file else Path.cwd()
        return base / expanded(path)
