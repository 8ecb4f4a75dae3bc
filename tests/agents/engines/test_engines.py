"""The compiled engine and the one on PyTorch compute the same: decisions, values, metrics, gradients, steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from regional_dispatch.agents import ppo
from regional_dispatch.agents.compiled.lanes import LaneData
from regional_dispatch.agents.compiled.lines import LineData, LossStats
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.agents.engines import CpuEngine, Engine, Settings, TorchEngine, engine_for, on_cpu
from regional_dispatch.agents.engines.engine import line_data
from regional_dispatch.agents.policy import DispatchPolicy
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_COUNT
from tests.learners import learner, updates

LINES, LANES, CANDIDATES = 700, 2500, 6  # several blocks of rows
NETS = {"hidden": 12, "critic_hidden": 20}
SETTINGS = Settings(2, 300, clip=0.15, entropy_weight=0.1, vf_coef=0.5, max_grad_norm=1e9)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def policies(groups: int = 1, **nets: Any) -> list[DispatchPolicy]:
    """Two with the same weights, none of them zero."""
    pair = [learner(nets={**NETS, "groups": groups, **nets}).policy for _ in range(2)]
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in pair[0].parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    pair[1].load_state_dict(pair[0].state_dict())
    return pair


def engines(groups: int = 1, **nets: Any) -> tuple[CpuEngine, TorchEngine]:
    first, second = policies(groups, **nets)
    return CpuEngine(first), TorchEngine(second)


def some_lines() -> LineData:
    """Lines of two regions with one to all candidates, chosen by an earlier policy; gaps between candidates too."""
    rng = random()
    x = rng.normal(size=(LINES, CANDIDATES, SOURCE_COUNT)).astype(np.float32)
    mask = rng.random((LINES, CANDIDATES)) < 0.6
    action = rng.integers(0, CANDIDATES, LINES)
    mask[np.arange(LINES), action] = True
    log_prob, reward, advantage = rng.normal(-1.5, 0.4, LINES), rng.normal(-5, 2, LINES), rng.normal(size=LINES)
    log_prob[mask.sum(axis=1) == 1] = advantage[mask.sum(axis=1) == 1] = 0
    floats = (array.astype(np.float32) for array in (log_prob, reward, advantage))
    return LineData(x, mask, rng.integers(0, 2, LINES), action, *floats)


def some_lanes() -> LaneData:
    rng = random(1)
    x = rng.normal(size=(LANES, DISPATCH_COUNT)).astype(np.float32)
    log_prob, returns, advantage = rng.normal(-0.7, 0.3, LANES), rng.normal(-5, 2, LANES), rng.normal(size=LANES)
    floats = (array.astype(np.float32) for array in (log_prob, returns, advantage))
    return LaneData(x, rng.integers(0, 2, LANES), rng.integers(0, 2, LANES), *floats)


def same(ours: Any, theirs: Any, tolerance: float = 2e-4) -> None:
    """Equal to rounding, measured by the largest value."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    top = max(float(np.abs(theirs).max()), 1e-12)
    np.testing.assert_allclose(ours / top, theirs / top, rtol=0, atol=tolerance)


def test_a_policy_on_the_cpu_is_computed_by_compiled_code() -> None:
    assert type(engine_for(policies()[0])) is CpuEngine


def test_blas_is_kept_to_one_thread_while_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, threads = CpuEngine(policies()[0]), []

    def note(*arguments: Any) -> None:
        threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    monkeypatch.setattr(on_cpu, "choose_lines", note)
    with threadpool_limits(2, "blas"):
        engine.choose_lines(*some_lines()[:3])
        note()
    assert len(threads) >= 2
    assert set(threads[: len(threads) // 2]) == {1}


@pytest.mark.parametrize("groups", [1, 2])
def test_the_same_draws_give_the_same_decisions(groups: int) -> None:
    lines, lanes = some_lines(), some_lanes()
    found = []
    for engine in engines(groups):
        torch.manual_seed(5)
        found.append((*engine.choose_lines(*lines[:3]), *engine.decide_lanes(*lanes[:2])))
    (choice, log_prob, go, go_log_prob, value), theirs = found
    assert lines.considered[np.arange(LINES), choice].all()
    assert (np.bincount(choice, minlength=CANDIDATES) > 20).all()
    assert 0.1 < go.mean() < 0.9
    for ours, expected in zip((choice, go), (theirs[0], theirs[2]), strict=True):
        assert (ours == expected).mean() > 0.998  # a draw may fall between two roundings
    agree, lanes_agree = choice == theirs[0], go == theirs[2]
    same(log_prob[agree], theirs[1][agree])
    same(go_log_prob[lanes_agree], theirs[3][lanes_agree])
    same(value, theirs[4])


def test_choices_are_drawn_by_their_probabilities() -> None:
    """2,000 copies of one line: shares within four standard errors."""
    engine, _ = engines()
    x, mask, region = (np.repeat(array[:1], 2000, axis=0) for array in some_lines()[:3])
    choice, log_prob = engine.choose_lines(x, mask, region)
    for k in np.flatnonzero(mask[0]):
        p = float(np.exp(log_prob[choice == k][0])) if (choice == k).any() else 0.0
        assert abs((choice == k).mean() - p) <= 4 * (p * (1 - p) / 2000) ** 0.5 + 1e-6


@pytest.mark.parametrize("groups", [1, 2])
def test_values_of_lines(groups: int) -> None:
    lines = Lines(*some_lines()[:6])
    lines.x[:] *= 2  # some candidates are out of the question
    ours, theirs = (engine.line_values(lines) for engine in engines(groups))
    assert np.std(theirs.value) > 0.1
    assert theirs.considered.sum() < 0.9 * lines.mask.sum()
    assert theirs.considered[np.arange(LINES), lines.action].all()
    alike = (ours.considered == theirs.considered).all(axis=1)
    assert alike.mean() > 0.99  # a probability may fall on either side of the least one
    same(ours.value[alike], theirs.value[alike])
    same(ours.log_share[alike], theirs.log_share[alike])


def test_before_an_update_all_ratios_are_1() -> None:
    """Also where candidates are left out: among those that are considered, the policy is the one that decided."""
    for engine in engines():
        lines, lanes = some_lines(), some_lanes()
        lines.x[:] *= 2
        choice, log_prob = engine.choose_lines(*lines[:3])
        decided = Lines(*lines[:3], choice, log_prob, lines.reward)
        engine._begin(line_data(decided, engine.line_values(decided)), lanes, SETTINGS)
        losses = engine._step(np.arange(LINES), np.arange(LANES))["source"]
        assert losses.clip_fraction == 0
        assert losses.approx_kl == pytest.approx(0, abs=1e-6)


def stepped(engine: Engine, settings: Settings) -> tuple[dict[str, LossStats], dict[str, np.ndarray]]:
    """Losses of a step on two thirds of all decisions, and the gradient by every weight that has one."""
    engine._begin(some_lines(), some_lanes(), settings)
    losses = engine._step(random(2).permutation(LINES)[:450], random(3).permutation(LANES)[:1700])
    named = engine.policy.named_parameters()
    return losses, {name: p.grad.numpy().copy() for name, p in named if p.grad is not None}


TERMS = {
    "all": SETTINGS,
    "policy loss alone": SETTINGS._replace(entropy_weight=0.0, vf_coef=0.0),
    "policy loss, hardly clipped": SETTINGS._replace(clip=0.9, entropy_weight=0.0, vf_coef=0.0),
    "mostly entropy": SETTINGS._replace(entropy_weight=100.0, vf_coef=0.0),
    "mostly values": SETTINGS._replace(vf_coef=100.0),
    "clipped norm": SETTINGS._replace(max_grad_norm=0.1),
    "lines alone": SETTINGS._replace(trains_dispatch=False),
    "lanes alone": SETTINGS._replace(trains_source=False),
}


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("settings", TERMS.values(), ids=list(TERMS))
def test_gradients_are_those_of_pytorch(settings: Settings, groups: int) -> None:
    (ours, by_ours), (theirs, by_theirs) = (stepped(engine, settings) for engine in engines(groups))
    assert set(ours) == set(theirs)
    assert ("source" in ours, "dispatch" in ours) == (settings.trains_source, settings.trains_dispatch)
    for kind in theirs:
        same(ours[kind], theirs[kind])
        assert 0.01 < ours[kind].clip_fraction < 0.99
    assert set(by_ours) == set(by_theirs)
    for name, expected in by_theirs.items():
        if name != "source_actor.bias":  # moves all candidates alike: its gradient is 0, up to rounding
            same(by_ours[name], expected)


@pytest.mark.parametrize("groups", [1, 2])
def test_an_update_leads_to_the_same_weights(groups: int) -> None:
    found = []
    for engine in engines(groups):
        np.random.seed(4)
        stats, passes = engine.learn(some_lines(), some_lanes(), SETTINGS)
        assert passes == 2
        found.append((stats, engine.policy.state_dict()))
    (ours, weights), (theirs, expected) = found
    assert set(ours) == set(theirs)
    for name, values in theirs.items():
        same(ours[name], values, 1e-3)
    for name, weight in expected.items():
        same(weights[name], weight, 2e-3)


@pytest.mark.parametrize("nets", [{"price_hidden": 8}, {"groups": 2}], ids=["lanes priced", "weights per region"])
def test_a_learner_learns_on_pytorch_alike(nets: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: the first rollout, and what is logged of the update that follows."""
    logged = []
    for engine in (CpuEngine, TorchEngine):
        monkeypatch.setattr(ppo, "engine_for", engine)
        model = updates(learner(nets=nets, n_epochs=1), 1)
        assert type(model._engine) is engine
        logged.append({k: v for k, v in model.logger.name_to_value.items() if k.startswith("train/")})
    ours, theirs = logged
    assert ours.keys() == theirs.keys()
    assert [ours[name] for name in ours] == pytest.approx([theirs[name] for name in ours], rel=2e-2, abs=2e-3)


def test_an_update_ends_early_where_the_policy_has_moved_too_far() -> None:
    for engine in engines():
        stats, passes = engine.learn(some_lines(), some_lanes(), SETTINGS._replace(n_epochs=5, target_kl=1e-9))
        assert passes == 1
        assert len(stats["source_entropy"]) == 1


def test_the_price_of_lanes_is_fitted_alike_and_alone() -> None:
    rng = random()
    x = rng.normal(size=(3000, LANE_PRICE_COUNT)).astype(np.float32)
    usd = (x[:, 0] + np.maximum(x[:, 1], 0)).astype(np.float32)
    found = []
    for engine in engines(price_hidden=9):
        before = {name: weight.clone() for name, weight in engine.policy.state_dict().items()}
        torch.manual_seed(2)
        first = engine.fit_lane_price(x, usd, 3, 256)
        second = engine.fit_lane_price(x, usd, 1, 256)
        after = engine.policy.state_dict()
        moved = {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])}
        assert moved == {"lane_price"}
        assert second["price_explained_variance"][0] > first["price_explained_variance"][0]
        found.append((first, second, after))
    for ours, theirs in zip(found[0][:2], found[1][:2], strict=True):
        for name, value in theirs.items():
            same(ours[name], value, 1e-3)
    for name, weight in found[1][2].items():
        same(found[0][2][name], weight, 2e-3)
