"""The example of docs/how-to/your-own-network.md works as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import load_scenario

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "your-own-network.md"


def written(folder: Path) -> Path:
    """The page's files, written to a folder; the scenario's path."""
    files = re.findall(r"^`([\w.]+)`\n\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(files) == 6
    for name, text in files:
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "mine.yaml"


def test_the_example_is_played_and_both_lanes_to_nice_are_candidates(tmp_path: Path) -> None:
    sim = Simulator(load_scenario(written(tmp_path)))
    net, network = sim.world.net, sim.network
    assert network.region_names == ("North", "South")
    lanes = {network.lane_name(i): lane for i, lane in enumerate(net.lanes)}
    air, road = lanes["Depot Lyon → Nice by air"], lanes["Depot Lyon → Nice by truck"]
    assert (air["ticks"], road["ticks"]) == (2, 6) and air["cost"] > road["cost"]
    direct = net.routes[(net.routes["fc"] == 0) & (net.routes["station"] == 2) & (net.routes["legs"] == 1)]
    assert len(direct) == 2
    sim.reset(0, 1)
    sim.run(baseline("least_cost").scorers)
    assert sim.state.row["orders"][0] == 7 and sim.state.row["lines_lost"][0] == 0
    assert sum(sim.cash(0).values()) == pytest.approx(sum(sim.accrual(0).values()))
    assert np.isfinite(list(sim.kpis(0).values())).all()
