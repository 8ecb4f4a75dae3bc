"""Phase 1: units ordered a lead time ago arrive, and SKUs whose review is due are ordered up to base stock."""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import inlined


@inlined
def replenish(w: Any, s: Any, b: int) -> None:
    """Base-stock reviews, a share of the SKUs each tick, then the arrivals. What an FC has beyond its level stays.

    A SKU of which no unit has left a shelf since its last review is at base stock, on hand and on order: nothing is
    ordered, and its shelves are not looked at.
    """
    tick, review, skus = s.row[b].tick, w.rules.review_ticks, s.moved.shape[1]
    outstanding = s.pipeline.shape[1]
    slot = (tick // review) % outstanding
    for sku in range(tick % review, skus, review):
        if s.moved[b, sku]:
            s.moved[b, sku] = 0
            s.ordered[b, slot, sku] = _order(w, s, b, slot, sku)
    placed = tick - w.rules.lead_ticks
    if placed < 0:
        return
    slot = (placed // review) % outstanding
    for sku in range(placed % review, skus, review):
        if s.ordered[b, slot, sku]:
            s.ordered[b, slot, sku] = 0
            _receive(s, b, slot, sku)


@inlined
def _order(w: Any, s: Any, b: int, slot: int, sku: int) -> bool:
    """Orders a SKU up to base stock at every FC that carries it; says whether any unit was ordered."""
    base_stock, any_unit = w.base_stock[s.row[b].setting, sku], False
    for fc in range(len(base_stock)):
        if base_stock[fc] > 0:
            position = int(s.stock[b, sku, fc]) + int(s.road[b, sku, fc])
            for n in range(s.pipeline.shape[1]):
                position += s.pipeline[b, n, sku, fc]
            units = base_stock[fc] - position
            if units > 0:  # transfers may have brought more than base stock
                s.pipeline[b, slot, sku, fc] = units
                any_unit = True
    return any_unit


@inlined
def _receive(s: Any, b: int, slot: int, sku: int) -> None:
    """Puts the units of an order on the shelves."""
    for fc in range(s.stock.shape[2]):
        units = s.pipeline[b, slot, sku, fc]
        if units > 0:
            s.stock[b, sku, fc] += units
            s.pipeline[b, slot, sku, fc] = 0
            s.row[b].units_arrived += units
