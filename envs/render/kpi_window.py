"""The clock of an episode, and its KPIs over the last 24 hours."""

from __future__ import annotations

from regional_dispatch.envs.kernel.metrics import Totals, compute_kpis, difference
from regional_dispatch.envs.render.words import plain_number
from regional_dispatch.envs.simulator import Simulator

DAY_HOURS = 24
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def clock(sim: Simulator, row: int, back: float = 0.0) -> str:
    """Day and hour of the week, such as `Tue 14:00`; `back` ticks ago."""
    minutes = round((sim.hour_of_week(row) - back * sim.scenario.tick_hours) * 60)
    day, minute = divmod(minutes, DAY_HOURS * 60)
    return f"{DAYS[day % 7]} {minute // 60:02d}:{minute % 60:02d}"


class KpiWindow:
    """KPIs of the last 24 hours, from snapshots of a row's counters; since the warm-up where no snapshot is that old.

    A day's KPIs are those of the difference of two `Totals`: counters and dollars now less those of 24 hours ago. Its
    dollars are the cash paid in the day plus the change in the value of work under way.
    """

    def __init__(self) -> None:
        self._seen: dict[int, dict[int, Totals]] = {}  # per row, by tick
        self._key: dict[int, int] = {}

    def read(self, sim: Simulator, row: int) -> tuple[str, dict[str, float]]:
        """Takes a snapshot of a row's counters; returns the period's name and its KPIs, none during the warm-up."""
        tick, hours = sim.tick(row), sim.scenario.tick_hours
        start = sim.world.rules.warmup_tick
        seen = self._snapshots(row, int(sim.state.row["key"][row]), tick)
        if tick <= start:
            return f"Warming up\nuntil hour {plain_number(start * hours)}", {}
        now = sim.totals(row)
        day = round(DAY_HOURS / hours)
        for old in [t for t in seen if t < tick - day]:
            del seen[old]
        seen[tick] = now._replace(count=now.count.copy(), usd=now.usd.copy())
        if tick - day in seen:
            return "Last 24 hours", compute_kpis(difference(now, seen[tick - day]))
        return f"Since warm-up,\n{plain_number((tick - start) * hours)} hours", compute_kpis(now)

    def _snapshots(self, row: int, key: int, tick: int) -> dict[int, Totals]:
        """A row's snapshots by tick; none of another episode."""
        seen = self._seen.setdefault(row, {})
        if self._key.get(row) != key or any(old > tick for old in seen):
            seen.clear()
        self._key[row] = key
        return seen
