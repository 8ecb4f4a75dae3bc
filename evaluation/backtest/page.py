"""A back-test as lines for the terminal, and as a page."""

from __future__ import annotations

import math
from collections.abc import Mapping

from regional_dispatch.evaluation.backtest.run import BackTest, Beside
from regional_dispatch.evaluation.backtest.split import split_text, time_text
from regional_dispatch.evaluation.backtest.tables import MEASURES, Row, lane_table, region_rows, rows, samples
from regional_dispatch.evaluation.intervals import few_samples
from regional_dispatch.evaluation.periods import whole_weeks
from regional_dispatch.evaluation.statistics import FEWEST, Interval
from regional_dispatch.evaluation.text import NOTHING, interval, markdown_lines, number

HEADER = ("", "unit", "policy", "on record", "difference [95 % over weeks]", "%")
_BY_WEEK = ("usd", "hours", "miles", "co2_kg")
_MOST_LANES = 15  # in the page; lanes.csv has all
_ALIKE = 0.2  # of a difference; one that changes by less does not depend on units lent
_STOCK_FIRST = "Give a table of stock before you trust either."


def sample_text(found: BackTest) -> str:
    """How many weeks there are, and what that means for intervals."""
    weeks = len(whole_weeks(next(iter(found.beside.values())).policy))
    few = "".join(f" {sentence}." for sentence in few_samples(weeks, "weeks"))
    if weeks < FEWEST:
        return f"One trace is one sample, and there is no interval.{few}"
    return (
        f"One trace is one sample: intervals are Student's t over {weeks} weeks of paired differences. They say how "
        f"much weeks like these differ, not how other years would.{few}"
    )


def measure_rows(found: Mapping[str, Row]) -> list[list[str]]:
    """The table of one policy, or of one region."""
    out = []
    for name, row in found.items():
        measure = MEASURES[name]
        percent = 100 * row.difference / row.recorded if row.recorded else float("nan")
        out.append([
            measure.title, measure.unit, *(_text(x, measure.decimals) for x in (row.policy, row.recorded)),
            interval(row.interval.facts(), measure.decimals),
            _text(percent, 1, signed=True),
        ])  # fmt: skip
    return out


def assumed(found: BackTest) -> list[str]:
    """What the comparison rests on, as sentences."""
    said = [
        "On record means: every line is served by the FC that the file names, over that FC's cheapest route, and "
        "trucks leave by the rule of the policy it is compared with. The dollars of both come from the same books; "
        "they are not invoices.",
        "Hours are simulated on both sides. What the file says of hours stands below the table, as a check.",
        f"{found.shelves} A unit that really left a shelf which is empty in the simulation is put there in that tick, "
        "for both sides.",
    ]
    for policy, beside in found.beside.items():
        forced = beside.forced
        share = 100 * forced.served / max(forced.recorded, 1)
        line = (
            f"`{policy}`: {number(forced.recorded, 0)} of {number(forced.lines, 0)} lines have an FC on record, and "
            f"{number(share, 1)} % of those came from it (warm-up included); the policy chose for the others."
        )
        if forced.no_route:
            line += f" {number(forced.no_route, 0)} had no route from it: a lane is missing in the network."
        if forced.lent_units:
            line += (
                f" {number(forced.lent_units, 0)} units were not on the simulated shelf and were put there, for both."
            )
        said.append(line)
    if found.orders.left_out:
        said.append(f"Left out of the file: {', '.join(f'{why} {n:,}' for why, n in found.orders.left_out.items())}.")
    return said


def lent_lines(beside: Beside) -> list[str]:
    """A warning where the result may depend on units that the simulated shelves lack."""
    if beside.alone is None:
        return []
    forced, usd = beside.forced, rows(beside)["usd"].difference
    alone = rows(beside._replace(policy=beside.alone))["usd"]
    trust = "The two are alike." if abs(alone.difference - usd) < _ALIKE * abs(usd) else _STOCK_FIRST
    return [
        f"Warning: {number(forced.lent_units, 0)} units on record ({100 * forced.lent_units / forced.recorded:.0f} per "
        "100 lines) were not on the simulated shelves. With these units put there for both sides the difference is "
        f"{number(usd, 0, signed=True)} USD a week; with the simulated shelves alone for the policy it is "
        f"{interval(alone.interval.facts(), 0)}. {trust}"
    ]


def reality_lines(found: BackTest) -> list[str]:
    """The file's own hours beside the simulated ones of the record."""
    real, first = found.really, next(iter(found.beside.values()))
    if math.isnan(real.delivery_hours):
        return ["The file does not say when lines were delivered, so simulated hours cannot be checked."]
    own = rows(first)["hours"].recorded
    said = [
        f"The file says: {number(real.delivery_hours, 1)} hours from click to delivery, of "
        f"{100 * real.with_delivery:.0f} % of the lines; simulated with the same FCs: {number(own, 1)}."
    ]
    if not math.isnan(real.ship_hours):
        said.append(f"From click to truck: {number(real.ship_hours, 1)} hours.")
    if not math.isnan(real.on_time_share):
        said.append(f"On time by the file: {number(100 * real.on_time_share, 1)} %.")
    if abs(own - real.delivery_hours) > 0.25 * real.delivery_hours:
        said.append(
            "They are more than a quarter apart: check transit hours, capacities and departures before you trust hours."
        )
    return [" ".join(said)]


def page(found: BackTest, made: str, stream: str | None = None) -> str:
    """The report as Markdown.

    Args:
        found: the back-test.
        made: how it was made, as a sentence.
        stream: the part of the trace, if it was named.
    """
    lines = [f"# Back-test: {found.scenario.name}", "", split_text(found.scenario, stream), "", sample_text(found), ""]
    for policy, beside in found.beside.items():
        lines += [f"## `{policy}` less what was really chosen", ""]
        lines += [*markdown_lines(HEADER, measure_rows(rows(beside)), left=2), ""]
        lines += [*lent_lines(beside), *([""] if beside.alone else [])]
        if len(found.network.region_names) > 1:
            lines += ["By region, what is booked to it; trucks belong to the region that sends them:", ""]
            lines += [*_region_lines(found, policy), ""]
        lines += ["Lanes whose trucks differ most, USD a week:", "", *_lane_lines(found, policy), ""]
        lines += ["Week by week:", "", *_week_lines(found, policy), ""]
    lines += ["## What the file says of hours", "", *reality_lines(found), ""]
    lines += ["## What is assumed", "", *(f"- {sentence}" for sentence in assumed(found)), ""]
    lines += [*(f"- Note: {doubt}." for doubt in found.doubts), *([""] if found.doubts else [])]
    return "\n".join([*lines, made, ""])


def _region_lines(found: BackTest, policy: str) -> list[str]:
    header = ["region", *(f"{MEASURES[name].title}, {MEASURES[name].unit}" for name in _BY_WEEK)]
    cells = [
        [region, *(interval(of[n].interval.facts(), MEASURES[n].decimals) for n in _BY_WEEK)]
        for region, of in region_rows(found, policy).items()
    ]
    return markdown_lines(header, cells)


def _lane_lines(found: BackTest, policy: str) -> list[str]:
    table = lane_table(found)
    own = table[table["policy"] == policy]
    top = own.loc[own["usd_difference"].abs().sort_values(ascending=False, kind="stable").index][:_MOST_LANES]
    cells = []
    for _, row in top.iterrows():
        over = Interval(row["usd_difference"], row["usd_low"], row["usd_high"])
        cells.append([
            f"{row['origin']} → {row['destination']}", number(row["usd_per_week"], 0),
            number(row["usd_per_week_recorded"], 0), interval(over.facts(), 0),
        ])  # fmt: skip
    return markdown_lines(["lane", "policy", "on record", "difference [95 % over weeks]"], cells)


def _week_lines(found: BackTest, policy: str) -> list[str]:
    beside = found.beside[policy]
    cells = []
    for own, recorded in zip(samples(beside.policy), samples(beside.recorded), strict=True):
        pair = own.totals, recorded.totals
        changes = [
            MEASURES[name].of(pair[0]) - MEASURES[name].of(pair[1]) for name in ("usd", "hours", "miles", "co2_kg")
        ]
        shown = [number(x, d, signed=True) for x, d in zip(changes, (0, 2, 0, 0), strict=True)]
        cells.append([time_text(found.scenario, own.start_hour), *shown])
    return markdown_lines(["week from", "USD", "hours", "miles", "kg CO₂"], cells)


def _text(value: float, decimals: int, signed: bool = False) -> str:
    return NOTHING if math.isnan(value) else number(value, decimals, signed)
