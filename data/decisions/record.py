"""Episodes of policies as a Minari data set, for learners that see no simulator.

Every region of every episode is an episode of its own, as `RegionalDispatch-v0` plays it when the other regions follow
the same policy: flat observations with their masks, actions, and rewards.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gymnasium
import numpy as np

from regional_dispatch import __version__
from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.observation import action_space, flat, observation_space
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.registration import ENV_ID, register_envs
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.vector_env import RegionRows
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.replacing import hidden_folder, sync
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.errors import InputError

if TYPE_CHECKING:
    from minari.dataset.minari_storage import MinariStorage

DATA_FORMAT = "parquet"  # compresses; most of an observation is padding
_DATA = "data"  # where Minari looks for a data set inside the folder of its id


class Recorded(NamedTuple):
    """One region's episode of T steps."""

    region: int
    observations: dict[str, np.ndarray]  # (T + 1, …) each
    actions: np.ndarray  # (T, M + L)
    rewards: np.ndarray  # (T,)


def play_regions(sim: Simulator, policy: ScorerPolicy, key: int) -> Iterator[Recorded]:
    """Plays an episode with one policy in all regions; a record of each region.

    Args:
        sim: a copy of the network, with the unit prices that the policy asks for.
        policy: decides by `predict`, as in the environment.
        key: of the episode (`envs.world.demand.episode_key`).
    """
    sim.price_lanes(policy.scorers.price)
    sim.reset(0, key)
    sim.begin(0)
    rows, ended = RegionRows(sim), False
    seen, chosen, usd = [flat(rows.observe())], list[np.ndarray](), list[np.ndarray]()
    while not ended:
        actions, _ = policy.predict(seen[-1])
        booked, at_horizon = rows.step(actions)
        ended = bool(at_horizon[0])
        chosen.append(actions)
        usd.append(booked.sum(axis=1))
        seen.append(flat(rows.observe()))
    rewards = -np.stack(usd) / sim.scenario.reward_scale_usd
    for r in range(sim.regions):
        observations = {name: np.stack([one[name][r] for one in seen]) for name in seen[0]}
        yield Recorded(r, observations, np.stack([one[r] for one in chosen]), rewards[:, r])


def write_dataset(
    folder: Path,
    dataset_id: str,
    scenario: Scenario,
    policies: Mapping[str, ScorerPolicy],
    episodes: int,
    seed: int,
    stream: str,
    asked: Mapping[str, Any],
    progress: Callable[[str], None] = lambda policy: None,
) -> Path:
    """Plays policies and writes what they saw and did, episode by episode.

    Args:
        folder: root of Minari's data sets, as `MINARI_DATASETS_PATH` names it.
        dataset_id: Minari's name of the data set, `NAMESPACE/NAME-vVERSION`.
        scenario: the world.
        policies: name → policy.
        episodes: of each policy, all on the same orders.
        seed: of the orders, ≥ 0.
        stream: of the orders.
        asked: arguments that make the environment again: `scenario`, and `overrides` if there are any.
        progress: called with the policy's name after each of its episodes.

    Returns:
        The path that `minari.MinariDataset` takes.

    Raises:
        InputError: there is such a data set already.
    """
    from minari.dataset.minari_storage import MinariStorage

    path = folder / dataset_id / _DATA
    if path.exists():
        raise InputError(
            f"--out = {folder}: holds a data set '{dataset_id}' already; remove it, or give another --name"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    sims = {name: simulator_for(scenario, policy.pricing) for name, policy in policies.items()}
    first = next(iter(sims.values()))
    with hidden_folder(path.parent) as hidden:
        part = hidden.resolve() / _DATA  # Minari takes no relative path
        storage = MinariStorage.new(
            part, observation_space(first), action_space(first), env_spec(asked), DATA_FORMAT, jpeg_encoding=False
        )
        storage.update_metadata(about(dataset_id, scenario, policies, episodes, seed, stream))
        for name, policy in policies.items():
            for number in range(episodes):
                key = episode_key(stream, seed, number)
                for one in play_regions(sims[name], policy, key):
                    facts = {
                        "policy": name, "region": first.network.region_names[one.region], "key": f"{key:#018x}",
                        "episode": number, "seed": seed, "stream": stream,
                    }  # fmt: skip
                    _append(storage, one, key, facts)
                progress(name)
        for file in part.rglob("*"):
            sync(file)
        os.replace(part, path)
        sync(path.parent)
    return path


def _append(storage: MinariStorage, one: Recorded, key: int, facts: dict[str, Any]) -> None:
    """Writes an episode with its facts, after those there are."""
    from minari.data_collector import EpisodeBuffer

    number, last = storage.total_episodes, np.arange(len(one.rewards)) == len(one.rewards) - 1
    buffer = EpisodeBuffer(
        id=number, options={"key": key}, observations=one.observations, actions=one.actions,
        rewards=one.rewards.tolist(), terminations=[False] * len(last), truncations=last.tolist(),
    )  # fmt: skip
    storage.update_episodes([buffer])
    storage.update_episode_metadata([{**facts, "return": float(one.rewards.sum())}], [number])


def env_spec(asked: Mapping[str, Any]) -> gymnasium.envs.registration.EnvSpec:
    """The environment of a data set, as Minari makes it again."""
    register_envs()
    spec = gymnasium.spec(ENV_ID)
    spec.kwargs = dict(asked)
    return spec


def about(
    dataset_id: str, scenario: Scenario, policies: Mapping[str, ScorerPolicy], episodes: int, seed: int, stream: str
) -> dict[str, Any]:
    """What the data set says of itself."""
    import minari

    return {
        "dataset_id": dataset_id, "minari_version": minari.__version__, "algorithm_name": ", ".join(policies),
        "policies": list(policies), "seeds": [seed], "stream": stream, "episodes_per_policy": episodes,
        "scenario": json.loads(scenario.model_dump_json()),
        "requirements": ["regional-dispatch"], "regional_dispatch_version": __version__,
        "description": f"All regions of scenario '{scenario.name}' under {', '.join(policies)}; the other regions "
        "follow the same policy. Masks are in the observations; a region's episode can be made again with its key.",
    }  # fmt: skip


def dataset_name(asked: str | None, scenario: Scenario) -> str:
    """Minari's name of a data set: the one asked for, or one of the scenario's name.

    Raises:
        InputError: Minari takes no such name.
    """
    from minari.dataset.minari_dataset import DATASET_ID_RE

    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in scenario.name)
    name = f"regional-dispatch/{plain}-v0" if asked is None else asked
    match = DATASET_ID_RE.fullmatch(name)
    if match is None or match["version"] is None:
        raise InputError(f"--name = {name}: must be [NAMESPACE/]NAME-vVERSION, such as regional-dispatch/us8-v0")
    return name
