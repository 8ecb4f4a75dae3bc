"""Phase 4, for policies outside the kernel: what they see, and the decisions they hand back.

`fill_tables` and `apply_choices` serve regions with padded tables (Gymnasium). `pack_…` and `unpack_…` serve
learners, with one row per decision and no padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled, inlined
from regional_dispatch.envs.kernel.credit import start_journey, take_lane_account
from regional_dispatch.envs.kernel.decisions.candidates import candidates_found, open_region, prepare_order
from regional_dispatch.envs.kernel.decisions.features import (
    SHADOW_PRICE_USD,
    S,
    ask_all_features,
    dispatch_features,
    hour_of_day,
    region_features,
    source_features,
)
from regional_dispatch.envs.kernel.decisions.outlook import route_backlog_hours
from regional_dispatch.envs.kernel.phases.arrivals import line_at
from regional_dispatch.envs.kernel.phases.dispatch import can_send


@compiled
def fill_tables(
    w: Any, s: Any, first: int, orders: np.ndarray, lanes: np.ndarray, region: np.ndarray, order_mask: np.ndarray,
    lane_mask: np.ndarray,
) -> None:  # fmt: skip
    """Writes what regions see into blank tables, one row each: see `envs.observation.empty_observation`.

    Row i is region (first + i) modulo R of copy (first + i) // R. A slot without a decision has one legal value.
    """
    order_mask[:, :, 0] = lane_mask[:, :, 0] = 1
    for i in range(len(region)):
        b, r = (first + i) // w.net.regions, (first + i) % w.net.regions
        region_features(w, s, b, r, region[i])
        _fill_lines(w, s, b, r, orders[i], order_mask[i])
        _fill_lanes(w, s, b, r, lanes[i], lane_mask[i])


@inlined
def _fill_lines(w: Any, s: Any, b: int, r: int, orders: np.ndarray, mask: np.ndarray) -> None:
    ask_all_features(s, b, r)
    open_region(w, s, b, r)
    low = np.int64(0)
    while low < s.slots[b, r]:
        high = prepare_order(w, s, b, r, low)
        for j in range(low, high):
            found = candidates_found(w, s, b, r, j)
            source_features(w, s, b, r, j, low, high, found, orders[j])
            for k in range(found):
                mask[j, k] = 1
        low = high


@inlined
def _fill_lanes(w: Any, s: Any, b: int, r: int, lanes: np.ndarray, mask: np.ndarray) -> None:
    hour = hour_of_day(w, s, b)
    for i in range(s.row[b].active):
        lane = s.active[b, i]
        if w.net.lanes[lane].region == r and w.net.lanes[lane].slot >= 0:
            slot = w.net.lanes[lane].slot
            mask[slot, 1] = can_send(w, s, b, lane)
            dispatch_features(w, s, b, i, hour, lanes[slot])


@compiled
def apply_choices(w: Any, s: Any, first: int, actions: np.ndarray) -> None:
    """Writes padded actions, (rows, M + L) int64, into the decisions of the tick; rows as in `fill_tables`."""
    slots = w.rules.order_slots
    for i in range(len(actions)):
        b, r = (first + i) // w.net.regions, (first + i) % w.net.regions
        for j in range(s.slots[b, r]):
            line_at(s, b, r, j).choice = actions[i, j]
        for slot in range(w.net.slot_lane.shape[1]):
            lane = w.net.slot_lane[r, slot]
            if lane >= 0:
                s.go[b, lane] = actions[i, slots + slot] if s.lane[b, lane].count > 0 else 0


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
    n: Any = np.int64(0)
    for r in range(w.net.regions):
        ask_all_features(s, b, r)
        open_region(w, s, b, r)
        low = np.int64(0)
        while low < s.slots[b, r]:
            high = prepare_order(w, s, b, r, low)
            for j in range(low, high):
                found = candidates_found(w, s, b, r, j)
                if found > 0:
                    source_features(w, s, b, r, j, low, high, found, x[n])
                    _pack_beside(w, s, b, r, j, found, x[n], mask[n], price[n], backlog[n])
                    region[n], order[n] = r, line_at(s, b, r, j).order
                    n += 1
            low = high
    return n


@inlined
def _pack_beside(
    w: Any, s: Any, b: int, r: int, j: int, found: int, x: np.ndarray, mask: np.ndarray, price: np.ndarray,
    backlog: np.ndarray,
) -> None:  # fmt: skip
    """What `pack_lines` says about the line in slot j beside its features."""
    for k in range(w.rules.candidates):
        mask[k] = k < found
        if k < found:
            price[k] = x[k, S.shadow_price] * SHADOW_PRICE_USD
            backlog[k] = route_backlog_hours(w, s, b, s.candidate[b, r, j, k])
        else:
            x[k, :] = 0
            price[k] = backlog[k] = 0


@compiled
def unpack_lines(w: Any, s: Any, b: int, choice: np.ndarray, journey: np.ndarray) -> None:
    """Applies choices to the lines `pack_lines` listed, and starts a journey for each: (rows,) int64 both."""
    n = 0
    for r in range(w.net.regions):
        for j in range(s.slots[b, r]):
            if s.candidate[b, r, j, 0] < 0:
                continue
            line = line_at(s, b, r, j)
            line.choice = choice[n]
            start_journey(s, b, line, journey[n])
            n += 1


@compiled
def pack_lanes(
    w: Any, s: Any, b: int, x: np.ndarray, lane: np.ndarray, region: np.ndarray, cost: np.ndarray, sent: np.ndarray,
    handover: np.ndarray,
) -> int:  # fmt: skip
    """Every lane of copy b with packages waiting and a truck to send, ascending.

    Args:
        x: (rows, DISPATCH_COUNT) float32, filled.
        lane: (rows,) int64, filled.
        region: (rows,) int64, filled.
        cost: (rows,) float64, filled: USD the lane was charged with since it was last packed.
        sent: (rows,) float64, filled: what the packages it has sent since then would have cost on full trucks, USD.
        handover: (rows,) float64, filled: what those are expected to cost the next lanes beyond the standard, USD.

    Returns:
        How many rows were filled.
    """
    for r in range(w.net.regions):
        ask_all_features(s, b, r)
    n, hour = 0, hour_of_day(w, s, b)
    for i in range(s.row[b].active):
        index = s.active[b, i]
        if can_send(w, s, b, index):
            dispatch_features(w, s, b, i, hour, x[n])
            lane[n], region[n] = index, w.net.lanes[index].region
            cost[n], sent[n], handover[n] = take_lane_account(w, s.lane[b, index], w.net.lanes[index])
            n += 1
    return n


@compiled
def unpack_lanes(s: Any, b: int, lane: np.ndarray, go: np.ndarray) -> None:
    """Applies go (1) or hold (0) to lanes: (rows,) int64 both."""
    for i in range(len(lane)):
        s.go[b, lane[i]] = go[i]
