"""The direct search mends a policy as a whole, and hands back no worse one than it was given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.direct_search import SOURCE_STEPS, search, shifted
from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.folder import CURVE_FILE
from regional_dispatch.agents.training.checkpoints import newest_checkpoint
from regional_dispatch.agents.training.run import Run, train
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_LABELS, SOURCE_LABELS
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=40, warmup_hours=12)
SHIFTS = 1 + len(DISPATCH_LABELS)  # of dispatch; those of source follow


def hasty(scorers: Scorers) -> Scorers:
    """The same policy, but nearly every truck leaves at once."""
    return scorers._replace(dispatch=scorers.dispatch._replace(bias=scorers.dispatch.bias + np.float32(0.6)))


RULE = baseline("least_cost+last_safe_hour").scorers


def test_no_shift_is_the_same_policy() -> None:
    same = shifted(RULE, np.zeros(SHIFTS + len(SOURCE_STEPS)))
    for kind in ("source", "dispatch"):
        for name, array in getattr(RULE, kind)._asdict().items():
            np.testing.assert_array_equal(array, getattr(getattr(same, kind), name))


def test_a_shift_moves_the_feature_it_is_of() -> None:
    shift = np.zeros(SHIFTS + len(SOURCE_STEPS))
    shift[1 + DISPATCH_LABELS.index("fill")] = shift[SHIFTS] = 1.0
    moved = shifted(RULE, shift)
    changed = [
        np.flatnonzero(after.weight[0] - before.weight[0]).tolist()
        for after, before in ((moved.dispatch, RULE.dispatch), (moved.source, RULE.source))
    ]
    assert changed == [[DISPATCH_LABELS.index("fill")], [SOURCE_LABELS.index("cost")]]


def test_a_policy_that_sends_every_truck_at_once_learns_to_wait() -> None:
    found = search([WORLD], hasty(RULE), None, episodes=300, seed=0)
    assert found.after_usd < 0.97 * found.before_usd
    assert 300 <= found.episodes < 330


def test_the_start_is_kept_where_nothing_is_cheaper() -> None:
    """After one generation the mean is hardly a policy; the check notices where it is worse."""
    results = [search([WORLD], RULE, None, episodes=1, seed=seed) for seed in range(3)]
    assert all(found.after_usd <= found.before_usd for found in results)


def test_the_same_seed_finds_the_same_policy() -> None:
    first, second, other = (search([WORLD], hasty(RULE), None, 40, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.scorers.dispatch.weight, second.scorers.dispatch.weight)
    assert not np.array_equal(first.scorers.dispatch.weight, other.scorers.dispatch.weight)


def test_a_rule_beside_the_policy_is_not_searched() -> None:
    with pytest.raises(ValueError, match="set decisions: both"):
        PpoConfig(search_episodes=10, decisions="source")


@pytest.mark.slow
def test_training_ends_with_the_search_that_its_file_asks_for(tmp_path: Path) -> None:
    ppo = PpoConfig(
        copies=2, n_steps=8, batch_size=64, n_epochs=1, hidden=8, critic_hidden=8, eval_every=2, eval_episodes=1,
        dispatch_prior={"bias": 2.0},
    )  # fmt: skip
    plain = Run(WORLD, ppo, 64, 0, tmp_path / "plain", "test")
    both = replace(plain, ppo=ppo.model_copy(update={"search_episodes": 60}), out=tmp_path / "both")
    for run in (plain, both):
        train(run, {})
    without, searched = (pd.read_csv(run.out / CURVE_FILE) for run in (plain, both))
    assert len(searched) == len(without) + 1
    assert searched["cost_per_order_usd"].iloc[-1] < without["cost_per_order_usd"].min()
    tuned = load_policy(both.out)
    assert tuned.metadata["tuning_cost_per_order_usd"] == pytest.approx(searched["cost_per_order_usd"].iloc[-1])

    train(both, {}, checkpoint=newest_checkpoint(both.out))  # as after a Ctrl-C during the search
    again = load_policy(both.out)
    np.testing.assert_array_equal(again.scorers.dispatch.weight, tuned.scorers.dispatch.weight)
