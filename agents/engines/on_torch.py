"""An engine on PyTorch, for any device: losses are written as formulas, and PyTorch finds the gradients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import mse_loss, softplus

from regional_dispatch.agents.compiled.lanes import LaneData
from regional_dispatch.agents.compiled.lines import LEAST_PROBABILITY, LineData, LineValues, LossStats
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.agents.engines.engine import PRICE_MAX_GRAD_NORM, Engine, Settings

ROWS_AT_ONCE = 65536  # lines whose values are computed in one batch


class Tensors(NamedTuple):
    """What `learn` gets, as tensors on the policy's device; see `LineData` and `LaneData`."""

    x: torch.Tensor
    considered: torch.Tensor  # of lines alone
    region: torch.Tensor
    action: torch.Tensor
    log_prob: torch.Tensor
    returns: torch.Tensor
    advantage: torch.Tensor

    def at(self, index: torch.Tensor) -> Tensors:
        """The decisions at an index."""
        return Tensors(*(tensor.index_select(0, index) for tensor in self))


class Loss(NamedTuple):
    """What one kind of decision in a minibatch contributes to the loss, and its metrics."""

    total: torch.Tensor
    metrics: torch.Tensor  # (5,), those of `LossStats`


class TorchEngine(Engine):
    """Computes on the policy's device. This class alone moves arrays there and back."""

    def choose_lines(self, x: np.ndarray, mask: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        draw = torch.rand(len(x)).to(self.policy.device)  # from the CPU's stream, on any device
        with torch.no_grad():
            of_mask = self._tensor(mask)
            log_probs = self.policy.source_logits(self._tensor(x), of_mask, self._tensor(region))
            passed = (log_probs.exp().cumsum(dim=1) <= draw[:, None]).sum(dim=1)
            last = (of_mask * torch.arange(of_mask.shape[1], device=of_mask.device)).argmax(dim=1)
            choice = torch.minimum(passed, last)
            return _array(choice), _array(log_probs.gather(1, choice[:, None])[:, 0])

    def decide_lanes(self, x: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        draw, of_x = torch.rand(len(x)).to(self.policy.device), self._tensor(x)
        with torch.no_grad():
            logit = self.policy.dispatch_logits(of_x, self._tensor(region))
            go = (draw < torch.sigmoid(logit)).long()
            return _array(go), _array(go_log_prob(logit, go)), _array(self.policy.dispatch_values(of_x))

    def line_values(self, lines: Lines) -> LineValues:
        parts = []
        for low in range(0, len(lines.x), ROWS_AT_ONCE):
            of = (self._tensor(array[low : low + ROWS_AT_ONCE]) for array in lines[:4])
            with torch.no_grad():
                parts.append([_array(tensor) for tensor in self._values(*of)])
        return LineValues(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def _values(
        self, x: torch.Tensor, mask: torch.Tensor, region: torch.Tensor, action: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        log_probs = self.policy.source_logits(x, mask, region)
        considered = (log_probs.exp() >= LEAST_PROBABILITY) & mask
        considered.scatter_(1, action[:, None], True)
        p = log_probs.exp() * considered
        q, _ = self.policy.source_values(x, log_probs)
        return (p * q).sum(dim=1) / p.sum(dim=1), considered, p.sum(dim=1).log()

    def _begin(self, lines: LineData, lanes: LaneData, how: Settings) -> None:
        self._how = how
        self._lines = Tensors(*(self._tensor(array) for array in lines))
        x, *others = (self._tensor(array) for array in lanes)
        self._lanes = Tensors(x, torch.empty(len(x), 0, device=x.device), *others)

    def _step(self, of_lines: np.ndarray, of_lanes: np.ndarray) -> dict[str, LossStats]:
        losses = {}
        if self._how.trains_source:
            losses["source"] = self._of_lines(self._lines.at(self._tensor(of_lines)))
        if self._how.trains_dispatch:
            losses["dispatch"] = self._of_lanes(self._lanes.at(self._tensor(of_lanes)))
        total = torch.stack([loss.total for loss in losses.values()]).sum()
        self._descend(total, list(self.policy.parameters()), self._how.max_grad_norm)
        return {kind: LossStats(*loss.metrics.tolist()) for kind, loss in losses.items()}

    def _of_lines(self, lines: Tensors) -> Loss:
        log_probs = self.policy.source_logits(lines.x, lines.considered, lines.region)
        chosen = lines.x[torch.arange(len(lines.x)), lines.action]  # costs are known of the chosen candidates alone
        error = mse_loss(self.policy.source_critic(chosen, lines.region * 0), lines.returns)
        entropy = -(log_probs.exp() * log_probs.clamp_min(-100)).sum(-1).mean()
        return self._ppo_loss(lines, log_probs.gather(1, lines.action[:, None])[:, 0], entropy, error)

    def _of_lanes(self, lanes: Tensors) -> Loss:
        logit = self.policy.dispatch_logits(lanes.x, lanes.region)
        entropy = (softplus(logit) - torch.sigmoid(logit) * logit).mean()
        error = mse_loss(self.policy.dispatch_values(lanes.x), lanes.returns)
        return self._ppo_loss(lanes, go_log_prob(logit, lanes.action), entropy, error)

    def _ppo_loss(self, decisions: Tensors, log_prob: torch.Tensor, entropy: torch.Tensor, error: torch.Tensor) -> Loss:
        """PPO's clipped loss, the entropy bonus and the critic's loss."""
        how, log_ratio = self._how, log_prob - decisions.log_prob
        ratio = log_ratio.exp()
        bounded = decisions.advantage * ratio.clamp(1 - how.clip, 1 + how.clip)
        loss = -torch.min(decisions.advantage * ratio, bounded).mean()
        with torch.no_grad():
            kl = ((ratio - 1) - log_ratio).mean()
            clipped = ((ratio - 1).abs() > how.clip).float().mean()
        metrics = torch.stack([value.detach() for value in (clipped, kl, loss, entropy, error)])
        return Loss(loss - how.entropy_weight * entropy + how.vf_coef * error, metrics)

    def _begin_price(self, x: np.ndarray, usd: np.ndarray) -> np.ndarray:
        assert self.policy.lane_price is not None
        self._net, self._seen, self._usd = self.policy.lane_price, self._tensor(x), self._tensor(usd)
        with torch.no_grad():
            return _array(self._net(self._seen, torch.zeros_like(self._usd)))

    def _price_step(self, index: np.ndarray) -> None:
        of = self._tensor(index)
        usd = self._usd[of]
        loss = mse_loss(self._net(self._seen[of], torch.zeros_like(usd)), usd)
        self._descend(loss, list(self._net.parameters()), PRICE_MAX_GRAD_NORM)

    def _descend(self, loss: torch.Tensor, parameters: list[torch.nn.Parameter], max_norm: float) -> None:
        """A step of the optimizer, with the gradient's norm clipped."""
        self.policy.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, max_norm)
        self.policy.optimizer.step()

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array).to(self.policy.device)


def go_log_prob(logit: torch.Tensor, go: torch.Tensor) -> torch.Tensor:
    """Log-probability of go (1) or hold (0) under a logit of go against hold: (n,)."""
    return -softplus(torch.where(go == 1, -logit, logit))


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
