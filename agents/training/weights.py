"""Networks and optimizers of a learner as arrays, and back into a learner of the same kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from regional_dispatch.agents.ppo import RegionalPPO

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what Adam keeps of a parameter


def weights_of(learner: RegionalPPO) -> dict[str, np.ndarray]:
    """`NAME.WEIGHT` of every network, and `NAME.adam.I.MOMENT` of every parameter that has been trained."""
    arrays = {
        f"{name}.{key}": tensor for name, network in learner.networks().items()
        for key, tensor in network.state_dict().items()
    }  # fmt: skip
    for name, optimizer in learner.optimizers().items():
        for i, parameter in enumerate(_parameters(optimizer)):
            for moment, tensor in optimizer.state.get(parameter, {}).items():
                arrays[f"{name}.adam.{i}.{moment}"] = tensor
    return {name: tensor.detach().cpu().numpy() for name, tensor in arrays.items()}


def learning_rates(learner: RegionalPPO) -> dict[str, float]:
    """Of every optimizer, now."""
    return {name: float(optimizer.param_groups[0]["lr"]) for name, optimizer in learner.optimizers().items()}


def restore_weights(learner: RegionalPPO, arrays: Mapping[str, np.ndarray], rates: Mapping[str, float]) -> None:
    """Sets networks and optimizers to what `weights_of` and `learning_rates` gave.

    Raises:
        KeyError: one is missing.
        ValueError: one is of another size or kind, not finite, or of no network of this learner.
    """
    left = dict(arrays)
    for name, network in learner.networks().items():
        own = network.state_dict()
        network.load_state_dict({key: _like(f"{name}.{key}", left, tensor) for key, tensor in own.items()})
    for name, optimizer in learner.optimizers().items():
        state = {}
        for i, parameter in enumerate(_parameters(optimizer)):
            if any(f"{name}.adam.{i}.{moment}" in left for moment in _MOMENTS):
                state[i] = {
                    moment: _like(f"{name}.adam.{i}.{moment}", left, parameter if moment != "step" else torch.zeros(()))
                    for moment in _MOMENTS
                }
                if state[i]["step"] < 0 or (state[i]["exp_avg_sq"] < 0).any():
                    raise ValueError(f"{name}.adam.{i} is below 0")
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": [{**group, "lr": rates[name]} for group in groups]})
    if left:
        raise ValueError(f"{next(iter(left))} is of no network of this learner")


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _like(name: str, left: dict[str, np.ndarray], own: torch.Tensor) -> torch.Tensor:
    """Takes an array out of `left`, as a tensor like one of the learner's own."""
    tensor = torch.from_numpy(left.pop(name))
    if tensor.shape != own.shape or tensor.dtype != own.dtype:
        raise ValueError(f"{name} is {tensor.dtype} {tuple(tensor.shape)}, not {own.dtype} {tuple(own.shape)}")
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} is not finite")
    return tensor.to(own.device)
