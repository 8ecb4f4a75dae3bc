"""The environment in its forms, with the same actions: single, batched, and single ones put together by libraries.

A row is one region; a row's tick is one region's decisions of one tick. Every form plays ROWS rows, except the single
environment, which has one, and the larger batch. A decision is a line that waits for an FC, or a lane whose truck may
leave; slots without one are not counted. Actions are made beforehand: the first candidate of every line, and go or hold
by a coin. CPU time is that of all processes; forms with processes of their own also gain from a second core, which only
wall time shows.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from benchmarks.measure import Settings, Target, rates
from benchmarks.text import cell, table
from benchmarks.worlds import KEY, NEAREST, US8, scorers
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.envs import ENV_ID, register_envs
from regional_dispatch.envs.observation import empty_observation, fill_observation
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import load_scenario

TITLE = "Environments"
ROWS, MANY_COPIES = 8, 8
REPEATS, TICKS, SLOW_TICKS = 5, 100, 25
LEAST_RATIO = 100.0
SINGLE, DUMMY, BATCHED = "single, `gymnasium.make`", "SB3 `DummyVecEnv` of the single one", "batched, `RegionalVecEnv`"
MANY = f"batched, `RegionalVecEnv`, {MANY_COPIES} copies"
KERNEL = "in the kernel, `Simulator.run` with a rule"
Step = Callable[[np.ndarray], object]


class Form(NamedTuple):
    """One form of the environment, reset and ready.

    Args:
        rows: regions that decide in a step.
        step: takes actions (rows, slots).
        close: ends it.
    """

    rows: int
    step: Step
    close: Callable[[], None]


def single_env(region: int) -> gymnasium.Env[Any, Any]:
    """The single environment for a region of us8."""
    register_envs()
    return gymnasium.make(ENV_ID, scenario=US8, region=region, disable_env_checker=True)


class _Make:
    """Makes the environment of one region; SubprocVecEnv and AsyncVectorEnv send it to their processes."""

    def __init__(self, region: int) -> None:
        self.region = region

    def __call__(self) -> gymnasium.Env[Any, Any]:
        return single_env(self.region)


def _single() -> Form:
    env = single_env(0)
    env.reset(seed=0)

    def step(actions: np.ndarray) -> None:
        _, _, _, truncated, _ = env.step(actions[0])
        if truncated:
            env.reset()

    return Form(1, step, env.close)


def _sb3(kind: Any) -> Form:
    env = kind([_Make(region) for region in range(ROWS)])
    env.seed(0)
    env.reset()
    return Form(ROWS, env.step, env.close)


def _gymnasium(env: gymnasium.vector.VectorEnv[Any, Any, Any]) -> Form:
    env.reset(seed=0)
    return Form(env.num_envs, env.step, env.close)


def _regional(copies: int) -> Form:
    env = RegionalVecEnv(load_scenario(US8), copies)
    env.reset()
    return Form(env.num_envs, env.step, env.close)


FORMS: dict[str, Callable[[], Form]] = {
    SINGLE: _single,
    DUMMY: lambda: _sb3(DummyVecEnv),
    "SB3 `SubprocVecEnv` of the single one": lambda: _sb3(SubprocVecEnv),
    "Gymnasium `AsyncVectorEnv` of the single one": lambda: _gymnasium(
        gymnasium.vector.AsyncVectorEnv([_Make(region) for region in range(ROWS)])
    ),
    "batched, `gymnasium.make_vec`": lambda: _gymnasium(gymnasium.make_vec(ENV_ID, num_envs=ROWS, scenario=US8)),
    BATCHED: lambda: _regional(1),
    MANY: lambda: _regional(MANY_COPIES),
}


def measure(settings: Settings) -> dict[str, Any]:
    """Row ticks and decisions per second of every form, and of a rule in the kernel."""
    register_envs()
    sim = Simulator(load_scenario(US8))
    per_tick = decisions_per_row_tick(sim, 24 if settings.quick else 168)
    forms = {}
    for name in FORMS:
        own = name in (DUMMY, SINGLE) or name.startswith("batched")
        if settings.quick and not own:
            continue  # starting processes takes longer than the rest
        forms[name] = timed_form(name, sim, settings.quick, per_tick)
    forms[KERNEL] = kernel_rates(sim, settings.quick, per_tick)
    ratios = {name: form["decisions"]["median"] / forms[DUMMY]["decisions"]["median"] for name, form in forms.items()}
    return {"decisions_per_row_tick": per_tick, "forms": forms, "ratios": ratios}


def decisions_per_row_tick(sim: Simulator, ticks: int) -> float:
    """Mean decisions of a region in a tick, counted from what the regions observe under a rule."""
    policy, found = scorers(NEAREST, sim.scenario), 0
    sim.reset(0, KEY)
    for _ in range(ticks):
        sim.begin(0)
        out = empty_observation(sim, sim.regions)
        fill_observation(sim, 0, out)
        found += int(out["orders"].any(axis=(2, 3)).sum() + out["lane_mask"][:, :, 1].sum())
        sim.decide(0, policy)
        sim.finish(0)
    return found / (ticks * sim.regions)


def timed_form(name: str, sim: Simulator, quick: bool, per_tick: float) -> dict[str, Any]:
    """Rates of one of FORMS; `sim` is of the same world, for its sizes."""
    form, slots = FORMS[name](), (sim.world.rules.order_slots, sim.world.net.slot_lane.shape[1])
    rng = np.random.default_rng(0)
    actions = np.zeros((4, form.rows, sum(slots)), np.int64)
    actions[:, :, slots[0] :] = rng.integers(2, size=(4, form.rows, slots[1]))
    ticks = 2 if quick else SLOW_TICKS if form.rows > ROWS else TICKS
    cpu, wall = [], []
    for _ in range(1 + (2 if quick else REPEATS)):
        since, begun = _all_cpu(), time.monotonic()
        for tick in range(ticks):
            form.step(actions[tick % len(actions)])
        cpu.append(max(_all_cpu() - since, 1e-9))
        wall.append(time.monotonic() - begun)
    form.close()
    return _rates(form.rows, ticks, cpu[1:], wall[1:], per_tick)


def kernel_rates(sim: Simulator, quick: bool, per_tick: float) -> dict[str, Any]:
    """Rates of a rule in the kernel, without an environment."""
    policy, cpu, wall = scorers(NEAREST, sim.scenario), [], []
    ticks = 24 if quick else sim.world.rules.horizon_tick
    for _ in range(1 + (2 if quick else REPEATS)):
        sim.reset(0, KEY)
        since, begun = time.process_time(), time.monotonic()
        sim.run(policy, until=ticks)
        cpu.append(time.process_time() - since)
        wall.append(time.monotonic() - begun)
    return _rates(sim.regions, ticks, cpu[1:], wall[1:], per_tick)


def _rates(rows: int, ticks: int, cpu: list[float], wall: list[float], per_tick: float) -> dict[str, Any]:
    amount = rows * ticks
    return {
        "rows": rows, "row_ticks": rates(amount, cpu), "decisions": rates(amount * per_tick, cpu),
        "decisions_per_wall_second": rates(amount * per_tick, wall),
    }  # fmt: skip


def _all_cpu() -> float:
    """CPU seconds so far of this process and of its living children, which Linux tells in /proc."""
    ticks_per_second = os.sysconf("SC_CLK_TCK")
    total = time.process_time()
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / ticks_per_second  # user and system time
    return total


def targets(result: dict[str, Any]) -> list[Target]:
    """The batched environment against DummyVecEnv."""
    ratio = max(result["ratios"][BATCHED], result["ratios"][MANY])
    what = "batched environment: times `DummyVecEnv` of the single one, decisions per CPU second"
    return [Target(what, "≥ 100", f"{ratio:.0f}", ratio >= LEAST_RATIO)]


def section(result: dict[str, Any]) -> list[str]:
    """The forms as a table."""
    rows = [
        [name, f"{form['rows']}", cell(form["row_ticks"], 0), cell(form["decisions"], 0),
         cell(form["decisions_per_wall_second"], 0), f"{result['ratios'][name]:.1f}"]
        for name, form in result["forms"].items()
    ]  # fmt: skip
    header = [
        "`us8`",
        "rows",
        "row ticks per CPU s",
        "decisions per CPU s",
        "decisions per wall s",
        "times `DummyVecEnv`",
    ]
    return [
        "A row is one region with its own actions and observations. A decision is a line that waits or a lane whose "
        f"truck may leave, {result['decisions_per_row_tick']:.1f} per row and tick on average; empty slots are not "
        "counted. All forms get the same actions, made beforehand. The single environment decides for one region while "
        "the other seven follow a rule, so each of its rows simulates the whole network; in the batch all regions of a "
        "copy share one.", "",
        *table(header, rows),
    ]  # fmt: skip
