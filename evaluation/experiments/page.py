"""An experiment's tables: Markdown for a page, and an overview for the terminal."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from regional_dispatch.evaluation.compare import Summary
from regional_dispatch.evaluation.experiments.file import PPO
from regional_dispatch.evaluation.experiments.run import CURVES
from regional_dispatch.evaluation.experiments.summary import BETTER, TIE, verdict
from regional_dispatch.evaluation.experiments.trainings import Outcome, Training
from regional_dispatch.evaluation.intervals import few_samples
from regional_dispatch.evaluation.kpis import COST, column_titles, kpi_cells
from regional_dispatch.evaluation.provenance import made_by
from regional_dispatch.evaluation.report.comparison import gap_markdown
from regional_dispatch.evaluation.text import NOTHING, interval, markdown_lines, number

_HOW = (
    "Every variant is trained once per seed; each training keeps its cheapest policy by its tuning episodes, and all "
    "of them then play the held-out ones, which neither training nor tuning has met. Intervals are 95 %, for other "
    "training seeds and other episodes; those of differences are paired. Below zero, PPO is cheaper. Two seeds have "
    "no interval; that of one seed is over its episodes alone."
)
_KEY = (
    "Dollars and packages are per order, miles per package, hours from click to delivery; on time, in region, fill and "
    "spill are in percent. All KPIs (`envs/kernel/metrics.py`) are in summary.json, every episode in results.csv."
)


def experiment_page(summary: Summary) -> str:
    """The whole page."""
    meta, variants = summary["meta"], summary["variants"]
    plural = "" if meta["episodes"] == 1 else "s"
    parts = [
        [f"# Experiment {meta['experiment']}"],
        [meta["about"]] if meta["about"] else [],
        [f"{meta['episodes']} held-out episode{plural}, seed {meta['seed']}. {_HOW}"],
        _notes(variants, meta["episodes"]),
        _to_base(meta["base"], variants),
        ["## Against the best rival", "", *_against(variants, "best_rival")],
        ["## Against the best untuned rule", "", *_against(variants, "best_untuned")],
        ["## Against every rival", "", *_every_rival(variants)],
        ["## Training", "", *_training(variants)],
        [f"![Cost on the tuning episodes by minutes of training]({CURVES})"] if _have_curves(variants) else [],
        ["## Seeds", "", *_seeds(variants)],
        ["## KPIs", "", *_kpis(variants)],
        *([f"## Gap closed: {name}", "", *gap_markdown(v["gaps"])] for name, v in variants.items() if "gaps" in v),
        _left_out(meta["failed"]),
        ["## How it was made", "", made_by(meta)],
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _notes(variants: Mapping[str, Summary], episodes: int) -> list[str]:
    """What few seeds or episodes mean, and where much of the cost is assumed."""
    seeds = dict[str, list[str]]()
    for name, variant in variants.items():
        for said in few_samples(len(variant["seeds"]), "seeds"):
            seeds.setdefault(said, []).append(name)
    notes = [*few_samples(episodes), *(f"{said} ({', '.join(names)})" for said, names in seeds.items())]
    notes += [f"{name}: {doubt}" for name, variant in variants.items() for doubt in variant.get("doubts", ())]
    return [f"- Note: {note}." for note in notes]


def _have_curves(variants: Mapping[str, Summary]) -> bool:
    return any(variant["time_to_beat"] for variant in variants.values())


def _against(variants: Mapping[str, Summary], which: str) -> list[str]:
    """PPO and one rival of each variant."""
    header = ["variant", "rival", "its cost", "PPO", "difference, USD", "in %", "on time, points", "verdict"]
    rows = [_against_row(name, variant, variant[which]) for name, variant in variants.items() if variant[which]]
    if not rows:
        return ["There is none."]
    return ["Cost per order, USD.", "", *markdown_lines(header, rows, left=2)]


def _against_row(name: str, variant: Summary, rival: str) -> list[str]:
    paired = variant["paired"][rival]
    return [
        name, f"`{rival}`", number(variant["rivals"][rival][COST]["mean"], 3),
        interval(variant["kpis"][COST], 3, signed=False), interval(paired["usd"], 3), interval(paired["percent"], 1),
        interval(paired["on_time_points"], 1), _verdict(paired["usd"]),
    ]  # fmt: skip


def _verdict(usd: Mapping[str, float]) -> str:
    found = verdict(usd)
    return f"**{found}**" if found == BETTER else found


def _every_rival(variants: Mapping[str, Summary]) -> list[str]:
    """Percent by which PPO differs, variants as columns."""
    names = list(dict.fromkeys(rival for variant in variants.values() for rival in variant["rivals"]))
    rows = [[f"`{rival}`", *(_percent(variant, rival) for variant in variants.values())] for rival in names]
    return ["PPO's cost per order, percent above the rival's.", "", *markdown_lines(["rival", *variants], rows)]


def _percent(variant: Summary, rival: str) -> str:
    return interval(variant["paired"][rival]["percent"], 1) if rival in variant["paired"] else NOTHING


def _to_base(base: str | None, variants: Mapping[str, Summary]) -> list[str]:
    """Variants against the base variant, seed by seed."""
    if base is None or base not in variants:
        return []
    rows = [[base, "", interval(variants[base]["kpis"][COST], 3, signed=False), *[NOTHING] * 5]]
    rows += [_to_base_row(name, variant) for name, variant in variants.items() if name != base]
    header = [
        "variant",
        "what is different",
        "cost, USD",
        f"− {base}, USD",
        "in %",
        "on time, points",
        "seeds",
        "verdict",
    ]
    text = f"Cost per order, paired with `{base}` over the same training seeds and episodes."
    return [f"## Against {base}", "", text, "", *markdown_lines(header, rows, left=2)]


def _to_base_row(name: str, variant: Summary) -> list[str]:
    cost, found = interval(variant["kpis"][COST], 3, signed=False), variant["to_base"]
    changed = ", ".join([
        *([f"`{variant['algorithm']}`"] if variant["algorithm"] != PPO else []),
        *(f"`{field}: {json.dumps(value)}`" for field, value in variant["changes"].items()),
    ])  # fmt: skip
    if found is None:
        return [name, changed, cost, *[NOTHING] * 5]
    return [
        name, changed, cost, interval(found["usd"], 3), interval(found["percent"], 1),
        interval(found["on_time_points"], 1), str(found["seeds"]), found["verdict"],
    ]  # fmt: skip


def _training(variants: Mapping[str, Summary]) -> list[str]:
    """Wall clock, and the time until the rivals are beaten on the tuning episodes."""
    header = [
        "variant",
        "seeds",
        "timesteps",
        "wall clock",
        "learning",
        "to beat the best untuned rule",
        "… tuned rule",
    ]
    rows = []
    for name, variant in variants.items():
        seconds = statistics.median(facts["seconds"] for facts in variant["seeds"].values())
        learning = [s for s in (facts["learning_seconds"] for facts in variant["seeds"].values()) if s is not None]
        steps = statistics.median(facts["timesteps"] for facts in variant["seeds"].values())
        reached = {found["kind"]: _reached(found) for found in variant["time_to_beat"]}
        rows.append([
            name, _of(len(variant["seeds"]), len(variant["all_seeds"])), f"{steps:,.0f}", number(seconds / 60, 1),
            number(statistics.median(learning) / 60, 1) if learning else NOTHING,
            *(reached.get(kind, NOTHING) for kind in ("best untuned rule", "tuned rule")),
        ])  # fmt: skip
    text = (
        "Medians over seeds, in minutes. Wall clock has the start and evaluations in it, learning and the times to "
        "beat a rival leave them out. A rival is beaten when the cost on the seed's tuning episodes is first below its "
        "own."
    )
    return [text, "", *markdown_lines(header, rows)]


def _reached(found: Mapping[str, object]) -> str:
    """`1.2 (least_cost)`, with the number of seeds that get there if not all do."""
    seconds, there, seeds = found["median_seconds"], found["seeds_that_do"], found["seeds"]
    count = "" if there == seeds else f", {there} of {seeds} seeds"
    time = number(seconds / 60, 1) if isinstance(seconds, float) else NOTHING
    return f"{time} (`{found['rival']}`{count})"


def _of(part: int, whole: int) -> str:
    return str(whole) if part == whole else f"{part} of {whole}"


def _seeds(variants: Mapping[str, Summary]) -> list[str]:
    """The cost of each seed, and the spread."""
    header = ["variant", "cost per order of each seed, USD", "spread", "cheaper than the best rival in"]
    rows = []
    for name, variant in variants.items():
        costs = [facts["cost_usd"] for facts in variant["seeds"].values()]
        listed = ", ".join(f"{seed}: {number(cost, 3)}" for seed, cost in zip(variant["seeds"], costs, strict=True))
        share = variant["paired"][variant["best_rival"]]["improvement"]
        rows.append([name, listed, number(max(costs) - min(costs), 3), f"{number(100 * share, 0)} %"])
    return ["The last column counts pairs of a seed and an episode.", "", *markdown_lines(header, rows, left=2)]


def _kpis(variants: Mapping[str, Summary]) -> list[str]:
    """PPO and its best rival, means."""
    rows = []
    for name, variant in variants.items():
        rival = variant["best_rival"]
        for policy, kpis in (("PPO", variant["kpis"]), (f"`{rival}`", variant["rivals"][rival])):
            rows.append([name, policy, *kpi_cells(kpis)])
    header = ["variant", "policy", *column_titles()]
    return [*markdown_lines(header, rows, left=2), "", _KEY]


def _left_out(failed: Mapping[str, str]) -> list[str]:
    if not failed:
        return []
    return ["## Trainings left out", "", *(f"- `{folder}`: {reason}" for folder, reason in failed.items())]


# --------------------------------------------------------------------------------------------------------- terminal


def print_experiment(summary: Summary, console: Console | None = None) -> None:
    """Every variant against its best rival, on the terminal."""
    console = console or Console()
    if not console.is_terminal:
        console.width = max(console.width, 140)
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("variant", "best rival", "its cost", "PPO", "difference, USD", "verdict"):
        table.add_column(title, justify="left" if title in ("variant", "best rival", "verdict") else "right")
    for name, variant in summary["variants"].items():
        rival = variant["best_rival"]
        usd, style = variant["paired"][rival]["usd"], {BETTER: "green", TIE: ""}.get(variant["verdict"], "red")
        cells = [
            name, rival, number(variant["rivals"][rival][COST]["mean"], 3),
            interval(variant["kpis"][COST], 3, signed=False), interval(usd, 3),
        ]  # fmt: skip
        table.add_row(*map(Text, cells), Text(variant["verdict"], style))
    console.print(Text("Cost per order, USD; 95 % intervals over training seeds and episodes"), table, sep="\n")


class _Report:
    """Progress of trainings: a bar for each that runs, and a line for each that starts or ends."""

    def __init__(self, bar: Bar, total: int) -> None:
        self.bar = bar
        self.all = bar.add_task("trainings", total=total)
        self.tasks: dict[Path, TaskID] = {}

    def started(self, training: Training, note: str) -> None:
        self.tasks[training.folder] = self.bar.add_task(training.title, total=training.timesteps)
        if note:
            self.bar.console.print(Text(f"{training.title}: {note}"))

    def at(self, training: Training, timesteps: int) -> None:
        self.bar.update(self.tasks[training.folder], completed=timesteps)

    def ended(self, training: Training, outcome: Outcome) -> None:
        self.bar.advance(self.all)
        if training.folder not in self.tasks:
            return
        self.bar.remove_task(self.tasks.pop(training.folder))
        said = f"failed, {outcome.error}" if outcome.error else f"trained in {outcome.seconds / 60:.1f} minutes"
        self.bar.console.print(Text(f"{training.title}: {said}"))


@contextmanager
def training_bars(total: int) -> Iterator[_Report]:
    """Progress of trainings for `evaluation.experiments.trainings.run_all`: bars on a terminal, else lines alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True, soft_wrap=True)
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        yield _Report(bar, total)
