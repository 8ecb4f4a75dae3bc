"""ONNX models score as the compiled kernel does, on observations of real episodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from regional_dispatch.agents.onnx import export_onnx
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, DISPATCH_FEATURES, SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_COUNT
from regional_dispatch.envs.kernel.decisions.observe import pack_lanes, pack_lines
from regional_dispatch.envs.kernel.decisions.score import Scorer, score_rows, scorer_shapes
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.evaluation.policies import resolve_policy
from tests.worlds import TWO_REGIONS, simulator, small

CLOSE = 1e-4
RULES = ("least_cost+control_limit", "regional_nearest+hybrid")


@pytest.fixture(scope="module")
def seen() -> dict[str, np.ndarray]:
    """Features of lines' candidates, (n, K, features), with masks, and of lanes, at the decisions of three days."""
    scenario = small(**TWO_REGIONS)
    sim = simulator(scenario, 3)
    policy = resolve_policy("pretrained/small", scenario)
    sim.price_lanes(policy.scorers.price)
    w, rules = sim.world, sim.world.rules
    lines, lanes = [], []
    for _ in range(72):
        sim.begin(0)
        rows = sim.regions * rules.order_slots
        x = np.zeros((rows, rules.candidates, SOURCE_COUNT), np.float32)
        mask, price = np.zeros((rows, rules.candidates), bool), np.zeros((rows, rules.candidates), np.float32)
        n = pack_lines(
            w, sim.state, 0, x, mask, np.zeros(rows, np.int64), price, price.copy(), np.zeros(rows, np.int64)
        )  # fmt: skip
        lines.append((x[:n], mask[:n]))
        many = len(w.net.lanes)
        y, number = np.zeros((many, DISPATCH_COUNT), np.float32), np.zeros(many, np.int64)
        n = pack_lanes(w, sim.state, 0, y, number, number.copy(), *(np.zeros(many) for _ in range(3)))
        lanes.append(y[:n])
        sim.decide(0, policy.scorers)
        sim.finish(0)
    return {
        "source": np.concatenate([x for x, _ in lines]),
        "mask": np.concatenate([mask for _, mask in lines]),
        "dispatch": np.concatenate(lanes),
    }


def kernel_scores(scorer: Scorer, x: np.ndarray, region: int = 0) -> np.ndarray:
    """Scores of rows by the compiled kernel."""
    g, rows, features = min(region, len(scorer.bias) - 1), len(x), x.shape[1]
    out, hidden = np.zeros(rows, np.float32), np.zeros((2, rows, scorer.b1.shape[1]), np.float32)
    score_rows(scorer, g, np.ascontiguousarray(x), rows, np.arange(features), features, hidden, out)
    return out


def onnx_scores(path: Path, x: np.ndarray, **more: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    scores: np.ndarray = session.run(["score"], {"features": x, **more})[0]
    return scores


@pytest.mark.parametrize("name", ["pretrained/small", "pretrained/us8", *RULES])
def test_models_score_and_choose_as_the_kernel(name: str, seen: dict[str, np.ndarray], tmp_path: Path) -> None:
    scorers = resolve_policy(name, small(**TWO_REGIONS)).scorers
    export_onnx(scorers, tmp_path, {})
    for kind in ("source", "dispatch"):
        x = seen[kind].reshape(-1, seen[kind].shape[-1])
        assert len(x) > 400
        ours, theirs = kernel_scores(getattr(scorers, kind), x), onnx_scores(tmp_path / f"{kind}.onnx", x)
        scale = np.maximum(1.0, np.abs(ours) / 100)  # rules score in thousands, in single precision
        assert np.max(np.abs(ours - theirs) / scale) < CLOSE
        if kind == "dispatch":
            clear = np.abs(ours) > CLOSE
            np.testing.assert_array_equal(ours[clear] > 0, theirs[clear] > 0)
        else:
            shape = seen["mask"].shape
            a, b = (np.where(seen["mask"], s.reshape(shape), -np.inf) for s in (ours, theirs))
            best, other = a.argmax(axis=1), b.argmax(axis=1)
            row = np.arange(len(a))
            tied = a[row, best] - a[row, other] <= CLOSE * scale.max()  # equal scores may be told apart by rounding
            assert (tied | (best == other)).all() and (best == other).mean() > 0.99


def test_a_policy_that_prices_lanes_brings_a_third_model(tmp_path: Path) -> None:
    scorers = resolve_policy("pretrained/small", small(**TWO_REGIONS)).scorers
    assert [path.name for path in export_onnx(scorers, tmp_path, {})] == ["source.onnx", "dispatch.onnx", "price.onnx"]
    x = np.random.default_rng(0).uniform(-1, 3, (50, LANE_PRICE_COUNT)).astype(np.float32)
    np.testing.assert_allclose(onnx_scores(tmp_path / "price.onnx", x), kernel_scores(scorers.price, x), atol=CLOSE)


def test_weights_per_region_are_chosen_by_row(tmp_path: Path) -> None:
    rng, features = np.random.default_rng(1), DISPATCH_COUNT
    shapes = scorer_shapes(3, features, 8)
    scorer = Scorer(**{name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})
    export_onnx(Scorers(baseline("least_cost").scorers.source, scorer), tmp_path, {})
    x, region = rng.normal(size=(12, features)).astype(np.float32), np.arange(12) % 4  # 3 takes the last set
    theirs = onnx_scores(tmp_path / "dispatch.onnx", x, region=region)
    ours = [float(kernel_scores(scorer, row[None], r)[0]) for row, r in zip(x, region, strict=True)]
    np.testing.assert_allclose(theirs, ours, atol=1e-3)


def test_metadata_name_every_feature_with_its_unit(tmp_path: Path) -> None:
    export_onnx(baseline("least_cost").scorers, tmp_path, {"policy": "least_cost", "seed": 3})
    model = onnx.load(tmp_path / "dispatch.onnx")
    facts: dict[str, Any] = {prop.key: prop.value for prop in model.metadata_props}
    features = json.loads(facts["features"])
    assert [feature["name"] for feature in features] == list(DISPATCH_FEATURES)
    assert features[0] == {"name": "fill", "unit": "truckload", "meaning": "packages waiting"}
    assert (facts["kind"], facts["policy"], facts["seed"]) == ("dispatch", "least_cost", "3")
    assert "score > 0" in facts["use"]
