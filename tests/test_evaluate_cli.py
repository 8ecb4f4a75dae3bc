"""`evaluate.py` as a user runs it: real processes, real files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml
from PIL import Image

from regional_dispatch.baselines import DISPATCH_RULES, SOURCE_RULES
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from tests.commands import Ended, end, start

SCRIPT = "evaluate.py"
TINY = """\
name: tiny
horizon_hours: 48
warmup_hours: 12
partition: {kind: balanced, regions: 2}
network: {kind: cities, fulfillment_centers: 5, sort_centers: 3, stations: 8}
demand: {kind: generated, orders_per_day: 200}
stock: {skus: 50}
"""


# ---------------------------------------------------------------------------------------------------------- compare


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison in `out`."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
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


def test_baselines_are_listed_with_their_parameters(tmp_path: Path) -> None:
    ended = end(start(tmp_path, SCRIPT, "baselines"))
    assert ended.code == 0, ended.err
    for name in (*SOURCE_RULES, *DISPATCH_RULES):
        assert name in ended.out
    assert "cover_days = 1 (0…15)" in ended.out and "24 weights" in ended.out


def test_a_day_of_two_policies_is_filmed(folder: Path) -> None:
    arguments = "animate --scenario tiny.yaml --policies regional_nearest,national_nearest --out films/day.gif"
    ended = end(start(folder, SCRIPT, *arguments.split(), "--day", "0"))
    assert (ended.code, ended.err) == (0, "")
    with Image.open(folder / "films" / "day.gif") as moving:
        assert (moving.format, getattr(moving, "n_frames", 1)) == ("GIF", 48)
    ended = end(start(folder, SCRIPT, *arguments.split(), "--day", "1"))
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--day = 1: this day must end before horizon_hours = 48" in ended.err


def test_a_generated_network_can_be_used_at_once(tmp_path: Path) -> None:
    ended = end(start(tmp_path, SCRIPT, *["generate", "--seed", "5", "--stream", "train", "--out", "worlds/mine.yaml"]))
    assert (ended.code, ended.err) == (0, "")
    assert "train_5" in ended.out and "worlds/mine.yaml" in ended.out
    assert load_scenario(tmp_path / "worlds" / "mine.yaml").name == "train_5"
    assert [path.name for path in (tmp_path / "worlds").iterdir()] == ["mine.yaml"]
    for option, message in {
        "--seed -1": "--seed = -1",
        "--out mine.txt": "--out = mine.txt: must end in .yaml",
    }.items():
        ended = end(start(tmp_path, SCRIPT, "generate", *option.split()))
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert message in ended.err


def test_the_results_are_complete(folder: Path) -> None:
    names = ["config.yaml", "map.png", "results.csv", "summary.json"]
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
    assert set(summary) == {"policies", "paired", "meta"}
    assert list(summary["policies"]) == ["regional_nearest", "national_nearest", "hybrid"]
    pairs = ["regional_nearest - national_nearest", "regional_nearest - hybrid", "national_nearest - hybrid"]
    assert list(summary["paired"]) == pairs
    for part in ("policies", "paired"):
        for kpis in summary[part].values():
            assert list(kpis) == list(KPIS)
            for interval in kpis.values():
                assert list(interval) == ["mean", "ci_low", "ci_high"]
                assert interval["ci_low"] <= interval["mean"] + 1e-9
                assert interval["mean"] <= interval["ci_high"] + 1e-9
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


def test_the_table_prints_again_as_markdown_and_help_shows_units_and_defaults(folder: Path) -> None:
    commands = (["table", "out/summary.json"], ["--help"], ["compare", "--help"], ["tune", "--help"])
    table, commands_help, compare_help, tune_help = map(
        end, [start(folder, SCRIPT, *arguments) for arguments in commands]
    )
    assert (table.code, commands_help.code, compare_help.code, tune_help.code) == (0, 0, 0, 0)
    assert "| `cost_per_order_usd` | USD |" in table.out
    for text in ("compare", "tune", "table"):
        assert text in commands_help.out
    for text in ("--baseline", "--budget", "--evaluations", "--start", "--workers", "Unit: minutes", "(default: 20.0)"):
        assert text in tune_help.out
    for text in (
        "--scenario",
        "--policies",
        "--episodes",
        "--seed",
        "--stream",
        "--out",
        "--set",
        "--bound",
        "--reevaluate",
        "(default: 8)",
        "Unit: episodes",
    ):
        assert text in compare_help.out


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
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, list[str]]]:
    """How each bad command ended and what it left behind; all run side by side."""
    root, processes = tmp_path_factory.mktemp("bad"), {}
    for name, (arguments, _) in BAD.items():
        folder = root / name.replace(" ", "_")
        for sub in ("empty", "damaged"):
            (folder / sub).mkdir(parents=True)
        (folder / "damaged" / "policy.safetensors").write_bytes(b"\x07junk" * 9)
        (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
        (folder / "unknown.yaml").write_text(TINY + "warp: 9\n", encoding="utf-8")
        scenario = [] if "--scenario" in arguments else ["--scenario", "tiny.yaml"]
        out = [] if "--out" in arguments else ["--out", "out"]
        processes[folder] = start(folder, SCRIPT, "compare", *scenario, *out, "--episodes", "1", *arguments)
    ended = {folder: end(process) for folder, process in processes.items()}
    left = {folder: sorted(path.name for path in folder.rglob("*")) for folder in processes}
    return dict(zip(BAD, ((ended[folder], left[folder]) for folder in processes), strict=True))


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
    assert left == ["damaged", "empty", "policy.safetensors", "tiny.yaml", "unknown.yaml"]
