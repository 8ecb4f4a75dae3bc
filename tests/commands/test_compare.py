"""`evaluate.py compare` and `table` as a user runs them: real files, and one real process."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.scenario import Scenario
from tests.processes import TWO_DAYS, Ended, end, run_here, start

SCRIPT = "evaluate.py"


# ---------------------------------------------------------------------------------------------------------- compare


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison in `out`."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "tiny.yaml").write_text(TWO_DAYS, encoding="utf-8")
    arguments = "compare --scenario tiny.yaml --policies regional_nearest,national_nearest,hybrid --episodes 2 --seed 3"
    ended = end(start(folder, SCRIPT, *arguments.split(), "--out", "out", "--set", "stock.skus=60"))
    assert ended.code == 0, ended.err
    assert ended.err == ""
    (folder / "printed.txt").write_text(ended.out, encoding="utf-8")
    return folder


def test_the_table_names_policies_kpis_and_differences(folder: Path) -> None:
    printed = (folder / "printed.txt").read_text(encoding="utf-8")
    for text in ("regional_nearest", "cost_per_order_usd", "USD", "truck_fill", "regional_nearest − national_nearest"):
        assert text in printed


def test_the_results_are_complete(folder: Path) -> None:
    names = [".regional-dispatch.json", "config.yaml", "map.png", "results.csv", "summary.json"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == names
    assert (folder / "out" / "map.png").read_bytes().startswith(b"\x89PNG")


def test_the_csv_has_a_row_per_policy_and_episode(folder: Path) -> None:
    with (folder / "out" / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["policy", "episode", "seed", *KPIS]
    assert [(row["policy"], row["episode"]) for row in rows] == [
        (policy, episode) for policy in ("regional_nearest", "national_nearest", "hybrid") for episode in "01"
    ]
    assert len({row["seed"] for row in rows}) == 2


def test_the_summary_has_its_documented_form(folder: Path) -> None:
    summary = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
    assert set(summary) == {"policies", "paired", "meta", "doubts"}
    assert list(summary["policies"]) == ["regional_nearest", "national_nearest", "hybrid"]
    pairs = ["regional_nearest - national_nearest", "regional_nearest - hybrid", "national_nearest - hybrid"]
    assert list(summary["paired"]) == pairs
    for part in ("policies", "paired"):
        for kpis in summary[part].values():
            assert list(kpis) == list(KPIS)
            for interval in kpis.values():
                assert list(interval) == ["mean", "ci_low", "ci_high"]
                assert interval["ci_low"] is interval["ci_high"] is None  # two episodes are too few
    meta = summary["meta"]
    assert (meta["scenario"], meta["stream"], meta["seed"], meta["episodes"]) == ("tiny", "evaluate", 3, 2)
    assert meta["command"].startswith("python evaluate.py compare --scenario tiny.yaml")
    assert {"python", "numpy", "numba"} <= set(meta["versions"])
    assert set(meta["cpu"]) == {"model", "count"}


def test_the_config_holds_the_arguments_and_the_exact_scenario(folder: Path) -> None:
    config = yaml.safe_load((folder / "out" / "config.yaml").read_text(encoding="utf-8"))
    assert config["arguments"]["scenario"] == "tiny.yaml"
    assert config["arguments"]["seed"] == 3
    scenario = Scenario(**config["scenario"])
    assert (scenario.name, scenario.stock.skus) == ("tiny", 60)


def test_the_table_prints_again_as_markdown(folder: Path) -> None:
    ended = run_here(folder, SCRIPT, "table", "out/summary.json")
    assert (ended.code, ended.err) == (0, "")
    assert "| `cost_per_order_usd` | USD |" in ended.out


# -------------------------------------------------------------------------------------------------------- bad input

# What is wrong → arguments, and what the message must name.
BAD: dict[str, tuple[list[str], list[str]]] = {
    "unknown policy": (["--policies", "regional_nearest,nearst"], ["nearst", "regional_nearest", "hybrid"]),
    "untuned": (["--policies", "tuned_linear"], ["tuned_linear", "tiny.linear.yaml", "evaluate.py tune --scenario"]),
    "unknown tuned policy": (["--policies", "tuned_nearst"], ["tuned_nearst", "regional_nearest", "hybrid"]),
    "missing tuned file": (["--policies", "mine.yaml"], ["mine.yaml", "no such file"]),
    "no weights": (["--policies", "empty"], ["empty", "policy.safetensors"]),
    "damaged weights": (["--policies", "damaged"], ["damaged", "policy.safetensors"]),
    "missing scenario": (["--scenario", "nowhere.yaml"], ["nowhere.yaml", "no such file"]),
    "unknown scenario": (["--scenario", "us9"], ["us9", "us8"]),
    "unknown field": (["--scenario", "unknown.yaml"], ["unknown.yaml", "warp", "unknown field"]),
    "wrong type": (["--set", "stock.skus=many"], ["tiny.yaml", "stock.skus", "many"]),
    "negative number": (["--set", "costs.sort_usd=-1"], ["tiny.yaml", "costs.sort_usd", "-1", "greater than"]),
    "setting without a value": (["--set", "stock.skus"], ["--set stock.skus", "field=value"]),
    "no episodes": (["--episodes", "0"], ["--episodes = 0", "1 or more"]),
    "negative seed": (["--seed", "-1"], ["--seed = -1", "0 or more"]),
    "bound with re-evaluation": (["--bound", "--reevaluate"], ["--bound with --reevaluate", "leave one out"]),
    "bound with transfers": (["--bound", "--transfers", "lp"], ["--bound with --transfers", "leave one out"]),
    "no such transfers": (["--transfers", "magic"], ["transfers 'magic'", "threshold, lp"]),
    "out is a file": (["--out", "tiny.yaml"], ["tiny.yaml", "not a folder"]),
    "out is no comparison": (
        ["--out", "trained"],
        ["--out = trained", "holds files that are no 'comparison'", "name a new or empty folder"],
    ),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, list[str]]]:
    """How each bad command ended and what it left behind."""
    root, found = tmp_path_factory.mktemp("bad"), {}
    for name, (arguments, _) in BAD.items():
        folder = root / name.replace(" ", "_")
        for sub in ("empty", "damaged", "trained/checkpoints"):
            (folder / sub).mkdir(parents=True)
        (folder / "damaged" / "policy.safetensors").write_bytes(b"\x07junk" * 9)
        (folder / "tiny.yaml").write_text(TWO_DAYS, encoding="utf-8")
        (folder / "unknown.yaml").write_text(TWO_DAYS + "warp: 9\n", encoding="utf-8")
        scenario = [] if "--scenario" in arguments else ["--scenario", "tiny.yaml"]
        out = [] if "--out" in arguments else ["--out", "out"]
        ended = run_here(folder, SCRIPT, "compare", *scenario, *out, "--episodes", "1", *arguments)
        found[name] = ended, sorted(path.name for path in folder.rglob("*"))
    return found


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_one_clear_line_and_leaves_nothing(
    name: str, refused: dict[str, tuple[Ended, list[str]]]
) -> None:
    ended, left = refused[name]
    assert ended.code == 2, ended.err
    assert ended.err.count("\n") == 1, ended.err
    for text in BAD[name][1]:
        assert text in ended.err
    assert "Traceback" not in ended.err
    assert left == ["checkpoints", "damaged", "empty", "policy.safetensors", "tiny.yaml", "trained", "unknown.yaml"]
