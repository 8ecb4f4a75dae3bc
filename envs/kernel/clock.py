"""What clocks show at a row's tick, and when trucks may leave (`envs.world.clocks.clock`)."""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import inlined, pasted


@pasted
def calendar_tick(w: Any, s: Any, b: int, tick: int) -> int:
    """The calendar tick of a row's tick."""
    return (s.row[b].week_tick + tick) % w.clock.shift.shape[1]


@pasted
def local_hours(w: Any, s: Any, b: int, site: int, tick: int) -> float:
    """Hours since some Monday's midnight at a site, at a row's tick."""
    shift = w.clock.shift[w.clock.zone[site], calendar_tick(w, s, b, tick)]
    return (s.row[b].week_tick + tick) * w.rules.tick_hours + shift


@pasted
def is_working(w: Any, s: Any, b: int, site: int) -> bool:
    """Does a site pick and sort now, by its opening hours?"""
    opening = w.clock.opening[site]
    return opening == 0 or w.clock.works[opening, calendar_tick(w, s, b, s.row[b].tick)] == 1


@pasted
def is_departure(w: Any, s: Any, b: int, lane: int) -> bool:
    """May a truck leave on a lane now, by its timetable?"""
    timetable = w.clock.timetable[lane]
    return timetable == 0 or w.clock.leaves[timetable, calendar_tick(w, s, b, s.row[b].tick)] == 1


@pasted
def leave_by(w: Any, s: Any, b: int, lane: int, safe: int) -> int:
    """The lane's latest departure at or before a tick."""
    timetable = w.clock.timetable[lane]
    return safe if timetable == 0 else safe - w.clock.since[timetable, calendar_tick(w, s, b, safe)]


@inlined
def earliest_arrival(w: Any, s: Any, b: int, path: int) -> int:
    """The tick at which a package sourced now can be at its station, if it waits for nothing but timetables."""
    route = w.net.routes[path]
    at = s.row[b].tick + 1
    if len(w.clock.leaves) == 1:
        at += route.rest[0]
    else:
        for leg in range(route.legs):
            lane = route.lanes[leg]
            timetable = w.clock.timetable[lane]
            if timetable > 0:
                at += w.clock.wait[timetable, calendar_tick(w, s, b, at)]
            at += w.net.lanes[lane].ticks
    return at
