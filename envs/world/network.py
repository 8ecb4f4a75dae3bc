"""Sites, lanes and routes, as arrays.

Lanes are physical: they do not depend on the partition. Routes do: inside a region a package may go direct or over one
sort center of the region; between regions it goes over a sort center of each. A `Network` holds the routes of the
partition in force; `repartition` appends another partition's routes, so packages under way keep theirs. Books and KPIs
may count other regions than those in force (`Partition.counted_by`).

Axes: N sites (FCs, then sort centers, then stations), F FCs, C sort centers, D stations, L lanes, P routes, R regions.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.partition import Labels, label_sites
from regional_dispatch.envs.world.scenario import DATA_DIR, CityNetwork, Scenario, ScenarioError, TableNetwork
from regional_dispatch.envs.world.tables import read_table

EARTH_RADIUS_MILES = 3958.8
MIN_LANE_MILES = 10.0  # two sites of one metro are never at the same kerb
DIRECT, FC_TO_SC, SC_TO_SC, SC_TO_STATION = range(4)
LANE_KINDS = ("direct", "fc_to_sc", "sc_to_sc", "sc_to_station")
MAX_LEGS = 3


# One row per lane: where it runs, who dispatches it, and what a model truck on it costs.
LANE = np.dtype(
    [
        ("origin", "i4"),  # site
        ("dest", "i4"),  # site
        ("kind", "i4"),  # index into LANE_KINDS
        ("region", "i4"),  # region that dispatches it: its origin's
        ("slot", "i4"),  # its observation slot in that region, −1 where no route uses it
        ("ticks", "i4"),  # transit
        ("miles", "f8"),  # by road
        ("cost", "f8"),  # USD per model truck
    ],
    align=True,
)

# One row per route, an FC, a station, and one to three lanes ("legs") between them.
ROUTE = np.dtype(
    [
        ("fc", "i4"),
        ("station", "i4"),
        ("legs", "i4"),
        ("local", "i4"),  # 1 if FC and station share a region of those in force
        ("in_region", "i4"),  # 1 if they share a region of those that are counted
        ("lanes", "i4", (MAX_LEGS,)),  # −1 where there is none
        ("rest", "i4", (MAX_LEGS + 1,)),  # transit ticks still to go from leg i on
        ("rest_cost", "f8", (MAX_LEGS + 1,)),  # standard truck USD per package from leg i on
        ("cost", "f8"),  # standard USD per package: trucks, sorting, pick and pack
        ("miles", "f8"),  # by road
        ("air_miles", "f8"),  # great circle FC → station
    ],
    align=True,
)


class Net(NamedTuple):
    """What the kernel reads of a network."""

    fcs: int
    scs: int
    stations: int
    regions: int  # counted: each has books and decisions of its own
    divided: int  # 1 if more than one region is in force
    region_of_site: np.ndarray  # (N,) int16, counted
    lanes: np.ndarray  # (L,) LANE
    routes: np.ndarray  # (P,) ROUTE
    by_cost: np.ndarray  # (D, routes of a station) int32, cheapest first, −1 padded
    by_distance: np.ndarray  # (D, F) int32, cheapest route of each FC, nearest FC first, −1 padded
    slot_lane: np.ndarray  # (R, slots) int32, lane of each observation slot, −1 padded
    site_capacity: np.ndarray  # (N,) int32, per tick: FC lines, SC packages
    fleet: np.ndarray  # (N,) int32, trucks based at the site


class Network(NamedTuple):
    """A network for people and for the kernel."""

    sites: pd.DataFrame  # name, kind, latitude, longitude, state, population, region
    region_names: tuple[str, ...]
    station_share: np.ndarray  # (D,) float64, share of demand
    fc_share: np.ndarray  # (F,) float64, share of demand an FC is nearest to
    net: Net


def great_circle_miles(lat1: np.ndarray, lon1: np.ndarray, lat2: np.ndarray, lon2: np.ndarray) -> np.ndarray:
    """Haversine distance in miles, every point of the first set to every point of the second: shape (n1, n2)."""
    a1, o1 = np.radians(lat1)[:, None], np.radians(lon1)[:, None]
    a2, o2 = np.radians(lat2)[None], np.radians(lon2)[None]
    h = np.sin((a2 - a1) / 2) ** 2 + np.cos(a1) * np.cos(a2) * np.sin((o2 - o1) / 2) ** 2
    return 2 * EARTH_RADIUS_MILES * np.arcsin(np.sqrt(np.clip(h, 0, 1)))


def build_network(scenario: Scenario) -> Network:
    """The network of a scenario, with the routes of its partition.

    Raises:
        ScenarioError: a table is wrong, a station has no route, or a site no region.
    """
    if isinstance(scenario.network, CityNetwork):
        sites = _city_sites(scenario.network)
        lanes = _city_lanes(scenario, sites)
    else:
        sites = _table_sites(scenario, scenario.network)
        lanes = _table_lanes(scenario, scenario.network, sites)
    counts = _counts(sites)
    air = _air_miles(sites)
    population = sites["population"].to_numpy(float)[counts[0] + counts[1] :]
    station_share = population / population.sum()
    national = Labels(("National",), np.zeros(len(sites), dtype=np.int16))
    reference = _routes(scenario, counts, lanes, air, national)
    _check_reach(scenario, sites, counts, reference)
    fc_share = np.zeros(counts[0])
    np.add.at(fc_share, air[: counts[0], counts[0] + counts[1] :].argmin(axis=0), station_share)
    capacity, fleet = _capacities(scenario, sites, counts, lanes, reference, station_share, fc_share)
    regions = _regions(scenario, sites)
    routes = _routes(scenario, counts, lanes, air, regions.in_force)
    return Network(
        sites.assign(region=regions.counted.of_names()),
        regions.counted.names,
        station_share,
        fc_share,
        _assemble(counts, lanes, routes, regions, capacity, fleet),
    )


def repartition(network: Network, scenario: Scenario) -> Network:
    """The same sites, lanes, capacities and fleets under another partition, at any tick of an episode.

    Args:
        network: the network in force.
        scenario: the same world with another `partition`.

    Returns:
        A network whose route numbers below the old count mean the same routes as before, so packages keep theirs.
    """
    sites, old = network.sites, network.net
    regions = _regions(scenario, sites)
    routes = _routes(scenario, _counts(sites), old.lanes, _air_miles(sites), regions.in_force)
    fresh = _assemble(_counts(sites), old.lanes, routes, regions, old.site_capacity, old.fleet)
    first = len(old.routes)
    shifted = {
        name: np.where(getattr(fresh, name) < 0, -1, getattr(fresh, name) + first).astype(np.int32)
        for name in ("by_cost", "by_distance")
    }
    return network._replace(
        sites=sites.assign(region=regions.counted.of_names()),
        region_names=regions.counted.names,
        net=fresh._replace(routes=np.concatenate([old.routes, fresh.routes]), **shifted),  # type: ignore[arg-type]
    )


class _Regions(NamedTuple):
    in_force: Labels
    counted: Labels


def _regions(scenario: Scenario, sites: pd.DataFrame) -> _Regions:
    in_force, counted_by = label_sites(scenario, sites), scenario.partition.counted_by
    return _Regions(in_force, in_force if counted_by is None else label_sites(scenario, sites, counted_by))


def _counts(sites: pd.DataFrame) -> tuple[int, int, int]:
    kinds = sites["kind"]
    return int((kinds == "fc").sum()), int((kinds == "sc").sum()), int((kinds == "station").sum())


def _air_miles(sites: pd.DataFrame) -> np.ndarray:
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    return great_circle_miles(lat, lon, lat, lon)


def _city_sites(config: CityNetwork) -> pd.DataFrame:
    """Stations at the largest metros; FCs and sort centers where they shorten the way to people most.

    With a `site_seed` both are drawn: stations in proportion to population, FCs and sort centers in proportion to what
    they save.
    """
    metros = read_table(
        DATA_DIR / "us_metros.csv",
        {"name": "text", "state": "text", "latitude": "number", "longitude": "number", "population": "positive"},
    )
    rng = None if config.site_seed is None else np.random.default_rng(config.site_seed)
    frames = [
        _placed("FC", "fc", metros, _spread(metros, config.fulfillment_centers, rng)),
        _placed("SC", "sc", metros, _spread(metros, config.sort_centers, rng)),
        _placed("DS", "station", metros, _peopled(metros, config.stations, rng)),
    ]
    return pd.concat(frames, ignore_index=True)


def _placed(prefix: str, kind: str, metros: pd.DataFrame, chosen: np.ndarray) -> pd.DataFrame:
    """Sites of one kind at the chosen metros; a second site of a metro stands a little off the first."""
    frame = metros.iloc[chosen].copy().reset_index(drop=True)
    turn = frame.groupby(["name", "state"]).cumcount().to_numpy()
    frame["latitude"] += 0.15 * turn * np.cos(2.4 * turn)
    frame["longitude"] += 0.15 * turn * np.sin(2.4 * turn)
    suffix = np.where(turn > 0, " " + (turn + 1).astype(str).astype(object), "")
    frame["name"] = prefix + " " + frame["name"] + " " + frame["state"] + suffix
    return frame.assign(kind=kind)


def _peopled(metros: pd.DataFrame, count: int, rng: np.random.Generator | None) -> np.ndarray:
    """The largest metros, or some drawn in proportion to population; largest first."""
    count = min(count, len(metros))
    if rng is None:
        return np.arange(count)
    people = metros["population"].to_numpy(float)
    return np.sort(rng.choice(len(metros), size=count, replace=False, p=people / people.sum()))


def _spread(metros: pd.DataFrame, count: int, rng: np.random.Generator | None) -> np.ndarray:
    """Greedy p-median: each site goes where it saves the most people-miles; after the last metro it starts anew.

    With a generator each site is drawn in proportion to what it saves, as the greedy step of GRASP does (Feo & Resende
    1995).
    """
    lat, lon = metros["latitude"].to_numpy(float), metros["longitude"].to_numpy(float)
    miles = great_circle_miles(lat, lon, lat, lon)
    people = metros["population"].to_numpy(float)
    chosen: list[int] = []
    while len(chosen) < count:
        best = np.full(len(metros), miles.max() + 1.0)
        taken = np.zeros(len(metros), dtype=bool)
        while len(chosen) < count and not taken.all():
            saving = (people[:, None] * np.maximum(best[:, None] - miles, 0)).sum(axis=0)
            saving = np.where(taken, 0.0, saving)
            site = int(saving.argmax() if rng is None else rng.choice(len(saving), p=saving / saving.sum()))
            taken[site] = True
            best = np.minimum(best, miles[:, site])
            chosen.append(site)
    return np.array(chosen)


def _city_lanes(scenario: Scenario, sites: pd.DataFrame) -> np.ndarray:
    """Every lane within its kind's reach; each FC and station keeps its two nearest sort centers however far."""
    config = scenario.network
    assert isinstance(config, CityNetwork)
    fcs, scs, _ = _counts(sites)
    air = _air_miles(sites)
    miles = np.maximum(air * config.circuity, MIN_LANE_MILES)
    fc, sc, ds = (np.arange(fcs), np.arange(fcs, fcs + scs), np.arange(fcs + scs, len(sites)))

    def block(rows: np.ndarray, columns: np.ndarray, reach: float, keep: int, near_axis: int) -> np.ndarray:
        part = miles[np.ix_(rows, columns)]
        ranks = part.argsort(axis=near_axis, kind="stable").argsort(axis=near_axis, kind="stable")
        i, j = np.nonzero((part <= reach) | (ranks < keep))
        return np.stack([rows[i], columns[j]])

    blocks = [
        block(fc, ds, config.direct_max_miles, 0, 0),
        block(fc, sc, config.inject_max_miles, 2, 1),
        block(sc, sc, np.inf, 0, 1),
        block(sc, ds, config.last_max_miles, 2, 0),
    ]
    blocks[2] = blocks[2][:, blocks[2][0] != blocks[2][1]]
    kinds = np.repeat(np.arange(4, dtype=np.int8), [b.shape[1] for b in blocks])
    ends = np.concatenate(blocks, axis=1)
    length = miles[ends[0], ends[1]]
    return _priced(scenario, ends[0], ends[1], kinds, length, length / config.speed_mph)


def _priced(
    scenario: Scenario, origin: np.ndarray, dest: np.ndarray, kind: np.ndarray, miles: np.ndarray, hours: np.ndarray
) -> np.ndarray:
    trucks = scenario.trucks
    cost = (trucks.usd_per_mile * miles + trucks.dock_usd) * trucks.capacity_packages / trucks.real_capacity_packages
    ticks = np.maximum(1, np.ceil(hours / scenario.tick_hours - 1e-9)).astype(np.int32)
    lanes = np.zeros(len(origin), dtype=LANE)
    for name, values in (
        ("origin", origin),
        ("dest", dest),
        ("kind", kind),
        ("ticks", ticks),
        ("miles", miles),
        ("cost", cost),
    ):
        lanes[name] = values
    return lanes[np.lexsort((dest, origin))]


def _table_sites(scenario: Scenario, config: TableNetwork) -> pd.DataFrame:
    path = scenario.resolve(config.sites)
    needed = {"name": "text", "kind": "text", "latitude": "number", "longitude": "number"}
    optional = {"state": "text", "population": "positive", "trucks": "positive", "per_hour": "positive"}
    table = read_table(path, needed, optional)
    wrong = table[~table["kind"].isin(["fc", "sc", "station"])]
    if len(wrong):
        row = wrong.iloc[0]
        raise ScenarioError(f"{path}: kind = '{row['kind']}' of '{row['name']}': must be fc, sc or station")
    twice = table[table["name"].duplicated()]
    if len(twice):
        raise ScenarioError(f"{path}: name = '{twice.iloc[0]['name']}': stands twice; site names must differ")
    for column, default in (("state", ""), ("population", 0.0)):
        table[column] = table.get(column, default)
    table["population"] = table["population"].fillna(0.0)
    counts = _counts(table)
    if counts[0] == 0 or counts[2] == 0:
        raise ScenarioError(f"{path}: needs at least one fc and one station, has {counts[0]} and {counts[2]}")
    if table.loc[table["kind"] == "station", "population"].sum() <= 0:
        raise ScenarioError(f"{path}: population: stations need a population above 0; it is their share of demand")
    rank = table["kind"].map({"fc": 0, "sc": 1, "station": 2})
    return table.iloc[np.argsort(rank.to_numpy(), kind="stable")].reset_index(drop=True)


def _table_lanes(scenario: Scenario, config: TableNetwork, sites: pd.DataFrame) -> np.ndarray:
    path = scenario.resolve(config.lanes)
    table = read_table(
        path, {"origin": "text", "destination": "text", "miles": "positive"}, {"transit_hours": "positive"}
    )
    index = {name: i for i, name in enumerate(sites["name"])}
    for column in ("origin", "destination"):
        unknown = table[~table[column].isin(list(index))]
        if len(unknown):
            raise ScenarioError(
                f"{path}: {column} = '{unknown.iloc[0][column]}': no such site; add it to {config.sites}"
            )
    twice = table[table.duplicated(["origin", "destination"])]
    if len(twice):
        raise ScenarioError(f"{path}: lane {twice.iloc[0]['origin']} → {twice.iloc[0]['destination']} stands twice")
    origin = table["origin"].map(index).to_numpy()
    dest = table["destination"].map(index).to_numpy()
    kinds = {
        ("fc", "station"): DIRECT,
        ("fc", "sc"): FC_TO_SC,
        ("sc", "sc"): SC_TO_SC,
        ("sc", "station"): SC_TO_STATION,
    }
    pairs = list(zip(sites["kind"].to_numpy()[origin], sites["kind"].to_numpy()[dest], strict=True))
    for row, pair in enumerate(pairs):
        if pair not in kinds or origin[row] == dest[row]:
            lane = f"{table['origin'][row]} → {table['destination'][row]}"
            raise ScenarioError(f"{path}: row {row + 2}: lane {lane}: must run fc→station, fc→sc, sc→sc or sc→station")
    miles = table["miles"].to_numpy(float)
    default_hours = miles / CityNetwork().speed_mph
    hours = (
        table["transit_hours"].fillna(pd.Series(default_hours)).to_numpy(float)
        if "transit_hours" in table
        else default_hours
    )
    return _priced(scenario, origin, dest, np.array([kinds[p] for p in pairs]), miles, hours)


def _routes(
    scenario: Scenario, counts: tuple[int, int, int], lanes: np.ndarray, air: np.ndarray, labels: Labels
) -> np.ndarray:
    """All routes of the regions in force: direct and over one sort center inside a region, over two between regions.

    A station is fed by one sort center of its region, the one with the cheapest lane to it. Of each kind a pair keeps
    its cheapest at standard cost. A pair that a rule leaves without any route (a region without sort center, say) may
    use any sort centers, so national coverage stays.
    """
    fcs, scs, stations = counts
    sites = fcs + scs + stations
    lane_at = np.full((sites, sites), -1, dtype=np.int32)
    lane_at[lanes["origin"], lanes["dest"]] = np.arange(len(lanes), dtype=np.int32)
    per_package = lanes["cost"] / (scenario.trucks.capacity_packages * scenario.trucks.standard_fill)
    sort = scenario.costs.sort_usd
    cost_at = np.where(lane_at >= 0, per_package[lane_at], np.inf)
    to_sc, between = cost_at[:fcs, fcs : fcs + scs], cost_at[fcs : fcs + scs, fcs : fcs + scs]
    last, direct = cost_at[fcs : fcs + scs, fcs + scs :], cost_at[:fcs, fcs + scs :]
    region = labels.of_site
    fc_region, sc_region, ds_region = region[:fcs], region[fcs : fcs + scs], region[fcs + scs :]
    own_first = np.where(fc_region[:, None] == sc_region[None], 0.0, np.inf)  # (F, C): FC and SC share a region
    home = np.where(sc_region[:, None] == ds_region[None], last, np.inf)  # (C, D)
    own_last = np.where((home == home.min(axis=0, initial=np.inf)) & np.isfinite(home), 0.0, np.inf)
    same = fc_region[:, None] == ds_region[None]

    one, one_sc = _over_one(to_sc + own_first, last + own_last)
    any_one, any_one_sc = _over_one(to_sc, last)
    two, two_first, two_last = _over_two(to_sc + own_first, between, last + own_last)
    any_two, any_first, any_last = _over_two(to_sc, between, last)

    found: list[tuple[int, int, list[int]]] = []
    for f in range(fcs):
        for d in range(stations):
            options: list[list[int]] = []
            if same[f, d] and np.isfinite(direct[f, d]):
                options.append([f, fcs + scs + d])
            if same[f, d] and np.isfinite(one[f, d]):
                options.append([f, fcs + one_sc[f, d], fcs + scs + d])
            if not options and np.isfinite(two[f, d]):
                options.append([f, fcs + two_first[f, d], fcs + two_last[f, d], fcs + scs + d])
            if not options and np.isfinite(any_one[f, d]) and any_one[f, d] + sort <= any_two[f, d] + 2 * sort:
                options.append([f, fcs + any_one_sc[f, d], fcs + scs + d])
            if not options and np.isfinite(any_two[f, d]):
                options.append([f, fcs + any_first[f, d], fcs + any_last[f, d], fcs + scs + d])
            if not options and np.isfinite(direct[f, d]):
                options.append([f, fcs + scs + d])
            found.extend((f, d, stops) for stops in options)

    routes = np.zeros(len(found), dtype=ROUTE)
    routes["fc"] = [f for f, _, _ in found]
    routes["station"] = [d for _, d, _ in found]
    routes["legs"] = [len(stops) - 1 for _, _, stops in found]
    routes["local"] = same[routes["fc"], routes["station"]]
    routes["lanes"] = -1
    for p, (_, _, stops) in enumerate(found):
        routes["lanes"][p, : len(stops) - 1] = [lane_at[a, b] for a, b in pairwise(stops)]
    legs = routes["lanes"]
    routes["rest"][:, :MAX_LEGS] = _still_to_go(np.where(legs >= 0, lanes["ticks"][legs], 0))
    routes["rest_cost"][:, :MAX_LEGS] = _still_to_go(np.where(legs >= 0, per_package[legs], 0.0))
    routes["cost"] = routes["rest_cost"][:, 0] + sort * (routes["legs"] - 1) + scenario.costs.pick_pack_usd
    routes["miles"] = np.where(legs >= 0, lanes["miles"][legs], 0.0).sum(axis=1)
    routes["air_miles"] = air[routes["fc"], fcs + scs + routes["station"]]
    return routes


def _still_to_go(per_leg: np.ndarray) -> np.ndarray:
    """Sums from each leg to the last: (P, legs) → (P, legs)."""
    return per_leg[:, ::-1].cumsum(axis=1)[:, ::-1]


def _over_one(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cheapest single sort center per pair: (F, C) and (C, D) → cost (F, D) and sort center (F, D)."""
    if first.shape[1] == 0:
        empty = np.full((first.shape[0], last.shape[1]), np.inf)
        return empty, np.zeros(empty.shape, dtype=int)
    total = first[:, :, None] + last[None]
    return total.min(axis=1), total.argmin(axis=1)


def _over_two(first: np.ndarray, between: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cheapest pair of sort centers: cost, first and last sort center, each (F, D)."""
    to_second, via = _over_one(first, between)  # (F, C): best way to each second sort center
    total, second = _over_one(to_second, last)
    rows = np.arange(first.shape[0])[:, None]
    return total, via[rows, second] if first.shape[1] else second, second


def _check_reach(scenario: Scenario, sites: pd.DataFrame, counts: tuple[int, int, int], routes: np.ndarray) -> None:
    fcs, scs, stations = counts
    reached = np.zeros(stations, dtype=bool)
    reached[routes["station"]] = True
    if not reached.all():
        name = sites["name"].iloc[fcs + scs + int((~reached).argmax())]
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: network: no route reaches '{name}'; add a lane to it"
        )


def _capacities(
    scenario: Scenario,
    sites: pd.DataFrame,
    counts: tuple[int, int, int],
    lanes: np.ndarray,
    routes: np.ndarray,
    station_share: np.ndarray,
    fc_share: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Picking and sorting per tick and trucks per site, from mean flows on the national routes.

    Mean flows: every station is served evenly from its four nearest FCs over their cheapest routes. They depend on the
    sites alone, not on the partition, so a change of partition leaves buildings and fleets as they are.
    """
    fcs, scs, _ = counts
    demand = scenario.demand
    per_tick = demand.orders_per_day / 24 * scenario.tick_hours
    lines = mean_lines_per_order(scenario)
    by_distance = _by_distance(counts, routes)
    flow = np.zeros(len(lanes))
    for d, row in enumerate(by_distance[:, :4]):
        near = row[row >= 0]
        for p in near:
            legs = routes["lanes"][p]
            flow[legs[legs >= 0]] += per_tick * station_share[d] / len(near)
    inbound = np.bincount(lanes["dest"], flow, len(sites))
    capacity = np.zeros(len(sites), dtype=np.int64)
    share = np.maximum(fc_share, 0.5 / fcs)
    capacity[:fcs] = np.ceil(scenario.capacity.pick_headroom * per_tick * lines * share)
    middle = inbound[fcs : fcs + scs]
    if scs:
        capacity[fcs : fcs + scs] = np.ceil(scenario.capacity.sort_headroom * np.maximum(middle, middle.mean()))
    smallest = np.zeros(len(sites), dtype=np.int64)
    smallest[:fcs], smallest[fcs : fcs + scs] = largest_order(scenario), 1
    busy = flow * (2 * lanes["ticks"] + 1) / (scenario.trucks.capacity_packages * scenario.trucks.standard_fill)
    fleet = np.ceil(scenario.trucks.fleet_headroom * np.bincount(lanes["origin"], busy, len(sites)))
    fleet[: fcs + scs] = np.maximum(fleet[: fcs + scs], 2)
    if "per_hour" in sites:
        capacity = np.where(sites["per_hour"].notna(), np.floor(sites["per_hour"] * scenario.tick_hours), capacity)
    if "trucks" in sites:
        fleet = np.where(sites["trucks"].notna(), sites["trucks"], fleet)
    return np.maximum(capacity, smallest).astype(np.int32), fleet.astype(np.int32)


def mean_lines_per_order(scenario: Scenario) -> float:
    """Mean lines per order; a trace counts every row as an order of one line."""
    shares = np.array(getattr(scenario.demand, "lines_per_order", (1.0,)))
    return float((shares / shares.sum() * np.arange(1, len(shares) + 1)).sum())


def largest_order(scenario: Scenario) -> int:
    """Most lines an order can have; an FC's capacity and a region's slots must hold it."""
    return len(getattr(scenario.demand, "lines_per_order", (1.0,) * 16))


def _by_distance(counts: tuple[int, int, int], routes: np.ndarray) -> np.ndarray:
    fcs, _, stations = counts
    table = np.full((stations, fcs), -1, dtype=np.int32)
    cheapest = np.full((stations, fcs), -1, dtype=np.int64)
    for p in np.argsort(routes["cost"], kind="stable")[::-1]:
        cheapest[routes["station"][p], routes["fc"][p]] = p
    for d in range(stations):
        own = cheapest[d][cheapest[d] >= 0]
        own = own[np.lexsort((own, routes["air_miles"][own]))]
        table[d, : len(own)] = own
    return table


def _assemble(
    counts: tuple[int, int, int],
    lanes: np.ndarray,
    routes: np.ndarray,
    regions: _Regions,
    capacity: np.ndarray,
    fleet: np.ndarray,
) -> Net:
    fcs, scs, stations = counts
    labels, divided = regions.counted, int(len(regions.in_force.names) > 1)
    home = labels.of_site
    routes["in_region"] = home[routes["fc"]] == home[fcs + scs + routes["station"]]
    order = np.argsort(routes["cost"], kind="stable")
    of_station = [order[routes["station"][order] == d] for d in range(stations)]
    by_cost = np.full((stations, max(len(own) for own in of_station)), -1, dtype=np.int32)
    for d, own in enumerate(of_station):
        by_cost[d, : len(own)] = own
    lanes = lanes.copy()
    lanes["region"] = labels.of_site[lanes["origin"]]
    lanes["slot"] = -1
    in_use = np.unique(routes["lanes"][routes["lanes"] >= 0])
    slots = [in_use[lanes["region"][in_use] == r] for r in range(len(labels.names))]
    slot_lane = np.full((len(slots), max(1, max(len(own) for own in slots))), -1, dtype=np.int32)
    for r, own in enumerate(slots):
        slot_lane[r, : len(own)] = own
        lanes["slot"][own] = np.arange(len(own))
    return Net(
        fcs, scs, stations, len(labels.names), divided, home, lanes, routes,
        by_cost, _by_distance(counts, routes), slot_lane, capacity, fleet,
    )  # fmt: skip
