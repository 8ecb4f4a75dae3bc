"""Coverage as tables of a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from regional_dispatch.evaluation.provenance import made_by
from regional_dispatch.evaluation.text import NOTHING, markdown_lines, number
from regional_dispatch.reliability.coverage.measure import EPISODES, SAMPLES, SEEDS, Coverage, least

ENOUGH = 0.93
_FROM = 8  # episodes from which on intervals are to hold that often


def coverage_page(found: Sequence[Coverage], meta: dict[str, Any]) -> str:
    """The whole page.

    Args:
        found: see `measure.measure`.
        meta: `repetitions`, `episodes`, `seed` and where it was computed.
    """
    worst = max(c.error for c in found if c.error is not None)
    parts = [
        ["# Coverage of the intervals"],
        [
            f"Percent of nominal 95 % intervals that hold the truth: {meta['repetitions']:,} samples of each "
            f"population, seed {meta['seed']}; standard error at most {number(100 * worst, 1)} points. Real "
            f"populations are {meta['episodes']:,} episodes of each policy on `small` and on three days of `us8`, from "
            "which samples are drawn. A dash: no interval is given, or to fewer than one sample in twenty."
        ],
        ["## Least of all real populations", "", *_least(found)],
        ["## Means over episodes", "", *_means(found)],
        ["## Ratios", "", *_by_samples(found, "ratio")],
        ["## Seeds × episodes", "", *_crossed(found)],
        ["## Weeks of a trace", "", "Weeks of days that are like the day before.", "", *_by_samples(found, "weeks")],
        ["## Below 93 %", "", *_below(found)],
        ["## How it was made", "", made_by(meta)],
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _percent(value: float | None) -> str:
    return NOTHING if value is None else number(100 * value, 1)


def _least(found: Sequence[Coverage]) -> list[str]:
    header = ["interval", *(str(n) for n in SAMPLES)]
    rows = [
        [title, *(_percent(least(found, kind, n)) for n in SAMPLES)]
        for kind, title in (("mean", "means over episodes"), ("ratio", "gap closed"))
    ]
    rows.append(["Student's t alone", *(_percent(_lowest(found, n, lambda c: c.alone)) for n in SAMPLES)])
    seeds = [
        [f"seeds × {n} episodes", *(_percent(least(found, "crossed", n, count)) for count in SEEDS)] for n in EPISODES
    ]
    return [
        "By the number of episodes:", "", *markdown_lines(header, rows), "", "By the number of training seeds:", "",
        *markdown_lines(["interval", *map(str, SEEDS)], seeds),
    ]  # fmt: skip


def _lowest(found: Sequence[Coverage], n: int, of: Callable[[Coverage], float | None]) -> float | None:
    values = [of(c) for c in found if c.kind == "mean" and c.real and c.samples == n]
    return min((value for value in values if value is not None), default=None)


def _means(found: Sequence[Coverage]) -> list[str]:
    """KPIs by the least of their policies, differences apart; then shapes."""
    own = [c for c in found if c.kind == "mean"]
    groups: dict[str, list[Coverage]] = {}
    for c in own:
        groups.setdefault(_group(c), []).append(c)
    rows = [
        [name, *(_percent(_group_least(cs, n)) for n in SAMPLES), f"{100 * _withheld(cs, _FROM):.0f} %"]
        for name, cs in groups.items()
    ]
    text = (
        "Of a KPI, the least of its policies; of differences, that of the pairs. The last column: samples of eight to "
        "which no interval is given, as more than half of the values are the same, at the most."
    )
    return [text, "", *markdown_lines(["population", *(str(n) for n in SAMPLES), "withheld"], rows)]


def _group(c: Coverage) -> str:
    if not c.real:
        return c.population
    world, kpi, policy = c.population.split(", ")
    return f"{world}, `{kpi}`" + (", differences" if "−" in policy else "")


def _group_least(found: Sequence[Coverage], n: int) -> float | None:
    return min((c.held for c in found if c.samples == n and c.held is not None), default=None)


def _withheld(found: Sequence[Coverage], n: int) -> float:
    return max(c.withheld for c in found if c.samples == n)


def _by_samples(found: Sequence[Coverage], kind: str) -> list[str]:
    names = list(dict.fromkeys(c.population for c in found if c.kind == kind))
    rows = [[name, *(_percent(c.held) for c in found if (c.kind, c.population) == (kind, name))] for name in names]
    return markdown_lines(["population", *(str(n) for n in SAMPLES)], rows)


def _crossed(found: Sequence[Coverage]) -> list[str]:
    own = [c for c in found if c.kind == "crossed"]
    names = list(dict.fromkeys(c.population.split(";")[0] for c in own))
    columns = [(seeds, episodes) for seeds in SEEDS for episodes in EPISODES]
    rows = [
        [
            name,
            *(
                _percent(min((c.held for c in own if c.population.split(";")[0] == name and c.held is not None
                              and (c.seeds, c.samples) == column), default=None))
                for column in columns
            ),
        ]
        for name in names
    ]  # fmt: skip
    text = "The least over variances of the seeds from 0.1 to 10 times that of the episodes."
    return [text, "", *markdown_lines(["effects", *(f"{s} × {e}" for s, e in columns)], rows)]


def _below(found: Sequence[Coverage]) -> list[str]:
    """Every population that intervals of eight samples or more hold less often than they should."""
    low = [c for c in found if c.samples >= _FROM and c.seeds in (0, 5, 10) and c.held is not None and c.held < ENOUGH]
    if not low:
        return [f"None with {_FROM} samples or more, or with five seeds."]
    lines = [
        f"- {c.population}: {c.samples}{f' × {c.seeds} seeds' if c.seeds else ''}: {_percent(c.held)} %." for c in low
    ]
    count = sum(c.samples >= _FROM for c in found)
    return [f"{len(low)} of {count} measurements with {_FROM} samples or more, none left out:", "", *lines]
