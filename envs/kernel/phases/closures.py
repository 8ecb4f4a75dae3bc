"""Events of the scenario as they come and go: capacities, closed lanes, routes that are cut for a while."""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import inlined


@inlined
def enter_period(w: Any, s: Any, b: int) -> None:
    """Begins and ends the events that begin and end with the row's tick."""
    row, events = s.row[b], w.events
    following = row.period + 1
    if following == len(events.first) or events.first[following] > row.tick:
        return
    row.period, row.some_cut = following, events.some_cut[following]
    for site in range(events.capacity.shape[1]):
        s.site_capacity[b, site] = events.capacity[following, site]
    for lane in range(events.shut.shape[1]):
        s.shut[b, lane], s.cut[b, lane] = events.shut[following, lane], events.cut[following, lane]


@inlined
def is_cut(w: Any, s: Any, b: int, path: int) -> bool:
    """Would a package sourced now on this route have to wait for an event to end?"""
    found = False
    if s.row[b].some_cut == 1:
        route = w.net.routes[path]
        for leg in range(route.legs):
            found = found or s.cut[b, route.lanes[leg]] == 1
    return found


@inlined
def uncut(w: Any, s: Any, b: int, path: int) -> int:
    """This route, or if it is cut the cheapest one between the same FC and station that is not; itself if all are."""
    found = path
    if is_cut(w, s, b, path):
        station, fc = w.net.routes[path].station, w.net.routes[path].fc
        routes, i = w.net.by_cost[s.row[b].setting, station], 0
        while found == path and i < len(routes) and routes[i] >= 0:
            if w.net.routes[routes[i]].fc == fc and not is_cut(w, s, b, routes[i]):
                found = routes[i]
            i += 1
    return found
