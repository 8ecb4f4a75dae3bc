"""Play the suite with a policy of yours and write its row of the leaderboard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from regional_dispatch.commands.options import at_least, command_line
from regional_dispatch.envs.world.shipped import find_file
from regional_dispatch.evaluation.benchmark.page import cell_bar
from regional_dispatch.evaluation.benchmark.suite import load_suite
from regional_dispatch.evaluation.bounds import hindsight
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.executor import HERE, Processes
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import SUBMISSION
from regional_dispatch.evaluation.output import check_folder
from regional_dispatch.evaluation.submission.row import write_row
from regional_dispatch.evaluation.submission.submit import Entry, play_entries, submission
from regional_dispatch.evaluation.text import interval, times


@dataclass(frozen=True)
class Command:
    """Play the suite with a policy of yours and write its row of the leaderboard.

    The policy plays the suite's scenarios on held-out orders, beside least_cost and the policy that is shipped for
    each scenario. Its row is one JSON file: costs with 95 % intervals of paired differences, what the hindsight bound
    leaves, the time per decision, versions, digests and the machine. `evaluate.py page ROWS --page PAGE` writes the
    tables of all rows into a page. A policy given as an import path is code of yours, which this runs.
    """

    policies: tyro.conf.Positional[tuple[str, ...]]
    """What to play: package.module:name or folder/file.py:name, an object with predict() or what makes one; a policy \
file or training folder; a rule; random; or one of these with +lookahead. {scenario} stands for the scenario's name."""
    name: str | None = None
    """Name on the leaderboard. Default: what is given."""
    note: str = ""
    """A sentence for the row: authors, method, training budget."""
    suite: str = "main"
    """A suite file, or the name of a shipped one, for scenarios, episodes, seed and bounds."""
    scenarios: str = ""
    """Only these of its scenarios, separated by commas."""
    episodes: int | None = None
    """Held-out episodes per scenario. Unit: episodes. Default: the suite's."""
    seed: int | None = None
    """Seed of the orders. Default: the suite's."""
    bound: bool = True
    """Compute hindsight bounds, minutes each; they are kept for the next submission. --no-bound leaves them out."""
    rows: Path = Path("docs/results/leaderboard")
    """Folder of the rows; created if it is missing."""
    out: Path = Path("runs/submit")
    """Folder where what is computed is kept for later submissions and after Ctrl-C."""
    workers: int = 2
    """Cells computed in parallel. Unit: processes."""

    def run(self) -> None:
        """Checks everything, plays what is missing, then writes."""
        at_least("--seed", self.seed or 0, 0)
        at_least("--workers", self.workers, 1)
        if not self.policies or (self.name and len(self.policies) > 1):
            raise InputError("name one policy or more, and with --name exactly one")
        claim(self.out, SUBMISSION)
        check_folder(self.rows, "--rows")
        path = find_file("suites", self.suite)
        suite = load_suite(path, {"episodes": self.episodes, "seed": self.seed})
        entries = [Entry(spec, self.name or spec, self.note) for spec in self.policies]
        wanted = [name.strip() for name in self.scenarios.split(",")] if self.scenarios else []
        stages = submission(suite, path, entries, wanted, self.bound)
        bound = hindsight() if any(stage.bound_episodes for stage in stages) else None
        executor = Processes(self.workers) if self.workers > 1 else HERE
        with cell_bar() as progress:
            found = play_entries(suite, stages, entries, self.out, executor, bound, command_line(), progress)
        for row in found:
            for scenario, part in row["scenarios"].items():
                rule = part["against"]["rule"]
                percent = interval(times(rule["difference_usd"], 100 / rule["cost_usd"]), 1)
                print(f"{scenario}: {part['cost_usd']['mean']:.3f} USD per order, {percent} % against {rule['policy']}")
                for doubt in part["doubts"]:
                    print(f"note: {doubt}")
            print(f"row: {write_row(row, self.rows)}")
