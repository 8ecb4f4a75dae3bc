"""Decisions as a table, a row per order line, with its candidates as a list in it; the format of a decision log."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from regional_dispatch.data.decisions.reasons import WORDS
from regional_dispatch.data.decisions.seen import PARTS, Seen, worth
from regional_dispatch.envs.kernel.decisions.features import SOURCE_FEATURES
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import TraceDemand
from regional_dispatch.envs.world.trace import trace_of

MOST_FEATURES = 5  # that are listed of a line, those that matter most
NO_MATTER = 1e-6  # of a score

# A way to serve a line: the chosen one, or the next best.
_WAY = (
    ("route", pa.int32()), ("fc", pa.string()), ("region", pa.string()), ("path", pa.string()), ("modes", pa.string()),
    ("local", pa.bool_()), ("stops", pa.int8()), ("miles", pa.float32()), ("air_miles", pa.float32()),
    ("hours", pa.float32()), ("in_time", pa.bool_()), ("on_hand", pa.int32()), ("packages", pa.int32()),
    ("score", pa.float32()),
)  # fmt: skip
_CANDIDATE = pa.struct(
    [(name, kind) for name, kind in _WAY if name != "packages"] + [("more_usd", pa.float32())]
)  # fmt: skip
_FEATURE = pa.struct(
    [("feature", pa.string()), ("chosen", pa.float32()), ("next", pa.float32()), ("worth", pa.float32())]
)
_TIME = pa.timestamp("s", tz="UTC")
SCHEMA = pa.schema([
    ("tick", pa.int32()), ("hour", pa.float32()), ("time", _TIME), ("order", pa.int64()), ("order_name", pa.string()),
    ("line", pa.int32()), ("sku", pa.int32()), ("sku_name", pa.string()), ("units", pa.int32()),
    ("station", pa.string()), ("region", pa.string()), ("placed_hour", pa.float32()), ("placed_time", _TIME),
    ("promise_hours", pa.float32()),
    *((f"chosen_{name}", kind) for name, kind in _WAY), *((f"next_{name}", kind) for name, kind in _WAY),
    ("difference_usd", pa.float32()), *((f"{part}_usd", pa.float32()) for part in PARTS), ("order_usd", pa.float32()),
    *((f"order_{part}_usd", pa.float32()) for part in PARTS),
    ("margin", pa.float32()), ("reason", pa.string()), ("features", pa.list_(_FEATURE)),
    ("candidates", pa.list_(_CANDIDATE)), ("served_route", pa.int32()), ("served_fc", pa.string()),
    ("replanned", pa.bool_()),
])  # fmt: skip
COLUMNS = {
    "tick": "tick in which it was decided", "hour": "the same, in hours since the episode's start",
    "time": "the same as a date, where the scenario has a calendar",
    "order": "number of the order in its episode", "order_name": "its name, where orders come from a file",
    "line": "number of the line in its order, from 1", "sku": "number of the SKU", "sku_name": "its name, likewise",
    "units": "units ordered",
    "station": "where it goes", "region": "region of the station", "placed_hour": "when it was ordered, in hours since "
    "the episode's start", "placed_time": "the same as a date",
    "promise_hours": "hours from the order to the promised delivery",
    "…_route": "number of the route", "…_fc": "FC it is served from", "…_region": "region of the FC",
    "…_path": "the sites of the route", "…_modes": "mode of each leg, where the network has several",
    "…_local": "FC and station share a region of those in force",
    "…_stops": "sort centers on the route", "…_miles": "by road", "…_air_miles": "great circle",
    "…_hours": "from the order to the earliest arrival", "…_in_time": "the earliest arrival keeps the promise",
    "…_on_hand": "units on hand at the FC", "…_packages": "packages that the whole order travels in",
    "…_score": "of the policy; it has no unit",
    "difference_usd": "dollars of the whole order if this line alone took the next best, less as it was decided",
    "trucks_usd": "its part: trucks at standard fill", "picking_usd": "its part: picking and packing",
    "sorting_usd": "its part: sorting", "lateness_usd": "its part: lateness that cannot be avoided",
    "lanes_usd": "its part: what the policy expects lanes to cost beyond the standard",
    "units_usd": "its part: what taking the units is expected to cost elsewhere",
    "order_usd": "dollars of the whole order as it was decided, and by part in order_…_usd",
    "margin": "score of the chosen less that of the next best", "reason": "the feature that ranks the chosen first",
    "features": "those that matter most: value of the chosen, of the next best, and what the score would lose",
    "candidates": "all of them, with more_usd: dollars of the whole order, more than as it was decided",
    "served_route": "route that finally served it, −1 if the line was lost", "served_fc": "its FC",
    "replanned": "another route than the chosen one served it, as an earlier line took the units, or none did",
}  # fmt: skip


class Names:
    """Names of sites, regions and routes of a network, as arrays to take from."""

    def __init__(self, sim: Simulator) -> None:
        net, self.network = sim.world.net, sim.network
        self.site = sim.network.sites["name"].to_numpy(dtype=object)
        self.region = np.array([*sim.network.region_names], dtype=object)[net.region_of_site]
        calendar, self.orders, self.skus = sim.scenario.calendar, None, None
        self.start = None if calendar is None else np.datetime64(calendar.starts_at.replace(tzinfo=None), "s")
        if isinstance(sim.scenario.demand, TraceDemand):
            trace = trace_of(sim.scenario)
            self.orders, self.skus = trace.names, np.array(trace.sku_names, dtype=object)
        self._ways: dict[int, tuple[str, str]] = {}

    def time(self, hours: np.ndarray) -> np.ndarray:
        """Hours since the episode's start as dates in UTC; none without a calendar."""
        if self.start is None:
            return np.full(len(hours), np.datetime64("NaT", "s"))
        return np.asarray(self.start + np.round(hours * 3600).astype("timedelta64[s]"))

    def order(self, numbers: np.ndarray) -> np.ndarray:
        """Names of orders; None where orders have none."""
        return _none(numbers) if self.orders is None else np.asarray(self.orders[numbers], dtype=object)

    def sku(self, numbers: np.ndarray) -> np.ndarray:
        """Names of SKUs; None where they have none."""
        return _none(numbers) if self.skus is None else np.asarray(self.skus[numbers])

    def ways(self, routes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sites and modes of routes: `FC A → SC B → DS C`, and `truck and air` where the network has several modes."""
        known, turn = np.unique(routes, return_inverse=True)
        for route in known.tolist():
            if route not in self._ways:
                self._ways[route] = self._way(route)
        table = np.array([self._ways[route] for route in known.tolist()], dtype=object).reshape(-1, 2)
        return table[turn, 0], table[turn, 1]

    def _way(self, route: int) -> tuple[str, str]:
        net, record = self.network.net, self.network.net.routes[route]
        lanes = record["lanes"][: record["legs"]]
        sites = [*net.lanes["origin"][lanes], net.lanes["dest"][lanes[-1]]]
        return " → ".join(self.site[sites]), " and ".join(self.network.route_modes(route))


def _none(numbers: np.ndarray) -> np.ndarray:
    return np.full(len(numbers), None, dtype=object)


def columns_before(
    sim: Simulator, policy: ScorerPolicy, names: Names, seen: Seen, rows: np.ndarray
) -> dict[str, np.ndarray | pa.Array]:
    """What is known of decisions of a tick before they take effect: the columns of `SCHEMA` but those of the outcome.

    Args:
        sim: row 0, between `decide` and `finish`.
        policy: that decided.
        names: of the network.
        seen: the lines as they were decided on.
        rows: (m,) which lines are wanted.
    """
    hours, line, now = sim.scenario.tick_hours, seen.line[rows], np.full(len(rows), sim.tick(0))
    chosen, other, order_usd = seen.chosen[rows], seen.other[rows], seen.order_usd[rows]
    difference = _at(seen.more_usd[rows], other)
    site = sim.world.net.fcs + sim.world.net.scs + line["station"]
    reasons, features = _features(policy, seen, rows)
    return {
        "tick": now, "hour": now * hours, "time": names.time(now * hours), "order": line["order"],
        "order_name": names.order(line["order"]), "line": seen.number[rows], "sku": line["sku"],
        "sku_name": names.sku(line["sku"]), "units": line["units"], "station": names.site[site],
        "region": names.region[site], "placed_hour": line["ordered"] * hours,
        "placed_time": names.time(line["ordered"] * hours), "promise_hours": (line["due"] - line["ordered"]) * hours,
        **_way(sim, names, seen, rows, chosen, "chosen_"), **_way(sim, names, seen, rows, other, "next_"),
        "difference_usd": difference.sum(axis=1), "order_usd": order_usd.sum(axis=1),
        **{f"{part}_usd": difference[:, q] for q, part in enumerate(PARTS)},
        **{f"order_{part}_usd": order_usd[:, q] for q, part in enumerate(PARTS)},
        "margin": _at(seen.score[rows], chosen) - _at(seen.score[rows], other),
        "reason": reasons, "features": features, "candidates": _candidates(sim, names, seen, rows),
    }  # fmt: skip


def finished(
    sim: Simulator, names: Names, seen: Seen, rows: np.ndarray, columns: dict[str, np.ndarray | pa.Array]
) -> pa.RecordBatch:
    """The columns with their outcome, after the tick: an earlier order may have taken the last unit."""
    package = sim.state.line[0][seen.up]["package"][rows]
    served = np.where(package >= 0, sim.state.package[0]["route"][package], -1)
    outcome = {
        "served_route": served,
        "served_fc": np.where(served >= 0, names.site[sim.world.net.routes["fc"][served]], None),
        "replanned": served != _at(seen.route[rows], seen.chosen[rows], -1),
    }
    values = {**columns, **outcome}
    arrays = [
        value if isinstance(value := values[field.name], pa.Array) else _array(value, field.type) for field in SCHEMA
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _array(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """An Arrow column; NaN is none."""
    return pa.array(values, type=kind, from_pandas=True)


def _at(table: np.ndarray, k: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """The k-th entry of each row of table (n, K, …); `empty` where k is −1."""
    found = table[np.arange(len(k)), k]
    return np.where((k >= 0).reshape(-1, *[1] * (found.ndim - 1)), found, empty)


def _way(sim: Simulator, names: Names, seen: Seen, rows: np.ndarray, k: np.ndarray, prefix: str) -> dict[str, pa.Array]:
    """Columns of `_WAY` of the k-th candidate of each line, empty where k is −1."""
    none = k < 0
    route = _at(seen.route[rows], k, -1)
    facts = _facts(sim, names, seen.line[rows], route)
    facts["score"], facts["packages"] = _at(seen.score[rows], k), _at(seen.packages[rows], k)
    return {f"{prefix}{name}": pa.array(facts[name], type=kind, mask=none) for name, kind in _WAY}


def _facts(sim: Simulator, names: Names, line: np.ndarray, route: np.ndarray) -> dict[str, np.ndarray]:
    """What a route means for a line: line (n,), route (n,)."""
    record, hours = sim.world.net.routes[route], sim.scenario.tick_hours
    path, modes = names.ways(route)
    arrival = sim.tick(0) + 1 + record["rest"][:, 0]
    return {
        "route": route, "fc": names.site[record["fc"]], "region": names.region[record["fc"]],
        "path": path, "modes": modes, "local": record["local"] == 1, "stops": record["legs"] - 1,
        "miles": record["miles"], "air_miles": record["air_miles"], "hours": (arrival - line["ordered"]) * hours,
        "in_time": arrival <= line["due"], "on_hand": sim.state.stock[0, line["sku"], record["fc"]],
    }  # fmt: skip


def _candidates(sim: Simulator, names: Names, seen: Seen, rows: np.ndarray) -> pa.Array:
    """All candidates of each line, in the order in which the policy saw them."""
    found = seen.route[rows] >= 0
    i, k = np.nonzero(found)
    facts = _facts(sim, names, seen.line[rows][i], seen.route[rows][i, k])
    facts["score"], facts["more_usd"] = seen.score[rows][i, k], seen.more_usd[rows].sum(axis=2)[i, k]
    return _lists(found.sum(axis=1), _CANDIDATE, facts)


def _features(policy: ScorerPolicy, seen: Seen, rows: np.ndarray) -> tuple[np.ndarray, pa.Array]:
    """The reason in words, and the features that matter most, of each line."""
    chosen, other = seen.chosen[rows], seen.other[rows]
    compared = np.flatnonzero(other >= 0)
    a = seen.feature[rows[compared], chosen[compared]]
    b = seen.feature[rows[compared], other[compared]]
    gain = worth(policy.scorers.source, seen.up[0][rows[compared]], a, b)
    most = np.argsort(-np.abs(gain), axis=1, kind="stable")[:, :MOST_FEATURES]
    turn = np.arange(len(compared))[:, None]
    i, j = np.nonzero(np.abs(gain[turn, most]) > NO_MATTER)
    f = most[i, j]
    count = np.zeros(len(rows), np.int64)
    count[compared] = np.bincount(i, minlength=len(compared))
    named = np.array(SOURCE_FEATURES, dtype=object)
    listed = {"feature": named[f], "chosen": a[i, f], "next": b[i, f], "worth": gain[i, f]}
    reasons = np.full(len(rows), "", dtype=object)
    best = gain.argmax(axis=1)
    words = np.array([WORDS[name] for name in SOURCE_FEATURES], dtype=object)
    if not policy.scorers.source.b1.shape[1]:  # what features contribute to a network's score need not add up
        reasons[compared] = np.where(gain[turn[:, 0], best] > NO_MATTER, words[best], "")
    return reasons, _lists(count, _FEATURE, listed)


def _lists(lengths: np.ndarray, kind: pa.StructType, fields: dict[str, np.ndarray]) -> pa.Array:
    """Lists of structs, of given lengths, one after the other."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), type=pa.int32())
    values = [_array(fields[field.name], field.type) for field in kind]
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(values, fields=list(kind)))
