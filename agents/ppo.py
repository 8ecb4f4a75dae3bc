"""PPO with credit per decision.

A subclass of stable-baselines3's PPO: its hyperparameters, logging, callbacks, `learn()` and `predict()` are unchanged.
What differs is the unit: advantage, ratio and clip belong to a single decision, a line or a lane, and its return comes
from the ledger (`agents.credit`), not from a region's summed reward. `agents.engines` draws decisions and has the
losses. `train.py` saves and resumes by `agents.training.checkpoints`, which hold numbers alone; SB3's own `save` and
`load`, which are there too, write and read pickles, and loading a pickle runs the code in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from torch import nn

from regional_dispatch.agents.choices import record_choices
from regional_dispatch.agents.credit.batch import LaneRecorders, LineRecorders, PriceRecorders
from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.agents.credit.lanes import Lanes
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.agents.engines import Settings, Stats, engine_for
from regional_dispatch.agents.engines.engine import LineValues, lane_data, line_data, no_values
from regional_dispatch.agents.policy import DispatchPolicy
from regional_dispatch.agents.rollout import NoBuffer, best, end_tick, goes
from regional_dispatch.agents.schedule import falling
from regional_dispatch.agents.seeds import library_seed
from regional_dispatch.agents.vec_env import BatchVecEnv
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator, part, prefixed


class RegionalPPO(PPO):
    """PPO over single sourcing and dispatch decisions.

    Args:
        policy: `DispatchPolicy` by default.
        env: a `RegionalVecEnv`, or a `MixedVecEnv` of several networks.
        charges: what decisions are charged with.
        source_rule: takes the sourcing decisions in place of the policy, which then learns dispatch alone.
        dispatch_rule: the same for dispatch decisions.
        ent_coef_end: share of `ent_coef` left at the end of training; it falls linearly.
        kwargs: as for `stable_baselines3.PPO`; `n_steps` counts ticks, `batch_size` decisions of each kind, `gamma`
            discounts per tick along a lane's decisions.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"DispatchPolicy": DispatchPolicy}
    policy: DispatchPolicy  # type: ignore[assignment]

    def __init__(
        self,
        policy: str | type[DispatchPolicy] = "DispatchPolicy",
        env: VecEnv | str | None = None,
        charges: Charges = Charges(),  # noqa: B008
        source_rule: Scorer | None = None,
        dispatch_rule: Scorer | None = None,
        ent_coef_end: float = 1.0,
        **kwargs: Any,
    ) -> None:
        self.charges = charges
        self.source_rule = source_rule
        self.dispatch_rule = dispatch_rule
        self.ent_coef_end = ent_coef_end
        self._lines: LineRecorders | None = None
        self._lanes: LaneRecorders | None = None
        self._prices: PriceRecorders | None = None
        self.decisions = 0  # taken so far, of both kinds
        kwargs.setdefault("rollout_buffer_class", NoBuffer)
        with warnings.catch_warnings():
            # SB3 compares batch_size with ticks × rows; ours counts decisions, of which there are many more.
            warnings.filterwarnings("ignore", message="You have specified a mini-batch size")
            super().__init__(policy, env, **kwargs)  # type: ignore[arg-type]

    def _setup_model(self) -> None:
        self.charges = Charges(*self.charges)  # SB3 saves a named tuple as a plain list
        super()._setup_model()
        self._engine = engine_for(self.policy)

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seeds the libraries' generators, and the orders of the environment. Seeds may have any size."""
        if seed is None:
            return
        super().set_random_seed(library_seed(seed))
        if self.env is not None:
            self.env.seed(seed)  # orders take a seed as it is

    def scorers(self, latest: bool = False) -> Scorers:
        """The policy as the compiled kernel reads it.

        Args:
            latest: the latest weights, also where the policy averages them.
        """
        own = self.policy.scorers(latest)
        return Scorers(
            self.source_rule or own.source,
            self.dispatch_rule or own.dispatch,
            self.charges.with_congestion(own.price),
        )

    @property
    def updates(self) -> int:
        """Rollouts finished so far."""
        return self.num_timesteps // (self.n_steps * self.n_envs)

    def _excluded_save_params(self) -> list[str]:
        own = "_lines", "_lanes", "_prices", "_engine", "rollout_buffer", "_last_obs"
        return [*super()._excluded_save_params(), *own]

    def _setup_learn(self, *args: Any, **kwargs: Any) -> Any:
        sims, before = self._sims(), self._last_obs
        out = super()._setup_learn(*args, **kwargs)
        if self._lines is None or self._lanes is None or self._lines.sims != sims:
            self._lines, self._lanes, self._prices = self._new_recorders()
        elif self._last_obs is not before:  # the copies were reset; the decisions that were open will never close
            self._lines.clear()
            self._lanes.clear()
        return out

    def _new_recorders(self) -> tuple[LineRecorders, LaneRecorders, PriceRecorders | None]:
        sims, charges = self._sims(), self.charges
        for sim in sims:
            sim.charge_trucks(charges.truck_charge == "marginal")
        prices = None if self.policy.lane_price is None else PriceRecorders(sims)
        return LineRecorders(sims, charges), LaneRecorders(sims, charges), prices

    def networks(self) -> dict[str, nn.Module]:
        """All that learns, by name."""
        return {"policy": self.policy}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimizers of `networks`, under the same names."""
        return {"policy": self.policy.optimizer}

    def snapshot(self) -> dict[str, np.ndarray]:
        """What `save` leaves out: network copies and open decisions, as arrays. Call between two updates."""
        if self._lines is None or self._lanes is None:  # before the first update
            self._lines, self._lanes, self._prices = self._new_recorders()
        env, lines, lanes = self._regional_env().snapshot(), self._lines.snapshot(), self._lanes.snapshot()
        return prefixed({"env.": env, "lines.": lines, "lanes.": lanes})

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes over a snapshot; continue with `learn(…, reset_num_timesteps=False)`.

        Raises:
            KeyError: an array is missing.
            ValueError: the snapshot is of other networks or another number of copies, or out of bounds.
        """
        self._lines, self._lanes, self._prices = self._new_recorders()
        self._last_obs = self._regional_env().restore(part(arrays, "env."))  # type: ignore[assignment]
        self._lines.restore(part(arrays, "lines."))
        self._lanes.restore(part(arrays, "lanes."))

    def _sims(self) -> list[Simulator]:
        return [network.sim for network in self._regional_env().parts]

    def _regional_env(self) -> BatchVecEnv:
        env: Any = self.env
        while not isinstance(env, BatchVecEnv):
            if not isinstance(env, VecEnvWrapper):
                raise TypeError(f"RegionalPPO learns on a RegionalVecEnv, not on a {type(env).__name__}")
            env = env.venv
        return env

    # ------------------------------------------------------------------------------------------- experience

    def collect_rollouts(  # type: ignore[override]
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: Any, n_rollout_steps: int
    ) -> bool:
        """Runs `n_rollout_steps` ticks in every network copy with sampled decisions."""
        assert self._lines is not None
        assert self._lanes is not None
        assert self.ep_info_buffer is not None
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        networks = [network.region_rows for network in self._regional_env().parts]
        price = self.scorers(latest=True).price
        for sim in self._sims():
            sim.price_lanes(price)
        prices = self._prices.each if self._prices else [None] * len(networks)
        for _ in range(n_rollout_steps):
            self._decide(self._lines, self._lanes)
            for network in zip(networks, self._lines.each, self._lanes.each, prices, strict=True):
                self.ep_info_buffer.extend(end_tick(*network))
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
        callback.on_rollout_end()
        return True

    def _decide(self, lines: LineRecorders, lanes: LaneRecorders) -> None:
        self.decisions += self._decide_lines(lines) + self._decide_lanes(lanes)

    def _decide_lines(self, lines: LineRecorders) -> int:
        x, mask, region = lines.pack()
        if self.source_rule is None:
            lines.unpack(*self._engine.choose_lines(x, mask, region))
        else:
            lines.unpack(best(self.source_rule, x, mask), np.zeros(len(x), np.float32))
        return len(x)

    def _decide_lanes(self, lanes: LaneRecorders) -> int:
        x, region = lanes.pack()
        if self.dispatch_rule is None:
            lanes.unpack(*self._engine.decide_lanes(x, region))
        else:
            unknown = np.zeros(len(x), np.float32)
            lanes.unpack(goes(self.dispatch_rule, x), unknown, unknown)
        return len(x)

    # --------------------------------------------------------------------------------------------- learning

    def train(self) -> None:
        """One PPO update on the decisions whose returns are known by now."""
        assert self._lines is not None
        assert self._lanes is not None
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        lines, line_values, lanes, lane_advantage, lane_return = self._credited(self._lines, self._lanes)
        if not len(lines.reward) or not len(lane_return):
            return
        settings = self._settings()
        of_lines, of_lanes = line_data(lines, line_values), lane_data(lanes, lane_advantage, lane_return)
        stats, passes = self._engine.learn(of_lines, of_lanes, settings)
        self._n_updates += passes
        stats |= self._fit_lane_price()
        self.policy.average_weights()
        self._log_update(stats, settings.clip, lines, lanes)
        if settings.trains_source:
            self.logger.record("train/source_explained_variance", explained_variance(line_values.value, lines.reward))
        if settings.trains_dispatch:
            self.logger.record("train/dispatch_explained_variance", explained_variance(lanes.value, lane_return))

    def _settings(self) -> Settings:
        progress = self._current_progress_remaining
        return Settings(
            self.n_epochs,
            self.batch_size,
            clip=float(self.clip_range(progress)),  # type: ignore[operator]
            entropy_weight=falling(self.ent_coef, self.ent_coef_end, progress),
            vf_coef=self.vf_coef,
            max_grad_norm=self.max_grad_norm,
            target_kl=self.target_kl,
            trains_source=self.source_rule is None,
            trains_dispatch=self.dispatch_rule is None,
        )

    def _fit_lane_price(self) -> Stats:
        if self._prices is None:
            return {}
        x, usd = self._prices.take()
        return self._engine.fit_lane_price(x, usd, self.n_epochs, self.batch_size) if len(usd) else {}

    def _log_update(self, stats: Stats, clip: float, lines: Lines, lanes: Lanes) -> None:
        for name, values in stats.items():
            self.logger.record(f"train/{name}", float(np.mean(values)))
        self.logger.record("train/source_decisions", len(lines.reward))
        self.logger.record("train/dispatch_decisions", len(lanes.action))
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/clip_range", clip)
        self.logger.record("rollout/usd_per_line", float(-lines.reward.mean()))
        record_choices(self.logger, lines, lanes)
        self.logger.record("rollout/usd_per_lane_decision", float(lanes.cost.mean()))

    def _credited(
        self, lines: LineRecorders, lanes: LaneRecorders
    ) -> tuple[Lines, LineValues, Lanes, np.ndarray, np.ndarray]:
        """Decisions to learn from: lines and their values; lanes, their advantages and their returns."""
        closed, chained = lines.take(), lanes.take(self.gamma, self.gae_lambda)
        values = self._engine.line_values if self.source_rule is None else no_values
        return closed, values(closed), *chained
