"""A run that went on from a checkpoint is the run that never stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.tensor_file import unpacked
from regional_dispatch.agents.training.checkpoints import newest_checkpoint, read_checkpoint
from regional_dispatch.agents.training.run import Run, train
from regional_dispatch.agents.training.stopping import StopSignals
from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.shadow_price import LinearProgramPricer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario
from tests.worlds import SCARCE, TWO_REGIONS, WAITING, small

pytestmark = pytest.mark.slow

WORLD = small(**TWO_REGIONS, horizon_hours=40, warmup_hours=12)
SCARCE_WORLD = small(**SCARCE, horizon_hours=40, warmup_hours=12)
PPO: dict[str, Any] = {
    "copies": 2, "n_steps": 8, "batch_size": 64, "n_epochs": 2, "hidden": 8, "critic_hidden": 8, "eval_every": 2,
    "eval_episodes": 1, "checkpoint_every": 1, "ent_coef_end": 0.5,
}  # fmt: skip
TIMESTEPS = 8 * 2 * 2 * 8  # eight updates: past the horizon


def arrays(checkpoint: Path) -> dict[str, np.ndarray]:
    """All that a checkpoint holds, clocks aside."""
    found = read_checkpoint(checkpoint)
    books = unpacked(zlib.decompress(found.tensors.pop("books").tobytes())).tensors
    state = {**found.tensors, **books, "facts": np.array(json.dumps(found.facts, sort_keys=True))}
    state.pop("kpis.seconds")
    state["kpis.curve"] = np.delete(state["kpis.curve"], 1, axis=1)
    return state


RUNS: dict[str, tuple[Scenario, PpoConfig]] = {
    "lanes priced, marginal trucks, averages": (
        WORLD,
        PpoConfig(
            **PPO, lane_price_hidden=8, truck_charge="marginal", handover_charge=1.0, congestion_usd_per_hour=0.25,
            averaging=0.8,
        ),
    ),
    "units priced by the LP, weights per region, a rule sources": (
        SCARCE_WORLD,
        PpoConfig(**PPO, price_hours=12.0, weights="per_region", target_kl=0.01, decisions="dispatch"),
    ),
    "one summed reward": (WORLD, PpoConfig(**PPO, credit="joint")),
}  # fmt: skip
FIRST = next(iter(RUNS))


def run_of(name: str, out: Path, timesteps: int = TIMESTEPS) -> Run:
    return Run(*RUNS[name], timesteps, 5, out, "test")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of each kind; tests work on copies."""
    folders = {name: tmp_path_factory.mktemp("finished") / "run" for name in RUNS}
    for name, folder in folders.items():
        train(run_of(name, folder), {})
    return folders


@pytest.fixture
def copied(finished: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the first kind of finished run."""
    return Path(shutil.copytree(finished[FIRST], tmp_path / "run"))


@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_ends_with_the_same_bits(name: str, finished: dict[str, Path], tmp_path: Path) -> None:
    whole = finished[name]
    cut = Path(shutil.copytree(whole, tmp_path / "cut"))
    oldest = min((cut / "checkpoints").glob("*.safetensors"))
    assert int(oldest.stem) < TIMESTEPS
    ends = arrays(newest_checkpoint(whole))
    np.random.seed(1)
    train(run_of(name, cut), {}, checkpoint=oldest)
    resumed = arrays(newest_checkpoint(cut))
    assert resumed.keys() == ends.keys()
    for name, array in ends.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
    assert ends["env.episodes"].min() > 1


def test_a_finished_run_can_be_made_longer(copied: Path) -> None:
    train(run_of(FIRST, copied, TIMESTEPS + 64), {}, checkpoint=newest_checkpoint(copied))
    ends = arrays(newest_checkpoint(copied))
    assert ends["kpis.curve"][:, 0].tolist() == list(range(0, TIMESTEPS + 65, 64))


def test_going_back_drops_what_came_later(copied: Path) -> None:
    first = min((copied / "checkpoints").glob("*.safetensors"))
    train(run_of(FIRST, copied, int(first.stem)), {}, checkpoint=first)
    assert newest_checkpoint(copied) == first
    assert max(arrays(first)["kpis.curve"][:, 0]) == int(first.stem)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_first_ctrl_c_asks_and_the_second_stops() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with StopSignals() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.asked
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with StopSignals() as stop:  # as started with nohup
            os.kill(os.getpid(), signal.SIGINT)
        assert not stop.asked
    finally:
        signal.signal(signal.SIGINT, before)


# ------------------------------------------------------------------------------------------------------ simulators


def halfway(scenario: Scenario, pricer: LinearProgramPricer | None = None) -> Simulator:
    sim = Simulator(scenario, 1, pricer)
    sim.reset(0, episode_key("evaluate", 1, 0))
    sim.run(_rule(), until=30)
    return sim


def _rule() -> Scorers:
    return baseline("least_cost+hybrid").scorers


@pytest.mark.parametrize("changes", [TWO_REGIONS, SCARCE, WAITING])
def test_a_restored_simulator_goes_on_as_the_saved_one(changes: dict[str, Any]) -> None:
    sim = halfway(small(**changes))
    kept = {name: array.copy() for name, array in sim.snapshot().items()}
    twin = Simulator(small(**changes))
    twin.restore(kept)
    for each in (sim, twin):
        each.run(_rule())
    np.testing.assert_array_equal(twin.state.cash, sim.state.cash)
    assert twin.kpis(0) == sim.kpis(0)


def test_another_networks_snapshot_is_refused() -> None:
    with pytest.raises(ValueError, match=r"state\.\w+ .* does not fit"):
        Simulator(small(**TWO_REGIONS)).restore(halfway(small()).snapshot())


def test_a_pricer_carries_its_capacity_prices_over() -> None:
    pricer, twin = (LinearProgramPricer(every_hours=6, joint_columns=1, rounds=2) for _ in range(2))
    sim = halfway(small(**WAITING), pricer)
    twin.restore(pricer.snapshot())
    fresh = LinearProgramPricer(every_hours=6, joint_columns=1, rounds=2)
    wanted, unaided = pricer(sim, 0), fresh(sim, 0)
    np.testing.assert_array_equal(twin(sim, 0), wanted)
    assert (unaided != wanted).any()
