"""The same results from a cluster of two nodes on this machine as from this process, with a node lost half-way."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.folder import CONFIG_FILE, CURVE_FILE, POLICY_FILE, TENSORBOARD
from regional_dispatch.baselines.bounds.bound import BoundError
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.benchmark.page import benchmark_page
from regional_dispatch.evaluation.benchmark.run import run_suite, save_benchmark
from regional_dispatch.evaluation.benchmark.suite import load_suite, stages
from regional_dispatch.evaluation.cells import Worlds, compute, digest, policy_cell
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution import ray_executor
from regional_dispatch.evaluation.execution.executor import HERE, Executor
from regional_dispatch.evaluation.execution.ray_board import Board
from regional_dispatch.evaluation.execution.ray_cluster import connected
from regional_dispatch.evaluation.execution.ray_executor import RayExecutor
from regional_dispatch.evaluation.experiments.file import load_experiment, ready
from regional_dispatch.evaluation.experiments.remote import train_on
from regional_dispatch.evaluation.experiments.run import trainings
from regional_dispatch.evaluation.tuning import Plan, starting_point, tune
from tests.conftest import trace_scenario
from tests.evaluation.benchmark.test_benchmark import write_suite
from tests.evaluation.experiments.test_experiment import Told, write_files
from tests.processes import run_here
from tests.worlds import small

pytestmark = pytest.mark.slow
LOOPBACK = "127.0.0.1"
# Ray reads these when it is imported. The first one has an odd name: without it, Ray looks for an address that other
# machines can reach, and connects to that even for a cluster on this one.
os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not have the tests


class Item(NamedTuple):
    """Something to do on a worker."""

    title: str
    scenario: Scenario
    value: Any = None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of one CPU each, whose workers do not find the checkout; one is left when the other has been lost."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.chdir(tmp_path_factory.mktemp("cluster"))
        nodes = Cluster(initialize_head=True, head_node_args=node_arguments())
        nodes.add_node(**node_arguments())
        yield nodes
        nodes.shutdown()


def node_arguments() -> dict[str, Any]:
    return {"num_cpus": 1, "node_ip_address": LOOPBACK, "include_dashboard": False}


@pytest.fixture(scope="module")
def executor(cluster: Any) -> Iterator[RayExecutor]:
    """Every process has this in common: workers are started once."""
    with connected(cluster.address, 1):
        yield RayExecutor()


def test_workers_import_the_package_that_was_sent(executor: RayExecutor) -> None:
    def where(item: Item) -> tuple[str, str | None, bool]:
        import regional_dispatch

        return str(regional_dispatch.__file__), os.environ.get("OMP_NUM_THREADS"), item.value.flags.writeable

    [(_, (place, threads, writable))] = executor.run(where, [Item("where", small(), np.zeros(3))])
    assert "py_modules_files" in place
    assert threads == "1"
    assert writable  # else the kernel would be compiled once more


def test_a_suite_is_the_same_with_a_node_lost_half_way(cluster: Any, executor: RayExecutor, tmp_path: Path) -> None:
    suite, lost = load_suite(write_suite(tmp_path), {"episodes": 8}), []

    def lose_a_node(done: int, total: int, title: str) -> None:
        if done == 2:
            lost.append(next(iter(cluster.worker_nodes)))
            cluster.remove_node(lost[0], allow_graceful=False)

    def played(out: Path, by: Executor, progress: Any = None) -> dict[str, bytes]:
        ready = stages(suite, tmp_path / "suite.yaml", bounds=False)
        found = run_suite(suite, ready, out, by, None, "python evaluate.py", progress)
        save_benchmark(found, benchmark_page(found.summary), out)
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    there = played(tmp_path / "there", executor, lose_a_node)
    assert len(lost) == 1
    here = played(tmp_path / "here", HERE)
    assert len(there) == 7 + 3  # cells, and three files made of them
    assert there == here


def test_files_of_a_scenario_travel_with_it(executor: RayExecutor, tmp_path: Path) -> None:
    from regional_dispatch.baselines import baseline

    world = trace_scenario(tmp_path / "orders.csv", [f"{hour},{hour},{{0}},1,1,10" for hour in range(2, 50)])
    cell = policy_cell(Worlds(), "a trace", world, baseline("least_cost"), [1], False)
    wanted = compute(cell)
    running = executor.run(lambda item: (str(item.scenario.resolve(item.scenario.demand.path)), compute(item)), [cell])
    [(_, (path, rows))] = running
    assert rows == [pytest.approx(row, rel=0, abs=0, nan_ok=True) for row in wanted]
    assert Path(path).parent != tmp_path and not Path(path).exists()


def test_what_the_work_raises_is_raised_here_and_not_tried_again(executor: RayExecutor, tmp_path: Path) -> None:
    def fails(item: Item) -> None:
        with open(item.value, "a", encoding="utf-8") as tries:
            tries.write("once\n")
        raise BoundError(f"{item.title}: too many orders")

    with pytest.raises(BoundError, match="a bound: too many orders"):
        list(executor.run(fails, [Item("a bound", small(), str(tmp_path / "tries"))]))
    assert (tmp_path / "tries").read_text(encoding="utf-8") == "once\n"


def test_a_lost_worker_s_item_is_done_again(executor: RayExecutor, tmp_path: Path) -> None:
    def dies_once(item: Item) -> int:
        lives = Path(item.value)
        lives.write_text(lives.read_text() + "x" if lives.exists() else "x")
        if len(lives.read_text()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return len(lives.read_text())

    [(_, lives)] = executor.run(dies_once, [Item("an item", small(), str(tmp_path / "lives"))])
    assert lives == 2


def test_work_that_takes_its_worker_down_every_time_is_given_up(
    executor: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(item: Item) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(ray_executor, "RETRIES", 1)
    with pytest.raises(InputError, match=r"a large cell: Ray gave up after 1 retries: .*too little memory"):
        list(executor.run(dies, [Item("a large cell", small())]))


def test_workers_of_other_versions_are_refused(executor: RayExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    build = ray_executor.own_build()
    monkeypatch.setattr(ray_executor, "own_build", lambda: build._replace(versions={**build.versions, "numpy": "9"}))
    with pytest.raises(InputError, match=r"a worker of the cluster has numpy \S+ in place of 9; install the driver's"):
        list(executor.run(str, [Item("an item", small())]))


def test_items_are_taken_as_there_is_room_and_closing_frees_the_cluster(executor: RayExecutor) -> None:
    taken = []

    def items(last: int) -> Iterator[Item]:
        for i in range(last):
            taken.append(i)
            yield Item(str(i), small(), i)

    def sleeps(item: Item) -> None:
        time.sleep(0 if item.value == 0 else 3600)

    with closing(executor.run(sleeps, items(1000))) as results:
        next(results)
        assert len(taken) <= 2 * ray_executor.TASKS_PER_CPU
    list(executor.run(sleeps, items(1)))  # an hour passes if the cluster is not free


def test_a_tuning_finds_the_same(executor: RayExecutor) -> None:
    plan = Plan(seed=1, check_episodes=2, minutes=None, evaluations=12)
    found = [tune(small(), "spillover_limit", starting_point("spillover_limit"), plan, executor=by)
             for by in (HERE, executor)]  # fmt: skip
    assert found[0]._replace(minutes=0) == found[1]._replace(minutes=0)


def test_numbers_written_by_a_worker_are_read_by_the_driver(executor: RayExecutor) -> None:
    def writes(item: Item) -> None:
        item.value.write(item.title, 7)
        time.sleep(1)

    board = Board()
    assert board.read() == {}
    list(executor.run(writes, [Item("seven", small(), board)]))
    assert board.read() == {"seven": 7}


def test_trainings_come_back_as_their_folders_and_one_that_fails_stops_no_other(
    executor: RayExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_files(tmp_path)

    def trained(name: str, by: Executor, board: Board | None = None) -> tuple[Path, Path, Told]:
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        relative = Path("..") / path.relative_to(tmp_path)
        good, bad = trainings(ready(load_experiment(relative), relative), Path("out"), Worlds())[:2]
        assert bad.run is not None
        told, bad = Told(), bad._replace(run=replace(bad.run, seed=-1))
        found = train_on(by, [bad, good], told, board)
        assert found[good.folder].error is None
        assert str(found[bad.folder].error).endswith(f"see {bad.folder / 'train.log'}")
        assert train_on(by, [good._replace(run=None)], Told())[good.folder].error is None  # it is kept
        return good.folder.absolute(), bad.folder.absolute(), told

    (here, _, told), (there, bad, told_there) = trained("here", HERE), trained("there", executor, Board())
    assert sorted(told) == sorted(told_there)
    policies = [load_policy(folder / POLICY_FILE) for folder in (here, there)]
    assert digest(policies[0].scorers) == digest(policies[1].scorers)
    assert (here / CONFIG_FILE).read_bytes() == (there / CONFIG_FILE).read_bytes()
    names = [sorted(path.name for path in folder.iterdir()) for folder in (here, there)]
    assert names[0] == names[1] and {CURVE_FILE, TENSORBOARD, "train.log", "checkpoints"} <= set(names[0])
    assert "Traceback" in (bad / "train.log").read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------------- command line

ONE = "name: one\nepisodes: 1\nscenarios: [small]\npolicies: [least_cost]\n"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"{LOOPBACK}:1", "no Ray cluster answers there"),
        ("ray://nowhere.invalid:10001", "no Ray cluster answers there"),
        ("the-cluster", "not an address; give HOST:PORT"),
    ],
)
def test_an_address_without_a_cluster_is_refused_at_once(address: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(ONE, encoding="utf-8")
    ended = run_here(tmp_path, "evaluate.py", "benchmark", "--suite", "one.yaml", "--out", "out", "--ray", address)
    assert ended.code == 2
    assert ended.err.startswith(f"error: --ray = {address}: {said}")
    assert not (tmp_path / "out").exists()


def test_auto_starts_a_cluster_where_none_runs_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def init(address: str, **options: Any) -> None:
        asked.append((address, options.get("num_cpus"), options.get("_node_ip_address")))
        if address == "auto":
            raise ConnectionError("no running Ray instance")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: asked.append("shutdown"))
    with connected("auto", 3):
        assert asked == [("auto", None, None), ("local", 3, LOOPBACK)]
    assert asked[-1] == "shutdown"
    assert "starting one on this machine, with 3 CPUs" in capsys.readouterr().err
