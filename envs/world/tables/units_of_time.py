"""Whether the hours of orders are hours: minutes, days and seconds since 1970 are seen by where they end."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.envs.world.findings import Findings

_FULL = 0.5  # a span of hours that fills this share of the horizon is taken for hours


def say_outside(
    file: Path,
    span: tuple[float, float],
    horizon_hours: float,
    rows: int,
    outside: int,
    dated: bool,
    findings: Findings,
) -> None:
    """Adds an error where no order lies in the episode, and a warning where the hours look like another unit.

    Args:
        file: the trace.
        span: earliest and latest order. Unit: hours, if they are hours.
        horizon_hours: length of an episode.
        rows: of the file.
        outside: rows before the start or after the horizon.
        dated: whether orders have dates.
        findings: to add to.
    """
    first, last = span
    if not rows or first > last:
        return
    guess = "" if dated else _unit(first, last, horizon_hours)
    where = f"hours {first:g} to {last:g} of an episode of hours 0 to {horizon_hours:g}"
    if outside == rows:
        mend = "set calendar.start and horizon_hours to the dates of the orders" if dated else "raise horizon_hours"
        findings.error(
            file, f"no order is played: they lie at {where}{guess}", mend, column="time" if dated else "hour"
        )
    elif guess:
        findings.warning(file, f"orders lie at {where}{guess}", "write hours from the beginning", column="hour")


def _unit(first: float, last: float, horizon: float) -> str:
    """What hours probably are, where they are not; empty where they may be."""
    if last >= 5e8:
        return "; are they seconds since 1970?" if last < 5e10 else "; are they milliseconds since 1970?"
    if first >= 25_000 and last <= 80_000 and last > horizon:
        return "; are they Excel's days?"
    for name, per_hour in (("minutes", 60), ("seconds", 3600)):
        if last > 1.5 * horizon and _FULL * horizon <= last / per_hour <= 1.01 * horizon:
            return f"; are they {name}?"
    if horizon >= 72 and 0 < last <= horizon / 20 and _FULL * horizon <= last * 24 <= 1.01 * horizon:
        return "; are they days?"
    return ""
