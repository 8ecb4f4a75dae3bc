"""Objects of a user's own code as policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.predict_player import PredictPlayer
from regional_dispatch.baselines.tick_player import PlayerError
from regional_dispatch.evaluation.compare import compare_policies
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.policies import resolve_players, resolve_policies, split_names
from regional_dispatch.evaluation.rollouts import evaluate_policies
from regional_dispatch.evaluation.submission.objects import as_playable, object_policy
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=24, warmup_hours=6)
COST = "cost_per_order_usd"
CODE = '''
import helper
from regional_dispatch import baseline

class Wrapped:
    """The rule behind predict() alone, and what it was asked with."""
    def __init__(self):
        self.rule, self.asked = baseline("least_cost"), []
    def predict(self, observation, state=None, episode_start=None, action_masks=None):
        self.asked.append((sorted(observation), state, bool(episode_start.all()), action_masks.shape))
        return self.rule.predict(observation)[0], helper.count(state)

def for_scenario(scenario):
    found = Wrapped()
    found.scenario = scenario.name
    return found

made = Wrapped()
a_rule = baseline("hybrid")
nothing = object()

def two(a, b):
    return made
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A file of a user's, and another beside it that it imports."""
    (tmp_path / "helper.py").write_text("def count(state):\n    return (state or 0) + 1\n", encoding="utf-8")
    file = tmp_path / "mine.py"
    file.write_text(CODE, encoding="utf-8")
    return file


def frame_of(policies: dict[str, Any], episodes: int = 1) -> dict[str, list[float]]:
    frame = evaluate_policies(WORLD, policies, episodes, 0)
    return {str(name): part[COST].tolist() for name, part in frame.groupby("policy")}


@pytest.mark.parametrize("name", ["Wrapped", "for_scenario", "made"])
def test_the_same_decisions_behind_predict_give_the_same_episode(module: Path, name: str) -> None:
    spec = f"{module}:{name}"
    policies = resolve_players(split_names(f"least_cost,{spec}"), WORLD)
    found = frame_of(dict(policies))
    assert found[spec] == pytest.approx(found["least_cost"])


def test_it_is_asked_with_what_its_signature_has(module: Path) -> None:
    player = object_policy(f"{module}:made", WORLD)
    assert isinstance(player, PredictPlayer)
    frame_of({"made": player}, episodes=2)
    asked = player._policy(WORLD).asked
    ticks = round(WORLD.horizon_hours / WORLD.tick_hours)
    assert [states for _, states, _, _ in asked] == [None, *range(1, ticks)] * 2
    assert [first for _, _, first, _ in asked] == [i % ticks == 0 for i in range(2 * ticks)]
    keys, _, _, mask = asked[0]
    assert keys == ["lane_mask", "lanes", "order_mask", "orders", "region"] and mask[0] == 2


def test_a_policy_of_this_project_is_taken_as_it_is(module: Path) -> None:
    assert np.array_equal(object_policy(f"{module}:a_rule", WORLD).scorers.dispatch.bias,  # type: ignore[union-attr]
                          baseline("hybrid").scorers.dispatch.bias)  # fmt: skip


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (":missing", r"mine.py:missing.*has no 'missing'; it has .*Wrapped"),
        (":nothing", r"mine.py:nothing.*object has no predict\(observation\)"),
        (":two", r"mine.py:two.*needs 2 arguments"),
    ],
)
def test_what_cannot_play_is_refused_before_anything_runs(module: Path, end: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve_players([f"{module}{end}"], WORLD)


def test_missing_files_modules_and_packages_are_named(tmp_path: Path) -> None:
    (tmp_path / "needs.py").write_text("import package_of_nothing\n", encoding="utf-8")
    for spec, message in (
        (f"{tmp_path}/none.py:x", "there is no file"),
        ("package_of_nothing.policies:x", "no such module"),
        (f"{tmp_path}/needs.py:x", "needs the package 'package_of_nothing'"),
    ):
        with pytest.raises(InputError, match=message):
            resolve_players([spec], WORLD)


class Answers:
    """Answers whatever it was made with."""

    def __init__(self, change: Any) -> None:
        self.change = change

    def predict(self, observation: Any, action_masks: np.ndarray) -> Any:
        rows, slots, _ = observation["order_mask"].shape
        return self.change(np.zeros((rows, slots + observation["lane_mask"].shape[1]), np.int64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: (a[:1], None), r"'mine': .*actions of shape \(1, .*a row for each of 2 regions"),
        (lambda a: (a[:, :-1], None), r"'mine': .*must be \("),
        (lambda a: (a + 99, None), r"'mine': .*action\[0\] = 99"),
        (lambda a: (a - 1, None), r"'mine': .*action\[0\] = -1"),
        (lambda a: (a + np.nan, None), r"'mine': .*must be integers"),
        (lambda a: (None, None), r"'mine': .*shape \(\)"),
        (lambda a: a, r"'mine': .*ndarray; it must return \(actions, state\)"),
    ],
)
def test_an_answer_that_is_no_action_names_the_policy(change: Any, message: str) -> None:
    with pytest.raises(PlayerError, match=message):
        frame_of({"mine": as_playable("mine", Answers(change))})


def test_a_model_of_other_sizes_is_refused_with_both_sizes() -> None:
    model = Answers(lambda a: (a, None))
    model.observation_space = spaces.Dict({"lanes": spaces.Box(-5, 5, (7,))})  # type: ignore[attr-defined]
    with pytest.raises(PlayerError, match=r"'mine': was made for 'lanes' of shape \(7,\), and scenario 'small' has \("):
        frame_of({"mine": as_playable("mine", model)})


def test_an_error_of_the_policy_s_own_is_kept_with_its_name() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        frame_of({"mine": as_playable("mine", Answers(lambda a: 1 // 0))})
    assert caught.value.__notes__ == ["in predict() of policy 'mine'"]


def test_compare_takes_objects_and_says_how_long_they_take() -> None:
    plain = Answers(lambda a: (a, None))
    found = compare_policies(WORLD, {"mine": plain, "least_cost": baseline("least_cost")}, 1, 0)
    assert list(found.summary["policies"]) == ["mine", "least_cost"]
    assert found.summary["seconds_per_decision"].keys() == {"mine"}
    seen = Answers(lambda a: (a, None))
    seen.seen = [("evaluate", 0)]  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"'mine': was trained or tuned on stream 'evaluate', seed 0"):
        compare_policies(WORLD, {"mine": seen}, 1, 0)


def test_where_two_scorers_are_needed_a_player_is_refused() -> None:
    for spec in ("random", "least_cost+lookahead"):
        with pytest.raises(InputError, match=rf"'{spec.replace('+', '.')}': plays whole episodes by itself"):
            resolve_policies([spec], WORLD)


def test_commas_between_parentheses_do_not_separate() -> None:
    text = "a,least_cost+lookahead(futures=8,hours=6),b"
    assert split_names(text) == ["a", "least_cost+lookahead(futures=8,hours=6)", "b"]
    assert list(resolve_players(["least_cost+lookahead(futures=8,hours=6)"], WORLD)) == [split_names(text)[1]]
