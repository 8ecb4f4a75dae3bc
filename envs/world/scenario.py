"""What a scenario file may say.

A scenario is one YAML file read into frozen pydantic models. Every field carries its unit, default, bounds and, where
it is a real-world figure, the source. Unknown fields are errors. `load_scenario` turns every problem into one
`ScenarioError` that names file, field, value and mend.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.shipped import find_file

DATA_DIR = Path(__file__).resolve().parent / "data"

# Shares of a day's orders by hour and of a week's by weekday, computed from a public order set.
HOURLY_SHARES = (
    0.024, 0.012, 0.005, 0.003, 0.002, 0.002, 0.006, 0.012, 0.027, 0.046, 0.064, 0.068,
    0.063, 0.066, 0.065, 0.061, 0.068, 0.061, 0.060, 0.060, 0.063, 0.062, 0.058, 0.041,
)  # fmt: skip
WEEKDAY_SHARES = (0.162, 0.153, 0.155, 0.152, 0.145, 0.111, 0.122)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CityNetwork(_Frozen):
    """A network built from real US metros: sites where people live, lanes by distance."""

    kind: Literal["cities"] = "cities"
    fulfillment_centers: int = Field(40, ge=1, le=2000, description="Fulfillment centers. Unit: sites.")
    sort_centers: int = Field(16, ge=1, le=500, description="Sort centers. Unit: sites.")
    stations: int = Field(80, ge=1, le=160, description="Delivery stations, at the largest metros. Unit: sites.")
    site_seed: int | None = Field(
        None, ge=0, description="Seed of a random choice of sites, larger metros more likely. Default: the best sites."
    )
    direct_max_miles: float = Field(
        250.0, ge=0, le=4000, description="FC→station lanes exist up to this length. Unit: miles. Ours."
    )
    inject_max_miles: float = Field(
        500.0, ge=0, le=4000, description="FC→SC lanes exist up to this length. Unit: miles. Ours."
    )
    last_max_miles: float = Field(
        500.0, ge=0, le=4000, description="SC→station lanes exist up to this length. Unit: miles. Ours."
    )
    circuity: float = Field(
        1.2, ge=1, le=2, description="Road miles per great-circle mile. Source: Ballou et al. 2002, US ≈ 1.20."
    )
    speed_mph: float = Field(50.0, gt=0, le=80, description="Truck speed door to door. Unit: miles per hour.")


class TableNetwork(_Frozen):
    """A network read from the user's own tables; paths are relative to the scenario file."""

    kind: Literal["tables"]
    sites: str = Field(description="CSV: name,kind(fc|sc|station),latitude,longitude,state,population,trucks.")
    lanes: str = Field(description="CSV: origin,destination,miles,transit_hours.")


class Boundary(_Frozen):
    """Which region every site belongs to."""

    kind: Literal["national", "states", "balanced", "file"] = "national"
    map: str | None = Field(None, description="`states`: a table state,region in envs/data, by name (us8), or a path.")
    regions: int | None = Field(None, ge=1, le=64, description="`balanced`: number of regions.")
    path: str | None = Field(
        None, description="`file`: CSV site,region, relative to the scenario file. Stations must be listed; an FC or "
        "sort center that is not belongs to the region of the nearest station.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_argument(self) -> Self:
        needed = {"national": None, "states": "map", "balanced": "regions", "file": "path"}[self.kind]
        for name in ("map", "regions", "path"):
            given = getattr(self, name) is not None
            if given != (name == needed):
                verb = "needs" if name == needed else "does not take"
                raise ValueError(f"partition kind '{self.kind}' {verb} '{name}'")
        return self


class Partition(Boundary):
    """The regions in force: they decide routes and candidates. Regionalisation is this one setting."""

    counted_by: Boundary | None = Field(
        None, description="Regions of books, KPIs and decision rows, where other than those in force: what share of a "
        "national network's orders is served within what is to become a region? Default: those in force.",
    )  # fmt: skip


class Surge(_Frozen):
    """A stretch of hours with demand multiplied."""

    start_hour: float = Field(ge=0, description="Start, from the beginning of the episode. Unit: hours.")
    end_hour: float = Field(gt=0, description="End, exclusive. Unit: hours.")
    factor: float = Field(gt=0, le=20, description="Demand multiplier.")

    @model_validator(mode="after")
    def _ordered(self) -> Surge:
        if self.end_hour <= self.start_hour:
            raise ValueError(f"end_hour {self.end_hour} must be after start_hour {self.start_hour}")
        return self


class GeneratedDemand(_Frozen):
    """Orders from a non-homogeneous Poisson process."""

    kind: Literal["generated"] = "generated"
    orders_per_day: float = Field(6000.0, ge=0, le=50e6, description="Mean orders a day. Unit: orders.")
    hourly_shares: tuple[float, ...] = Field(
        HOURLY_SHARES, min_length=24, max_length=24, description="Share of a day by hour."
    )
    weekday_shares: tuple[float, ...] = Field(
        WEEKDAY_SHARES, min_length=7, max_length=7, description="Share of a week, Monday first."
    )
    surges: tuple[Surge, ...] = Field((), description="Stretches of hours with more (or less) demand.")
    zipf_exponent: float = Field(0.9, ge=0, le=3, description="SKU popularity: share of rank i ∝ i^-exponent.")
    lines_per_order: tuple[float, ...] = Field(
        (0.65, 0.24, 0.04, 0.03, 0.02, 0.02), min_length=1, max_length=16,
        description="Probability of 1, 2, 3, … lines. Default: mean 1.6, 89 % with one or two.",
    )  # fmt: skip
    units_per_line: tuple[float, ...] = Field(
        (0.92, 0.06, 0.02), min_length=1, max_length=16, description="Probability of 1, 2, 3, … units. Ours."
    )
    promise_hours: tuple[float, ...] = Field(
        (10.0, 28.0, 60.0), min_length=1, max_length=16, description="Promised hours per class. Unit: hours. Ours."
    )
    promise_shares: tuple[float, ...] = Field(
        (0.13, 0.45, 0.42), min_length=1, max_length=16,
        description="Share of each class: same day, next day, two days or more.",
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


class TraceDemand(_Frozen):
    """Orders replayed from the user's file."""

    kind: Literal["trace"]
    path: str = Field(description="CSV: hour,order,station,sku,units,promise_hours; relative to the scenario file.")
    orders_per_day: float = Field(gt=0, description="Mean orders a day, to size stock and capacity. Unit: orders.")
    zipf_exponent: float = Field(0.9, ge=0, le=3, description="SKU popularity by number, to size stock.")


class Stock(_Frozen):
    """What is on the shelves and how it comes back."""

    skus: int = Field(1000, ge=1, le=2_000_000, description="Distinct SKUs.")
    breadth_shares: tuple[float, float, float] = Field(
        (0.1, 0.3, 0.6), description="Share of SKUs that are fast, medium, slow movers (A, B, C). Ours."
    )
    breadth: tuple[float, float, float] = Field(
        (0.7, 0.4, 0.18), description="Selection breadth: share of FCs that stock an A, B, C SKU. Ours."
    )
    placement: str | None = Field(
        None, description="CSV sku,site,units: base-stock levels in place of breadth and safety_factor; relative to "
        "the scenario file. An FC that is not listed does not carry the SKU.",
    )  # fmt: skip
    review_hours: float = Field(24.0, gt=0, le=24 * 28, description="Base-stock review period. Unit: hours.")
    lead_time_hours: float = Field(48.0, ge=0, le=24 * 56, description="Replenishment lead time. Unit: hours.")
    safety_factor: float = Field(
        1.6, ge=-3, le=6, description="Base stock = mean + factor × σ of demand over review + lead. 1.6 ≈ 95 %."
    )

    @model_validator(mode="after")
    def _fractions(self) -> Stock:
        if min(self.breadth) < 0 or max(self.breadth) > 1:
            raise ValueError(f"breadth must lie in 0…1, not {list(self.breadth)}")
        if min(self.breadth_shares) < 0 or sum(self.breadth_shares) <= 0:
            raise ValueError(f"breadth_shares must be non-negative, not {list(self.breadth_shares)}")
        return self


class Capacity(_Frozen):
    """Site capacities, as multiples of a balanced network's mean load."""

    pick_headroom: float = Field(
        3.0, gt=0, le=100, description="FC picking lines an hour = headroom × mean demand assigned to it. Ours."
    )
    sort_headroom: float = Field(
        6.0, gt=0, le=100, description="SC packages an hour = headroom × mean packages an hour / SCs. Ours."
    )
    backlog_limit_hours: float = Field(
        12.0, gt=0, description="An FC with more hours of picking queued is closed while another is open. Unit: hours."
    )


class Trucks(_Frozen):
    """Linehaul. A model truck of capacity c costs c / real_capacity of a real one."""

    capacity_packages: int = Field(12, ge=1, le=30000, description="Packages a model truck holds.")
    real_capacity_packages: float = Field(
        2000.0, gt=0, description="Parcels in a real 53-ft trailer. Source: industry figure, about 2,000."
    )
    usd_per_mile: float = Field(
        2.26, ge=0, description="Marginal cost of a real truck. Source: ATRI, Operational Costs of Trucking (2025)."
    )
    dock_usd: float = Field(100.0, ge=0, description="Fixed dock cost per real departure. Unit: USD. Ours.")
    co2_kg_per_mile: float = Field(1.55, ge=0, description="Real truck. Source: US EPA SmartWay order of magnitude.")
    fleet_headroom: float = Field(
        4.0, ge=0, le=1000, description="Fleet of a site = headroom × trucks busy at mean demand, nearest source. Ours."
    )
    spot_allowed: bool = Field(True, description="May a truck be hired when the fleet is out?")
    spot_premium: float = Field(0.5, ge=0, le=20, description="Extra cost of a spot truck, share of the lane's cost.")
    standard_fill: float = Field(
        0.7, gt=0, le=1, description="Fill assumed in standard route costs and settlement. Ours."
    )
    scheduled_hours: tuple[int, ...] = Field(
        (2, 8, 14, 20), description="Hours of the day of the `scheduled` dispatch rule. Unit: hour 0–23."
    )

    @model_validator(mode="after")
    def _hours(self) -> Trucks:
        if any(not 0 <= h <= 23 for h in self.scheduled_hours):
            raise ValueError(f"scheduled_hours must lie in 0…23, not {list(self.scheduled_hours)}")
        return self


class Transfers(_Frozen):
    """Linehaul of stock between FCs, where a rule moves any. A model truck holds, costs and emits the same share of a
    real one as the `trucks` that carry packages, and is hired: no fleet limits it."""

    units_per_truck: float = Field(
        8000.0, gt=0, description="Units in a real 53-ft trailer: 26 pallets of totes, about 300 units each. Ours."
    )
    usd_per_mile: float = Field(
        2.26, ge=0, description="Of a real truck. Source: ATRI, Operational Costs of Trucking (2025)."
    )
    dock_usd: float = Field(100.0, ge=0, description="Fixed dock cost per real departure. Unit: USD. Ours.")
    handling_usd: float = Field(
        0.5, ge=0, description="Per unit: picked into a tote, received and stowed again. At 28 USD an hour, 120 units "
        "picked and 120 stowed an hour. Ours.",
    )  # fmt: skip


class Costs(_Frozen):
    """Handling and service costs."""

    pick_pack_usd: float = Field(2.5, ge=0, description="Per package. Unit: USD.")
    sort_usd: float = Field(0.3, ge=0, description="Per package and sort touch. Unit: USD.")
    late_usd: float = Field(5.0, ge=0, description="Per late package. Unit: USD.")
    late_usd_per_hour: float = Field(0.1, ge=0, description="Per late package and hour. Unit: USD per hour.")
    lost_line_usd: float = Field(15.0, ge=0, description="Margin lost with a line nobody can serve. Unit: USD. Ours.")
    stockout_usd: float = Field(
        1.0, ge=0, description="What taking an FC's last unit costs elsewhere; sets the shadow price. Unit: USD. Ours."
    )


class _Event(_Frozen):
    """A stretch of hours in which part of the network is out of order; every tick it touches is hit as a whole."""

    start_hour: float = Field(ge=0, description="Start, from the beginning of the episode. Unit: hours.")
    hours: float = Field(gt=0, description="How long it lasts. Unit: hours.")


class CapacityEvent(_Event):
    """A site picks or sorts less, or nothing. What it has picked or sorted before may still leave."""

    kind: Literal["capacity"]
    site: str | None = Field(None, description="Name of an FC or sort center. Default: one is drawn.")
    draw: Literal["fc", "sc"] | None = Field(None, description="Draw the site among all FCs or all sort centers.")
    seed: int = Field(
        0, ge=0, description="Of the draw, which is part of the world, not of an episode: every episode meets it."
    )
    share: float = Field(
        ge=0, le=1, description="Share of its capacity that is left, rounded down to whole lines or packages a tick; "
        "above 0 never below the largest order. 0: the site is down.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_site(self) -> Self:
        if (self.site is None) == (self.draw is None):
            raise ValueError("name a site, or draw one among 'fc' or 'sc', not both")
        return self


class LaneEvent(_Event):
    """A lane is closed, in the direction named: no truck leaves on it. Trucks on the road still arrive."""

    kind: Literal["lane"]
    origin: str = Field(description="Name of the site it starts from.")
    destination: str = Field(description="Name of the site it leads to.")
    mode: str | None = Field(
        None, description="Mode of the lane, where several join the two sites. Default: all of them are closed."
    )


class RegionEvent(_Event):
    """All lanes into and out of a region are closed; those inside it stay open."""

    kind: Literal["region"]
    region: str = Field(description="Name of the region.")
    boundary: Boundary | None = Field(
        None, description="Whose region it is, so that a nation can lose one too. Default: the regions that are "
        "counted (`partition.counted_by`, else those in force).",
    )  # fmt: skip


Event = Annotated[CapacityEvent | LaneEvent | RegionEvent, Field(discriminator="kind")]


class Slots(_Frozen):
    """Sizes of the observation; the kernel's own dynamics depend on `orders` alone."""

    orders: int | None = Field(
        None, ge=1, le=2_000_000,
        description="Order lines a region decides on in one tick (M). Default: 1.3 × the peak of the largest region.",
    )  # fmt: skip
    candidates: int = Field(8, ge=1, le=64, description="Candidates per order line (K).")


class Scenario(_Frozen):
    """One world. See the fields; `configs/scenarios/us8.yaml` is the example to copy."""

    name: str = Field(min_length=1, description="Name, used in reports.")
    tests: str = Field("", description="One line: what this scenario tests.")
    tick_hours: float = Field(1.0, ge=0.25, le=6, description="Length of a tick. Unit: hours.")
    horizon_hours: float = Field(216.0, gt=0, le=24 * 800, description="Episode length. Unit: hours.")
    warmup_hours: float = Field(48.0, ge=0, description="KPIs leave out these first hours. Unit: hours.")
    start_hour: int = Field(0, ge=0, le=167, description="Hour of the week an episode starts, 0 = Monday midnight.")
    partition: Partition = Field(default_factory=Partition, description="Who belongs to which region.")
    network: Annotated[CityNetwork | TableNetwork, Field(discriminator="kind")] = Field(default_factory=CityNetwork)
    demand: Annotated[GeneratedDemand | TraceDemand, Field(discriminator="kind")] = Field(
        default_factory=GeneratedDemand
    )
    stock: Stock = Field(default_factory=Stock)
    capacity: Capacity = Field(default_factory=Capacity)
    trucks: Trucks = Field(default_factory=Trucks)
    transfers: Transfers = Field(default_factory=Transfers)
    costs: Costs = Field(default_factory=Costs)
    slots: Slots = Field(default_factory=Slots)
    events: tuple[Event, ...] = Field(
        (), description="What goes out of order, and when; policies see it when it begins, and not how long it lasts. "
        "Where several hit one site, the smallest share holds; a lane is open when none closes it.",
    )  # fmt: skip
    reward_scale_usd: float = Field(100.0, gt=0, description="Rewards are minus the dollars booked over this.")
    layout_seed: int = Field(
        0, ge=0, description="Seed of the placement of SKUs; part of the world, not of an episode."
    )
    source_file: str | None = Field(None, exclude=True, description="Where it was read from; set by load_scenario.")

    @model_validator(mode="before")
    @classmethod
    def _default_kinds(cls, data: Any) -> Any:
        """A group that names no kind is of the default kind, so one field of it can be set alone."""
        if not isinstance(data, dict):
            return data
        kinds = {"network": "cities", "demand": "generated"}
        return {k: {"kind": kinds[k], **v} if k in kinds and isinstance(v, dict) else v for k, v in data.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        if abs(24 / self.tick_hours - round(24 / self.tick_hours)) > 1e-9:
            raise ValueError(f"tick_hours {self.tick_hours} must divide a day")
        if self.warmup_ticks >= self.horizon_ticks:
            raise ValueError(
                f"warmup_hours {self.warmup_hours} must be below horizon_hours {self.horizon_hours} by a tick at least"
            )
        most = len(self.demand.lines_per_order) if isinstance(self.demand, GeneratedDemand) else 1
        if self.slots.orders is not None and self.slots.orders < most:
            raise ValueError(f"slots.orders {self.slots.orders} must hold the largest order ({most} lines)")
        for i, event in enumerate(self.events):
            if event.start_hour + event.hours > self.horizon_hours:
                raise ValueError(
                    f"events.{i}: start_hour {event.start_hour:g} + hours {event.hours:g} must end by horizon_hours "
                    f"{self.horizon_hours:g}; move or shorten it, or raise horizon_hours"
                )
        return self

    @property
    def horizon_ticks(self) -> int:
        return round(self.horizon_hours / self.tick_hours)

    @property
    def warmup_ticks(self) -> int:
        return round(self.warmup_hours / self.tick_hours)

    @property
    def ticks_per_week(self) -> int:
        return round(168 / self.tick_hours)

    def resolve(self, path: str) -> Path:
        """A path named in the scenario, relative to the scenario's own file."""
        base = Path(self.source_file).parent if self.source_file else Path.cwd()
        return base / path


def find_scenario(name: str | Path) -> Path:
    """The file of a scenario given by path or, for the shipped ones, by name (`us8`)."""
    return find_file("scenarios", name)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file.

    Raises:
        ScenarioError: the file is missing, is not YAML, or is not a mapping.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ScenarioError(f"{path}: no such file; give the path of a YAML file") from None
    except PermissionError:
        raise ScenarioError(f"{path}: may not be read; change its permissions") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise ScenarioError(f"{path}: must be a mapping of fields, not {type(data).__name__}")
    return data


def scenario_yaml(scenario: Scenario) -> str:
    """What `load_scenario` reads back as the same scenario; paths are relative to the file it was read from."""
    data = scenario.model_dump(mode="json", exclude_unset=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def _kinds_under(level: object) -> tuple[str, ...]:
    """The kinds that pydantic may name below a level of a file: a group's name, or a number in a list (of events)."""
    if isinstance(level, int):
        return ("capacity", "lane", "region")
    return ("cities", "tables", "generated", "trace") if level in ("network", "demand") else ()


def explain(error: ValidationError, where: str | Path) -> str:
    """Pydantic's findings as `file: field: value: mend`, one per line."""
    rows = []
    for item in error.errors():
        # Pydantic names the kind it took for a network, demand or event; the user's file has no such level.
        above = (None, *item["loc"])
        loc = [str(part) for above, part in zip(above, item["loc"], strict=False) if part not in _kinds_under(above)]
        field = ".".join(loc) or "(whole file)"
        if item["type"] == "extra_forbidden":
            mend = "unknown field; remove it or correct its name"
        elif item["type"] == "missing":
            mend = "missing; add it"
        else:
            mend = item["msg"].removeprefix("Value error, ")
        shown = "" if isinstance(item["input"], (dict, BaseModel)) else f" = {item['input']!r}"
        rows.append(f"{where}: {field}{shown}: {mend}")
    return "\n".join(rows)


def override(data: dict[str, Any], settings: dict[str, str]) -> dict[str, Any]:
    """`data` with dotted settings such as `{"demand.orders_per_day": "9000"}` laid over it (values read as YAML)."""
    merged = dict(data)
    for key, text in settings.items():
        node = merged
        *parents, leaf = key.split(".")
        for parent in parents:
            child = node.get(parent)
            if child is not None and not isinstance(child, dict):
                raise ScenarioError(f"override {key}={text}: '{parent}' is no group of fields")
            node[parent] = dict(child or {})
            node = node[parent]
        try:
            node[leaf] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ScenarioError(f"override {key}={text}: '{text}' is no YAML value") from None
    return merged


def load_scenario(name: str | Path | Scenario, overrides: dict[str, str] | None = None) -> Scenario:
    """A scenario from a file, a shipped name, or itself.

    Args:
        name: path of a YAML file, name of a shipped scenario (`us8`), or a `Scenario`.
        overrides: dotted field → YAML text, laid over the file.

    Raises:
        ScenarioError: names file, field, value and mend.
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
