"""The examples of the pages on a network of one's own work as the pages say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.data.check.check import check
from regional_dispatch.data.check.show import summary
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import load_scenario

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOW_TO, TUTORIAL = DOCS / "how-to" / "your-own-network.md", DOCS / "tutorials" / "your-own-network.md"
FILE = re.compile(r"^`([\w.]+)`\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)


def written(page: Path, folder: Path, count: int) -> Path:
    """The page's files, written to a folder; the scenario's path."""
    files = FILE.findall(page.read_text(encoding="utf-8"))
    assert len(files) == count
    for name, text in files:
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "mine.yaml"


def test_the_three_files_of_the_tutorial_give_what_it_says(tmp_path: Path) -> None:
    checked = check(written(TUTORIAL, tmp_path, 4))
    shown = re.search(r"^mine/mine\.yaml: (.*)$", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE)
    assert shown and summary(checked) == f"{tmp_path / 'mine.yaml'}: {shown[1]}"
    sim = Simulator(load_scenario(tmp_path / "mine.yaml"))
    sim.reset(0, 1)
    sim.run(baseline("least_cost").scorers)
    assert sim.state.row["orders"][0] == 5 and sim.state.row["lines_lost"][0] == 0


def test_the_wrong_table_of_the_tutorial_has_the_findings_that_it_lists(tmp_path: Path) -> None:
    path = written(TUTORIAL, tmp_path, 4)
    found = check(path, {"network.sites": "wrong.csv"}).findings
    known = {(Path(one.file).name, one.row, one.column, one.value, one.problem) for one in found}
    listed = re.findall(
        r"^\| (\S+\.csv) \| ([\d, ]*) ?\| (.*?) \| (.*?) ?\| (.*?) \|$", TUTORIAL.read_text("utf-8"), re.MULTILINE
    )
    assert len(listed) == 4
    for file, rows, column, value, problem in listed:
        for row in rows.split(",") if rows.strip() else [""]:
            wanted = (file, int(row) if row.strip() else None, column, value.strip() or None, problem)
            assert wanted in known, wanted
    assert len(found.errors) == 5


def test_the_example_is_played_and_both_lanes_to_nice_are_candidates(tmp_path: Path) -> None:
    sim = Simulator(load_scenario(written(HOW_TO, tmp_path, 6)))
    net, network = sim.world.net, sim.network
    assert network.region_names == ("North", "South")
    lanes = {network.lane_name(i): lane for i, lane in enumerate(net.lanes)}
    air, road = lanes["Depot Lyon → Nice by air"], lanes["Depot Lyon → Nice by truck"]
    assert not check(tmp_path / "mine.yaml").findings.errors
    assert (air["ticks"], road["ticks"]) == (2, 6) and air["cost"] > road["cost"]
    direct = net.routes[(net.routes["fc"] == 0) & (net.routes["station"] == 2) & (net.routes["legs"] == 1)]
    assert len(direct) == 2
    sim.reset(0, 1)
    sim.run(baseline("least_cost").scorers)
    assert sim.state.row["orders"][0] == 7 and sim.state.row["lines_lost"][0] == 0
    assert sum(sim.cash(0).values()) == pytest.approx(sum(sim.accrual(0).values()))
    assert not np.isinf(list(sim.kpis(0).values())).any() and np.isfinite(sim.kpis(0)["cost_per_order_usd"])
