"""Draw a zoomable map of what was played, hour by hour, or of the difference of two runs: one offline HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import tyro
from pydantic import ValidationError

from regional_dispatch.agents.folder import CONFIG_FILE
from regional_dispatch.commands.options import Overrides, above, at_least, parse_overrides
from regional_dispatch.data.map.played import Played, play
from regional_dispatch.envs.world.scenario import Scenario, find_scenario, load_scenario, part_of, read_yaml
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim_file
from regional_dispatch.evaluation.policies import resolve_policy
from regional_dispatch.evaluation.rollouts import evaluation_keys

DEFAULT_POLICY = "least_cost"


@dataclass(frozen=True)
class Command:
    """Draw a zoomable map of what was played, hour by hour, or of the difference of two runs: one offline HTML file.

    Plays an episode and shows lanes by flow, fill and cost, sites by the capacity in use, and trucks hour by hour. The
    page needs no network and no other file.
    """

    what: tyro.conf.Positional[str]
    """A scenario file, the name of a shipped one, or the folder of a run: a comparison, whose first policy is played, \
or a training, whose policy is."""
    against: str | None = None
    """A second scenario or run, on the same orders: the map then shows what changes from the first to the second."""
    policy: str | None = None
    """Policy of all regions, as `compare` takes it. Default: the run's, or least_cost."""
    against_policy: str | None = None
    """Policy of the second run. Default: that run's, or the first one's."""
    seed: int = 0
    """Seed of the orders; none of them is used in training."""
    first_hour: float | None = None
    """The first hour shown, from the start of the episode. Default: the end of the warm-up."""
    hours: float | None = None
    """How many hours are shown. Default: a week, or to the horizon where that is sooner."""
    out: Path = Path("runs/map.html")
    """The HTML file to write; an existing one is replaced, a missing folder is created."""
    overrides: Overrides = ()
    """Change a field of both scenarios, such as demand.orders_per_day=9000; may be repeated."""

    def run(self) -> None:
        """Checks everything, plays, then writes."""
        from regional_dispatch.data.map.page import difference_map, played_map  # pulls in matplotlib

        at_least("--seed", self.seed, 0)
        if self.hours is not None:
            above("--hours", self.hours, 0)
        claim_file(self.out, (".html", ".htm"))
        if self.against is None and self.against_policy is None:
            played_map(self._play(self._run(self.what, self.policy, DEFAULT_POLICY)), self.out)
        else:
            first = self._run(self.what, self.policy, DEFAULT_POLICY)
            second = self._run(self.against or self.what, self.against_policy, first.policy)
            difference_map(self._play(first), self._play(second), self.out)
        print(f"map: {self.out}")

    def _run(self, what: str, policy: str | None, default: str) -> _Run:
        found = _of_folder(Path(what), self.overrides) if (Path(what) / CONFIG_FILE).is_file() else None
        if found is None:
            found = _Run(load_scenario(what, parse_overrides(self.overrides)), default)
        return found if policy is None else found._replace(policy=policy)

    def _play(self, run: _Run) -> Played:
        policy, key = resolve_policy(run.policy, run.scenario), evaluation_keys(1, self.seed)[0]
        return play(part_of(run.scenario, "evaluate"), policy, key, self.first_hour, self.hours)


class _Run(NamedTuple):
    """What is played."""

    scenario: Scenario
    policy: str  # as `resolve_policy` takes it


def _of_folder(folder: Path, overrides: Overrides) -> _Run:
    """The scenario and policy of a run, from its config.yaml."""
    path = folder / CONFIG_FILE
    config = read_yaml(path)
    if overrides:
        raise InputError(f"--set {overrides[0]}: '{folder}' is a run with a scenario of its own; name the scenario")
    try:
        if "scenario_file" in config:
            source, policy = config["scenario_file"], str(folder)
        else:
            arguments = config["arguments"]
            source, policy = str(find_scenario(arguments["scenario"])), arguments["policies"].split(",")[0].strip()
        return _Run(Scenario.model_validate({**config["scenario"], "source_file": source}), policy)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not the file of a comparison or a training ({reason}); name a scenario") from None
