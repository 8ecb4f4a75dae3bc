"""The results of all trials as one page: audit, kills, mutated inputs, coverage of intervals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.provenance import made_by
from regional_dispatch.evaluation.text import NOTHING, markdown_lines, number

Result = Mapping[str, Any]


def has_results(folder: Path) -> bool:
    """Whether a folder holds the result of a trial."""
    return any((folder / name).is_file() for name in SECTIONS)


def reliability_page(folder: Path) -> str:
    """A section for each result in a folder.

    Args:
        folder: with files as `evaluate.py audit`, `kills`, `fuzz` and `coverage` write them, named after the command.

    Raises:
        InputError: a file is not what its command writes.
    """
    parts = []
    for name, section in SECTIONS.items():
        path = folder / name
        if not path.is_file():
            continue
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            parts.append("\n".join([*section(result), "", made_by(result.get("meta", result))]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"not what evaluate.py {path.stem} writes ({error!r})"
            raise InputError(f"{path}: {problem}; run the command again") from None
    return "\n\n".join(parts) + "\n"


def _audit(result: Result) -> list[str]:
    worlds = sorted(result["packages_by_world"].items(), key=lambda row: -row[1])
    policies = sorted(result["packages_by_policy"].items(), key=lambda row: -row[1])
    return [
        "## Conservation laws",
        "",
        f"{result['packages']:,} packages in {result['ticks']:,} ticks of {result['episodes']:,} episodes, every law "
        f"after every tick: **{_count(len(result['violations']), 'violation')}**. "
        f"{result['packages_per_cpu_second']:,} packages a second of one core, simulation and audit together.",
        "",
        *_listed(result["violations"]),
        *markdown_lines(["world", "packages"], [[name, f"{n:,}"] for name, n in worlds]),
        "",
        *markdown_lines(["policy", "packages"], [[f"`{name}`", f"{n:,}"] for name, n in policies]),
        "",
        f"Of them {result['reevaluated']:,} with re-evaluation, {result['transferred']:,} with stock moved.",
    ]


def _kills(result: Result) -> list[str]:
    rows = [
        [f"`{name}`", f"{own['kills']}", f"{own['files'] or NOTHING}", "yes" if own["same"] else "**no**"]
        for name, own in result["commands"].items()
    ]
    wrong = [f"{name}: {problem}" for name, own in result["commands"].items() for problem in own["wrong"]]
    return [
        "## Kills",
        "",
        "Each command is killed (`kill -9` of its main process) at random moments and started again. In the end its "
        "results are compared with those of a run that was not disturbed, byte for byte but for times; no process may "
        "be left, and no file half-written. A dash: it learns for a budget of time, so that no two runs are equal.",
        "",
        *_listed(wrong),
        *markdown_lines(["command", "kills", "files compared", "as it should be"], rows),
    ]


def _fuzz(result: Result) -> list[str]:
    columns = ("inputs", "accepted", "refused", "failed", "crashed", "hung")
    rows = [
        [
            own["kind"],
            *(f"{own[name]:,}" for name in columns),
            number(own["longest_seconds"], 1),
            number(own["growth_mib"], 0),
        ]
        for own in result["kinds"]
    ]
    return [
        "## Mutated inputs",
        "",
        f"Seed {result['seed']}. *Accepted*: used, and worlds played with their laws kept. *Refused*: a message says "
        "what is wrong. *Failed*: any other error. *Hung*: more than 20 s. Growth is memory that the last quarter of a "
        "process's inputs holds more than the second.",
        "",
        *_listed([failure for own in result["kinds"] for failure in own["failures"]]),
        *markdown_lines(["kind", *columns, "longest, s", "growth, MiB"], rows),
    ]


def _coverage(result: Result) -> list[str]:
    rows = result["coverage"]
    sizes = sorted({row["samples"] for row in rows if row["kind"] == "mean"})
    crossed = [row for row in rows if row["kind"] == "crossed"]
    seeds = sorted({row["seeds"] for row in crossed})
    most = max((row["samples"] for row in crossed), default=0)
    real = [row for row in rows if row["kind"] == "mean" and row["real"]]
    of_means = [_least([row for row in real if row["samples"] == n]) for n in sizes]
    of_seeds = [
        _least([row for row in crossed if row["real"] and (row["seeds"], row["samples"]) == (s, most)]) for s in seeds
    ]
    return [
        "## Coverage of intervals",
        "",
        "How often a nominal 95 % interval holds the truth: the least of all real populations that samples were drawn "
        "from, in percent. A dash: no interval is given. All populations: [intervals](explanation/intervals.md).",
        "",
        *markdown_lines(
            ["episodes", *map(str, sizes)],
            [["means and paired differences", *of_means]],
        ),
        "",
        *markdown_lines([f"training seeds × {most} episodes", *map(str, seeds)], [["means over both", *of_seeds]]),
    ]


def _least(rows: list[dict[str, Any]]) -> str:
    held = [row["held"] for row in rows if row["held"] is not None]
    return number(100 * min(held), 1) if held else NOTHING


def _listed(lines: list[str]) -> list[str]:
    return [*(f"- {line}" for line in lines), ""] if lines else []


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# A result's file, and how it is shown.
SECTIONS: dict[str, Callable[[Result], list[str]]] = {
    "audit.json": _audit,
    "kills.json": _kills,
    "fuzz.json": _fuzz,
    "coverage.json": _coverage,
}
