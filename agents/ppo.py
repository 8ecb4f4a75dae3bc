"""PPO with credit per decision.

A subclass of stable-baselines3's PPO: its hyperparameters, logging, callbacks, saving, `learn()` and `predict()`
stay. What differs is the unit: advantage, ratio and clip belong to a single decision, a line or a lane, and its
return comes from the ledger (`agents.credit.decisions`), not from a region's summed reward.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import BaseBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from regional_dispatch.agents.choices import record_choices
from regional_dispatch.agents.credit.batch import LaneBooks, LineBooks, PriceBooks
from regional_dispatch.agents.credit.decisions import Charges, LaneBook, Lanes, LineBook, Lines, PriceBook
from regional_dispatch.agents.policy import DispatchPolicy
from regional_dispatch.agents.vec_env import BatchVecEnv
from regional_dispatch.envs.kernel.score import Scorer
from regional_dispatch.envs.kernel.scorers import Scorers
from regional_dispatch.envs.policy import scores
from regional_dispatch.envs.simulator import Simulator, part, prefixed
from regional_dispatch.envs.vector_env import RegionRows


class NoBuffer(BaseBuffer):
    """Stands where SB3 keeps padded observations; decisions are kept in `agents.credit.decisions` instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.full = True

    def reset(self) -> None:
        """Nothing is kept here."""

    def _get_samples(self, batch_inds: np.ndarray, env: Any = None) -> Any:
        raise NotImplementedError("decisions are sampled in RegionalPPO.train")


class RegionalPPO(PPO):
    """PPO over single sourcing and dispatch decisions.

    Args:
        policy: `DispatchPolicy` by default.
        env: a `RegionalVecEnv`, or a `MixedVecEnv` of several networks.
        source_rule: sources in place of the policy, which then learns dispatch alone.
        dispatch_rule: likewise for dispatch.
        ent_coef_end: share of `ent_coef` left at the end of training; it falls linearly.
        charges: what decisions are charged with.
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
        self._prices: PriceBooks | None = None
        self.ent_coef_end = ent_coef_end
        self._lines: LineBooks | None = None
        self._lanes: LaneBooks | None = None
        self.decisions = 0  # taken so far, of both kinds
        kwargs.setdefault("rollout_buffer_class", NoBuffer)
        with warnings.catch_warnings():
            # SB3 compares batch_size with ticks × rows; ours counts decisions, of which there are many more.
            warnings.filterwarnings("ignore", message="You have specified a mini-batch size")
            super().__init__(policy, env, **kwargs)  # type: ignore[arg-type]

    def _setup_model(self) -> None:
        self.charges = Charges(*self.charges)  # SB3 saves a named tuple as a bare list
        super()._setup_model()

    def scorers(self, latest: bool = False) -> Scorers:
        """The policy as the compiled kernel reads it: with averaged weights, if it averages them, or the latest."""
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
        return [*super()._excluded_save_params(), "_lines", "_lanes", "_prices", "rollout_buffer", "_last_obs"]

    def _setup_learn(self, *args: Any, **kwargs: Any) -> Any:
        sims, before = self._sims(), self._last_obs
        out = super()._setup_learn(*args, **kwargs)
        if self._lines is None or self._lanes is None or self._lines.sims != sims:
            self._lines, self._lanes, self._prices = self._new_books()
        elif self._last_obs is not before:  # the copies were started anew; what was open will never close
            self._lines.forget()
            self._lanes.forget()
        return out

    def _new_books(self) -> tuple[LineBooks, LaneBooks, PriceBooks | None]:
        sims, charges = self._sims(), self.charges
        for sim in sims:
            sim.charge_trucks(charges.marginal_trucks)
        prices = None if self.policy.lane_price is None else PriceBooks(sims)
        return LineBooks(sims, charges), LaneBooks(sims, charges), prices

    def snapshot(self) -> dict[str, np.ndarray]:
        """What `save` leaves out, between two updates: network copies and open decisions."""
        assert self._lines is not None
        assert self._lanes is not None
        env, lines, lanes = self._regional_env().snapshot(), self._lines.snapshot(), self._lanes.snapshot()
        return prefixed({"env.": env, "lines.": lines, "lanes.": lanes})

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from a snapshot, with `learn(…, reset_num_timesteps=False)`.

        Raises:
            KeyError: an array is missing.
            ValueError, IndexError: the snapshot is of other networks or another number of copies.
        """
        self._lines, self._lanes, self._prices = self._new_books()
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
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        networks = [network.region_rows for network in self._regional_env().parts]
        price = self.scorers(latest=True).price
        for sim in self._sims():
            sim.price_lanes(price)
        for _ in range(n_rollout_steps):
            self._decide(self._lines, self._lanes)
            prices = self._prices.books if self._prices else [None] * len(networks)
            for network in zip(networks, self._lines.books, self._lanes.books, prices, strict=True):
                _tick(*network)
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
        callback.on_rollout_end()
        return True

    def _decide(self, lines: LineBooks, lanes: LaneBooks) -> None:
        with torch.no_grad():
            self.decisions += self._decide_lines(lines) + self._decide_lanes(lanes)

    def _decide_lines(self, lines: LineBooks) -> int:
        x, mask, region = (torch.as_tensor(a) for a in lines.pack())
        log_probs = self.policy.source_logits(x, mask, region)
        choice = _sample(log_probs)
        if self.source_rule is not None:
            choice = _best(self.source_rule, x, mask)
        lines.unpack(choice.numpy(), log_probs.gather(1, choice[:, None])[:, 0].numpy())
        return len(choice)

    def _decide_lanes(self, lanes: LaneBooks) -> int:
        x, region = (torch.as_tensor(a) for a in lanes.pack())
        logit = self.policy.dispatch_logits(x, region)
        go = (torch.rand(len(logit)) < torch.sigmoid(logit)).long()
        if self.dispatch_rule is not None:
            go = torch.as_tensor(scores(self.dispatch_rule, np.zeros(1, int), x.numpy()[None])[0] > 0).long()
        lanes.unpack(go.numpy(), _go_log_prob(logit, go).numpy(), self.policy.dispatch_values(x).numpy())
        return len(go)

    # --------------------------------------------------------------------------------------------- learning

    def train(self) -> None:
        """One PPO update on the decisions whose returns are known by now."""
        assert self._lines is not None
        assert self._lanes is not None
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        lines, line_value, lanes, lane_advantage, lane_return = self._credited(self._lines, self._lanes)
        if not len(lines.reward) or not len(lane_return):
            return
        self._entropy_weight = self.ent_coef * (
            self.ent_coef_end + (1 - self.ent_coef_end) * self._current_progress_remaining
        )
        clip = float(self.clip_range(self._current_progress_remaining))  # type: ignore[operator]
        source = _SourceBatch(lines, line_value)
        dispatch = _DispatchBatch(lanes, lane_advantage, lane_return)
        stats: dict[str, list[float]] = {}
        stop = False
        for _ in range(self.n_epochs):
            for line_index, lane_index in _minibatches(len(source), len(dispatch), self.batch_size):
                kl = self._update(source, line_index, dispatch, lane_index, clip, stats)
                if self.target_kl is not None and kl > 1.5 * self.target_kl:
                    stop = True
                    break
            self._n_updates += 1
            if stop:
                break
        self._learn_prices(stats)
        self.policy.average_weights()
        for name, values in stats.items():
            self.logger.record(f"train/{name}", float(np.mean(values)))
        self.logger.record("train/source_explained_variance", explained_variance(source.value, lines.reward))
        self.logger.record("train/dispatch_explained_variance", explained_variance(lanes.value, lane_return))
        self.logger.record("train/source_decisions", len(source))
        self.logger.record("train/dispatch_decisions", len(dispatch))
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/clip_range", clip)
        self.logger.record("rollout/usd_per_line", float(-lines.reward.mean()))
        record_choices(self.logger, lines, lanes)
        self.logger.record("rollout/usd_per_lane_decision", float(lanes.cost.mean()))

    def _learn_prices(self, stats: dict[str, list[float]]) -> None:
        """Fits the price of lanes to what packages have cost them."""
        if self._prices is None or self.policy.lane_price is None:
            return
        x, usd = (torch.as_tensor(a) for a in self._prices.take())
        if not len(usd):
            return
        region = torch.zeros(len(usd), dtype=torch.int64)
        with torch.no_grad():
            before = self.policy.lane_price(x, region)
        stats["price_explained_variance"] = [float(explained_variance(before.numpy(), usd.numpy()))]
        stats["price_mean_usd"] = [float(usd.mean())]
        stats["price_samples"] = [float(len(usd))]
        for _ in range(self.n_epochs):
            for index in torch.randperm(len(usd)).split(self.batch_size):
                loss = torch.nn.functional.mse_loss(self.policy.lane_price(x[index], region[index]), usd[index])
                self.policy.optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.policy.lane_price.parameters(), 5.0)
                self.policy.optimizer.step()

    def _credited(self, lines: LineBooks, lanes: LaneBooks) -> tuple[Lines, np.ndarray, Lanes, np.ndarray, np.ndarray]:
        """Decisions to learn from: lines and their values; lanes, their advantages and their returns."""
        closed, chained = lines.take(), lanes.take(self.gamma, self.gae_lambda)
        value = self._line_values(closed) if len(closed.reward) else np.zeros(0, np.float32)
        return closed, value, *chained

    def _line_values(self, lines: Lines) -> np.ndarray:
        """Values of the lines under today's policy and critic: (n,)."""
        with torch.no_grad():
            parts = []
            for rows in torch.arange(len(lines.reward)).split(65536):
                x, mask, region = (torch.as_tensor(a[rows.numpy()]) for a in (lines.x, lines.mask, lines.region))
                parts.append(self.policy.source_values(x, self.policy.source_logits(x, mask, region))[1])
        return torch.cat(parts).numpy()

    def _update(
        self,
        source: _SourceBatch,
        line_index: np.ndarray,
        dispatch: _DispatchBatch,
        lane_index: np.ndarray,
        clip: float,
        stats: dict[str, list[float]],
    ) -> float:
        s_policy, s_value, s_entropy, s_kl = self._source_losses(source, line_index, clip, stats)
        d_policy, d_value, d_entropy, d_kl = self._dispatch_losses(dispatch, lane_index, clip, stats)
        source_loss = s_policy - self._entropy_weight * s_entropy + self.vf_coef * s_value
        dispatch_loss = d_policy - self._entropy_weight * d_entropy + self.vf_coef * d_value
        loss = (self.source_rule is None) * source_loss + (self.dispatch_rule is None) * dispatch_loss
        self.policy.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()
        return max(s_kl, d_kl)

    def _source_losses(
        self, batch: _SourceBatch, index: np.ndarray, clip: float, stats: dict[str, list[float]]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
        x, action = batch.x[index], batch.action[index]
        log_probs = self.policy.source_logits(x, batch.mask[index], batch.region[index])
        chosen = x[torch.arange(len(x)), action]  # only they have been paid for
        q = self.policy.source_critic(chosen, batch.region[index] * 0)
        log_prob = log_probs.gather(1, action[:, None])[:, 0]
        entropy = -(log_probs.exp() * log_probs.clamp_min(-100)).sum(-1).mean()
        value_loss = torch.nn.functional.mse_loss(q, batch.reward[index])
        policy_loss, kl = _clipped(log_prob, batch.log_prob[index], batch.advantage[index], clip, "source", stats)
        _note(stats, "source", entropy, value_loss)
        return policy_loss, value_loss, entropy, kl

    def _dispatch_losses(
        self, batch: _DispatchBatch, index: np.ndarray, clip: float, stats: dict[str, list[float]]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
        x, action = batch.x[index], batch.action[index]
        logit = self.policy.dispatch_logits(x, batch.region[index])
        go = torch.sigmoid(logit)
        entropy = (torch.nn.functional.softplus(logit) - go * logit).mean()
        value_loss = torch.nn.functional.mse_loss(self.policy.dispatch_values(x), batch.returns[index])
        log_prob = _go_log_prob(logit, action)
        policy_loss, kl = _clipped(log_prob, batch.log_prob[index], batch.advantage[index], clip, "dispatch", stats)
        _note(stats, "dispatch", entropy, value_loss)
        return policy_loss, value_loss, entropy, kl


def _tick(rows: RegionRows, lines: LineBook, lanes: LaneBook, prices: PriceBook | None) -> None:
    """Ends the tick of every copy of a network, up to its next decisions; copies at their horizon start anew."""
    for copy in range(rows.sim.copies):
        if not lines.charges.settlement and rows.sim.tick(copy) + 1 == rows.sim.world.rules.horizon_tick:
            lines.harvest(copy)  # what has arrived is charged, what is still under way will be free
        if rows.sim.finish(copy):
            lines.end_episode(copy)
            lanes.end_episode(copy)
            if prices is not None:
                prices.harvest(copy)
            rows.start(copy)
        else:
            rows.sim.begin(copy)


class _SourceBatch:
    """Lines as tensors; lines with one candidate teach the critic alone."""

    def __init__(self, lines: Lines, value: np.ndarray) -> None:
        self.value = value
        self.x, self.mask, self.region, self.action, self.log_prob, self.reward = (torch.as_tensor(a) for a in lines)
        free = self.mask.sum(-1) > 1
        advantage = self.reward - torch.as_tensor(value)
        self.advantage = torch.where(free, _normalised(advantage, free), torch.zeros_like(advantage))

    def __len__(self) -> int:
        return len(self.action)


class _DispatchBatch:
    """Lanes as tensors."""

    def __init__(self, lanes: Lanes, advantage: np.ndarray, returns: np.ndarray) -> None:
        self.x, self.region, self.action, self.log_prob = (
            torch.as_tensor(a) for a in (lanes.x, lanes.region, lanes.action, lanes.log_prob)
        )
        self.returns = torch.as_tensor(returns)
        advantage_ = torch.as_tensor(advantage)
        self.advantage = _normalised(advantage_, torch.ones_like(advantage_, dtype=torch.bool))

    def __len__(self) -> int:
        return len(self.action)


def _normalised(advantage: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    chosen = advantage[of]
    if len(chosen) < 2:
        return advantage
    return (advantage - chosen.mean()) / (chosen.std() + 1e-8)


def _clipped(
    log_prob: torch.Tensor,
    old: torch.Tensor,
    advantage: torch.Tensor,
    clip: float,
    kind: str,
    stats: dict[str, list[float]],
) -> tuple[torch.Tensor, float]:
    """PPO's clipped loss of one kind of decision, and the approximate KL divergence."""
    log_ratio = log_prob - old
    ratio = log_ratio.exp()
    loss = -torch.min(advantage * ratio, advantage * ratio.clamp(1 - clip, 1 + clip)).mean()
    with torch.no_grad():
        kl = float(((ratio - 1) - log_ratio).mean())
        stats.setdefault(f"{kind}_clip_fraction", []).append(float(((ratio - 1).abs() > clip).float().mean()))
    stats.setdefault(f"{kind}_approx_kl", []).append(kl)
    stats.setdefault(f"{kind}_policy_loss", []).append(float(loss.detach()))
    return loss, kl


def _note(stats: dict[str, list[float]], kind: str, entropy: torch.Tensor, value_loss: torch.Tensor) -> None:
    stats.setdefault(f"{kind}_entropy", []).append(float(entropy.detach()))
    stats.setdefault(f"{kind}_value_loss", []).append(float(value_loss.detach()))


def _minibatches(lines: int, lanes: int, batch_size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Shuffled parts of both kinds, as many of one as of the other, and none of them empty."""
    parts = max(1, min(round(max(lines, lanes) / batch_size), lines, lanes))
    return list(
        zip(
            np.array_split(np.random.permutation(lines), parts),
            np.array_split(np.random.permutation(lanes), parts),
            strict=True,
        )
    )


def _sample(log_probs: torch.Tensor) -> torch.Tensor:
    """One candidate per row (Gumbel trick; several times faster than `multinomial` on many short rows)."""
    noise = -torch.log(-torch.log(torch.rand_like(log_probs).clamp(1e-9, 1 - 1e-7)))
    return (log_probs + noise).argmax(dim=-1)


def _best(rule: Scorer, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The candidate a rule scores highest, per row."""
    value = scores(rule, np.zeros(1, int), x.numpy()[None])[0]
    return torch.as_tensor(np.where(mask.numpy(), value, -np.inf).argmax(axis=1))


def _go_log_prob(logit: torch.Tensor, go: torch.Tensor) -> torch.Tensor:
    return -torch.nn.functional.softplus(torch.where(go == 1, -logit, logit))
