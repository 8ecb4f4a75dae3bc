"""What is measured during training: KPIs on the tuning episodes, the best policy so far, and TensorBoard logs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import HParam, Image, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.training.curve import Curve
from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.kernel.decisions.scorers import Scorer, Scorers
from regional_dispatch.envs.policy import Pricing, ScorerPolicy
from regional_dispatch.envs.simulator import Simulator, part
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario

LEARNER_NAME = "ppo"  # the learning policy in tables, and its run in TensorBoard, beside those of the references
OBJECTIVE = "cost_per_order_usd"
BEST = f"best_{OBJECTIVE}"
USUAL = ("least_cost", "least_cost+quantity")  # the cheaper of these says what an episode usually costs
_NO_TEXT = ("stdout", "log", "json", "csv")  # outputs that cannot show pictures and tables

Kpis = dict[str, float]


class TuningEpisodes:
    """The episodes that a policy is evaluated on while it learns; the same ones every time.

    Args:
        worlds: scenarios they are played in, in turn.
        episodes: number of episodes.
        seed: of the tuning stream.
    """

    def __init__(self, worlds: Sequence[Scenario], episodes: int, seed: int) -> None:
        self.worlds = worlds
        self.seed = seed
        self.keys = [episode_key("tune", seed, i) for i in range(episodes)]
        self._sims: dict[tuple[int, Pricing | None], Simulator] = {}  # by number of the world
        self._usual: list[float] | None = None  # costs of each episode; see `_in_proportion`

    def kpis(self, policy: ScorerPolicy) -> Kpis:
        """Mean KPIs of a policy, with units priced as the policy asks for; of several worlds, costs in proportion."""
        rows = self._in_proportion(self._play(policy))
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def _in_proportion(self, rows: list[Kpis]) -> list[Kpis]:
        """Dollars of each episode as if a rule cost the same in all of them, so that none outweighs the others."""
        if len(self.worlds) == 1:
            return rows
        if self._usual is None:
            rules = (self._play(baseline(name)) for name in USUAL)
            self._usual = [min(row[OBJECTIVE] for row in played) for played in zip(*rules, strict=True)]
        mean = float(np.mean(self._usual))
        return [
            {name: value * mean / usual if name.endswith("_usd") else value for name, value in row.items()}
            for row, usual in zip(rows, self._usual, strict=True)
        ]

    def _play(self, policy: ScorerPolicy) -> list[Kpis]:
        rows = []
        for i, key in enumerate(self.keys):
            sim = self._simulator(i % len(self.worlds), policy.pricing)
            sim.reset(0, key)
            sim.run(policy.scorers)
            rows.append(sim.kpis(0))
        return rows

    def picture(self, policy: ScorerPolicy) -> np.ndarray:
        """The map in the last tick of the first episode, while trucks are still under way: (H, W, 3) uint8."""
        from regional_dispatch.envs.render.map import draw_map  # pulls in matplotlib

        sim, world = self._simulator(0, policy.pricing), self.worlds[0]
        sim.reset(0, self.keys[0])
        sim.run(policy.scorers, until=max(1, world.horizon_ticks - 1))
        return draw_map(sim, title=f"{world.name}: {policy.name}")

    def _simulator(self, world: int, pricing: Pricing | None) -> Simulator:
        if (world, pricing) not in self._sims:
            self._sims[world, pricing] = simulator_for(self.worlds[world], pricing)
        return self._sims[world, pricing]


class KpiCallback(BaseCallback):
    """Runs the policy greedily on the tuning episodes every few updates and logs all KPIs under `kpi/`.

    `levels` (name → KPIs of a reference policy or a bound) are drawn into the same charts, each as a run of its own.
    The policy with the lowest cost so far is kept in `best`, the KPIs of all evaluations in `curve`.

    Args:
        episodes: the tuning episodes.
        every: updates between evaluations.
        curve: table that the KPIs are added to.
        folder: TensorBoard's; each level gets a sub-folder.
        pricing: how the policy wants units priced.
    """

    def __init__(
        self,
        episodes: TuningEpisodes,
        every: int,
        curve: Curve,
        folder: Path,
        pricing: Pricing | None = None,
    ) -> None:
        super().__init__()
        self.episodes, self.every = episodes, every
        self.curve, self.folder, self.pricing = curve, folder, pricing
        self.levels: dict[str, Kpis] = {}
        self.best: Scorers | None = None
        self.best_cost = np.inf
        self.seconds = 0.0  # of training, up to the last evaluation
        self._writers: dict[str, SummaryWriter] = {}

    @property
    def latest(self) -> Kpis:
        """The last row of the curve; empty before the first evaluation."""
        return self.curve.rows[-1] if self.curve.rows else {}

    def references(self) -> dict[str, float]:
        """Name → USD per order of the levels that have this KPI, lowest first."""
        costs = {name: level[OBJECTIVE] for name, level in self.levels.items() if OBJECTIVE in level}
        return dict(sorted(costs.items(), key=lambda item: item[1]))

    def snapshot(self) -> dict[str, np.ndarray]:
        """What a resumed run needs, as arrays: curve, clock and best policy."""
        best = self.best._asdict() if self.best is not None else {}
        return {
            "curve": self.curve.snapshot(),
            "seconds": np.array(self.seconds_now()),
            "best_cost": np.array(self.best_cost),
            **{f"best.{kind}.{name}": a for kind, scorer in best.items() for name, a in scorer._asdict().items()},
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continues from a snapshot.

        Raises:
            KeyError: an array is missing.
            ValueError: the curve has other KPIs.
        """
        self.curve.restore(arrays["curve"])
        self.seconds, self.best_cost = float(arrays["seconds"]), float(arrays["best_cost"])
        if np.isfinite(self.best_cost):
            self.best = Scorers(*(Scorer(**part(arrays, f"best.{kind}.")) for kind in Scorers._fields))

    def seconds_now(self) -> float:
        """Seconds of training so far, without evaluations."""
        return self.seconds + (time.monotonic() - self._since if hasattr(self, "_since") else 0.0)

    def _on_training_start(self) -> None:
        purge = self.num_timesteps + 1 if self.num_timesteps else None
        self._writers = {name: event_writer(self.folder / file_name(name), purge) for name in self.levels}
        self._since = time.monotonic()
        if self.num_timesteps == 0:
            self._check()
            self._draw()

    def _on_rollout_start(self) -> None:
        assert isinstance(self.model, RegionalPPO)
        if self.model.updates % self.every == 0:
            self._check()
        self.logger.dump(self.num_timesteps)  # with what the previous update has recorded

    def _on_training_end(self) -> None:
        self._check()
        self._draw()
        self.logger.dump(self.num_timesteps)
        for writer in self._writers.values():
            writer.close()

    def _check(self) -> None:
        assert isinstance(self.model, RegionalPPO)
        if self.latest.get("timesteps") == self.num_timesteps:
            return  # already evaluated, perhaps before the run was resumed
        self.seconds = self.seconds_now()
        scorers = self.model.scorers()
        kpis = self.episodes.kpis(ScorerPolicy(scorers, LEARNER_NAME, self.pricing))
        self.curve.add(self.num_timesteps, self.seconds, self.model.decisions, kpis)
        if kpis[OBJECTIVE] < self.best_cost:
            self.best, self.best_cost = scorers, kpis[OBJECTIVE]
        self._log(kpis)
        self._since = time.monotonic()

    def _draw(self) -> None:
        """Logs the map; at the start and the end only, as it takes as long as an evaluation."""
        assert isinstance(self.model, RegionalPPO)
        picture = self.episodes.picture(ScorerPolicy(self.model.scorers(), LEARNER_NAME, self.pricing))
        self.logger.record("kpi/map", Image(picture, "HWC"), exclude=_NO_TEXT)

    def _log(self, kpis: Kpis) -> None:
        for name, value in {**kpis, BEST: self.best_cost}.items():
            self.logger.record(f"kpi/{name}", value)
        for level, writer in self._writers.items():
            for name, value in self.levels[level].items():
                writer.add_scalar(f"kpi/{name}", value, self.num_timesteps)
            writer.flush()

    def _on_step(self) -> bool:
        return True


class HParamCallback(BaseCallback):
    """Adds the run to TensorBoard's HParams tab, with its cost as the metric.

    Args:
        hparams: name → number or text.
    """

    def __init__(self, hparams: Mapping[str, float | str | bool]) -> None:
        super().__init__()
        self.hparams = dict(hparams)

    def _on_training_start(self) -> None:
        metrics = dict.fromkeys((f"kpi/{OBJECTIVE}", f"kpi/{BEST}"), 0.0)  # read from the scalars of that name
        self.logger.record("hparams", HParam(self.hparams, metrics), exclude=_NO_TEXT)
        self.logger.dump(self.num_timesteps)

    def _on_step(self) -> bool:
        return True


class EventFile(TensorBoardOutputFormat):
    """SB3's TensorBoard output, for a run that may have been resumed.

    Args:
        folder: of the event files.
        purge: older events from this timestep on are hidden, since the run writes them again; None hides none.
    """

    def __init__(self, folder: Path, purge: int | None) -> None:
        self.writer = event_writer(folder, purge)
        self._is_closed = False


def event_writer(folder: Path, purge: int | None) -> SummaryWriter:
    """A writer of event files that hides older events from timestep `purge` on."""
    return SummaryWriter(str(folder), purge_step=purge)


def tensorboard_logger(folder: Path, timesteps: int) -> Logger:
    """A logger of a run that continues from `timesteps`."""
    return Logger(str(folder), [EventFile(folder, timesteps + 1 if timesteps else None)])


def file_name(name: str) -> str:
    """A folder name for a policy, whose name may be a path."""
    return name.strip("/").replace("/", "_")
