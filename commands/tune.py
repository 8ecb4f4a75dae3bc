"""Tune a baseline's parameters on tuning orders, by CMA-ES."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from regional_dispatch.baselines.tuned import FOLDER, file_name, write_tuned
from regional_dispatch.commands.options import Overrides, above, at_least, command_line, parse_overrides
from regional_dispatch.envs.world.scenario import Scenario, load_scenario, part_of
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.executor import Threads
from regional_dispatch.evaluation.execution.ray_executor import open_executor
from regional_dispatch.evaluation.folders.claim import claim_file
from regional_dispatch.evaluation.folders.kinds import fields_of
from regional_dispatch.evaluation.report.tuning import print_tuned, tuning_bar
from regional_dispatch.evaluation.tuning import Plan, starting_point, tunable, tune, tuned_file


@dataclass(frozen=True)
class Command:
    """Tune a baseline's parameters on tuning orders, by CMA-ES.

    Writes one file with the parameters and how they were found. Compare it as tuned_NAME, such as tuned_linear, or by
    the file's path. Ctrl-C keeps the best so far.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    baseline: str = "linear"
    """A baseline with parameters: source+dispatch, either alone, or linear (any weights over all features)."""
    budget: float = 20.0
    """How long to search; the generation that is being played is finished. Unit: minutes."""
    evaluations: int | None = None
    """How long to search, instead of --budget. Unit: settings tried, rounded up to whole generations."""
    out: Path | None = None
    """The YAML file to write; a tuned file that is there is replaced. Default: a new file, \
configs/baselines/SCENARIO.BASELINE.yaml in the working folder, where tuned_NAME looks first."""
    start: Path | None = None
    """A tuned file of the same baseline to start from. Default: the baseline's untuned parameters."""
    seed: int = 0
    """Seed of the orders and of the search. The orders are of the tuning stream, which evaluation never uses."""
    episodes: int = 1
    """Episodes per evaluation; each generation plays new ones. Unit: episodes."""
    check_episodes: int = 8
    """Episodes on which the start, the final mean and the best setting are compared at the end. Unit: episodes."""
    workers: int = 2
    """Episodes played in parallel; the result does not depend on it. Unit: threads."""
    ray: str | None = None
    """Play on a Ray cluster instead: its address, HOST:PORT or ray://HOST:PORT; or auto, the one that runs here or \
that RAY_ADDRESS names, or else a new one on this machine with as many CPUs as --workers."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as demand.orders_per_day=9000 (in the field's unit); may be repeated."""

    def run(self) -> None:
        """Checks everything, tunes, then writes."""
        plan = self._plan()
        scenario = part_of(load_scenario(self.scenario, parse_overrides(self.overrides)), "tune")
        tunable(self.baseline)
        out = self._place(scenario)
        claim_file(out, (".yaml", ".yml"))
        start = starting_point(self.baseline, self.start)
        with open_executor(Threads(self.workers), self.ray) as executor, tuning_bar() as progress:
            found = tune(scenario, self.baseline, start, plan, progress, executor)
        tuned = tuned_file(scenario, self.baseline, start, plan, found, command_line())
        write_tuned(out, tuned)
        print_tuned(tuned, out)
        if found.interrupted:
            raise KeyboardInterrupt(f"wrote the best so far to {out}; go on with --start {out} --out {out}")

    def _place(self, scenario: Scenario) -> Path:
        """Where the file goes; one that is there is replaced only if it is named and is a tuned file.

        Raises:
            InputError: the default place is taken, perhaps by a file of another scenario with the same name, or by one
                that comes with this version; or `--out` is a file of another kind.
        """
        if self.out is not None:
            if self.out.is_file() and not {"baseline", "parameters", "made"} <= fields_of(self.out).keys():
                raise InputError(f"--out = {self.out}: is no file of a tuned baseline; name another, or remove it")
            return self.out
        out = FOLDER / file_name(scenario.name, self.baseline)
        if out.exists():
            own = Path("runs") / "tuned" / out.name
            raise InputError(
                f"{out} is there already, of this scenario or of another with the name '{scenario.name}'; add --out "
                f"{own} and compare it by that path, give your scenario a name of its own, or replace the file with "
                f"--out {out}"
            )
        return out

    def _plan(self) -> Plan:
        minutes = above("--budget", self.budget, 0) if self.evaluations is None else None
        if self.evaluations is not None:
            at_least("--evaluations", self.evaluations, 1)
        at_least("--seed", self.seed, 0)
        for option in ("episodes", "check_episodes", "workers"):
            at_least(f"--{option.replace('_', '-')}", getattr(self, option), 1)
        return Plan(self.seed, self.episodes, self.check_episodes, minutes, self.evaluations)
