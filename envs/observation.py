"""Between the kernel and whoever decides: observations with their masks, actions, and packed decisions.

Padded observations serve Gymnasium and stable-baselines3: fixed shapes, one legal action in every slot without a
decision. Packed decisions serve our own learner: one row per decision there is, and nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from regional_dispatch.envs.kernel import tick as kernel
from regional_dispatch.envs.kernel.compiled import compiled
from regional_dispatch.envs.kernel.features import (
    DISPATCH_COUNT,
    LIMIT,
    REGION_COUNT,
    SHADOW_PRICE_USD,
    SOURCE_COUNT,
    dispatch_features,
    hour_of_day,
    region_features,
    source_features,
)
from regional_dispatch.envs.kernel.outlook import route_backlog_hours
from regional_dispatch.envs.simulator import Simulator


def observation_space(sim: Simulator, tables: bool = False) -> spaces.Dict:
    """What one region sees; `tables` keeps `orders` and `lanes` as tables instead of flat vectors."""
    slots, candidates, lanes = _sizes(sim)
    shapes = {"orders": (slots, candidates, SOURCE_COUNT), "lanes": (lanes, DISPATCH_COUNT), "region": (REGION_COUNT,)}
    boxes = {
        name: spaces.Box(-LIMIT, LIMIT, shape if tables else (int(np.prod(shape)),), np.float32)
        for name, shape in shapes.items()
    }
    masks = {"order_mask": spaces.MultiBinary([slots, candidates]), "lane_mask": spaces.MultiBinary([lanes, 2])}
    return spaces.Dict({**boxes, **masks})


def action_space(sim: Simulator) -> spaces.MultiDiscrete:
    """One of K candidates per line slot, then hold (0) or go (1) per lane slot."""
    slots, candidates, lanes = _sizes(sim)
    return spaces.MultiDiscrete([candidates] * slots + [2] * lanes)


def _sizes(sim: Simulator) -> tuple[int, int, int]:
    rules = sim.world.rules
    return rules.order_slots, rules.candidates, sim.world.net.slot_lane.shape[1]


def empty_observation(sim: Simulator, rows: int) -> dict[str, np.ndarray]:
    """Arrays for `fill_observation`, one row per region observed, as tables."""
    slots, candidates, lanes = _sizes(sim)
    return {
        "orders": np.zeros((rows, slots, candidates, SOURCE_COUNT), np.float32),
        "lanes": np.zeros((rows, lanes, DISPATCH_COUNT), np.float32),
        "region": np.zeros((rows, REGION_COUNT), np.float32),
        "order_mask": np.zeros((rows, slots, candidates), np.int8),
        "lane_mask": np.zeros((rows, lanes, 2), np.int8),
    }


def fill_observation(sim: Simulator, copy: int, region: int, out: dict[str, np.ndarray], row: int) -> None:
    """Writes what a region of a network copy sees into one row of `empty_observation`'s arrays."""
    parts = (out[name][row] for name in ("orders", "lanes", "region", "order_mask", "lane_mask"))
    _fill(sim.world, sim.state, copy, region, *parts)


def flat(out: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`orders` and `lanes` as vectors, one per row."""
    flattened = {name: out[name].reshape(len(out[name]), -1) for name in ("orders", "lanes")}
    return {**out, **flattened}


def apply_action(sim: Simulator, copy: int, region: int, action: np.ndarray) -> None:
    """Writes a region's padded action into the kernel's decisions."""
    _apply(sim.world, sim.state, copy, region, np.ascontiguousarray(action, dtype=np.int64))


@compiled
def _fill(
    w: Any, s: Any, b: int, r: int, orders: np.ndarray, lanes: np.ndarray, region: np.ndarray,
    order_mask: np.ndarray, lane_mask: np.ndarray,
) -> None:  # fmt: skip
    orders[:] = 0
    lanes[:] = 0
    order_mask[:] = 0
    order_mask[:, 0] = 1
    lane_mask[:, 0] = 1
    lane_mask[:, 1] = 0
    region_features(w, s, b, r, region)
    kernel.prepare_lines(w, s, b, r)
    for j in range(s.slots[b, r]):
        found = kernel.candidates_found(w, s, b, r, j)
        source_features(w, s, b, r, j, found, orders[j])
        for k in range(found):
            order_mask[j, k] = 1
    hour = hour_of_day(w, s, b)
    for i in range(s.row[b].active):
        lane = s.active[b, i]
        if w.net.lanes[lane].region == r and w.net.lanes[lane].slot >= 0:
            slot = w.net.lanes[lane].slot
            lane_mask[slot, 1] = kernel.can_send(w, s, b, lane)
            dispatch_features(w, s, b, i, hour, lanes[slot])


@compiled
def _apply(w: Any, s: Any, b: int, r: int, action: np.ndarray) -> None:
    size, slots = s.line.shape[2], w.rules.order_slots
    for j in range(s.slots[b, r]):
        s.line[b, r, (s.line_first[b, r] + j) % size].choice = action[j]
    for slot in range(w.net.slot_lane.shape[1]):
        lane = w.net.slot_lane[r, slot]
        if lane >= 0:
            s.go[b, lane] = action[slots + slot] if s.lane[b, lane].count > 0 else 0


@compiled
def pack_lines(
    w: Any, s: Any, b: int, x: np.ndarray, mask: np.ndarray, region: np.ndarray, price: np.ndarray,
    backlog: np.ndarray, order: np.ndarray,
) -> int:  # fmt: skip
    """Every line up for decision in copy b that has a candidate, region by region.

    Args:
        x: (rows, K, SOURCE_COUNT) float32, filled.
        mask: (rows, K) bool, filled.
        region: (rows,) int64, filled.
        price: (rows, K) float32, filled: shadow price of the units the line would take, USD.
        backlog: (rows, K) float32, filled: hours of work queued on the candidate's way.
        order: (rows,) int64, filled: number of the line's order in its episode.

    Returns:
        How many rows were filled, in the order `unpack_lines` reads.
    """
    n = 0
    for r in range(w.net.regions):
        size = s.line.shape[2]
        kernel.prepare_lines(w, s, b, r)
        for j in range(s.slots[b, r]):
            found = kernel.candidates_found(w, s, b, r, j)
            if found == 0:
                continue
            line = s.line[b, r, (s.line_first[b, r] + j) % size]
            source_features(w, s, b, r, j, found, x[n])
            for k in range(w.rules.candidates):
                mask[n, k] = k < found
                if k < found:
                    price[n, k] = x[n, k, SOURCE_COUNT - 1] * SHADOW_PRICE_USD
                    backlog[n, k] = route_backlog_hours(w, s, b, s.candidate[b, r, j, k])
                else:
                    x[n, k, :] = 0
                    price[n, k] = backlog[n, k] = 0
            region[n], order[n] = r, line.order
            n += 1
    return n


@compiled
def unpack_lines(w: Any, s: Any, b: int, choice: np.ndarray, journey: np.ndarray) -> None:
    """Applies choices to the lines `pack_lines` listed, and starts a journey for each: (rows,) int64 both."""
    n = 0
    for r in range(w.net.regions):
        size = s.line.shape[2]
        for j in range(s.slots[b, r]):
            if s.candidate[b, r, j, 0] < 0:
                continue
            line = s.line[b, r, (s.line_first[b, r] + j) % size]
            line.choice, line.journey = choice[n], journey[n]
            record = s.journey[b, journey[n]]
            record.cost, record.leader, record.done, record.void = 0.0, journey[n], 0, 0
            n += 1


@compiled
def pack_lanes(
    w: Any, s: Any, b: int, x: np.ndarray, lane: np.ndarray, region: np.ndarray, cost: np.ndarray, sent: np.ndarray,
    handed: np.ndarray,
) -> int:  # fmt: skip
    """Every lane of copy b with packages waiting and a truck to send, ascending.

    Args:
        x: (rows, DISPATCH_COUNT) float32, filled.
        lane: (rows,) int64, filled.
        region: (rows,) int64, filled.
        cost: (rows,) float64, filled: USD the lane has accrued since it was last packed.
        sent: (rows,) float64, filled: what the packages it has sent since then would have cost on full trucks, USD.
        handed: (rows,) float64, filled: what those are expected to cost the next lanes beyond the standard, USD.

    Returns:
        How many rows were filled.
    """
    n, hour = 0, hour_of_day(w, s, b)
    for i in range(s.row[b].active):
        index = s.active[b, i]
        if kernel.can_send(w, s, b, index):
            dispatch_features(w, s, b, i, hour, x[n])
            lane[n], region[n] = index, w.net.lanes[index].region
            cost[n] = s.lane[b, index].cost
            sent[n] = s.lane[b, index].sent * w.net.lanes[index].cost / w.rules.truck_packages
            handed[n] = s.lane[b, index].handed
            s.lane[b, index].cost, s.lane[b, index].sent, s.lane[b, index].handed = 0.0, 0, 0.0
            n += 1
    return n


@compiled
def unpack_lanes(s: Any, b: int, lane: np.ndarray, go: np.ndarray) -> None:
    """Applies go (1) or hold (0) to lanes: (rows,) int64 both."""
    for i in range(len(lane)):
        s.go[b, lane[i]] = go[i]
