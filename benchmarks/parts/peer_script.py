"""Steps one named peer for some seconds and prints its rate as JSON: `python peer_script.py NAME SECONDS`.

It is run by a Python in which the peers are installed, so it imports nothing of this project. All peers get legal
random actions, made in their own way; the environment's checkers, where there are any, are left out.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

REPEATS = 5
BATCH, TICKS = 64, 32  # of JAX environments: rows side by side, ticks in one compiled call


def or_gym_network(seconds: float) -> dict[str, Any]:
    """NetworkManagement-v0: order quantities on the links of a supply network."""
    import or_gym

    env = or_gym.make("NetworkManagement-v0").unwrapped
    return _stepped(env, lambda out: bool(out[2]), seconds)


def gym_invmgmt(seconds: float) -> dict[str, Any]:
    """MultiEchelon-v0: order quantities on the links of a supply network."""
    import gym_invmgmt  # noqa: F401  # registers its environments
    import gymnasium

    env = gymnasium.make("GymInvMgmt/MultiEchelon-v0").unwrapped
    return _stepped(env, lambda out: bool(out[2] or out[3]), seconds)


def _stepped(env: Any, ended: Any, seconds: float) -> dict[str, Any]:
    """Environments that are stepped from Python."""
    actions = [env.action_space.sample() for _ in range(16)]
    rates = []
    for _ in range(REPEATS + 1):
        env.reset()
        steps, start = 0, time.process_time()
        while time.process_time() - start < seconds / REPEATS:
            if ended(env.step(actions[steps % len(actions)])):
                env.reset()
            steps += 1
        rates.append(steps / (time.process_time() - start))
    return {"steps_per_second": rates[1:], "decisions_per_step": len(actions[0])}


def jumanji_multi_cvrp(seconds: float) -> dict[str, Any]:
    """MultiCVRP-v0: the next customer of each vehicle."""
    return _jumanji("MultiCVRP-v0", 2, seconds)


def jumanji_robot_warehouse(seconds: float) -> dict[str, Any]:
    """RobotWarehouse-v0: the next move of each robot."""
    return _jumanji("RobotWarehouse-v0", 4, seconds)


def _jumanji(name: str, decisions: int, seconds: float) -> dict[str, Any]:
    """JAX environments, compiled, BATCH of them side by side; compilation is not counted."""
    import jax
    import jax.numpy as jnp
    import jumanji
    from jumanji.wrappers import VmapAutoResetWrapper

    env = jumanji.make(name)
    batch, spec = VmapAutoResetWrapper(env), env.action_spec

    def act(key: Any, timestep: Any) -> Any:
        legal = jnp.where(timestep.observation.action_mask, 0.0, -jnp.inf)
        return jax.random.categorical(key, legal, axis=-1).astype(spec.dtype)

    def tick(carry: Any, key: Any) -> Any:
        state, timestep = batch.step(carry[0], jax.vmap(act)(jax.random.split(key, BATCH), carry[1]))
        return (state, timestep), timestep.reward.sum()

    run = jax.jit(lambda carry, key: jax.lax.scan(tick, carry, jax.random.split(key, TICKS))[0])
    carry = jax.block_until_ready(run(batch.reset(jax.random.split(jax.random.key(0), BATCH)), jax.random.key(1)))
    rates = []
    for repeat in range(REPEATS):
        calls, start = 0, time.process_time()
        while time.process_time() - start < seconds / REPEATS:
            carry = jax.block_until_ready(run(carry, jax.random.key(2 + calls + 1000 * repeat)))
            calls += 1
        rates.append(calls * BATCH * TICKS / (time.process_time() - start))
    return {"steps_per_second": rates, "decisions_per_step": decisions}


# Peer → its distribution, and what steps it.
PEERS = {
    "or-gym NetworkManagement-v0": ("or-gym", or_gym_network),
    "gym-invmgmt MultiEchelon-v0": ("gym-invmgmt", gym_invmgmt),
    "jumanji MultiCVRP-v0": ("jumanji", jumanji_multi_cvrp),
    "jumanji RobotWarehouse-v0": ("jumanji", jumanji_robot_warehouse),
}

if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, like everything it is compared with
    distribution, step = PEERS[sys.argv[1]]
    print(json.dumps({**step(float(sys.argv[2])), "version": version(distribution)}))
