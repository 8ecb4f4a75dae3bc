"""Trains a policy from a scenario and a PPO file, and writes it to a folder."""

from __future__ import annotations

import json
import shlex
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import set_random_seed

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.direct_search import search
from regional_dispatch.agents.export import save_policy
from regional_dispatch.agents.folder import CONFIG_FILE, CURVE_FILE, POLICY_FILE, TENSORBOARD, checkpoints_in
from regional_dispatch.agents.mixed_vec_env import vec_env
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.rivals.joint import JointPPO
from regional_dispatch.agents.seeds import library_seed
from regional_dispatch.agents.training.checkpoints import (
    CheckpointCallback,
    load_checkpoint,
    read_checkpoint,
    remove_later,
)
from regional_dispatch.agents.training.curve import Curve
from regional_dispatch.agents.training.monitoring import (
    BEST_TAG,
    COST_TAG,
    LEARNER_NAME,
    OBJECTIVE,
    KpiCallback,
    Kpis,
    TuningEpisodes,
)
from regional_dispatch.agents.training.origin import check_origin, fingerprint, origin
from regional_dispatch.agents.training.progress import show_progress
from regional_dispatch.agents.training.saving import saving_to
from regional_dispatch.agents.training.stopping import Stopped, StopSignals
from regional_dispatch.agents.training.tensorboard import HParamCallback, tensorboard_logger
from regional_dispatch.agents.vec_env import BatchVecEnv
from regional_dispatch.baselines import BaselineError, baseline
from regional_dispatch.baselines.tuned import is_tuned_name, tuned_baseline
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.facts import world_facts
from regional_dispatch.envs.world.generator import random_scenario
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario, part_of


@dataclass(frozen=True)
class Run:
    """One training run.

    Args:
        scenario: the network to train on.
        ppo: hyperparameters.
        timesteps: length of training. Unit: ticks × rows (network copies × regions).
        seed: of orders, weights and exploration.
        out: folder of the results.
        command: command line that started it, for the record.
        device: that the networks are on, `cpu` or `cuda`.
    """

    scenario: Scenario
    ppo: PpoConfig
    timesteps: int
    seed: int
    out: Path
    command: str
    device: str = "cpu"

    def config(self) -> dict[str, Any]:
        """The configuration that is saved with the results; it is enough to train the same policy again."""
        return {
            "command": self.command,
            "seed": self.seed,
            "timesteps": self.timesteps,
            "device": self.device,
            "ppo": self.ppo.model_dump(mode="json"),
            "scenario_file": self.scenario.source_file,
            "scenario": self.scenario.model_dump(mode="json"),
            "fingerprint": self.fingerprint,
        }

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Digests of the worlds it is trained on, and of the tables they name."""
        mixed = [load_scenario(name) for name in self.ppo.mix]
        own = [] if mixed or self.ppo.networks else [self.scenario]
        return fingerprint([*own, *mixed])

    def origin(self) -> dict[str, Any]:
        """What its checkpoints say it was made from."""
        rules = rules_beside(self.ppo, self.scenario.name)
        return origin(self.seed, self.ppo.model_dump(mode="json"), self.scenario, self.fingerprint, rules)

    def hparams(self) -> dict[str, float | str | bool]:
        """The run's row in TensorBoard's HParams tab."""
        own = {"scenario": self.scenario.name, "seed": self.seed, "timesteps": self.timesteps}
        facts = {**self.ppo.model_dump(), **own}
        return {name: x if isinstance(x, int | float | str) else json.dumps(x) for name, x in facts.items()}


def training_worlds(scenario: Scenario, ppo: PpoConfig) -> list[Scenario]:
    """The scenarios to learn on: the one given, of a trace its first weeks, or the mix and generated networks in its
    place."""
    drawn = [random_scenario(seed, "train", ppo.wide) for seed in range(ppo.networks or 0)]
    return _of_one_width([*_mixed(ppo, "train"), *drawn]) or [part_of(scenario, "train")]


def tuning_worlds(scenario: Scenario, ppo: PpoConfig) -> list[Scenario]:
    """The scenarios of the tuning episodes: the one given, of a trace its tuning weeks, or a scenario of the mix or a
    network for each episode."""
    networks = ppo.eval_episodes - len(ppo.mix) if ppo.networks else 0
    drawn = [random_scenario(seed, "tune", ppo.wide) for seed in range(networks)]
    return [*_mixed(ppo, "tune"), *drawn] or [part_of(scenario, "tune")]


def _mixed(ppo: PpoConfig, stream: str) -> list[Scenario]:
    return [part_of(load_scenario(name), stream) for name in ppo.mix]


def _of_one_width(worlds: list[Scenario]) -> list[Scenario]:
    """The same with as many candidates per line in each, the least of all; a policy takes any number."""
    fewest = min((world.slots.candidates for world in worlds), default=0)
    slots = [world.slots.model_copy(update={"candidates": fewest}) for world in worlds]
    return [world.model_copy(update={"slots": own}) for world, own in zip(worlds, slots, strict=True)]


def train(
    run: Run,
    references: Mapping[str, ScorerPolicy],
    levels: Mapping[str, Kpis] | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Trains a policy and writes the best one by the tuning episodes, with configuration, curve, logs and checkpoints.

    Args:
        run: what to train.
        references: name → policy; their KPIs on the tuning episodes are drawn as reference lines.
        levels: name → KPIs on the tuning episodes, for reference lines that are not policies, such as a bound.
        checkpoint: a checkpoint to resume from; later ones in its folder are removed.

    Raises:
        PolicyFileError: the checkpoint is damaged, or the run was begun with another configuration or world.
        SavingError: a file cannot be written.
        Stopped: on Ctrl-C, SIGTERM or SIGHUP; the message says how to resume.
    """
    set_random_seed(library_seed(run.seed))
    saved = None if checkpoint is None else read_checkpoint(checkpoint)
    if checkpoint is not None and saved is not None:
        check_origin(checkpoint, saved.facts.get("origin"), run.origin(), run.out / CONFIG_FILE)
    env = vec_env(training_worlds(run.scenario, run.ppo), run.ppo.copies, run.seed, run.ppo.pricing)
    kpis, model = kpi_callback(run), start_learner(run, env)
    if checkpoint is not None and saved is not None:
        load_checkpoint(checkpoint, saved, model, kpis)
    console = Console(stderr=True)
    with console.status("playing the references on the tuning episodes"):
        kpis.levels = {name: kpis.episodes.kpis(policy) for name, policy in references.items()} | dict(levels or {})
    with saving_to(run.out):
        write_config(run)
        if checkpoint is not None:
            remove_later(checkpoint, run.out)
        _learn(run, model, kpis, console)
        if run.ppo.search_episodes:
            _search(run, model, kpis, console)


def kpi_callback(run: Run) -> KpiCallback:
    """What measures the policy of a run, before it has measured anything."""
    episodes = TuningEpisodes(tuning_worlds(run.scenario, run.ppo), run.ppo.eval_episodes, run.seed)
    curve = Curve(run.out / CURVE_FILE)
    return KpiCallback(episodes, run.ppo.eval_every, curve, run.out / TENSORBOARD, run.ppo.pricing)


def _learn(run: Run, model: RegionalPPO, kpis: KpiCallback, console: Console) -> None:
    before = model.num_timesteps
    model.set_logger(tensorboard_logger(run.out / TENSORBOARD / LEARNER_NAME, before))
    progress = show_progress(run.timesteps, kpis, console)
    with StopSignals() as stop:
        checkpoints = CheckpointCallback(run.out, run.ppo.checkpoint_every, kpis, run.origin(), stop, console.print)
        hparams = HParamCallback(run.hparams(), (COST_TAG, BEST_TAG))
        callbacks: list[BaseCallback] = [hparams, kpis, progress, checkpoints]
        try:
            model.learn(max(0, run.timesteps - before), callback=callbacks, reset_num_timesteps=False)
        except KeyboardInterrupt:
            raise Stopped(_how_to_resume(run), stop.number or signal.SIGINT) from None
        finally:
            progress.close()
            _save_best(run, kpis, model.num_timesteps)


def _search(run: Run, model: RegionalPPO, kpis: KpiCallback, console: Console) -> None:
    """Goes on from the best policy with a direct search, and saves what it finds."""
    assert kpis.best is not None
    begun = time.monotonic()
    with console.status(f"direct search: {run.ppo.search_episodes:,} episodes"):
        worlds = training_worlds(run.scenario, run.ppo)
        found = search(worlds, kpis.best, run.ppo.pricing, run.ppo.search_episodes, run.seed)
    seconds = kpis.seconds + time.monotonic() - begun
    row = kpis.episodes.kpis(ScorerPolicy(found.scorers, LEARNER_NAME, run.ppo.pricing))
    kpis.curve.add(model.num_timesteps, seconds, model.decisions, row)
    kpis.best, kpis.best_cost = found.scorers, row[OBJECTIVE]
    _save_best(run, kpis, model.num_timesteps)


def _how_to_resume(run: Run) -> str:
    found = checkpoints_in(run.out)
    if not found:
        return f"nothing saved yet in {run.out}; train again with --overwrite"
    return f"saved {found[-1]}; resume with: python train.py --resume {shlex.quote(str(run.out))}"


def _save_best(run: Run, kpis: KpiCallback, timesteps: int) -> None:
    if kpis.best is None:  # stopped before the first evaluation
        return
    about = {
        "scenario": run.scenario.name, "seed": run.seed, "timesteps": timesteps, "device": run.device,
        "partition": run.scenario.partition.model_dump(mode="json", exclude_none=True), "command": run.command,
        "tuning_cost_per_order_usd": kpis.best_cost, "seen": [["train", run.seed], ["tune", kpis.episodes.seed]],
        "price_hours": run.ppo.price_hours,
        "world": _facts(run),
    }  # fmt: skip
    save_policy(run.out / POLICY_FILE, kpis.best, about)


def _facts(run: Run) -> dict[str, Any]:
    """Facts of the world that was trained on; of a mix, the least and the most of each."""
    if run.ppo.networks is None and not run.ppo.mix:
        return world_facts(run.scenario)
    every = [world_facts(world) for world in training_worlds(run.scenario, run.ppo)]
    return {fact: [min(one[fact] for one in every), max(one[fact] for one in every)] for fact in every[0]}


def write_config(run: Run) -> None:
    """Saves the exact configuration, in one step."""
    run.out.mkdir(parents=True, exist_ok=True)
    with replacing(run.out / CONFIG_FILE) as file:
        file.write_text(yaml.safe_dump(run.config(), sort_keys=False, allow_unicode=True), encoding="utf-8")


def rules_beside(ppo: PpoConfig, scenario: str) -> dict[str, Scorer]:
    """Arguments of `RegionalPPO` for the rule that takes the decisions which are not trained.

    Raises:
        ScenarioError: `other` is not a baseline, or it needs prices of units while `price_hours` is not set.
    """
    if ppo.decisions == "both":
        return {}
    try:
        rule = tuned_baseline(ppo.other, scenario) if is_tuned_name(ppo.other) else baseline(ppo.other)
    except BaselineError as error:
        raise ScenarioError(f"PPO file: other = {ppo.other}: {error}") from None
    if ppo.decisions == "source":
        return {"dispatch_rule": rule.scorers.dispatch}
    if rule.pricing is not None and ppo.price_hours is None:
        raise ScenarioError(
            f"PPO file: other = {ppo.other}: its sourcing needs prices of units; add price_hours: "
            f"{rule.pricing.every_hours:g}, or name another rule"
        )
    return {"source_rule": rule.scorers.source}


def _algorithm(ppo: PpoConfig) -> type[RegionalPPO]:
    return JointPPO if ppo.credit == "joint" else RegionalPPO


def start_learner(run: Run, env: BatchVecEnv) -> RegionalPPO:
    """The learner of a run, before it has learned anything."""
    arguments = run.ppo.algorithm(env.parts[0].sim.regions) | rules_beside(run.ppo, run.scenario.name)
    return _algorithm(run.ppo)("DispatchPolicy", env, seed=run.seed, device=run.device, verbose=0, **arguments)
