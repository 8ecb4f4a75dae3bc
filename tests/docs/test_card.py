"""The environment's card says what the code does: shapes, and what they are made of."""

from __future__ import annotations

import re

import numpy as np
import pytest

from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, LIMIT, REGION_COUNT, SOURCE_COUNT
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from tests.worlds import small

CARD = RegionalDispatchEnv.__doc__ or ""
SLOTS, CANDIDATES, LANES = "M", "K", "L"


@pytest.fixture(scope="module", params=[False, True], ids=["flat", "tables"])
def env(request: pytest.FixtureRequest) -> RegionalDispatchEnv:
    return RegionalDispatchEnv(small(), tables=request.param)


def documented() -> dict[str, list[str]]:
    """Key of the observation → the shapes that the card names, flat first: `(M·K·24,)`, `(M, K, 24)`."""
    rows = re.findall(r"^    \| `(\w+)` \| (\([^)]*\))[^|]*\|(.*)\|$", CARD, re.MULTILINE)
    return {key: [shape, *re.findall(r"\([A-Z][^)]*\)(?= with `tables=True`)", text)] for key, shape, text in rows}


def shape_of(text: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """A documented shape as numbers."""
    axes = [axis.strip() for axis in text.strip("()").split(",") if axis.strip()]
    return tuple(int(np.prod([sizes.get(part) or int(part) for part in axis.split("·")])) for axis in axes)


def test_the_card_names_every_part_of_the_observation(env: RegionalDispatchEnv) -> None:
    assert set(documented()) == set(env.observation_space.spaces)


def test_shapes_are_those_of_the_observation_space(env: RegionalDispatchEnv) -> None:
    slots, candidates = env.observation_space["order_mask"].shape
    sizes = {SLOTS: slots, CANDIDATES: candidates, LANES: env.observation_space["lane_mask"].shape[0]}
    for key, shapes in documented().items():
        assert shape_of(shapes[-1 if env.tables else 0], sizes) == env.observation_space[key].shape, key


def test_feature_counts_are_those_of_the_features() -> None:
    counts = {"orders": SOURCE_COUNT, "lanes": DISPATCH_COUNT, "region": REGION_COUNT}
    for key, count in counts.items():
        for shape in documented()[key]:
            assert re.findall(r"\d+", shape) == [str(count)], f"{key}: {shape} must have {count} features"


def test_the_action_space_has_a_value_per_line_slot_and_per_lane(env: RegionalDispatchEnv) -> None:
    slots, candidates = env.observation_space["order_mask"].shape
    lanes = env.observation_space["lane_mask"].shape[0]
    assert "`MultiDiscrete([K] * M + [2] * L)`" in CARD
    assert list(env.action_space.nvec) == [candidates] * slots + [2] * lanes  # type: ignore[attr-defined]


def test_the_limit_is_that_of_the_features() -> None:
    assert f"±{LIMIT:g}" in CARD


def test_costs_have_the_ledgers_components(env: RegionalDispatchEnv) -> None:
    _, info = env.reset(seed=0)
    assert list(info["costs"]) == list(info["cash"]) == list(COMPONENTS)
