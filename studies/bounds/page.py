"""The page of the study of bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from regional_dispatch.studies.report.findings import Findings, Headline, Section, Table

if TYPE_CHECKING:
    from regional_dispatch.studies.bounds.study import Bounds


class Beside(NamedTuple):
    """A world's bounds beside the policy trained for it; means over episodes, USD per order, warm-up included."""

    scenario: str
    policy: str
    cost_usd: float
    full_trucks_usd: float
    bound_usd: float
    seconds: float  # of a bound


class Shrunk(NamedTuple):
    """The small world with trucks of some size; means over episodes, USD per order."""

    packages: int
    loads: float  # truckloads a day to a station
    cost_usd: float  # of the policy
    full_trucks_usd: float
    bound_usd: float
    optimum_usd: float
    exact: bool  # every optimum is proven

    @property
    def knowing(self) -> float:
        """Share of the gap to the bound that is the policy above the optimum."""
        return (self.cost_usd - self.optimum_usd) / (self.cost_usd - self.bound_usd)


def findings_of(study: Bounds, beside: list[Beside], shrunk: list[Shrunk]) -> Findings:
    """The page."""
    gaps = {row.scenario: _percent(row.cost_usd, row.bound_usd) for row in beside}
    within = [name for name, gap in gaps.items() if gap <= _AIM_PERCENT]
    fullest = max(shrunk, key=lambda row: row.loads)
    answer = (
        f"The shipped policy is within {_AIM_PERCENT} % of the bound on {len(within)} of {len(gaps)} worlds"
        f"{' (' + ', '.join(within) + ')' if within else ''}. Where trucks are fullest in the small world, "
        f"{100 * fullest.knowing:.0f} % of what the policy is above the bound is what it is above the optimum itself."
    )
    headlines = tuple(Headline(f"{gap:.1f} %", f"{name}: above the bound") for name, gap in gaps.items())
    sections = (
        Section("Beside the best policies", _BESIDE, (_beside_table(beside),)),
        Section("Beside the optimum", _SHRUNK.format(policy=study.policies[0]), (_shrunk_table(study, shrunk),)),
    )
    method = f"{study.episodes} held-out episodes, seed {study.seed}."
    return Findings(answer, headlines, sections, method)


def _percent(cost: float, bound: float) -> float:
    return 100 * (cost - bound) / bound


def _beside_table(rows: list[Beside]) -> Table:
    header = ("world", "policy", "its cost", "full trucks", "above it, %", "shares of trucks", "above it, %", "seconds")
    text = tuple(
        (
            row.scenario, f"`{row.policy}`", f"{row.cost_usd:.3f}", f"{row.full_trucks_usd:.3f}",
            f"{_percent(row.cost_usd, row.full_trucks_usd):.1f}", f"{row.bound_usd:.3f}",
            f"{_percent(row.cost_usd, row.bound_usd):.1f}", f"{row.seconds:.0f}",
        )
        for row in rows
    )  # fmt: skip
    return Table("beside", "Bounds, USD per order of whole episodes", header, text, pd.DataFrame(rows))


def _shrunk_table(study: Bounds, rows: list[Shrunk]) -> Table:
    header = (
        "packages a truck", "loads a day to a station", "full trucks", "shares of trucks", "optimum",
        f"`{study.policies[0]}`", "share of the gap that is above the optimum, %",
    )  # fmt: skip
    text = tuple(
        (
            str(row.packages), f"{row.loads:.1f}", f"{row.full_trucks_usd:.3f}", f"{row.bound_usd:.3f}",
            f"{row.optimum_usd:.3f}" + ("" if row.exact else " (a bound)"), f"{row.cost_usd:.3f}",
            f"{100 * row.knowing:.0f}",
        )
        for row in rows
    )  # fmt: skip
    data = pd.DataFrame([{**row._asdict(), "knowing_share": row.knowing} for row in rows])
    return Table("shrunk", "The same orders with smaller trucks, USD per order", header, text, data)


_AIM_PERCENT = 8
_BESIDE = (
    "Bounds hold for whole episodes, so costs have the warm-up in them too. *Full trucks* lets every package pay its "
    "part of a full truck on every leg; *shares of trucks* lets each order pay its own part of each truck."
)
_SHRUNK = (
    "How much of what is left is the bound's fault? Where the optimum is known, one can see. A world's trucks are as "
    "full as the loads a day to a station allow; the smaller the trucks, the more the small world is like the large "
    "ones. The gap runs from {policy} to the bound with shares of trucks. Its part above the optimum can be closed by "
    "no better bound, only by better policies, and by them only as far as it needs no orders known in advance."
)
