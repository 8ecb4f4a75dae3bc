"""A run that went on from a checkpoint is the run that never stopped."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.errors import PolicyFileError
from regional_dispatch.agents.mixed_vec_env import vec_env
from regional_dispatch.agents.tensor_file import packed, unpacked
from regional_dispatch.agents.training import checkpoints
from regional_dispatch.agents.training.checkpoints import (
    BOOKS_FORMAT,
    FORMAT,
    load_checkpoint,
    newest_checkpoint,
    read_checkpoint,
)
from regional_dispatch.agents.training.origin import check_origin
from regional_dispatch.agents.training.run import Run, kpi_callback, start_learner, train
from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.shadow_price import LinearProgramPricer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.reliability.fuzz.safetensors import mutated_safetensors
from tests.learners import without_maps
from tests.worlds import SCARCE, TWO_REGIONS, WAITING, small

pytestmark = pytest.mark.slow

WORLD = small(**TWO_REGIONS, horizon_hours=40, warmup_hours=12)
SCARCE_WORLD = small(**SCARCE, horizon_hours=40, warmup_hours=12)
PPO: dict[str, Any] = {
    "copies": 2, "n_steps": 8, "batch_size": 64, "n_epochs": 2, "hidden": 8, "critic_hidden": 8, "eval_every": 2,
    "eval_episodes": 1, "checkpoint_every": 1, "ent_coef_end": 0.5,
}  # fmt: skip
GONE = 2**22 + 1  # no process has such a number
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
        with without_maps():
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


# ----------------------------------------------------------------------------------------------------- bad files


@pytest.fixture(scope="module")
def content(finished: dict[str, Path]) -> bytes:
    """A good checkpoint."""
    return newest_checkpoint(finished[FIRST]).read_bytes()


@pytest.fixture(scope="module")
def taken_over(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], None]:
    """Has a new run of the first kind take over a checkpoint, given as bytes, as `--resume` would."""
    folder = tmp_path_factory.mktemp("taken")
    run = run_of(FIRST, folder)
    origin = run.origin()
    env = vec_env([run.scenario], run.ppo.copies, run.seed)
    learner, kpis = start_learner(run, env), kpi_callback(run)

    def take(data: bytes) -> None:
        path = folder / "000000000064.safetensors"
        path.write_bytes(data)
        found = read_checkpoint(path)
        check_origin(path, found.facts.get("origin"), origin, folder / "config.yaml")
        load_checkpoint(path, found, learner, kpis)

    return take


def rewritten(data: bytes, change: Callable[[dict[str, np.ndarray], dict[str, Any]], Any]) -> bytes:
    """A checkpoint with other content and a checksum that fits."""
    found = unpacked(data)
    change(found.tensors, found.facts)
    return packed(FORMAT, found.tensors, found.facts, checksum=True)


def with_books(data: bytes, change: Callable[[dict[str, np.ndarray]], Any]) -> bytes:
    """The same with other network copies and open decisions."""

    def inside(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
        books = unpacked(zlib.decompress(tensors["books"].tobytes())).tensors
        change(books)
        tensors["books"] = np.frombuffer(zlib.compress(packed(BOOKS_FORMAT, books, {})), np.uint8)

    return rewritten(data, inside)


def _set(name: str, array: np.ndarray) -> Callable[[bytes], bytes]:
    return lambda data: rewritten(data, lambda tensors, facts: tensors.update({name: array}))


def _fact(name: str, value: Any) -> Callable[[bytes], bytes]:
    return lambda data: rewritten(data, lambda tensors, facts: facts.update({name: value}))


def _filled(name: str, value: Any) -> Callable[[bytes], bytes]:
    """The first number of an array, or of one in the books, is another one."""

    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[name] = tensors[name].copy()
        tensors[name].reshape(-1)[0] = value

    if name.startswith(("env.", "lines.", "lanes.")):
        return lambda data: with_books(data, change)
    return lambda data: rewritten(data, lambda tensors, facts: change(tensors))


def _bomb(data: bytes) -> bytes:
    """Many zeros, compressed a thousand times over, in place of the books."""
    small = zlib.compress(bytes(256 << 20), 9)
    return rewritten(data, lambda tensors, facts: tensors.update(books=np.frombuffer(small, np.uint8)))


POSITION = np.array([10**6, 0, 0], float)  # of numpy's generator, which would read far beyond its memory
SPOILT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "junk": (lambda data: b"\x80junk" * 50, "not a safetensors file"),
    "another checksum": (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "checksum"),
    "a policy": (lambda data: packed("regional-dispatch-policy-1", {}, {}), "not of the format"),
    "steps that are no number": (_filled("weights.policy.adam.0.step", np.nan), "adam.0.step is not finite"),
    "steps below 0": (_filled("weights.policy.adam.0.step", -1), "adam.0 is below 0"),
    "weights of another kind": (_set("weights.policy.source_actor.w1", np.zeros((1, 24, 8))), "source_actor.w1 is"),
    "weights that are no numbers": (_filled("weights.policy.source_actor.w1", np.nan), "w1 is not finite"),
    "weights of no network": (_set("weights.critic.w1", np.zeros(3, np.float32)), "critic.w1 is of no network"),
    "a count that is text": (_fact("num_timesteps", "64"), "num_timesteps = 64: must be a whole number"),
    "a count below 0": (_fact("n_updates", -1), "n_updates = -1"),
    "a count of 900 digits": (_fact("decisions", 10**900), "decisions = 1000"),
    "a rate of text": (_fact("learning_rates", {"policy": "fast"}), "learning_rates = fast: must be a number"),
    "a rate above 1": (_fact("learning_rates", {"policy": 7}), "learning_rates must be"),
    "episodes that are no pairs": (_fact("episodes", [[1]]), "not enough values"),
    "no origin": (_fact("origin", None), "does not say what it was made from"),
    "an origin of lists": (_fact("origin", []), "does not say what it was made from"),
    "a random state beyond memory": (_set("random.numpy_rest", POSITION), "random.numpy_rest is no state"),
    "a random state of other length": (_set("random.torch", np.zeros(3, np.uint8)), "random.torch is no state"),
    "a random state of zeros": (_set("random.torch", np.zeros(5056, np.uint8)), "random.torch is no state"),
    "no books": (lambda data: rewritten(data, lambda tensors, facts: tensors.pop("books")), "books"),
    "books that are a bomb": (_bomb, "books is cut off, or larger than"),
    "books that are cut": (_set("books", np.zeros(9, np.uint8)), "while decompressing"),
    "a lane beyond the network": (_filled("env.state.active", 10**6), "active \\[0\\] = 1000000: must lie in"),
    "a region beyond the network": (_filled("lines.0.kept.region", 99), "kept.region is out of its bounds"),
    "a candidate that is none": (_filled("lines.0.kept.action", 99), "kept.action is out of its bounds"),
    "decisions without end": (
        lambda data: with_books(data, lambda books: books.update({"lines.0.open": np.zeros((2, 7), bool)})), "open is",
    ),
    "an array missing": (lambda data: with_books(data, lambda books: books.pop("env.episodes")), "env.episodes"),
    "a curve of other KPIs": (_set("kpis.curve", np.zeros((1, 3))), "cannot reshape|argument 2 is"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_hostile_checkpoint_is_refused(
    name: str, content: bytes, taken_over: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "MOST_MORE_BYTES", 0)
    spoil, message = SPOILT[name]
    with pytest.raises(PolicyFileError, match=message) as error:
        taken_over(spoil(content))
    assert "train again" in str(error.value)
    assert str(error.value).isprintable()
    taken_over(content)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    """Old archives held pickles: their payload must not run, under whatever name they come."""
    ran = tmp_path / "ran"
    payload = pickle.dumps(Payload(str(ran)))
    for name in ("1.zip", "1.safetensors"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("data", payload)
        with pytest.raises(PolicyFileError, match="train again"):
            read_checkpoint(tmp_path / name)
        (tmp_path / name).write_bytes(payload)
        with pytest.raises(PolicyFileError, match="train again"):
            read_checkpoint(tmp_path / name)
    assert not ran.exists()
    pickle.loads(payload)
    assert ran.exists(), "the payload does run where it is loaded"


class Payload:
    """Runs code where its pickle is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.path,)


def test_a_thousand_mutated_checkpoints_are_refused_or_say_the_same(content: bytes, tmp_path: Path) -> None:
    path, refused = tmp_path / "1.safetensors", 0
    good, rng = unpacked(content), np.random.default_rng(1)
    for data in (mutated_safetensors(rng, content) for _ in range(1000)):
        path.write_bytes(data)
        try:
            found = read_checkpoint(path)
        except PolicyFileError as error:
            assert str(error).isprintable()
            refused += 1
        else:
            assert found.facts == good.facts and found.tensors.keys() == good.tensors.keys()
            for name, array in found.tensors.items():
                np.testing.assert_array_equal(array, good.tensors[name], strict=True)
    assert refused > 900


def test_numbers_mutated_behind_a_good_checksum_end_in_an_error_or_in_a_learner(
    content: bytes, taken_over: Callable[[bytes], None]
) -> None:
    rng, refused = np.random.default_rng(0), 0

    def change(tensors: dict[str, np.ndarray], facts: dict[str, Any] | None = None) -> None:
        raw = tensors[str(rng.choice(sorted(tensors)))].reshape(-1).view(np.uint8)
        if len(raw):
            raw[rng.integers(0, len(raw), 1 + len(raw) // 8)] ^= 255

    for i in range(60):
        try:
            taken_over(with_books(content, change) if i % 3 else rewritten(content, change))
        except PolicyFileError:
            refused += 1
    assert refused > 20
    taken_over(content)


def test_files_left_half_written_are_no_checkpoints_and_go_at_the_next_start(copied: Path) -> None:
    newest = newest_checkpoint(copied)
    left = [
        newest.with_name(f".{GONE}.0badcafe.000000000512.safetensors"),
        copied / f".{GONE}.0badcafe.policy.safetensors",
    ]
    for path in left:
        path.write_bytes(b"half")
    (copied / "checkpoints" / "best.safetensors").write_bytes(b"mine")
    assert newest_checkpoint(copied) == newest
    train(run_of(FIRST, copied), {}, checkpoint=newest)
    assert not any(path.exists() for path in left)
    assert (copied / "checkpoints" / "best.safetensors").exists()


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
