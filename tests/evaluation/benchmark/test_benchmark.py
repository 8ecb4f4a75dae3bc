"""Suites: cells kept and used again, changes noticed, tables, and the command as a user runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.bounds.bound import BoundError, HindsightBound
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.evaluation import cells
from regional_dispatch.evaluation.benchmark import run as benchmark
from regional_dispatch.evaluation.benchmark.page import benchmark_page
from regional_dispatch.evaluation.benchmark.run import Benchmark, run_suite, save_benchmark
from regional_dispatch.evaluation.benchmark.suite import load_suite, stages
from regional_dispatch.evaluation.bounds import Bound, InvalidBoundError
from regional_dispatch.evaluation.cells import Worlds, policy_cell
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.executor import HERE, Here, Processes
from regional_dispatch.evaluation.text import number
from tests.conftest import trace_scenario
from tests.processes import ROOT, TWO_DAYS, Ended, end, run_here, start
from tests.worlds import small

pytestmark = pytest.mark.slow

SCRIPT = "evaluate.py"
SUITES = ROOT / "configs" / "suites"
SUITE = """\
name: two worlds
episodes: 2
seed: 3
bound_episodes: 1
scenarios:
  - {here}/tiny.yaml
  - {{scenario: {here}/scarce.yaml, extra_policies: [regional_nearest+hybrid], bound: false}}
policies: [regional_nearest, least_cost, linear]
"""


VARIANTS = """\
name: variants
episodes: 2
bound: false
generated: 3
scenarios:
  - {here}/tiny.yaml
  - {{scenario: {here}/tiny.yaml, name: one_region, set: {{partition: {{kind: national}}}}}}
policies: [regional_nearest, least_cost, linear, {root}/configs/baselines/us8_spread.linear.yaml]
"""


def dime(scenario: Scenario, key: int) -> HindsightBound:
    """Valid, as every order takes ten cents at least; its time is always the same."""
    return HindsightBound(usd=40.0, orders=400, kind="time limit", seconds=1.5, details={})


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write_suite(tmp_path)


def write_suite(folder: Path, text: str = SUITE) -> Path:
    (folder / "tiny.yaml").write_text(TWO_DAYS, encoding="utf-8")
    scarce = TWO_DAYS.replace("skus: 50", "skus: 50, safety_factor: -2").replace("name: tiny", "name: scarce")
    (folder / "scarce.yaml").write_text(scarce, encoding="utf-8")
    path = folder / "suite.yaml"
    path.write_text(text.format(here=folder, root=ROOT), encoding="utf-8")
    return path


class Told(list[tuple[int, int, str]]):
    """Progress as it was told; stops the run, as Ctrl-C does, when so many cells are done."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop = stop

    def __call__(self, done: int, total: int, title: str) -> None:
        self.append((done, total, title))
        if done == self.stop:
            raise KeyboardInterrupt


def played(path: Path, out: Path, told: Told | None = None, bound: Bound = dime, **changes: int) -> Benchmark:
    suite = load_suite(path, changes)
    return run_suite(suite, stages(suite, path), out, HERE, bound, "python evaluate.py", told)


def bench(path: Path, out: Path, told: Told | None = None, bound: Bound = dime) -> Benchmark:
    found = played(path, out, told, bound)
    save_benchmark(found, benchmark_page(found.summary), out)
    return found


# ----------------------------------------------------------------------------------------------------------- resume


def test_a_trace_is_one_sample_whatever_a_suite_asks_for(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("order,hour,station,sku,units\na,30,DS New York NY,1,1\n")
    text = TWO_DAYS.replace("{kind: generated, orders_per_day: 200}", "{kind: trace, path: orders.csv}")
    (tmp_path / "replay.yaml").write_text(text.replace("name: tiny", "name: replay"), encoding="utf-8")
    path = tmp_path / "suite.yaml"
    suite_text = "name: t\nscenarios: [{{scenario: {0}/replay.yaml}}]\npolicies: [least_cost]\nepisodes: {1}\n"
    path.write_text(suite_text.format(tmp_path, 8))
    with pytest.raises(InputError, match="which is one sample"):
        stages(load_suite(path), path)
    path.write_text(suite_text.format(tmp_path, 1))
    assert len(stages(load_suite(path), path)) == 1


def test_an_interrupted_run_goes_on_and_ends_as_an_uninterrupted_one(suite: Path, tmp_path: Path) -> None:
    whole = bench(suite, tmp_path / "whole")
    assert (whole.reused, whole.cells) == (0, 8)
    with pytest.raises(KeyboardInterrupt, match=r"3 of 8 cells are kept in .*cells; the same command continues"):
        bench(suite, tmp_path / "parts", Told(stop=3))
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["cells"]
    told = Told()
    assert bench(suite, tmp_path / "parts", told).reused == 3
    assert (told[0], told[-1][:2], len(told)) == ((3, 8, ""), (8, 8), 6)
    for name in ("benchmark.md", "summary.json", "results.csv"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_damaged_cells_are_computed_again(suite: Path, tmp_path: Path) -> None:
    bench(suite, tmp_path / "out")
    wanted = (tmp_path / "out" / "results.csv").read_bytes()
    first, second, *_ = sorted((tmp_path / "out" / "cells").iterdir())
    first.write_text("{", encoding="utf-8")
    second.write_text('{"rows": []}', encoding="utf-8")
    assert bench(suite, tmp_path / "out").reused == 6
    assert (tmp_path / "out" / "results.csv").read_bytes() == wanted


def test_changed_input_is_computed_again_and_only_that(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "summarise_stage", lambda *_: {})
    out = tmp_path / "out"
    played(suite, out)
    assert played(suite, out).reused == 8
    write_suite(tmp_path, SUITE.replace("least_cost, linear", "least_cost+time, linear"))
    assert played(suite, out).reused == 6  # one policy on two scenarios is new
    write_suite(tmp_path)
    assert played(suite, out, seed=4).reused == 0
    assert played(suite, out, episodes=1).reused == 1  # the bound of the first episode
    (tmp_path / "tiny.yaml").write_text(TWO_DAYS.replace("skus: 50", "skus: 51"), encoding="utf-8")
    assert played(suite, out).reused == 4  # those of the other scenario
    monkeypatch.setattr(cells, "sources", lambda: "another version")
    assert played(suite, out).reused == 0


def test_a_cell_depends_on_weights_prices_and_reevaluation() -> None:
    def fingerprint(scale: float = 1.0, hours: float | None = 24.0, reevaluate: bool = False) -> str:
        policy = baseline("shadow_price", {"source.scale": scale})
        policy.pricing = None if hours is None else Pricing(hours, scale)
        return policy_cell(worlds, "", small(), policy, [1], reevaluate).fingerprint

    worlds = Worlds()
    found = [fingerprint(), fingerprint(scale=2.0), fingerprint(hours=None), fingerprint(reevaluate=True)]
    assert len(set(found)) == len(found)
    assert fingerprint() == found[0]


def test_a_cell_depends_on_the_tables_a_scenario_names(tmp_path: Path) -> None:
    worlds = [trace_scenario(tmp_path / "orders.csv", [f"{hour},a,{{0}},1,1,10"]) for hour in (3, 3)]
    before = [Worlds().digest(world) for world in worlds]
    world = trace_scenario(tmp_path / "orders.csv", ["4,a,{0},1,1,10"])
    assert before == [before[0], before[0]] != [Worlds().digest(world)] * 2


# ----------------------------------------------------------------------------------------------------------- tables


def test_tables_name_best_untuned_rules_bounds_and_gaps(suite: Path, tmp_path: Path) -> None:
    found = bench(suite, tmp_path / "out")
    tiny, scarce = found.summary["scenarios"].values()
    assert tiny["untuned"] == ["regional_nearest", "least_cost"]
    assert (tiny["best_tuned"], tiny["gaps"]["label"], "gaps" in scarce) == ("linear", "lower bound", False)
    rival = tiny["best_untuned"]
    assert f"linear - {rival}" in tiny["paired"]
    assert f"{rival} - linear" in tiny["paired"]
    means = {name: kpis["cost_per_order_usd"]["mean"] for name, kpis in scarce["policies"].items()}
    assert scarce["best"] == min(means, key=lambda name: means[name])
    page = (tmp_path / "out" / "benchmark.md").read_text(encoding="utf-8")
    for text in (
        "| policy | tiny | scarce |", "| `regional_nearest+hybrid` | – |", "## Gap closed", "tiny, lower bound",
        "hindsight lower bound (time limit): 0.100", "− untuned rule, USD", "− tuned rule, USD",
        "best untuned rule on every scenario" if rival == scarce["best_untuned"] else "No single untuned rule",
        "Made by `python evaluate.py`", "seed 3",
    ):  # fmt: skip
        assert text in page
    assert "optimum (" not in page
    assert page.count("**") == 8  # the best of the overview and of each scenario's table
    assert max(len(line) for line in page.splitlines() if line.startswith("|")) < 150


def test_variants_and_generated_networks_are_set_against_the_best_untuned_rule(tmp_path: Path) -> None:
    found = bench(write_suite(tmp_path, VARIANTS), tmp_path / "out")
    scenarios = found.summary["scenarios"]
    assert list(scenarios) == ["tiny", "one_region", "evaluate_0", "evaluate_1", "evaluate_2"]
    assert [scenario["generated"] for scenario in scenarios.values()] == [False] * 2 + [True] * 3
    in_region = {name: scenarios[name]["policies"]["linear"]["in_region_share"]["mean"] for name in scenarios}
    assert in_region["one_region"] == 1 > in_region["tiny"]
    page = (tmp_path / "out" / "benchmark.md").read_text(encoding="utf-8")
    assert "| scenario | `regional_nearest` | `least_cost` | `linear` | `us8_spread.linear` |" in page
    section = page.split("## Against the best untuned rule")[1]
    costs = [
        scenario["paired"][f"linear - {scenario['best_untuned']}"]["cost_per_order_usd"]
        for scenario in scenarios.values()
    ]
    cheaper = [[(cost[end] or 0) < 0 for cost in costs] for end in ("mean", "ci_high")]
    assert (
        f"- `linear` costs less on {sum(cheaper[0][2:])} of 3 generated networks ({sum(cheaper[1][2:])} with the whole "
        f"interval below zero) and {sum(cheaper[0][:2])} of 2 named scenarios"
    ) in section
    section = page.split("## Over all generated networks")[1]
    assert "| policy | the best untuned rule | `linear` | `us8_spread.linear` |" in section
    means = pd.read_csv(tmp_path / "out" / "results.csv").groupby(["policy", "scenario"])["cost_per_order_usd"].mean()
    linear, tuned = (means[name].filter(like="evaluate_") for name in ("linear", "us8_spread.linear"))
    row = next(line for line in section.splitlines() if line.startswith("| `linear` |")).split(" | ")
    assert row[2] == "–" and row[3].startswith(f"{number(100 * (linear / tuned - 1).mean(), 1, signed=True)} [")


def test_more_policies_join_those_of_the_suite(suite: Path) -> None:
    given = load_suite(suite, more_policies=["national_nearest"])
    assert given.policies == ("regional_nearest", "least_cost", "linear", "national_nearest")
    with pytest.raises(InputError, match="'linear' is given twice"):
        stages(load_suite(suite, more_policies=["linear"]), suite)


def test_the_csv_has_a_row_per_scenario_policy_and_episode(suite: Path, tmp_path: Path) -> None:
    bench(suite, tmp_path / "out")
    frame = pd.read_csv(tmp_path / "out" / "results.csv")
    assert list(frame) == ["scenario", "policy", "episode", "seed", *KPIS, "bound_per_order_usd", "bound_kind"]
    assert len(frame) == 2 * (3 + 4)
    bounded = frame[frame["bound_kind"].notna()]
    assert set(zip(bounded["scenario"], bounded["episode"], strict=True)) == {("tiny", 0)}


def test_bounds_that_fail_say_where(suite: Path, tmp_path: Path) -> None:
    def too_large(scenario: Scenario, key: int) -> HindsightBound:
        raise BoundError("too many orders; shorten horizon_hours")

    def too_high(scenario: Scenario, key: int) -> HindsightBound:
        return HindsightBound(1e9, 1, "exact", 0.0, {})

    with pytest.raises(BoundError, match="tiny: bound of episode 0: too many orders"):
        bench(suite, tmp_path / "out", bound=too_large)
    with pytest.raises(InvalidBoundError, match="below the 'exact' bound"):
        bench(suite, tmp_path / "out", bound=too_high)


# ------------------------------------------------------------------------------------------------------------ suite

BAD = {
    "unknown field": (SUITE + "warp: 9\n", r"suite\.yaml: warp = 9: unknown field"),
    "no policies": (SUITE.replace("[regional_nearest, least_cost, linear]", "[]"), r"policies = \[\]: .*at least 1"),
    "no episodes": (SUITE.replace("episodes: 2", "episodes: 0"), r"episodes = 0: .*greater than or equal to 1"),
    "field of a scenario": (SUITE.replace("bound: false", "bund: false"), r"scenarios\.1\.bund = False: unknown"),
    "policy twice": (SUITE.replace("linear]", "least_cost]"), "'least_cost' is given twice"),
    "extra policy twice": (SUITE.replace("nearest+hybrid", "nearest"), "'regional_nearest' is given twice"),
    "unknown policy": (SUITE.replace("linear]", "liner]"), r"suite\.yaml: scenarios: .*tiny\.yaml: policy 'liner'"),
    "unknown scenario": (SUITE.replace("tiny.yaml", "us9.yaml"), r"suite\.yaml: scenarios: .*us9\.yaml.*no such file"),
    "scenario twice": (SUITE.replace("scarce.yaml", "./tiny.yaml"), "'tiny' is given twice"),
    "nowhere to play": (
        SUITE[: SUITE.index("scenarios:")] + "policies: [linear]\n",
        "no scenarios; name some, or set generated",
    ),
    "variant without name": (VARIANTS.replace("name: one_region, ", ""), "a variant of .* needs a name of its own"),
    "field of a variant": (VARIANTS.replace("kind: national", "kin: 1"), r"one_region: .*partition\.kin = 1: unknown"),
    "variant of a scenario's name": (VARIANTS.replace("one_region", "tiny"), "'tiny' is given twice"),
    "bound and re-evaluation": (SUITE + "reevaluate: true\n", r"tiny\.yaml: the bound holds .*set bound: false"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_suite_that_cannot_be_used_is_named_with_the_mend(name: str, tmp_path: Path) -> None:
    text, message = BAD[name]
    path = write_suite(tmp_path, text)
    with pytest.raises((ScenarioError, InputError), match=message):
        stages(load_suite(path), path)


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_suites_can_be_read(path: Path) -> None:
    assert load_suite(path).scenarios


# ----------------------------------------------------------------------------------------------------- command line


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended, Ended]:
    """A run of the command that was stopped by Ctrl-C after its first cell, and the same command again."""
    folder = tmp_path_factory.mktemp("bench")
    write_suite(folder)
    files, work = ("--suite", "suite.yaml", "--out", "out"), ("--no-bound", "--episodes", "60", "--workers", "1")
    arguments = ("benchmark", *files, *work)
    process = start(folder, SCRIPT, *arguments)
    wait_for_a_cell(process, folder / "out" / "cells")
    process.send_signal(signal.SIGINT)
    stopped = end(process)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Processes, "run", Here.run)
        return folder, stopped, run_here(folder, SCRIPT, *arguments)


def wait_for_a_cell(process: subprocess.Popen[str], folder: Path) -> None:
    limit = time.monotonic() + 400  # the first run of all compiles the kernel
    while not list(folder.glob("*.json")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_ctrl_c_says_how_to_continue_and_the_same_command_does(ran: tuple[Path, Ended, Ended]) -> None:
    folder, stopped, finished = ran
    assert stopped.code == 130
    assert "of 7 cells are kept in out/cells; the same command continues from there" in stopped.err
    assert "Traceback" not in stopped.err
    assert (finished.code, finished.err) == (0, "")
    kept = int(stopped.err.split("; ")[1].split()[0])
    assert f"cells: {kept} of 7 reused" in finished.out
    assert "Cost per order, USD" in finished.out
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        ".regional-dispatch.json", "benchmark.md", "cells", "results.csv", "summary.json",
    ]  # fmt: skip
    meta = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))["meta"]
    assert (meta["suite"], meta["episodes"], meta["seed"]) == ("two worlds", 60, 3)
    assert meta["command"].startswith("python evaluate.py benchmark --suite suite.yaml")


def test_bad_input_ends_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    write_suite(tmp_path)
    bad = {"--suite nowhere.yaml": "nowhere.yaml: no such file", "--suite suite.yaml --workers 0": "--workers = 0"}
    for text, message in bad.items():
        code, _, err = run_here(tmp_path, SCRIPT, "benchmark", *text.split())
        assert (code, err.count("\n")) == (2, 1)
        assert message in err
    assert not (tmp_path / "runs").exists()
