"""What a scenario file may say.

A scenario is one YAML file read into frozen pydantic models. Every field has its unit, default and bounds and, where it
is a real-world figure, its source; "Ours" marks a choice of this project. Unknown fields are errors. `load_scenario`
turns every problem into one `ScenarioError` that names file, field, value and fix.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.levers import Boundary, Change, Frozen, Layout, Partition, RunningLanes
from regional_dispatch.envs.world.shipped import find_file
from regional_dispatch.envs.world.yaml_files import explain, override, read_yaml

__all__ = [
    "DATA_DIR",
    "HOURLY_SHARES",
    "WEEKDAY_SHARES",
    "Boundary",
    "Capacity",
    "CapacityEvent",
    "Change",
    "CityNetwork",
    "Costs",
    "Event",
    "GeneratedDemand",
    "LaneEvent",
    "Layout",
    "Partition",
    "RegionEvent",
    "RunningLanes",
    "Scenario",
    "ScenarioError",
    "Slots",
    "Stock",
    "Surge",
    "TableNetwork",
    "TraceDemand",
    "Transfers",
    "Trucks",
    "explain",
    "find_scenario",
    "load_scenario",
    "override",
    "read_yaml",
    "scenario_yaml",
]

DATA_DIR = Path(__file__).resolve().parent / "data"

LONGEST_HORIZON_HOURS = 24 * 800
MOST_METROS = 600  # rows of data/us_metros.csv

# Shares of a day's orders by hour and of a week's by weekday, computed from a public order set.
HOURLY_SHARES = (
    0.024, 0.012, 0.005, 0.003, 0.002, 0.002, 0.006, 0.012, 0.027, 0.046, 0.064, 0.068,
    0.063, 0.066, 0.065, 0.061, 0.068, 0.061, 0.060, 0.060, 0.063, 0.062, 0.058, 0.041,
)  # fmt: skip
WEEKDAY_SHARES = (0.162, 0.153, 0.155, 0.152, 0.145, 0.111, 0.122)


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
        None, ge=0, description="Seed of a random choice of sites, in which larger metros are more likely. Default: "
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
        gt=0,
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


class TableNetwork(Frozen):
    """A network read from the user's own tables; paths are relative to the scenario file. See docs/how-to."""

    kind: Literal["tables"] = Field(description="Which of the two ways to describe a network this is.")
    sites: str = Field(
        description="CSV with one row per site: name, kind (fc, sc or station), latitude, longitude; optional state, "
        "population, trucks, per_hour."
    )
    lanes: str = Field(
        description="CSV with one row per lane: origin, destination, miles; optional mode, transit_hours, "
        "departure_usd. Two sites may have several lanes, each of another mode."
    )


class Surge(Frozen):
    """A number of hours with demand multiplied."""

    start_hour: float = Field(ge=0, description="Start, from the beginning of the episode. Unit: hours.")
    end_hour: float = Field(gt=0, description="End, exclusive, from the beginning of the episode. Unit: hours.")
    factor: float = Field(gt=0, le=20, description="Demand is multiplied by this. Unit: 1.")

    @model_validator(mode="after")
    def _ordered(self) -> Surge:
        if self.end_hour <= self.start_hour:
            raise ValueError(f"end_hour {self.end_hour} must be after start_hour {self.start_hour}")
        return self


class GeneratedDemand(Frozen):
    """Orders from a non-homogeneous Poisson process."""

    kind: Literal["generated"] = Field("generated", description="Which of the two ways to describe demand this is.")
    orders_per_day: float = Field(6000.0, ge=0, le=50e6, description="Mean over a week. Unit: orders per day.")
    hourly_shares: tuple[float, ...] = Field(
        HOURLY_SHARES, min_length=24, max_length=24,
        description="Share of a day's orders in each hour from midnight; scaled to sum 1. Source: a public order set.",
    )  # fmt: skip
    weekday_shares: tuple[float, ...] = Field(
        WEEKDAY_SHARES, min_length=7, max_length=7,
        description="Share of a week's orders on each day from Monday; scaled to sum 1. Source: a public order set.",
    )  # fmt: skip
    surges: tuple[Surge, ...] = Field((), description="Hours with more or less demand than usual.")
    zipf_exponent: float = Field(
        0.9, ge=0, le=3, description="Popularity of SKUs: the share of the i-th most popular is ∝ i^−exponent. Unit: 1."
    )
    lines_per_order: tuple[float, ...] = Field(
        (0.65, 0.24, 0.04, 0.03, 0.02, 0.02), min_length=1, max_length=16,
        description="Share of orders with 1, 2, 3, … lines; scaled to sum 1. Default: mean 1.6, 89 % with one or two.",
    )  # fmt: skip
    units_per_line: tuple[float, ...] = Field(
        (0.92, 0.06, 0.02), min_length=1, max_length=16,
        description="Share of lines with 1, 2, 3, … units; scaled to sum 1. Ours.",
    )  # fmt: skip
    promise_hours: tuple[float, ...] = Field(
        (10.0, 28.0, 60.0), min_length=1, max_length=16,
        description="Hours from order to promised delivery, for each promise class. Unit: hours. Ours.",
    )  # fmt: skip
    promise_shares: tuple[float, ...] = Field(
        (0.13, 0.45, 0.42), min_length=1, max_length=16,
        description="Share of orders in each promise class; scaled to sum 1. Default: same day, next day, two days or "
        "more.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _shares(self) -> GeneratedDemand:
        for name in ("hourly_shares", "weekday_shares", "lines_per_order", "units_per_line", "promise_shares"):
            values = getattr(self, name)
            if min(values) < 0 or sum(values) <= 0:
                raise ValueError(f"{name} must be non-negative with a positive sum, not {list(values)}")
        if len(self.promise_hours) != len(self.promise_shares):
            raise ValueError("promise_hours and promise_shares must have the same length")
        if min(self.promise_hours) <= 0:
            raise ValueError(f"promise_hours must be positive, not {list(self.promise_hours)}")
        return self


class TraceDemand(Frozen):
    """Orders replayed from the user's file."""

    kind: Literal["trace"] = Field(description="Which of the two ways to describe demand this is.")
    path: str = Field(
        description="CSV with one row per order line: hour, order, station, sku, units, promise_hours; relative to the "
        "scenario file."
    )
    orders_per_day: float = Field(
        gt=0, description="Mean of the trace; sizes stock and capacity. Unit: orders per day."
    )
    zipf_exponent: float = Field(
        0.9, ge=0, le=3, description="Popularity of SKUs by number, SKU 0 the most popular; sizes stock. Unit: 1."
    )


class Stock(Layout):
    """What is on the shelves and how it is replenished."""

    skus: int = Field(
        1000, ge=1, le=2_000_000, description="Distinct SKUs, numbered from 0, the most popular first. Unit: SKUs."
    )
    breadth_shares: tuple[float, float, float] = Field(
        (0.1, 0.3, 0.6), description="Share of SKUs that are fast, medium and slow movers (A, B, C). Ours."
    )
    breadth: tuple[float, float, float] = Field(
        (0.7, 0.4, 0.18), description="Selection breadth: share of FCs that stock an A, B and C SKU. Ours."
    )
    review_hours: float = Field(
        24.0,
        gt=0,
        le=24 * 28,
        description="Time between two reviews, at which FCs reorder up to base stock. Unit: hours.",
    )
    lead_time_hours: float = Field(
        48.0, ge=0, le=24 * 56, description="Time from a review until what it ordered arrives. Unit: hours."
    )
    safety_factor: float = Field(
        1.6, ge=-3, le=6, description="Base stock = mean + factor × σ of demand over review and lead time; 1.6 serves "
        "about 95 % of cycles without a stockout. Unit: standard deviations.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _fractions(self) -> Stock:
        if min(self.breadth) < 0 or max(self.breadth) > 1:
            raise ValueError(f"breadth must lie in 0…1, not {list(self.breadth)}")
        if min(self.breadth_shares) < 0 or sum(self.breadth_shares) <= 0:
            raise ValueError(f"breadth_shares must be non-negative, not {list(self.breadth_shares)}")
        return self


class Capacity(Frozen):
    """Site capacities, as multiples of a balanced network's mean load."""

    pick_headroom: float = Field(
        3.0, gt=0, le=100, description="Lines an FC can pick = headroom × mean demand of the stations to which it is "
        "the nearest. Unit: 1. Ours.",
    )  # fmt: skip
    sort_headroom: float = Field(
        6.0, gt=0, le=100, description="Packages a sort center can sort = headroom × its mean inbound packages, or × "
        "the mean of all sort centers if that is more. Unit: 1. Ours.",
    )  # fmt: skip
    backlog_limit_hours: float = Field(
        12.0, gt=0, description="An FC with more hours of picking queued takes no new orders while another can serve "
        "them. Unit: hours.",
    )  # fmt: skip


class Trucks(Frozen):
    """Linehaul. A model truck that holds c packages costs and emits c / real_capacity_packages of a real one."""

    capacity_packages: int = Field(12, ge=1, le=30000, description="What a model truck holds. Unit: packages.")
    real_capacity_packages: float = Field(
        2000.0, gt=0,
        description="What a real 53-ft trailer holds. Unit: packages. Source: industry figure, about 2,000.",
    )  # fmt: skip
    usd_per_mile: float = Field(
        2.26, ge=0, description="Marginal cost of a real truck. Unit: USD per mile. Source: ATRI, Operational Costs of "
        "Trucking (2025).",
    )  # fmt: skip
    dock_usd: float = Field(100.0, ge=0, description="Fixed dock cost of a real truck. Unit: USD per departure. Ours.")
    co2_kg_per_mile: float = Field(
        1.55, ge=0,
        description="Emissions of a real truck. Unit: kg CO₂ per mile. Source: US EPA SmartWay, order of magnitude.",
    )  # fmt: skip
    fleet_headroom: float = Field(
        4.0, ge=0, le=1000, description="Trucks based at a site = headroom × trucks busy at mean demand when stations "
        "are served from their nearest FCs. Unit: 1. Ours.",
    )  # fmt: skip
    spot_allowed: bool = Field(
        True, description="Whether a spot truck may be hired when all trucks of a site are on the road."
    )
    spot_premium: float = Field(
        0.5, ge=0, le=20, description="Extra cost of a spot truck, as a share of the lane's cost. Unit: 1."
    )
    standard_fill: float = Field(
        0.7, gt=0, le=1, description="Truck fill assumed in standard route costs and in the settlement. Unit: 1. Ours."
    )
    scheduled_hours: tuple[int, ...] = Field(
        (2, 8, 14, 20),
        description="When trucks leave under the `scheduled` dispatch rule. Unit: hour of the day, 0–23.",
    )

    @model_validator(mode="after")
    def _hours(self) -> Trucks:
        if any(not 0 <= h <= 23 for h in self.scheduled_hours):
            raise ValueError(f"scheduled_hours must lie in 0…23, not {list(self.scheduled_hours)}")
        return self


class Transfers(Frozen):
    """Linehaul of stock between FCs, used by transfer rules. A model truck holds, costs and emits the same share of a
    real one as the `trucks` that carry packages; it is hired, so no fleet limits it."""

    units_per_truck: float = Field(
        8000.0, gt=0, description="What a real 53-ft trailer holds: 26 pallets of totes, about 300 units each. Unit: "
        "units. Ours.",
    )  # fmt: skip
    usd_per_mile: float = Field(
        2.26, ge=0, description="Marginal cost of a real truck. Unit: USD per mile. Source: ATRI, Operational Costs of "
        "Trucking (2025).",
    )  # fmt: skip
    dock_usd: float = Field(100.0, ge=0, description="Fixed dock cost of a real truck. Unit: USD per departure. Ours.")
    handling_usd: float = Field(
        0.5, ge=0, description="Picking a unit into a tote, receiving it and stowing it again: at 28 USD an hour, 120 "
        "units picked and 120 stowed an hour. Unit: USD per unit. Ours.",
    )  # fmt: skip


class Costs(Frozen):
    """Handling and service costs."""

    pick_pack_usd: float = Field(2.5, ge=0, description="Picking and packing. Unit: USD per package.")
    sort_usd: float = Field(0.3, ge=0, description="Sorting at one sort center. Unit: USD per package and sort.")
    late_usd: float = Field(5.0, ge=0, description="Delivery after the promise. Unit: USD per late package.")
    late_usd_per_hour: float = Field(
        0.1, ge=0, description="Each hour after the promise. Unit: USD per late package and hour."
    )
    lost_line_usd: float = Field(
        15.0, ge=0, description="Margin lost with an order line that no FC can serve. Unit: USD per line. Ours."
    )
    stockout_usd: float = Field(
        1.0, ge=0, description="What it costs later orders when an FC's last unit is taken; sets the shadow price of "
        "stock that rules and features use. It is not booked. Unit: USD per unit. Ours.",
    )  # fmt: skip


class _Event(Frozen):
    """Hours in which part of the network is out of order; an event applies to every tick that it overlaps."""

    start_hour: float = Field(ge=0, description="Start, from the beginning of the episode. Unit: hours.")
    hours: float = Field(gt=0, description="Duration. Unit: hours.")


class CapacityEvent(_Event):
    """A site picks or sorts less, or nothing. What it has picked or sorted before may still leave."""

    kind: Literal["capacity"] = Field(description="Which kind of event this is.")
    site: str | None = Field(None, description="Name of an FC or sort center. Default: one is drawn, see `draw`.")
    draw: Literal["fc", "sc"] | None = Field(
        None, description="Draw the site among all FCs or all sort centers, in place of `site`."
    )
    seed: int = Field(
        0, ge=0, description="Seed of the draw. The draw is part of the world: it is the same site in every episode."
    )
    share: float = Field(
        ge=0, le=1, description="Share of its capacity that is left, rounded down to whole lines or packages a tick. "
        "0: the site is down. Above 0, the capacity is never below the largest order. Unit: 1.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_site(self) -> Self:
        if (self.site is None) == (self.draw is None):
            raise ValueError("name a site, or draw one among 'fc' or 'sc', not both")
        return self


class LaneEvent(_Event):
    """A lane is closed, in the direction named: no truck leaves on it. Trucks on the road still arrive."""

    kind: Literal["lane"] = Field(description="Which kind of event this is.")
    origin: str = Field(description="Name of the site it starts from.")
    destination: str = Field(description="Name of the site it leads to.")
    mode: str | None = Field(
        None, description="Mode of the lane, where several join the two sites. Default: all of them are closed."
    )


class RegionEvent(_Event):
    """All lanes into and out of a region are closed; those inside it stay open."""

    kind: Literal["region"] = Field(description="Which kind of event this is.")
    region: str = Field(description="Name of the region.")
    boundary: Boundary | None = Field(
        None, description="Regions among which `region` is looked up, so that a national network can have a region cut "
        "off too. Default: the regions that are counted (`partition.counted_by`, else those in force).",
    )  # fmt: skip


Event = Annotated[CapacityEvent | LaneEvent | RegionEvent, Field(discriminator="kind")]


class Slots(Frozen):
    """Sizes of the observation. Of these, only `orders` affects the dynamics of the world."""

    orders: int | None = Field(
        None, ge=1, le=2_000_000, description="Order lines that a region decides on in one tick (M); more wait for the "
        "next tick. Default: 1.3 × the peak of the largest region. Unit: lines.",
    )  # fmt: skip
    candidates: int = Field(8, ge=1, le=64, description="Candidate routes per order line (K). Unit: routes.")


class Scenario(Frozen):
    """One world. `configs/scenarios/us8_spread.yaml` is the example to copy."""

    name: str = Field(
        min_length=1, max_length=100, pattern=r"^[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*$",
        description="Name, used in reports and file names: no slashes or control characters, no dot at the start.",
    )  # fmt: skip
    tests: str = Field("", description="What this scenario tests, in one line.")
    tick_hours: float = Field(1.0, ge=0.25, le=6, description="Length of a tick; must divide a day. Unit: hours.")
    horizon_hours: float = Field(
        216.0, gt=0, le=LONGEST_HORIZON_HOURS, description="Length of an episode. Unit: hours."
    )
    warmup_hours: float = Field(48.0, ge=0, description="First hours, which KPIs leave out. Unit: hours.")
    start_hour: int = Field(
        0, ge=0, le=167, description="When an episode starts. Unit: hour of the week, 0 = Monday midnight."
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
    reward_scale_usd: float = Field(
        100.0, gt=0, description="Rewards are minus the dollars booked, divided by this. Unit: USD."
    )
    layout_seed: int = Field(
        0, ge=0, description="Seed of the placement of SKUs. It is part of the world: the same in every episode."
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
        most = len(self.demand.lines_per_order) if isinstance(self.demand, GeneratedDemand) else 1
        if self.slots.orders is not None and self.slots.orders < most:
            raise ValueError(f"slots.orders {self.slots.orders} must hold the largest order ({most} lines)")
        self._check_changes()
        for i, event in enumerate(self.events):
            if event.start_hour + event.hours > self.horizon_hours:
                raise ValueError(
                    f"events.{i}: start_hour {event.start_hour:g} + hours {event.hours:g} must end by horizon_hours "
                    f"{self.horizon_hours:g}; move or shorten it, or raise horizon_hours"
                )
        return self

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

    def resolve(self, path: str) -> Path:
        """A path given in the scenario, taken relative to the scenario's own file."""
        base = Path(self.source_file).parent if self.source_file else Path.cwd()
        return base / path


def find_scenario(name: str | Path) -> Path:
    """The file of a scenario given by path or, for the shipped ones, by name (`us8`)."""
    return find_file("scenarios", name)


def scenario_yaml(scenario: Scenario) -> str:
    """YAML text that `load_scenario` reads as the same scenario; paths are relative to the file it was read from."""
    data = scenario.model_dump(mode="json", exclude_unset=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def load_scenario(name: str | Path | Scenario, overrides: dict[str, str] | None = None) -> Scenario:
    """A scenario from a file, a shipped name, or itself.

    Args:
        name: path of a YAML file, name of a shipped scenario (`us8`), or a `Scenario`, which is returned as it is.
        overrides: dotted field → YAML text; replaces what the file says.

    Raises:
        ScenarioError: the file or a field is wrong; the text names file, field, value and fix.
    """
    if isinstance(name, Scenario):
        return name
    path = find_scenario(name)
    data = override(read_yaml(path), overrides or {})
    if "source_file" in data:
        raise ScenarioError(f"{path}: source_file: unknown field; remove it or correct its name")
    try:
        return Scenario.model_validate({**data, "source_file": str(path)})
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None
