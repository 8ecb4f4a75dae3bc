"""What the study of placements advises, in words that follow from its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.evaluation.text import interval, number, times
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL
from regional_dispatch.studies.placement.layout import BASE, OPTIMISED, PROPORTION, SHOWN, breadth_world, world_of
from regional_dispatch.studies.report.charts import label

if TYPE_CHECKING:
    from regional_dispatch.studies.placement.page import Change, Page


def advice(page: Page) -> str:
    """Paragraphs of advice, each with the numbers it follows from."""
    parts = [_whether(page), _price(page), _rivals(page), _nation(page)]
    return "\n\n".join([*parts, _broaden(page)] if page.laid.swept else parts)


def _whether(page: Page) -> str:
    share, cost = (
        [page.anew(OPTIMISED, kpi, policy) for policy in page.policies]
        for kpi in ("in_region_share", "cost_per_order_usd")
    )
    gain, costlier = sum(change.change.ci_low > 0 for change in share), sum(_is_worse(change) for change in cost)
    if not gain:
        first = "Leave stock where it stands."
    elif costlier:
        first = "Place stock for the regions if you want more orders in region; it is not cheaper with every policy."
    else:
        first = "Place stock for the regions."
    placements = page.laid.placements
    moved = np.abs(placements[OPTIMISED] - placements[BASE].astype(np.int64)).sum() / 2 / placements[BASE].sum()
    return (
        f"{first} In the same storage, with {number(100 * moved, 0)} % of all units in another FC, {gain} of "
        f"{len(share)} policies serve more orders in region and {costlier} pay more per order; the 95 % intervals "
        "of these exclude zero."
    )


def _price(page: Page) -> str:
    worse = [c for c in (page.anew(OPTIMISED, kpi) for kpi in SHOWN) if _is_worse(c)]
    named = "; ".join(f"{label(change.kpi)} {interval(change.change._asdict(), 2)}" for change in worse)
    costs = ", ".join(
        f"{interval(page.anew(OPTIMISED, 'cost_per_order_usd', policy).change._asdict(), 2)} USD with {policy}"
        for policy in page.policies
    )
    before, after = (
        next(row.fcs for row in page.classes if (row.velocity, row.placement) == ("A", name))
        for name in (BASE, OPTIMISED)
    )
    return (
        f"What gets worse with {page.lead}: {named or 'nothing in the table'}. Cost per order changes by {costs}. "
        f"A fast mover stands in {number(after, 1)} FCs instead of {number(before, 1)}: one FC per region is "
        "enough for coverage, but it is not always near."
    )


def _rivals(page: Page) -> str:
    share, cost = (
        {name: page.mean(world_of(name, REGIONAL), page.lead, kpi).mean for name in page.laid.placements}
        for kpi in ("in_region_share", "cost_per_order_usd")
    )
    most, least = max(share, key=share.__getitem__), min(cost, key=cost.__getitem__)
    split = page.anew(PROPORTION, "in_region_share").change
    verdict = ": try it first, as it needs no optimiser" if split.ci_low > 0 else ""
    return (
        f"Of the four placements, '{most}' serves most orders in region, {number(share[most], 1)} %, and '{least}' "
        f"costs least, {number(cost[least], 2)} USD an order. The plain rule 'in proportion' changes orders in "
        f"region by {interval(split._asdict(), 1)} points{verdict}."
    )


def _nation(page: Page) -> str:
    nation = world_of(BASE, NATIONAL)
    cut, stock, both = (
        interval(page.change(world, page.lead, "in_region_share", nation).change._asdict(), 1)
        for world in (
            world_of(BASE, REGIONAL),
            world_of(OPTIMISED, NATIONAL),
            world_of(OPTIMISED, REGIONAL),
        )
    )
    cost = page.anew(OPTIMISED, "cost_per_order_usd", partition=NATIONAL).change
    verdict = "so change the partition first, then move stock" if cost.ci_low > 0 else "so it may come first"
    return (
        f"Of all orders, the change of partition alone brings {cut} points more into their region than one nation "
        f"does, the placement alone {stock}, both {both}. While one nation is still in force, the placement "
        f"changes cost per order by {interval(cost._asdict(), 2)} USD, {verdict}."
    )


def _broaden(page: Page) -> str:
    base, gains = page.stocked[BASE].units, {}
    for (velocity, share), levels in page.laid.swept.items():
        more = int(levels.sum()) - base
        if more > 0 and velocity not in gains:
            world = breadth_world(velocity, share)
            changes = (page.change(world, page.lead, kpi) for kpi in ("in_region_share", "cost_per_order_usd"))
            share_gain, usd = (interval(times(c.change._asdict(), 1000 / more), 2) for c in changes)
            gains[velocity] = f"{share_gain} points and {usd} USD for {world}"
    return (
        f"If there is storage to spare: each thousand units of breadth change orders in region and cost per order, "
        f"with {page.lead}, by {'; '.join(gains.values()) or 'nothing that was tried'}."
    )


def _is_worse(change: Change) -> bool:
    """Whether the whole interval of the change is on the bad side of zero."""
    worse_above = {"lower": True, "higher": False}.get(KPIS[change.kpi].better)
    if worse_above is None:
        return False
    return change.change.ci_low > 0 if worse_above else change.change.ci_high < 0
