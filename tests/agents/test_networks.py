"""The networks score as the kernel does with their exported weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_COUNT,
    SOURCE_COUNT,
)
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_COUNT
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from tests.learners import learner


@pytest.mark.parametrize("groups", [1, 3])
def test_a_network_scores_as_its_export(groups: int) -> None:
    torch.manual_seed(3)
    net = ScorerNet(5, 7, groups)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter))
    x, region = torch.randn(40, 6, 5), torch.arange(40) % 3
    e = net.export()
    assert all(array.dtype == np.float32 for array in e)
    for row in range(40):
        g = min(int(region[row]), groups - 1)
        hidden = np.maximum(x[row].numpy() @ e.w1[g] + e.b1[g], 0)
        hidden = np.maximum(hidden @ e.w2[g] + e.b2[g], 0)
        wanted = hidden @ e.w3[g] + x[row].numpy() @ e.weight[g] + e.bias[g]
        np.testing.assert_allclose(net(x, region)[row].detach().numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_scorers_have_one_layout() -> None:
    """What a learner exports is what the kernel reads."""
    scorers = learner().scorers()
    assert isinstance(scorers, Scorers)
    for scorer, features in zip(scorers[:2], (SOURCE_COUNT, DISPATCH_COUNT), strict=True):
        assert isinstance(scorer, Scorer)
        assert scorer.weight.shape == (1, features)
        assert scorer.w1.shape == (1, features, 8)
    assert scorers.price.weight.shape == (0, LANE_PRICE_COUNT)
    assert learner(nets={"price_hidden": 4}).scorers().price.w1.shape == (1, LANE_PRICE_COUNT, 4)
