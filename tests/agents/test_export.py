"""Policy files: what they hold, and what is wrong with bad ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from regional_dispatch.agents.export import FORMAT, FilePolicy, PolicyFileError, load_policy, save_policy
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_FEATURES,
    SOURCE_COUNT,
    SOURCE_FEATURES,
)
from regional_dispatch.envs.kernel.decisions.lane_price import (
    LANE_PRICE_COUNT,
    LANE_PRICE_FEATURES,
    MOST_HIDDEN,
    NO_PRICE,
)
from regional_dispatch.envs.kernel.decisions.score import Scorer, scorer_shapes
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.reliability.fuzz.safetensors import mutated_safetensors
from tests.learners import WORLD


def test_a_policy_file_holds_weights_features_and_facts(trained: RegionalPPO, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run" / "policy.safetensors"
    save_policy(path, trained.scorers(), {"seed": 3, "scenario": "small"})
    policy = load_policy(path.parent)
    assert isinstance(policy, FilePolicy)
    assert policy.name == "run"
    assert (policy.metadata["seed"], policy.metadata["scenario"]) == (3, "small")
    assert policy.metadata["source_features"] == list(SOURCE_FEATURES)
    for ours, theirs in zip(trained.scorers(), policy.scorers, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    assert [file.name for file in path.parent.iterdir()] == ["policy.safetensors"]


@pytest.mark.parametrize(
    ("facts", "seen"),
    [
        ({"seed": 3, "seen": [["train", 3], ["tune", 4]]}, {("train", 3), ("tune", 4)}),
        ({"seed": 3}, {("train", 3), ("tune", 3)}),  # files of before `seen` was kept
        ({}, set()),
    ],
)
def test_a_policy_file_tells_the_orders_it_learned_from(
    facts: dict[str, Any], seen: set[tuple[str, int]], trained: RegionalPPO, tmp_path: Path
) -> None:
    save_policy(tmp_path / "policy.safetensors", trained.scorers(), facts)
    assert load_policy(tmp_path).seen == seen


def test_a_baseline_can_be_saved_as_a_policy(observations: dict[str, np.ndarray], tmp_path: Path) -> None:
    """A rule has no hidden layer; a file may hold one all the same."""
    rule = baseline("regional_nearest+hybrid")
    save_policy(tmp_path / "rule.safetensors", rule.scorers, {})
    policy = load_policy(tmp_path / "rule.safetensors")
    np.testing.assert_array_equal(policy.predict(observations)[0], rule.predict(observations)[0])


def test_a_policy_that_prices_lanes_plays_the_same_from_its_file(priced: RegionalPPO, tmp_path: Path) -> None:
    save_policy(tmp_path / "policy.safetensors", priced.scorers(), {})
    sims = []
    for scorers in (priced.scorers(), load_policy(tmp_path).scorers, priced.scorers()._replace(price=NO_PRICE)):
        sim = Simulator(WORLD)
        sim.reset(0, episode_key("evaluate", 0, 0))
        sim.run(scorers)
        sims.append(sim)
    np.testing.assert_array_equal(sims[1].state.cash, sims[0].state.cash)
    assert sims[1].kpis(0) == sims[0].kpis(0)
    assert sims[2].kpis(0) != sims[0].kpis(0)  # the prices matter


# -------------------------------------------------------------------------------------------------------- bad files


def _tensors_and_facts(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata())  # noqa: SIM118


def _rewritten(change: Callable[[dict[str, np.ndarray], dict[str, str]], None]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        tensors, facts = _tensors_and_facts(path)
        change(tensors, facts)
        path.write_bytes(save(tensors, facts))

    return spoil


def _set(name: str, array: np.ndarray) -> Callable[[Path], None]:
    return _rewritten(lambda tensors, facts: tensors.update({name: array}))


def _fact(name: str, value: str) -> Callable[[Path], None]:
    return _rewritten(lambda tensors, facts: facts.update({name: value}))


WIDE = np.zeros((1, SOURCE_COUNT + 1), np.float32)
NAN = np.full(1, np.nan, np.float32)
# What is wrong → how a good file is spoilt, and what the message must name.
BAD_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (Path.unlink, "no such file; train"),
    "junk": (lambda path: path.write_bytes(b"\x80junk" * 50), "damaged.*train again"),
    "empty": (lambda path: path.write_bytes(b""), "damaged.*train again"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "damaged.*train again"),
    "cut in its header": (lambda path: path.write_bytes(path.read_bytes()[:40]), "damaged.*train again"),
    "another project's": (_fact("format", "other"), f"not a policy of this project.*{FORMAT}"),
    "no facts": (lambda path: path.write_bytes(save(_tensors_and_facts(path)[0])), "not a policy of this project"),
    "facts that are no JSON": (_fact("seed", "{"), "metadata.*train again"),
    "a feature more": (
        _fact("source_features", json.dumps([*SOURCE_FEATURES, "moon"])),
        f"source_features: trained on {SOURCE_COUNT + 1} features, this version has {SOURCE_COUNT} and lacks moon;",
    ),
    "seen that is no list": (_fact("seen", "3"), "seen = 3: must be pairs.*train again"),
    "an unknown stream": (_fact("seen", '[["moon", 1]]'), "seen = .*moon.*: must be pairs.*train again"),
    "a feature twice": (
        _fact("dispatch_features", json.dumps([*DISPATCH_FEATURES[1:], DISPATCH_FEATURES[1]])),
        "dispatch_features: must be a list of different features; train again",
    ),
    "features that are no list": (_fact("source_features", '"cost"'), "source_features: must be a list.*train again"),
    "a feature that changed its meaning": (
        _fact("source_features", json.dumps([f"{name}@9" if name == "slack" else name for name in SOURCE_FEATURES])),
        r"source_features: .*lacks slack@9 \(its meaning changed: here it is slack\); train again with this version",
    ),
    "a tensor missing": (
        _rewritten(lambda tensors, facts: tensors.pop("source.w2")), r"source\.w2.*missing.*train again",
    ),
    "too many weights": (_set("source.weight", WIDE), rf"source\.weight.*\(1, {SOURCE_COUNT}\).*train again"),
    "a scalar": (_set("dispatch.bias", np.array(1, np.float32)), r"dispatch\.bias.*\(1,\).*train again"),
    "no bias": (_set("dispatch.bias", np.zeros(0, np.float32)), r"dispatch\.bias.*\(1,\).*train again"),
    "a narrow layer": (_set("dispatch.w2", np.zeros((1, 8, 7), np.float32)), r"dispatch\.w2.*\(1, 8, 8\).*train again"),
    "double precision": (_set("source.b1", np.zeros((1, 8))), r"source\.b1.*float32.*train again"),
    "not a number": (_set("dispatch.bias", NAN), r"dispatch\.bias.*finite.*train again"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_policy_file_is_named_with_its_mend(name: str, trained: RegionalPPO, tmp_path: Path) -> None:
    spoil, message = BAD_FILES[name]
    path = tmp_path / "policy.safetensors"
    save_policy(path, trained.scorers(), {"seed": 1})
    load_policy(path)
    spoil(path)
    with pytest.raises(PolicyFileError, match=message) as error:
        load_policy(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


# What a fact is replaced by → what the message must name.
HOSTILE_FACTS: dict[str, tuple[str, str, str]] = {
    "a name in red": ("scenario", '"\\u001b[31mred"', r"scenario = '\\x1b\[31mred': must be a name"),
    "a name of 300 characters": ("scenario", json.dumps("x" * 300), "scenario = 'xxx.*…: must be a name"),
    "a name that is a list": ("device", '["cpu"]', "device = .*: must be a name"),
    "a seed that is a list": ("seed", "[1]", r"seed = \[1\]: must be a number"),
    "a seed of 5,000 digits": ("seed", "9" * 5000, "seed: 9+… has 5000 digits"),
    "a cost that is none": ("tuning_cost_per_order_usd", "NaN", "NaN is no finite number"),
    "a cost that is text": ("tuning_cost_per_order_usd", '"low"', "usd = 'low': must be a number"),
    "a command that is a list": ("command", '["rm"]', "command = .*: must be text"),
    "a partition that is text": ("partition", '"states"', "partition = 'states': must be fields"),
    "a world of words": ("world", '{"regions": "many"}', "world = .*: must be numbers"),
    "a world that is a list": ("world", "[1]", r"world = \[1\]: must be numbers"),
    "hours beyond all floats": ("price_hours", "1" * 400, r"price_hours = 1+…: must be hours"),
    "hours that are true": ("price_hours", "true", "price_hours = True: must be hours"),
    "a stream that is a list": ("seen", "[[[], 1]]", r"seen = \[\[\[\], 1\]\]: must be pairs"),
    "features that are lists": ("source_features", "[[1], [2]]", "source_features: must be a list of different"),
    "features that are numbers": ("source_features", "[1, 2]", "source_features: must be a list of different"),
    "nesting": ("command", "[" * 100_000, "nested more than 64 deep"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_FACTS)
def test_a_hostile_fact_is_named_on_one_line(name: str, tmp_path: Path) -> None:
    fact, value, message = HOSTILE_FACTS[name]
    path = tmp_path / "policy.safetensors"
    save_policy(path, baseline("least_cost").scorers, {"seed": 1})
    _fact(fact, value)(path)
    with pytest.raises(PolicyFileError, match=message) as error:
        load_policy(path)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


def test_a_command_is_kept_without_what_steers_a_terminal(tmp_path: Path) -> None:
    save_policy(
        tmp_path / "policy.safetensors", baseline("least_cost").scorers, {"command": "train\x1b[31m " + "x" * 999}
    )
    assert load_policy(tmp_path).metadata["command"] == "train\\x1b[31m " + "x" * 999


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(PolicyFileError, match="at most 67,108,864 are read"):
        load_policy(path)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(PolicyFileError, match="File name too long"):
        load_policy("x" * 300)


def test_a_thousand_mutated_files_are_policies_or_policy_file_errors(trained: RegionalPPO, tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    about = {"seed": 1, "scenario": "small", "command": "train", "world": {"regions": 2}, "seen": [["train", 1]]}
    save_policy(path, trained.scorers(), about)
    refused = 0
    good, rng = path.read_bytes(), np.random.default_rng(0)
    for data in (mutated_safetensors(rng, good) for _ in range(1000)):
        path.write_bytes(data)
        try:
            load_policy(path)
        except PolicyFileError as error:
            assert str(error).isprintable()
            refused += 1
    assert refused > 700


TOO_WIDE = Scorer(**{
    name: np.zeros(shape, np.float32) for name, shape in scorer_shapes(1, LANE_PRICE_COUNT, MOST_HIDDEN + 1).items()
})  # fmt: skip
BAD_PRICES: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (_rewritten(lambda tensors, facts: tensors.pop("price.w1")), r"price\.w1.*missing.*train again"),
    "weights of another kind": (_set("price.weight", WIDE), rf"price\.weight.*\(1, {LANE_PRICE_COUNT}\).*train again"),
    "no bias": (_set("price.bias", np.zeros(0, np.float32)), r"price\.\w+.*\(0,.*train again"),
    "not a number": (_set("price.bias", NAN), r"price\.bias.*finite.*train again"),
    "wider than the kernel has room for": (
        _rewritten(lambda tensors, facts: tensors.update({f"price.{k}": a for k, a in TOO_WIDE._asdict().items()})),
        rf"price\.w3.*{MOST_HIDDEN + 1} wide, at most {MOST_HIDDEN}.*train again",
    ),
    "other features": (
        _fact("price_features", json.dumps([*LANE_PRICE_FEATURES, "moon"])), "price_features.*moon.*train again",
    ),
    "a file from before lanes were priced": (
        _rewritten(lambda tensors, facts: facts.pop("price_features")), "price_features.*train again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PRICES)
def test_a_bad_price_of_lanes_is_named_with_its_mend(name: str, priced: RegionalPPO, tmp_path: Path) -> None:
    spoil, message = BAD_PRICES[name]
    path = tmp_path / "policy.safetensors"
    save_policy(path, priced.scorers(), {"seed": 1})
    spoil(path)
    with pytest.raises(PolicyFileError, match=message) as error:
        load_policy(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_folder_without_a_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match=r"policy\.safetensors: no such file"):
        load_policy(tmp_path)
