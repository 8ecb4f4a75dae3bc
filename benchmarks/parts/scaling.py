"""How the cost of a simulated tick grows with SKUs, stations, regions, orders and copies.

Each size is a world of its own made from us8_spread, whose sites and lanes may change in number. One thing grows at a
time. The exponent b of seconds = a · size^b is fitted by least squares on logarithms.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks.measure import Settings, Target, cpu_seconds, exponent, spread
from benchmarks.text import cell, table
from benchmarks.worlds import KEY, NEAREST, scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import load_scenario

TITLE = "What growth costs"
BASE, HOURS, REPEATS = "us8_spread", 72, 5
MORE_THAN_LINEAR, NOT_FLAT = 1.05, 0.05  # exponents above these, by more than two standard errors, miss the target


class Growth(NamedTuple):
    """One thing that grows.

    Args:
        sizes: its values.
        field: the scenario field that it is; `copies` is the simulator's.
        text: that field's value at a size.
        expected: the exponent expected, as text.
        fixed: fields with other values than the base's.
    """

    sizes: tuple[float, ...]
    field: str
    text: str = "{:g}"
    expected: str = "≤ 1"
    fixed: tuple[tuple[str, str], ...] = ()


ORDERS, UNORDERED = "orders per day", "SKUs that are not ordered"
GROWTHS = {
    ORDERS: Growth((3000, 6000, 12000, 24000, 48000), "demand.orders_per_day"),
    "SKUs, all ordered": Growth((1000, 4000, 16000, 64000, 256000), "stock.skus", "{:.0f}"),
    # With this exponent one line in two million is for a SKU beyond the thousandth.
    UNORDERED: Growth(
        (1000, 4000, 16000, 64000, 256000), "stock.skus", "{:.0f}", "about 0", (("demand.zipf_exponent", "3"),)
    ),
    "stations": Growth((20, 40, 80, 160, 320), "network.stations", fixed=(("network.metros", "320"),)),
    "regions": Growth((1, 2, 4, 8, 16), "partition", "{{kind: balanced, regions: {:.0f}}}"),
    "copies": Growth((1, 2, 4, 8, 16), "copies", expected="1"),
}


def measure(settings: Settings) -> dict[str, Any]:
    """Seconds per tick of every size, and the fitted exponents."""
    chosen = {name: growth for name, growth in GROWTHS.items() if not settings.quick or name in (ORDERS, "copies")}
    return {name: _measured(growth, settings.quick) for name, growth in chosen.items()}


def _measured(growth: Growth, quick: bool) -> dict[str, Any]:
    sizes = growth.sizes[:3] if quick else growth.sizes
    hours, repeats = (24, 2) if quick else (HOURS, REPEATS)
    ticks = [spread([s / hours for s in _seconds(growth, size, hours, repeats)]) for size in sizes]
    slope, error = exponent(sizes, [tick["median"] for tick in ticks])
    return {
        "sizes": list(sizes), "seconds_per_tick": ticks, "exponent": slope, "standard_error": error,
        "expected": growth.expected,
    }  # fmt: skip


def _seconds(growth: Growth, size: float, hours: int, repeats: int) -> list[float]:
    own = {} if growth.field == "copies" else {growth.field: growth.text.format(size)}
    overrides = {"horizon_hours": str(hours), "warmup_hours": "0", **dict(growth.fixed), **own}
    sim = Simulator(load_scenario(BASE, overrides), int(size) if growth.field == "copies" else 1)
    policy = scorers(NEAREST, sim.scenario)

    def reset() -> None:
        for copy in range(sim.copies):
            sim.reset(copy, KEY + copy)

    return cpu_seconds(lambda: sim.run(policy), repeats, prepare=reset)


def targets(result: dict[str, Any]) -> list[Target]:
    """At most linear in orders, and flat in SKUs that are not ordered."""
    found = []
    for name, asked, limit in ((ORDERS, "at most linear", MORE_THAN_LINEAR), (UNORDERED, "flat", NOT_FLAT)):
        if name in result:
            slope, error = result[name]["exponent"], result[name]["standard_error"]
            text = f"exponent {slope:.2f} ± {error:.2f}"
            found.append(Target(f"time per tick in {name}", asked, text, slope - 2 * error <= limit))
    return found


def section(result: dict[str, Any]) -> list[str]:
    """Exponents, then the times of every size."""
    heads = [
        [name, f"{found['exponent']:.2f} ± {found['standard_error']:.2f}", found["expected"]]
        for name, found in result.items()
    ]
    times = [
        [name, " · ".join(f"{size:,.0f}: {cell(tick, 2, 1e3)}" for size, tick in _pairs(found))]
        for name, found in result.items()
    ]
    return [
        f"`{BASE}`, `{NEAREST}`, one thing at a time, the rest as it is. The exponent *b* of seconds = *a* · size^*b* "
        "with its standard error, fitted to the medians.", "",
        *table(["what grows", "exponent", "expected"], heads), "",
        "CPU milliseconds per simulated tick at each size:", "", *table(["what grows", "size: milliseconds"], times, 2),
    ]  # fmt: skip


def _pairs(found: dict[str, Any]) -> list[tuple[float, Any]]:
    return list(zip(found["sizes"], found["seconds_per_tick"], strict=True))
