"""Runs an example and writes its numbers into its tutorial, between the marks that are there.

    python -m examples.networks.run us_pet_shop
    python -m examples.networks.run germany_fashion_shop

It runs the commands that the tutorial shows; their outputs are in runs/networks/NAME.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from regional_dispatch import Scenario, compare_policies, load_scenario, resolve_policies
from regional_dispatch.evaluation.intervals import over_samples
from regional_dispatch.evaluation.report.comparison import markdown_table
from regional_dispatch.evaluation.text import interval, markdown_lines, number, times

ROOT = Path(__file__).resolve().parents[2]
BLOCK = r"(<!-- numbers of {name}: written by examples/networks/run.py -->\n).*?(<!-- end of numbers -->)"
POLICY = "least_cost"
MARKS = {  # KPI → title, factor, decimals
    "in_region_share": ("in region, %", 100, 1), "on_time_share": ("on time, %", 100, 1),
    "click_to_delivery_hours": ("hours", 1, 1), "miles_per_package": ("miles a package", 1, 0),
    "truck_fill": ("truck fill, %", 100, 0), "lost_line_share": ("lost, %", 100, 2),
}  # fmt: skip
COST = "cost_per_order_usd"


class Example(NamedTuple):
    """What is asked of a network."""

    page: str  # below docs/tutorials
    regions: Mapping[str, Mapping[str, Any]]  # title → partition
    shown: Mapping[str, Any]  # the partition in which policies are compared
    policies: str
    what_if: Sequence[Sequence[str]]  # options of `whatif`
    last: Callable[[Path, Path], list[str]]  # back-test or fit: scenario, folder → lines


def back_test(scenario: Path, out: Path) -> list[str]:
    """The back-test's first table and its warning."""
    command("backtest", str(scenario), "--policies", POLICY, "--out", str(out / "backtest"))
    return _before((out / "backtest/report.md").read_text(encoding="utf-8"), "Lanes whose trucks").splitlines()[8:]


def fit(scenario: Path, out: Path) -> list[str]:
    """Fitted against observed."""
    command("fit-demand", str(scenario), "--out", str(out / "fit"))
    text = (out / "fit/fit.md").read_text(encoding="utf-8")
    kept = [line for line in _before(text, "## SKUs").splitlines()[2:] if not line.startswith(("#", "!"))]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).splitlines()


def _before(text: str, heading: str) -> str:
    return text.split(heading, 1)[0].strip()


def by_table(name: str) -> dict[str, str]:
    """Regions by a table of the example."""
    return {"kind": "file", "path": name}


EXAMPLES = {
    "us_pet_shop": Example(
        "own-network-us.md",
        {
            "2 (`regions_2.csv`)": by_table("regions_2.csv"),
            "4 (`regions_4.csv`)": by_table("regions_4.csv"),
            "8 (`balanced`)": {"kind": "balanced", "regions": 8},
        },
        by_table("regions_2.csv"),
        "national_nearest,regional_nearest,least_cost,consolidate",
        (("--close", "FC Reno"), ("--close", "FC Belton")),
        back_test,
    ),
    "germany_fashion_shop": Example(
        "own-network-germany.md",
        {"2 (`regions_2.csv`)": by_table("regions_2.csv"), "3 (`regions_3.csv`)": by_table("regions_3.csv")},
        by_table("regions_3.csv"),
        "national_nearest,regional_nearest,least_cost,consolidate",
        (("--add", "FC Gießen,fc,50.5873,8.6755"), ("--close", "FC Lahr")),
        fit,
    ),
}


def command(*arguments: str) -> str:
    """Runs `evaluate.py` as a user does, and gives what it prints."""
    print("evaluate.py", *arguments, file=sys.stderr)
    run = subprocess.run(
        [sys.executable, "evaluate.py", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    if run.returncode:
        raise SystemExit(f"evaluate.py {' '.join(arguments)} ended with {run.returncode}:\n{run.stdout}{run.stderr}")
    return run.stdout


# -------------------------------------------------------------------------------------------------------------- the cut


def cut(scenario: Path, regions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One region against several, the same orders: paired differences over weeks.

    Regions are cut alone, and with the same units on shelves that follow them (`stock.layout: regional`).
    """
    variants = [("1", "spread", dict[str, str]())]
    for title, partition in regions.items():
        for layout in ("spread", "regional"):
            variants.append((title, layout, {"partition": json.dumps(partition), "stock.layout": layout}))
    rows, base = [], list[float]()
    for title, layout, overrides in variants:
        print("cut into", title, layout, file=sys.stderr)
        world = load_scenario(scenario, overrides)
        values, of_weeks = _played(world)
        base = base or of_weeks
        paired = [value - first for value, first in zip(of_weeks, base, strict=True)]
        differs = over_samples(paired, values[COST] - rows[0][0] if rows else 0.0, True)
        cells = [f"{values[kpi] * factor:.{decimals}f}" for kpi, (_, factor, decimals) in MARKS.items()]
        rows.append(
            (values[COST], [title, layout, f"{values[COST]:.3f}", interval(differs, 3) if rows else "–", *cells])
        )
    money = load_scenario(scenario).money
    titles = [title for title, _, _ in MARKS.values()]
    header = ["regions", "stock", f"{money} an order", "difference [95 % interval]", *titles]
    return markdown_lines(header, [cells for _, cells in rows], left=2)


def _played(world: Scenario) -> tuple[dict[str, float], list[float]]:
    """KPIs of the weeks that count, and the cost an order of each whole week."""
    found = compare_policies(world, resolve_policies([POLICY], world), 1, 0)
    assert found.weeks is not None
    kpis = {kpi: float(found.frame[kpi][0]) for kpi in (COST, *MARKS)}
    return kpis, found.weeks.loc[found.weeks["whole"], COST].tolist()


# ------------------------------------------------------------------------------------------------------ other questions


def check(scenario: Path) -> list[str]:
    """The sum of the check."""
    last = command("check", str(scenario)).strip().splitlines()[-1]
    return ["```text", last, "```"]


def compare(scenario: Path, example: Example, out: Path) -> list[str]:
    """Policies in the finest regions of the example, and the doubts."""
    partition = example.shown
    options = ["--set", f"partition={json.dumps(partition)}", "--set", "stock.layout=regional"]
    command(
        "compare", "--scenario", str(scenario), "--policies", example.policies, "--out", str(out / "compare"), *options
    )
    return markdown_table(json.loads((out / "compare/summary.json").read_text(encoding="utf-8"))).splitlines()


def results(scenario: Path, out: Path) -> list[str]:
    """The days on which an order cost most, and the lanes on which trucks cost most."""
    command("results", "--scenario", str(scenario), "--policies", POLICY, "--out", str(out / "results"))
    days = pd.read_csv(out / "results/days.csv")
    lanes = pd.read_csv(out / "results/lanes.csv").nlargest(5, "truck_usd")
    worst = days.assign(on_time=[f"{100 * share:.1f}" for share in days["on_time_share"]]).nlargest(3, COST)
    money = load_scenario(scenario).money
    return [
        *_table(worst, {"date": "day", "orders": "orders", "on_time": "on time, %", COST: f"{money} an order"}),
        "",
        *_table(lanes.assign(fill=100 * lanes["truck_fill_share"]), {
            "lane": "lane", "trucks": "trucks", "fill": "fill, %", "truck_usd": f"{money} of trucks",
            "usd_per_package": f"{money} a package",
        }),
    ]  # fmt: skip


def _table(rows: pd.DataFrame, columns: Mapping[str, str]) -> list[str]:
    cells = [[_number(value) for value in row] for row in rows[list(columns)].itertuples(index=False)]
    return markdown_lines(list(columns.values()), cells)


def _number(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.2f}" if abs(value) < 10 and value != round(value) else f"{value:,.0f}"


def what_if(scenario: Path, example: Example, out: Path) -> list[str]:
    """Some KPIs before and after each question."""
    money, lines = load_scenario(scenario).money, list[str]()
    for index, options in enumerate(example.what_if):
        folder = out / f"whatif_{index}"
        command("whatif", str(scenario), *options, "--policies", POLICY, "--out", str(folder))
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        found = summary["policies"][POLICY]
        rows = []
        for kpi, (title, factor, decimals) in {COST: (f"{money} an order", 1, 3), **MARKS}.items():
            before, after, differs = (times(found[kpi][side], factor) for side in ("before", "after", "difference"))
            means = (number((side or {})["mean"], decimals) for side in (before, after))
            rows.append([title, *means, interval(differs, decimals)])
        header = ["KPI", "before", "after", "difference [95 % interval]"]
        asked = " ".join(_quoted(part) for part in options)
        lines += [f"`whatif examples/networks/{scenario.parent.name}/scenario.yaml {asked}`:", ""]
        lines += [*markdown_lines(header, rows), "", *(f"- {sentence}" for sentence in summary["assumed"]), ""]
    return lines[:-1]


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text


# ------------------------------------------------------------------------------------------------------------- the page


def write(page: Path, blocks: Mapping[str, Sequence[str]]) -> None:
    """Replaces what is between the marks of each block."""
    text = page.read_text(encoding="utf-8")
    for name, lines in blocks.items():
        body = "\n".join(["", *lines, ""])
        text, count = re.subn(BLOCK.format(name=name), lambda m, body=body: f"{m[1]}{body}\n{m[2]}", text, flags=re.S)
        if count != 1:
            raise SystemExit(f"{page}: must have one block 'numbers of {name}', not {count}")
    page.write_text(text, encoding="utf-8")


def run(name: str) -> None:
    """Answers all questions of one example, then writes the page."""
    example, out = EXAMPLES[name], ROOT / "runs/networks" / name
    scenario = Path("examples/networks") / name / "scenario.yaml"
    blocks = {
        "check": check(scenario),
        "cut": cut(ROOT / scenario, example.regions),
        "compare": compare(scenario, example, out),
        "results": results(scenario, out),
        "whatif": what_if(scenario, example, out),
        "last": example.last(scenario, out),
    }
    command("map", str(scenario), "--policy", POLICY, "--out", str(out / "map.html"))
    page = ROOT / "docs/tutorials" / example.page
    shutil.copyfile(out / "compare/map.png", page.with_suffix(".png"))
    write(page, blocks)


if __name__ == "__main__":
    for chosen in sys.argv[1:] or EXAMPLES:
        run(chosen)
