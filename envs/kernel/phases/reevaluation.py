"""Re-evaluation: once an hour, packages of a split order that are not yet picked are merged where that saves dollars.

After Xu, Allgor & Graves 2009 ("Benefits of Reevaluating Real-Time Order Fulfillment Decisions", M&SOM 11:2): a
decision made when an order arrives can be taken back until picking starts. Here a package that still waits to be picked
is merged into another waiting package of its order, if that one's FC has the units and it saves dollars at standard
cost. The other package keeps its place in the queue, so nothing is delayed. Units whose replacement has already been
ordered stay where they are, so stock and orders never exceed base stock.
"""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import inlined
from regional_dispatch.envs.kernel.ledger import USD, book_accrual, book_handling, late_usd
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.kernel.phases.arrivals import line_at, region_of_station
from regional_dispatch.envs.kernel.phases.closures import is_cut


@inlined
def keep_item(s: Any, b: int, p: int, sku: int, units: int) -> None:
    """Notes a line of package p, so that it can be moved until it is picked."""
    row = s.row[b]
    index = row.free_item
    if index < 0:
        index = row.fresh_item
        row.fresh_item += 1
    else:
        row.free_item = s.item[b, index].next
    item = s.item[b, index]
    row.items += 1
    item.sku, item.units, item.next = sku, units, s.tag[b, p].items
    s.tag[b, p].items = index


@inlined
def drop_items(s: Any, b: int, p: int) -> None:
    """Forgets the lines of package p, which is picked now."""
    row, tag = s.row[b], s.tag[b, p]
    index = tag.items
    while index >= 0:
        after = s.item[b, index].next
        s.item[b, index].next = row.free_item
        row.free_item = index
        row.items -= 1
        index = after
    tag.items = -1


@inlined
def link_siblings(s: Any, b: int, r: int, first: int, lines: int, outside: int) -> None:
    """Rings the packages of an order just sourced, whose lines stand in slots first…first + lines − 1.

    `outside` of them are lost or come from another region.
    """
    head, last = -1, -1
    for j in range(first, first + lines):
        line = line_at(s, b, r, j)
        p = line.package
        if p >= 0 and s.tag[b, p].order != line.order:
            tag = s.tag[b, p]
            tag.order, tag.outside = line.order, outside
            if head < 0:
                head = p
            else:
                s.tag[b, last].sibling = p
            tag.sibling = head
            last = p


@inlined
def leave_siblings(s: Any, b: int, p: int) -> None:
    """Takes package p, which is delivered or merged, out of the ring of its order's packages."""
    tag, before = s.tag[b, p], p
    if tag.order < 0:
        return
    while s.tag[b, before].sibling != p:
        before = s.tag[b, before].sibling
    s.tag[b, before].sibling = tag.sibling
    tag.order = -1


@inlined
def reevaluate(w: Any, s: Any, b: int) -> None:
    """Goes through every package not yet picked, site by site, and merges what can be merged."""
    for site in range(w.net.fcs):
        queue = s.queue[b, site]
        before, p = -1, queue.head
        while p >= 0:
            after = s.package[b, p].next
            other = _better_home(w, s, b, p)
            if other >= 0:
                _unlink(s, b, site, before, p)
                _merge(w, s, b, p, other)
            else:
                before = p
            p = after


@inlined
def _better_home(w: Any, s: Any, b: int, p: int) -> int:
    """The unpicked package of the same order that saves most by taking in package p; −1 if none does."""
    best, most = -1, 0.0
    q = s.tag[b, p].sibling
    while q != p:
        if s.tag[b, q].items >= 0 and _can_move(w, s, b, p, q):
            saved = _saving(w, s, b, p, q)
            # The other way round may save more; then it happens when the other package's turn comes.
            if saved > most and not (_can_move(w, s, b, q, p) and _saving(w, s, b, q, p) > saved):
                best, most = q, saved
        q = s.tag[b, q].sibling
    return best


@inlined
def _saving(w: Any, s: Any, b: int, p: int, q: int) -> float:
    """USD saved at standard cost if package q takes in package p: all of p's way, less what comes late with q."""
    a, c = s.package[b, p], s.package[b, q]
    tick = s.row[b].tick
    late_p = late_usd(w.rules, tick + 1 + w.net.routes[a.route].rest[0] - a.due)
    late_q = late_usd(w.rules, tick + 1 + w.net.routes[c.route].rest[0] - c.due)
    return w.net.routes[a.route].cost + late_p - late_q


@inlined
def _can_move(w: Any, s: Any, b: int, p: int, q: int) -> bool:
    """Has q's FC the units of p and an open way, none of p's units been reordered, and no learner an eye on either?"""
    package, fc = s.package[b, p], w.net.routes[s.package[b, q].route].fc
    if package.due != s.package[b, q].due or _is_followed(s, b, p) or _is_followed(s, b, q):
        return False
    if is_cut(w, s, b, s.package[b, q].route):
        return False
    tick, review = s.row[b].tick, w.rules.review_ticks
    index, possible = s.tag[b, p].items, True
    while index >= 0 and possible:
        item = s.item[b, index]
        since_review = (tick - item.sku) % review
        units = 0  # of this SKU in the whole package: two lines may ask for the same shelf
        twin = s.tag[b, p].items
        while twin >= 0:
            if s.item[b, twin].sku == item.sku:
                units += s.item[b, twin].units
            twin = s.item[b, twin].next
        possible = s.stock[b, item.sku, fc] >= units and tick - since_review <= package.joined
        index = item.next
    return possible


@inlined
def _is_followed(s: Any, b: int, p: int) -> bool:
    return s.row[b].followed == 1 and s.tag[b, p].journey >= 0


@inlined
def _unlink(s: Any, b: int, site: int, before: int, p: int) -> None:
    """Takes package p, which follows `before` (−1: none), out of a site's queue."""
    queue, package = s.queue[b, site], s.package[b, p]
    if before < 0:
        queue.head = package.next
        queue.progress = 0
    else:
        s.package[b, before].next = package.next
    if queue.tail == p:
        queue.tail = before
    queue.packages -= 1
    queue.lines -= package.lines


@inlined
def _merge(w: Any, s: Any, b: int, p: int, q: int) -> None:
    """Package q takes in the lines of p; p's handling and lateness are taken off the accrual, and p was never made."""
    row, rules, a, c = s.row[b], w.rules, s.package[b, p], s.package[b, q]
    old, new = w.net.routes[a.route], w.net.routes[c.route]
    r = region_of_station(w, old.station)
    book_handling(w, s, b, r, old.legs - 1, -1)
    book_accrual(s, b, r, USD.late, -late_usd(rules, a.joined + 1 + old.rest[0] - a.due))
    _count_merge(w, s, b, r, p, q)
    _move_items(s, b, p, q, old.fc, new.fc)
    c.lines += a.lines
    s.queue[b, new.fc].lines += a.lines
    s.lane[b, old.lanes[0]].inbound -= 1
    leave_siblings(s, b, p)
    a.next = row.free
    row.free = p
    row.packages -= 1
    row.packages_made -= 1


@inlined
def _move_items(s: Any, b: int, p: int, q: int, old: int, new: int) -> None:
    """Puts p's units back on FC `old`'s shelf, takes them from FC `new`'s, and adds the lines to q."""
    index = s.tag[b, p].items
    while index >= 0:
        item = s.item[b, index]
        after = item.next
        s.stock[b, item.sku, old] += item.units
        s.stock[b, item.sku, new] -= item.units
        s.moved[b, item.sku] = 1
        item.next = s.tag[b, q].items
        s.tag[b, q].items = index
        index = after
    s.tag[b, p].items = -1


@inlined
def _count_merge(w: Any, s: Any, b: int, r: int, p: int, q: int) -> None:
    """KPI counters as if the lines had been sourced there at once."""
    a, c = s.package[b, p], s.package[b, q]
    if a.ordered < w.rules.warmup_tick:
        return
    old, new, count = w.net.routes[a.route], w.net.routes[c.route], s.count[b, r]
    count[N.packages] -= 1
    count[N.packages_direct] -= old.legs == 1
    count[N.package_miles] -= old.miles
    count[N.package_sorts] -= old.legs - 1
    count[N.lines_mended] += a.lines
    moved_out = a.lines * (int(old.in_region) - int(new.in_region))
    if moved_out == 0:
        return
    count[N.lines_spilled] += moved_out
    before = s.tag[b, q].outside
    outside = before + moved_out
    count[N.orders_in_region] += int(outside == 0) - int(before == 0)
    i = s.tag[b, p].sibling
    while i != p:  # all packages of the order agree on how many of its lines come from outside
        s.tag[b, i].outside = outside
        i = s.tag[b, i].sibling
