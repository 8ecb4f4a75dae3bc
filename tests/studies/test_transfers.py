"""The study of transfers: costs agree across its tables, and transfers pay where stock is thin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.transfers.rules import TRANSFER_RULES, transfer_rule
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.evaluation.rollouts import rollout
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.transfers.moving import FLOW, STOCK, Moving
from regional_dispatch.studies.transfers.page import NATION, NONE
from regional_dispatch.studies.transfers.study import TransferStudy
from tests.processes import write_study
from tests.worlds import TWO_REGIONS, small

pytestmark = pytest.mark.slow

THIN = {**TWO_REGIONS, "stock": {"breadth": (0.5, 0.25, 0.25)}, "horizon_hours": 240}


def test_recording_moves_changes_no_episode() -> None:
    policy, scenario = baseline("least_cost"), small(**THIN)
    noted = Moving(policy, "threshold", {"min_fill": 0.1}).rollout(scenario, [5])[0]
    plain = rollout(Simulator(scenario, transfers=transfer_rule("threshold", {"min_fill": 0.1})), policy.scorers, [5])[
        0
    ]
    assert {name: noted[name] for name in plain} == plain
    assert np.sum(noted[FLOW]) == pytest.approx(plain["transfer_units"]) and not np.diag(noted[FLOW]).any()
    assert Moving(policy).rollout(scenario, [5])[0][STOCK] > 0
    digests = {Moving(policy, *about).digest for about in ((), ("lp",), ("lp", {"days": 3}), ("threshold",))}
    assert len(digests) == 4


def write(folder: Path, **changes: Any) -> Path:
    data = {
        "question": "Does it pay?", "episodes": 2, "policies": ["least_cost", "regional_nearest"],
        "regions": {"kind": "balanced", "regions": 2}, "warmup_days": 1, "days": 3, "linehaul": [0.25, 1, 200],
        "worlds": [
            {"name": "thin", "set": {"stock.breadth": [0.5, 0.5, 0.25]}, "rules": {"threshold": {"min_fill": 0.1}}},
            {"name": "everything everywhere", "set": {"stock.breadth": [1, 1, 1]}},
        ],
    }  # fmt: skip
    return write_study(folder, "transfers", data, changes)


@pytest.fixture(scope="module")
def found(undrawn: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[TransferStudy, Findings]:
    folder = tmp_path_factory.mktemp("transfers")
    study = load_study(write(folder))
    assert isinstance(study, TransferStudy)
    return study, study.answer(Lab(folder / "out", study.episodes, study.seed))


def test_costs_agree_and_transfers_pay_where_stock_is_thin(found: tuple[TransferStudy, Findings]) -> None:
    study, findings = found
    data = {part.name: part.data for part in findings.parts}
    costs, parts = data["costs"], data["parts"]
    assert costs is not None and parts is not None
    assert {"map_national", "map_regional", "flows_map", "distributions"} < set(data)
    assert len(costs) == 2 * 2 * (2 + len(TRANSFER_RULES))
    own = costs.set_index(["world", "policy", "transfers"])
    for rule in TRANSFER_RULES:
        changes = parts[(parts["world"] == "thin") & (parts["transfers"] == rule)]["mean"]
        assert changes.sum() == pytest.approx(own.loc["thin", "least_cost", rule]["change_mean"])
    for policy in study.policies:
        for rule in TRANSFER_RULES:
            thin, full = (own.loc[world, policy, rule] for world in ("thin", "everything everywhere"))
            assert thin["change_mean"] < min(0, full["change_mean"]) and thin["units_mean"] > full["units_mean"] >= 0
            assert thin["worth"] > 0
        assert own.loc["thin", policy, NONE]["change_mean"] == 0 != own.loc["thin", policy, NATION]["change_mean"]


def test_expensive_linehaul_stops_transfers_and_flows_add_up(found: tuple[TransferStudy, Findings]) -> None:
    data = {part.name: part.data for part in found[1].parts}
    sweep, flows, costs = data["linehaul"], data["flows"], data["costs"]
    assert sweep is not None and flows is not None and costs is not None
    lp = sweep[sweep["series"] == "lp"].pivot(index="linehaul", columns="panel", values="mean")
    saved, moved = -lp["Cost per order, less none, USD"], lp["Units moved a day"]
    assert saved[200] == moved[200] == 0 < saved[1] and moved[1] > 0
    assert flows["net"].sum() == pytest.approx(0) and flows["sent"].sum() == pytest.approx(flows["received"].sum())
    thin = costs[(costs["world"] == "thin") & (costs["policy"] == "least_cost")].set_index("transfers")
    best = thin.loc[list(TRANSFER_RULES), "cost_mean"].idxmin()
    assert flows["sent"].sum() == pytest.approx(thin.loc[best, "units_mean"])
    assert best in found[1].answer


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"worlds": []}, "worlds"),
        ({"worlds": [{"name": "a"}, {"name": "a"}]}, "different names"),
        ({"worlds": [{"name": "a", "rules": {"magic": {}}}]}, "rules.*no such rule"),
        ({"worlds": [{"name": "a", "rules": {"lp": {"days": 99}}}]}, "days = 99"),
        ({"linehaul": [2, 1]}, "linehaul.*ascending"),
    ],
)
def test_a_bad_study_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, **changes))
