"""Film a day of trucks: one map per policy, side by side, on the same orders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from regional_dispatch.commands.options import Overrides, at_least, parse_overrides
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim_file
from regional_dispatch.evaluation.output import write_file
from regional_dispatch.evaluation.policies import resolve_policies
from regional_dispatch.evaluation.rollouts import evaluation_keys, play


@dataclass(frozen=True)
class Command:
    """Film a day of trucks: one map per policy, side by side, on the same orders.

    Writes a GIF.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    policies: str = "regional_nearest,national_nearest"
    """Policies, separated by commas, as `compare` takes them; each has a map of its own."""
    day: int = 7
    """The day to film, counted from the start of the episode: 0 is its first day. Unit: days."""
    seed: int = 0
    """Seed of the orders; none of them is used in training."""
    out: Path = Path("runs/film.gif")
    """The GIF file to write; an existing one is replaced, a missing folder is created."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as partition.kind=national; may be repeated."""

    def run(self) -> None:
        """Checks everything, plays, then writes."""
        from regional_dispatch.studies.report.film import DAY_HOURS, film  # pulls in matplotlib

        at_least("--day", self.day, 0)
        at_least("--seed", self.seed, 0)
        claim_file(self.out, (".gif",))
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        last = (scenario.horizon_hours - 1) // DAY_HOURS - 1
        if self.day > last:
            raise InputError(
                f"--day = {self.day}: this day must end before horizon_hours = {scenario.horizon_hours:g}; name an "
                "earlier one, or lengthen the episode with --set horizon_hours=…"
            )
        key, start = evaluation_keys(1, self.seed)[0], round(self.day * DAY_HOURS / scenario.tick_hours)
        policies = resolve_policies(self.policies.split(","), scenario)
        shot = film({name: (play(scenario, own, key, until=start), own.scorers) for name, own in policies.items()})
        write_file(self.out, shot.gif)
        print(f"film: {self.out}")
