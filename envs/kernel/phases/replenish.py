"""Phase 1: units ordered a lead time ago arrive, and SKUs whose review is due are ordered up to base stock."""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import inlined


@inlined
def replenish(w: Any, s: Any, b: int) -> None:
    """Base-stock reviews, a share of the SKUs each tick, then the arrivals. What an FC has beyond its level stays."""
    rules, row = w.rules, s.row[b]
    tick, review = row.tick, rules.review_ticks
    outstanding = s.pipeline.shape[1]
    base_stock = w.base_stock[row.setting]
    skus, fcs = base_stock.shape
    slot = (tick // review) % outstanding
    for sku in range(tick % review, skus, review):
        for fc in range(fcs):
            base = base_stock[sku, fc]
            if base > 0:
                position = int(s.stock[b, sku, fc]) + int(s.road[b, sku, fc])
                for n in range(outstanding):
                    position += s.pipeline[b, n, sku, fc]
                s.pipeline[b, slot, sku, fc] = max(base - position, 0)  # transfers may have brought more than base
    placed = tick - rules.lead_ticks
    if placed < 0:
        return
    slot = (placed // review) % outstanding
    for sku in range(placed % review, skus, review):
        for fc in range(fcs):
            units = s.pipeline[b, slot, sku, fc]
            if units > 0:
                s.stock[b, sku, fc] += units
                s.pipeline[b, slot, sku, fc] = 0
                row.units_arrived += units
