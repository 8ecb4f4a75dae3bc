"""An engine of compiled functions. They read and change the memory of the policy's own tensors.

BLAS is kept to one thread meanwhile: on matrices this small, two threads take 35 times as long as one.
"""

from __future__ import annotations

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from regional_dispatch.agents.compiled.lanes import LaneData, decide_lanes, learn_lanes
from regional_dispatch.agents.compiled.lines import (
    LineData,
    LineValues,
    LossStats,
    choose_lines,
    learn_lines,
    line_values,
)
from regional_dispatch.agents.compiled.network import BLOCK, Block, Net, block, fit, scores
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.agents.engines.engine import PRICE_MAX_GRAD_NORM, Engine, Settings, Stats
from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.agents.policy import DispatchPolicy


class CpuEngine(Engine):
    """Computes by `agents.compiled`; steps are taken by the policy's own PyTorch optimizer.

    Args:
        policy: on the CPU.
    """

    def __init__(self, policy: DispatchPolicy) -> None:
        super().__init__(policy)
        nets = (policy.source_actor, policy.source_critic, policy.dispatch_actor, policy.dispatch_critic)
        self._source_actor, self._source_critic, self._dispatch_actor, self._dispatch_critic = map(_weights, nets)
        self._lines, self._lines_critic, self._lanes, self._lanes_critic = map(_block, nets)
        self._first = np.zeros(BLOCK + 1, np.int64)
        self._blas = ThreadpoolController().select(user_api="blas")

    def choose_lines(self, x: np.ndarray, mask: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        action, log_prob = np.zeros(len(x), np.int64), np.zeros(len(x), np.float32)
        index, draw = _by_weights(self._source_actor, region), torch.rand(len(x)).numpy()
        with self._blas.limit(limits=1):
            choose_lines(self._source_actor, x, mask, region, index, draw, self._lines, self._first, action, log_prob)
        return action, log_prob

    def decide_lanes(self, x: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        action = np.zeros(len(x), np.int64)
        log_prob, value = np.zeros(len(x), np.float32), np.zeros(len(x), np.float32)
        index, draw = _by_weights(self._dispatch_actor, region), torch.rand(len(x)).numpy()
        with self._blas.limit(limits=1):
            decide_lanes(
                self._dispatch_actor, self._dispatch_critic, x, region, index, draw, self._lanes, self._lanes_critic,
                action, log_prob, value,
            )  # fmt: skip
        return action, log_prob, value

    def line_values(self, lines: Lines) -> LineValues:
        value, log_share = np.zeros((2, len(lines.x)), np.float32)
        out = LineValues(value, np.zeros(lines.mask.shape, bool), log_share)
        index = _by_weights(self._source_actor, lines.region)
        with self._blas.limit(limits=1):
            line_values(
                self._source_actor, self._source_critic, lines.x, lines.mask, lines.region, lines.action, index,
                self._lines, self._lines_critic, self._first, out,
            )  # fmt: skip
        return out

    def learn(self, lines: LineData, lanes: LaneData, how: Settings) -> tuple[Stats, int]:
        with self._blas.limit(limits=1):
            return super().learn(lines, lanes, how)

    def fit_lane_price(self, x: np.ndarray, usd: np.ndarray, n_epochs: int, batch_size: int) -> Stats:
        with self._blas.limit(limits=1):
            return super().fit_lane_price(x, usd, n_epochs, batch_size)

    def _begin(self, lines: LineData, lanes: LaneData, how: Settings) -> None:
        policy = self.policy
        trained = {
            "source": [policy.source_actor, policy.source_critic] if how.trains_source else [],
            "dispatch": [policy.dispatch_actor, policy.dispatch_critic] if how.trains_dispatch else [],
        }
        self._how, self._of_lines, self._of_lanes = how, lines, lanes
        self._chosen = lines.x[np.arange(len(lines.x)), lines.action]
        self._has_choice = lines.considered.sum(axis=1) > 1
        self._gradient, parts = _gradients([net for nets in trained.values() for net in nets], policy)
        self._source_gradient = parts[: len(trained["source"])]
        self._dispatch_gradient = parts[len(trained["source"]) :]

    def _step(self, of_lines: np.ndarray, of_lanes: np.ndarray) -> dict[str, LossStats]:
        how, losses = self._how, {}
        self._gradient[:] = 0
        weights = how.clip, how.entropy_weight, how.vf_coef
        if self._source_gradient:
            deciding = _by_weights(self._source_actor, self._of_lines.region, of_lines[self._has_choice[of_lines]])
            losses["source"] = learn_lines(
                self._source_actor, self._source_critic, self._of_lines, self._chosen, of_lines, deciding, *weights,
                self._lines, self._lines_critic, self._first, *self._source_gradient,
            )  # fmt: skip
        if self._dispatch_gradient:
            index = _by_weights(self._dispatch_actor, self._of_lanes.region, of_lanes)
            losses["dispatch"] = learn_lanes(
                self._dispatch_actor, self._dispatch_critic, self._of_lanes, index, *weights,
                self._lanes, self._lanes_critic, *self._dispatch_gradient,
            )  # fmt: skip
        self._descend(how.max_grad_norm)
        return losses

    def _begin_price(self, x: np.ndarray, usd: np.ndarray) -> np.ndarray:
        net = self.policy.lane_price
        assert net is not None
        self._price, self._price_block, self._samples = _weights(net), _block(net), (x, usd)
        self._gradient, (self._price_gradient,) = _gradients([net], self.policy)
        before = np.zeros(len(x), np.float32)
        scores(self._price, x, self._price_block, before)
        return before

    def _price_step(self, index: np.ndarray) -> None:
        self._gradient[:] = 0
        fit(self._price, self._price_gradient, *self._samples, index, 1.0, self._price_block)
        self._descend(PRICE_MAX_GRAD_NORM)

    def _descend(self, max_norm: float) -> None:
        """A step of the optimizer, with the gradient's norm clipped."""
        norm = float(np.sqrt(self._gradient @ self._gradient))
        if norm > max_norm:
            self._gradient *= np.float32(max_norm / norm)
        self.policy.optimizer.step()


def _weights(net: ScorerNet) -> Net:
    """The memory of a network's weights."""
    return Net(*(getattr(net, name).detach().numpy() for name in Net._fields))


def _block(net: ScorerNet) -> Block:
    return block(*net.w1.shape[1:])


def _gradients(nets: list[ScorerNet], policy: DispatchPolicy) -> tuple[np.ndarray, list[Net]]:
    """One array for the gradients of several networks, and its parts, which the optimizer reads. The policy's other
    networks have no gradients, and a step leaves them as they are.
    """
    policy.optimizer.zero_grad()
    tensors = [[getattr(net, name) for name in Net._fields] for net in nets]
    flat, parts, low = np.zeros(sum(t.numel() for of_net in tensors for t in of_net), np.float32), [], 0
    for of_net in tensors:
        views = []
        for tensor in of_net:
            views.append(flat[low : low + tensor.numel()].reshape(tensor.shape))
            tensor.grad = torch.from_numpy(views[-1])
            low += tensor.numel()
        parts.append(Net(*views))
    return flat, parts


def _by_weights(actor: Net, region: np.ndarray, index: np.ndarray | None = None) -> np.ndarray:
    """An index (all decisions without one), sorted by region where regions have weights of their own."""
    index = np.arange(len(region)) if index is None else index
    return index if len(actor.bias) == 1 else index[np.argsort(region[index], kind="stable")]
